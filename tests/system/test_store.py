"""Two machines that share a store: each finds the other's pictures, whatever happens to it."""

from __future__ import annotations

import contextlib
import json
import os
import shutil
import signal
from collections.abc import Iterator
from pathlib import Path
from typing import Any, NamedTuple

import pytest

from house import House, picture, running
from store_server import Server, serving

pytestmark = pytest.mark.system

SECRET = "root:made-up-4711"
SPARE = 12
"""Contents that every catalog knows: pictures of these need no embedder."""


class Pair(NamedTuple):
    """Two daemons in two houses, and what they share."""

    laptop: House
    nas: House
    server: Server


@pytest.fixture(scope="module")
def pair(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Pair]:
    """Give two daemons in step with a store: the laptop has pictures 0 to 3, the nas 2 to 5."""
    base = tmp_path_factory.mktemp("shared")
    with serving(base) as server:
        # Embedded once, known to both: a content that is known costs no model.
        with running(House(base / "seed", torchless=True)) as seed:
            for number in range(SPARE):
                picture(seed.pictures / f"{number}.png", number)
            seed.sync()
            seed.stop()
        token = base / "token"
        token.write_text(SECRET)
        token.chmod(0o600)
        houses = []
        for name, first in (("laptop", 0), ("nas", 2)):
            house = House(base / name, settings=settings(server, name, token))
            house.catalog.parent.mkdir(parents=True)
            shutil.copy(seed.catalog, house.catalog)
            for number in range(first, first + 4):
                picture(house.pictures / f"{name} {number}.png", number)
            houses.append(house)
        laptop, nas = houses
        with running(laptop), running(nas):
            for house in houses:
                house.sync()
            yield Pair(laptop, nas, server)


def settings(server: Server, name: str, token: Path) -> str:
    return (
        f'[store]\nurl = "{server.url}"\ncollection = "{server.prefix}"\nmachine = "{name}"\n'
        f'token_file = "{token}"\n'
    )


def in_step(house: House) -> dict[str, Any]:
    """Wait until the store has all of a house, and return what its daemon says of the store."""
    house.sync()
    return store(house, "in_step")


def store(house: House, *states: str) -> dict[str, Any]:
    found = house.wait(lambda status: state_of(status.raw) in states).raw["store"]
    assert isinstance(found, dict)
    return found


def state_of(raw: Any) -> str:
    held = raw["store"] or {}
    # In step it has also said how many rows there are.
    return str(held.get("state")) if held.get("rows") is not None or held.get("detail") else ""


def names(house: House, *options: str, query: str = "-type:gif") -> dict[str, dict[str, Any]]:
    """Return what a search of all machines finds, by name."""
    run = house.run("imgq", "--everywhere", "--all", "--json", "-n", "100", *options, query)
    assert run.returncode in (0, 1), run.stderr
    found = [json.loads(line) for line in run.stdout.splitlines()]
    return {os.path.basename(one["path"]): one for one in found}


def lacking(house: House, query: str = "png") -> tuple[str, ...]:
    with house.client() as client:
        answer = client.search(query, everywhere=True)
    assert answer.everywhere is not None
    return () if answer.everywhere else answer.degraded


def settled(pair: Pair) -> None:
    for house in (pair.laptop, pair.nas):
        in_step(house)


