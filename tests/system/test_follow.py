"""Standing queries by the real daemon: what is told, once in ordinary running, and never missed."""

from __future__ import annotations

import functools
import io
import itertools
import os
import shutil
import signal
import subprocess
import zlib
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from demo.sample import draw
from house import BIN, PATIENCE, House
from imgq import Client
from imgq.answers import Matches

pytestmark = pytest.mark.system

OTHERS = [
    f"{colour} {noun}"
    for noun in ("circle", "square", "star", "tree", "house")
    for colour in ("red", "green", "blue", "yellow", "orange", "purple")
] * 4
"""So many that a few cars among them stand out, by search's own measure."""
QUERY = "a red car"

_seeds = itertools.count()


@pytest.fixture(autouse=True)
def _own_drawings(request: pytest.FixtureRequest) -> None:
    """Let each test have drawings of its own, the same ones in each run: one car in seventy
    is not like enough to be told."""
    global _seeds  # noqa: PLW0603 - what the next test begins with
    _seeds = itertools.count((1 + zlib.crc32(request.node.name.encode())) * 1000)


def drawn(path: Path, caption: str = "red car") -> Path:
    """Draw what a caption says, as never before, into a file that appears whole."""
    draft = path.parent / f".{path.name}"
    draw(caption, next(_seeds), (160, 120)).save(draft, "PNG")
    return draft.rename(path)


@functools.cache
def _others() -> list[bytes]:
    files = []
    for number, caption in enumerate(OTHERS):
        draw(caption, number, (160, 120)).save(file := io.BytesIO(), "PNG")
        files.append(file.getvalue())
    return files


def library(house: House) -> None:
    """Fill the house with pictures of anything but cars."""
    for number, file in enumerate(_others()):
        (house.pictures / f"{number}.png").write_bytes(file)
    house.sync()


def names(events: Iterator[Matches], count: int) -> list[str]:
    """Return the names of the next so many matches."""
    told: list[str] = []
    while len(told) < count:
        told += [os.fsdecode(match.path).rpartition("/")[2] for match in next(events).results]
    return told


@pytest.fixture
def client(house: House) -> Iterator[Client]:
    library(house)
    with house.client() as client:
        yield client


def begun(client: Client, cursor: str | None = None, query: str = QUERY) -> Iterator[Matches]:
    """Follow, and take the event that only says where it began."""
    events = client.follow(query, cursor=cursor)
    assert next(events).results == ()
    return events


def now(house: House) -> str:
    """Return the cursor of this moment."""
    with house.client() as client:
        return next(client.follow(QUERY)).cursor


def test_a_new_picture_that_matches_is_told_once_and_no_other(house: House, client: Client) -> None:
    events = begun(client)
    drawn(house.pictures / "tree.png", "green tree")
    house.sync()
    drawn(house.pictures / "car.png")
    house.sync()
    drawn(house.pictures / "last.png")
    first, second = (next(events) for _ in range(2))
    assert [[m.path for m in event.results] for event in (first, second)] == [
        [os.fsencode(house.pictures / name)] for name in ("car.png", "last.png")
    ]
    [match] = first.results
    assert match.relevance is not None
    assert match.relevance >= 0.5
    assert (match.metadata["matched"], match.metadata["width"]) == ("content", 160)
    assert not first.restarted


def test_a_line_s_filters_hold_for_what_is_told(house: House, client: Client) -> None:
    with house.client() as other:
        named = begun(client, query=f"{QUERY} name:holiday*")
        every = begun(other, query="format:png name:holiday*")
        drawn(house.pictures / "car.png")
        drawn(house.pictures / "holiday-tree.png", "green tree")
        house.sync()
        drawn(house.pictures / "holiday-car.png")
        assert names(named, 1) == ["holiday-car.png"]
        assert names(every, 2) == ["holiday-tree.png", "holiday-car.png"]


def test_a_renamed_copied_or_returned_picture_is_not_new(
    house: House, client: Client, tmp_path: Path
) -> None:
    events = begun(client)
    drawn(house.pictures / "car.png")
    assert names(events, 1) == ["car.png"]
    (house.pictures / "car.png").rename(house.pictures / "renamed.png")
    house.sync()
    shutil.copy(house.pictures / "renamed.png", house.pictures / "copy.png")
    house.sync()
    (house.pictures / "copy.png").unlink()
    (house.pictures / "renamed.png").rename(tmp_path / "away.png")
    house.sync()
    (tmp_path / "away.png").rename(house.pictures / "back.png")
    house.sync()
    drawn(house.pictures / "new.png")
    assert names(events, 1) == ["new.png"]


