"""From one model to another with the real daemon: nobody is left without an answer.

The second model is a copy of the demo model whose space is turned, made here: it knows
the same things, and a vector of one means nothing in the index of the other.
"""

from __future__ import annotations

import contextlib
import os
import shutil
import sqlite3
import threading
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest
import safetensors.numpy

import imgqd
from demo.sample import draw
from house import House, picture, running
from imgq import Client
from imgq.errors import Unreachable

pytestmark = pytest.mark.system

DEMO = Path(imgqd.__file__).parent / "data" / "demo"
COUNT = 400
DRAWN = ("red car", "green tree", "yellow star", "blue boat", "white house")


def another_model(folder: Path) -> str:
    """Make a model that sees as the demo model does, with vectors of its own; return its name."""
    shutil.copytree(DEMO, folder)
    weights = folder / "open_clip_model.safetensors"
    tensors = safetensors.numpy.load_file(weights)
    turn, _ = np.linalg.qr(np.random.default_rng(7).standard_normal((128, 128)))
    last = "visual.attnpool.c_proj"
    for name, turned in {
        "text_projection": tensors["text_projection"] @ turn,
        f"{last}.weight": turn.T @ tensors[f"{last}.weight"],
        f"{last}.bias": turn.T @ tensors[f"{last}.bias"],
    }.items():
        tensors[name] = np.ascontiguousarray(turned, tensors[name].dtype)
    safetensors.numpy.save_file(tensors, weights)
    return f"local-dir:{folder}"


class Asker(threading.Thread):
    """Asks all the time for what is drawn on one picture, and keeps (model, first path)."""

    def __init__(self, house: House) -> None:
        super().__init__(name="asker")
        self.house = house
        self.answers: list[tuple[str, str | None]] = []
        self.degraded: set[str] = set()
        self.unanswered = 0
        self.failure: Exception | None = None
        self.may_be_away = threading.Event()
        self.ended = threading.Event()

    def run(self) -> None:
        while not self.ended.is_set():
            try:
                with self.house.client() as client:
                    while not self.ended.is_set():
                        self._ask(client)
                        self.ended.wait(0.005)
            except Unreachable as error:
                if not self.may_be_away.is_set():
                    self.failure = error
                    return
                self.ended.wait(0.05)
            except Exception as error:  # noqa: BLE001 - told by the test
                self.failure = error
                return

    def _ask(self, client: Client) -> None:
        answer = client.search("red car", limit=1, weak=True)
        if not self.may_be_away.is_set():
            self.degraded |= set(answer.degraded)
        first = os.path.basename(os.fsdecode(answer.results[0].path)) if answer.results else None
        self.answers.append((str(answer.model), first))


@contextlib.contextmanager
def asking(house: House) -> Iterator[Asker]:
    asker = Asker(house)
    asker.start()
    try:
        yield asker
    finally:
        asker.ended.set()
        asker.join()


def pages(house: House) -> tuple[int, int]:
    """Return (pages of the catalog, those without use)."""
    with contextlib.closing(sqlite3.connect(f"{house.catalog.as_uri()}?mode=ro", uri=True)) as db:
        [total], [free] = (
            db.execute(f"PRAGMA {name}").fetchone() for name in ("page_count", "freelist_count")
        )
        return total, free


def vectors_of(house: House, name: str) -> int:
    """Return how many vectors a model has in the catalog, past the daemon."""
    with contextlib.closing(sqlite3.connect(f"{house.catalog.as_uri()}?mode=ro", uri=True)) as db:
        query = "SELECT count(*) FROM vector JOIN model ON model.id = vector.model WHERE name = ?"
        return int(db.execute(query, (name,)).fetchone()[0])