def test_each_machine_finds_the_others_pictures_when_it_is_asked_to(pair: Pair) -> None:
    settled(pair)
    found = names(pair.laptop, "--sync")
    assert set(found) == {f"laptop {n}.png" for n in range(4)} | {"nas 4.png", "nas 5.png"}
    assert found["nas 5.png"]["machine"] == "nas"
    assert found["nas 5.png"]["image_id"] is None
    assert found["laptop 0.png"]["machine"] is None
    # The same content on both is one result with both places.
    [twin] = found["laptop 2.png"]["elsewhere"]
    assert (twin["machine"], twin["path"]) == ("nas", str(pair.nas.pictures / "nas 2.png"))
    assert twin["reachable"]  # both lie on this disk
    assert set(names(pair.nas)) == {f"nas {n}.png" for n in range(2, 6)} | {
        "laptop 0.png",
        "laptop 1.png",
    }
    with pair.laptop.client() as client:
        assert client.search("-type:gif").everywhere is None
        here = {os.path.basename(one.path) for one in client.search("-type:gif").results}
        assert here == {b"laptop %d.png" % n for n in range(4)}
        words = client.search("nas", everywhere=True, weak=True)
        assert {one.machine for one in words.results} == {None, "nas"}
        scores = [one.relevance or 0.0 for one in words.results]
        assert scores == sorted(scores, reverse=True)
        assert client.search("type:png w:>10", everywhere=True, limit=2, offset=4).results
    assert set(names(pair.laptop, query="name:nas*")) == {"nas 4.png", "nas 5.png"} | {
        "nas 2.png",
        "nas 3.png",
    }


def test_what_cannot_be_reached_from_here_looks_like_no_file_of_this_machine(pair: Pair) -> None:
    settled(pair)
    lost = pair.nas.pictures / "nas 5.png"
    pair.nas.signal(signal.SIGSTOP)  # so that nobody tells the store
    try:
        lost.rename(lost.with_suffix(".away"))
        run = pair.laptop.run("imgq", "--everywhere", "--all", "name:nas*")
        lines = run.stdout.splitlines()
        assert f"nas:{lost}" in lines
        assert str(pair.nas.pictures / "nas 4.png") in lines
        assert not names(pair.laptop)["nas 5.png"]["reachable"]
        opened = pair.laptop.run("imgq", "--everywhere", "--open", "--all", 'name:"nas 5.png"')
        assert opened.returncode == 1
        assert "cannot be reached from here" in opened.stderr
    finally:
        lost.with_suffix(".away").rename(lost)
        pair.nas.signal(signal.SIGCONT)


def test_a_picture_that_comes_or_goes_on_one_machine_does_so_on_the_other(pair: Pair) -> None:
    settled(pair)
    new = pair.nas.pictures / "nas new.png"
    picture(new, 10)
    in_step(pair.nas)
    assert names(pair.laptop, "--sync")["nas new.png"]["machine"] == "nas"
    new.rename(new.with_name("nas other.png"))
    in_step(pair.nas)
    found = names(pair.laptop, "--sync")
    assert "nas other.png" in found
    assert "nas new.png" not in found
    new.with_name("nas other.png").unlink()
    in_step(pair.nas)
    assert "nas other.png" not in names(pair.laptop, "--sync")


def test_a_store_that_dies_costs_the_others_pictures_and_nothing_else(pair: Pair) -> None:
    if not pair.server.is_ours:
        pytest.skip("a server that is not ours is not killed")
    settled(pair)
    pair.server.signal(signal.SIGSTOP)
    [reason] = lacking(pair.laptop)
    assert reason.startswith("the other machines' pictures are missing: ")
    assert "gave no answer" in reason
    with pair.laptop.client(timeout=5.0) as client:
        assert client.search("-type:gif").total == 4
    pair.server.kill()
    new = pair.nas.pictures / "nas new.png"
    picture(new, 11)
    pair.nas.sync()  # watching and searching wait for no store
    away = store(pair.nas, "away")
    assert away["behind"] == 1
    assert away["next_try"] is not None
    assert set(names(pair.laptop)) == {f"laptop {n}.png" for n in range(4)}
    run = pair.nas.run("imgqctl", "status")
    [line] = [line for line in run.stdout.splitlines() if line.startswith("store")]
    assert "away" in line
    assert "1 picture to tell" in line
    pair.server.start()
    lacking(pair.nas)  # who asks has it tried at once
    in_step(pair.nas)
    assert "nas new.png" in names(pair.nas)
    lacking(pair.laptop)
    in_step(pair.laptop)
    assert names(pair.laptop, "--sync")["nas new.png"]["machine"] == "nas"
    new.unlink()
    in_step(pair.nas)