def test_what_came_while_the_client_was_away_is_told_when_it_is_back(
    house: House, client: Client
) -> None:
    cursor = now(house)
    drawn(house.pictures / "car.png")
    drawn(house.pictures / "tree.png", "green tree")
    house.sync()
    events = client.follow(QUERY, cursor=cursor)
    assert next(events).cursor == cursor
    event = next(events)
    assert [os.path.basename(match.path) for match in event.results] == [b"car.png"]
    drawn(house.pictures / "second.png")
    assert names(begun(client, event.cursor), 1) == ["second.png"]


def test_two_followers_are_each_told_of_their_own(house: House, client: Client) -> None:
    with house.client() as other:
        cars, boats = begun(client), begun(other, query="a blue boat")
        again = begun(other)
        drawn(house.pictures / "car.png")
        house.sync()
        drawn(house.pictures / "boat.png", "blue boat")
        assert (names(cars, 1), names(boats, 1), names(again, 1)) == (
            ["car.png"],
            ["boat.png"],
            ["car.png"],
        )


def test_a_name_is_enough_where_there_is_no_model(plain_house: House) -> None:
    plain_house.start()
    with plain_house.client() as client:
        events = begun(client, query="invoice")
        drawn(plain_house.pictures / "holiday.png")
        plain_house.sync()
        drawn(plain_house.pictures / "invoice-2024.png")
        [match] = next(events).results
    assert (os.path.basename(match.path), match.score) == (b"invoice-2024.png", None)


@pytest.mark.parametrize("end", [House.kill, House.stop])
def test_what_was_committed_and_not_delivered_is_told_by_the_next_daemon(
    own_house: House, end: Callable[[House], object]
) -> None:
    house = own_house
    house.start()
    library(house)
    cursor = now(house)
    drawn(house.pictures / "car.png")
    house.sync()
    end(house)
    drawn(house.pictures / "second.png")
    house.start()
    with house.client() as client:
        assert sorted(names(begun(client, cursor), 2)) == ["car.png", "second.png"]


def test_a_cursor_of_a_catalog_that_is_gone_begins_again_with_all_it_holds(
    own_house: House,
) -> None:
    house = own_house
    house.start()
    library(house)
    drawn(house.pictures / "car.png")
    house.sync()
    cursor = now(house)
    house.stop()
    house.catalog.unlink()
    house.start()
    house.sync()
    with house.client() as client:
        events = client.follow(QUERY, cursor=cursor)
        assert next(events).restarted
        assert "car.png" in names(events, 1)


class Program:
    """`imgq --follow` as a script runs it."""

    def __init__(self, house: House, *arguments: str) -> None:
        self.process = subprocess.Popen(
            [BIN / "imgq", "--follow", *arguments, *QUERY.split()],
            env=house.environment,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
        )

    def line(self) -> str:
        assert self.process.stdout is not None
        return os.path.basename(self.process.stdout.readline().strip())

    def said(self) -> str:
        assert self.process.stderr is not None
        return self.process.stderr.readline().strip()

    def end(self, number: int = signal.SIGINT) -> int:
        self.process.send_signal(number)
        return self.process.wait(PATIENCE)


@pytest.fixture
def program() -> Iterator[Callable[..., Program]]:
    started: list[Program] = []

    def start(house: House, *arguments: str) -> Program:
        started.append(Program(house, *arguments))
        return started[-1]

    yield start
    for one in started:
        one.process.kill()
        one.process.communicate()


def test_the_program_goes_on_over_restarts_of_the_daemon_and_of_itself(
    own_house: House, program: Callable[..., Program], tmp_path: Path
) -> None:
    house, kept = own_house, tmp_path / "cursor"
    house.start()
    library(house)
    kept.write_text(now(house))
    following = program(house, "--cursor", str(kept))
    drawn(house.pictures / "one.png")
    assert following.line() == "one.png"
    house.kill()
    assert following.said() == "imgq: the daemon went away: waiting for it"
    drawn(house.pictures / "two.png")
    house.start()
    assert following.said() == "imgq: the daemon is back"
    assert following.line() == "two.png"
    assert following.end() == 130
    drawn(house.pictures / "three.png")
    following = program(house, "--cursor", str(kept))
    lines = [following.line()]
    # Ended between a line and its cursor, it tells that line again.
    lines += [following.line()] if lines == ["two.png"] else []
    assert lines[-1] == "three.png"


def test_the_program_ends_with_its_reader(
    house: House, program: Callable[..., Program], tmp_path: Path
) -> None:
    library(house)
    (tmp_path / "cursor").write_text(now(house))
    following = program(house, "--cursor", str(tmp_path / "cursor"))
    drawn(house.pictures / "car.png")
    assert following.line() == "car.png"
    assert following.process.stdout is not None
    following.process.stdout.close()
    assert following.process.wait(PATIENCE) == 0