@pytest.fixture(scope="module")
def house(tmp_path_factory: pytest.TempPathFactory) -> Iterator[House]:
    one = House(tmp_path_factory.mktemp("move"))
    for number in range(COUNT - len(DRAWN)):
        picture(one.pictures / f"noise {number}.png", number)
    for number, thing in enumerate(DRAWN):
        draw(thing, number).save(one.pictures / f"{number}.png")
    with running(one):
        one.sync()
        yield one


def migrating(house: House) -> dict[str, object] | None:
    found: dict[str, object] | None = house.status().raw["model"]["migrating"]
    return found


def test_a_move_that_is_killed_in_the_middle_goes_on_and_every_query_is_answered(
    house: House, tmp_path: Path
) -> None:
    other = another_model(tmp_path / "other")
    with asking(house) as asker:
        with house.client() as client:
            assert client.use_model(other).active == "demo"

        def in_the_middle(raw: dict[str, object] | None) -> bool:
            return raw is not None and 0 < int(str(raw["done"])) < COUNT - 80

        house.wait(lambda status: in_the_middle(status.raw["model"]["migrating"]))
        asker.may_be_away.set()
        house.kill()
        done = vectors_of(house, other)
        assert 0 < done < COUNT
        house.start()
        house.wait(lambda status: status.raw["model"]["state"] == "ready")
        asker.may_be_away.clear()
        # What comes now is found by the model that answers, and seen by the next one, too.
        draw("purple balloon", 99).save(house.pictures / "new.png")
        house.sync()
        answer = house.run("imgq", "--json", "-n", "1", "purple balloon").stdout
        assert "new.png" in answer
        status = house.wait(lambda status: status.raw["model"]["migrating"] is None)
        said = [*asker.answers]
    assert asker.failure is None
    assert asker.degraded == set()
    assert status.raw["model"]["name"] == other
    # Not one picture was embedded twice by a model; the new one by each, or by the last alone.
    again = status.raw["counters"]["embedded"] - (COUNT - done)
    assert again in {1, 2}, (again, done)
    assert status.raw["model"]["vectors"] == COUNT + 1
    house.sync()
    assert house.counters()["embedded"] - (COUNT - done) == again, "nothing was left to do"
    # Of one model each, and right: 0.png shows the red car, to both of them.
    assert {first for _, first in said} == {"0.png"}
    names = [name for name, _ in said]
    assert {*names} == {"demo", other}
    assert names.index(other) == names.count("demo"), "first one, then the other"


def test_the_set_before_is_dropped_on_request_and_its_room_given_back(house: House) -> None:
    active = house.status().raw["model"]["name"]
    assert active != "demo"
    refused = house.run("imgqctl", "model", "drop", active)
    assert (refused.returncode, "is in use" in refused.stderr) == (4, True)
    before = vectors_of(house, "demo")
    assert before == COUNT + 1
    size, _ = pages(house)
    with asking(house) as asker:
        dropped = house.run("imgqctl", "model", "drop", "demo")
    assert (dropped.returncode, asker.failure) == (0, None)
    assert f"{before:,} vectors" in dropped.stdout
    assert vectors_of(house, "demo") == 0
    smaller, unused = pages(house)
    assert (smaller < size - 20, unused) == (True, 0)
    house.assert_true()


def test_a_move_that_is_given_up_costs_nothing_and_one_back_again_sees_all(house: House) -> None:
    active = house.status().raw["model"]["name"]
    with house.client() as client, asking(house) as asker:
        client.pause()
        client.use_model("demo")
        waiting = house.wait(lambda status: bool(status.raw["model"]["migrating"]["waits"]))
        assert waiting.raw["model"]["migrating"]["waits"] == "paused"
        client.resume()
        client.use_model(active)
        assert client.models().migrating is None
        assert house.status().raw["model"]["name"] == active
        client.use_model("demo")
        house.wait(lambda status: status.raw["model"]["name"] == "demo")
    assert (asker.failure, asker.degraded) == (None, set())
    assert {first for _, first in asker.answers} == {"0.png"}
    house.assert_true()