def test_a_daemon_that_is_killed_while_it_tells_loses_and_doubles_nothing(pair: Pair) -> None:
    settled(pair)
    assert pair.nas.run("imgqctl", "store", "backfill").returncode == 0
    for number in range(6, 10):
        picture(pair.nas.pictures / f"nas {number}.png", number)
    pair.nas.kill()
    pair.nas.start()
    in_step(pair.nas)
    run = pair.nas.run("imgqctl", "store", "verify", "--json")
    assert json.loads(run.stdout) == {"checked": 8, "missing": 0, "vain": 0, "mended": False}
    assert run.returncode == 0
    for number in range(6, 10):
        (pair.nas.pictures / f"nas {number}.png").unlink()
    in_step(pair.nas)


def test_what_differs_is_named_and_mended(pair: Pair) -> None:
    settled(pair)
    with contextlib.closing(pair.server.client()) as client:
        [name] = [
            one
            for one in client.list_collections()
            if one.startswith(pair.server.prefix) and not one.endswith("machines")
        ]
        client.delete(name, filter='machine == "nas"')
        strong = {"consistency_level": "Strong"}
        assert not client.query(name, filter='machine == "nas"', output_fields=["key"], **strong)
    run = pair.nas.run("imgqctl", "store", "verify")
    assert run.returncode == 1
    assert "4 pictures compared: 4 missing in the store, 0 there in vain" in run.stdout
    assert str(pair.nas.pictures / "nas 3.png") in run.stdout
    assert pair.nas.run("imgqctl", "store", "verify", "--mend").returncode == 0
    assert pair.nas.run("imgqctl", "store", "verify").returncode == 0


def test_a_machine_that_leaves_takes_its_pictures_with_it_and_may_come_back(pair: Pair) -> None:
    settled(pair)
    before = pair.nas.settings_file.read_text()
    run = pair.nas.run("imgqctl", "store", "detach", "--remove")
    assert run.returncode == 0, run.stderr
    assert pair.nas.status().raw["store"] is None
    assert set(names(pair.laptop, "--sync")) == {f"laptop {n}.png" for n in range(4)}
    assert pair.nas.run("imgqctl", "store").returncode == 1
    [reason] = lacking(pair.nas)
    assert "no store is set" in reason
    pair.nas.settings_file.write_text(before)
    pair.nas.signal(signal.SIGHUP)
    in_step(pair.nas)
    assert "nas 5.png" in names(pair.laptop, "--sync")
    run = pair.laptop.run("imgqctl", "store", "forget", "nobody", "--yes")
    assert run.returncode == 4
    assert "knows no machine nobody" in run.stderr
    assert pair.laptop.run("imgqctl", "store", "forget", "nas").returncode == 2
    run = pair.laptop.run("imgqctl", "store", "forget", "nas", "--yes")
    assert run.stdout == "4 pictures of nas removed from the store\n"
    pair.nas.run("imgqctl", "store", "backfill")
    store(pair.nas, "in_step")
    run = pair.laptop.run("imgqctl", "store")
    assert [line.split()[0] for line in run.stdout.splitlines()[1:]] == ["machine", "laptop", "nas"]


def test_the_token_is_in_no_log_and_no_answer(pair: Pair) -> None:
    settled(pair)
    texts = [
        pair.laptop.log.read_text(),
        json.dumps(pair.laptop.status().raw, default=repr),
        pair.laptop.run("imgqctl", "doctor").stdout,
        pair.laptop.run("imgqctl", "store").stdout,
    ]
    pids = (pair.laptop.pid, *children(pair.laptop.pid))
    texts += [Path(f"/proc/{pid}/cmdline").read_text() for pid in pids]
    assert not [text for text in texts if "made-up" in text]


def children(pid: int) -> list[int]:
    found = Path(f"/proc/{pid}/task/{pid}/children")
    return [int(one) for one in found.read_text().split()] if found.exists() else []
