"""From one model to another with the real daemon: nobody is left without an answer.

The second model is a copy of the demo model whose space is turned, made here: it knows
the same things, and a vector of one means nothing in the index of the other.
"""

from __future__ import annotations

import contextlib
import json
import os
import shutil
import sqlite3
import threading
import time
from collections import Counter
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import numpy as np
import onnx
import pytest
import safetensors.numpy

import imgqd
from demo.sample import draw
from house import House, picture
from imgq import Client
from imgq.errors import Unreachable
from imgqd import exports, weights

pytestmark = pytest.mark.system

DEMO = Path(imgqd.__file__).parent / "data" / "demo"
COUNT = 300
DRAWN = ("red car", "green tree", "yellow star", "blue boat", "white house")


TURN, _ = np.linalg.qr(np.random.default_rng(7).standard_normal((128, 128)))
"""What turns a vector of the demo model into one of the other model."""


def another_model(folder: Path) -> str:
    """Make a model that sees as the demo model does, with vectors of its own; return its name."""
    shutil.copytree(DEMO, folder)
    path = folder / "open_clip_model.safetensors"
    tensors = safetensors.numpy.load_file(path)
    last = "visual.attnpool.c_proj"
    for name, turned in {
        "text_projection": tensors["text_projection"] @ TURN,
        f"{last}.weight": TURN.T @ tensors[f"{last}.weight"],
        f"{last}.bias": TURN.T @ tensors[f"{last}.bias"],
    }.items():
        tensors[name] = np.ascontiguousarray(turned, tensors[name].dtype)
    safetensors.numpy.save_file(tensors, path)
    return f"local-dir:{folder}"


def prepare_words(name: str) -> None:
    """Leave the other model's light text encoder where its export would: the demo's, turned."""
    packed, manifest = exports.find(weights.find("demo").key)
    found = weights.find(name)
    with found.path.open("rb") as file:
        length = int.from_bytes(file.read(8), "little")
        table = json.loads(file.read(length))["token_embedding.weight"]
    graph = onnx.load(packed / exports.GRAPH)
    [last] = [one for one in graph.graph.initializer if one.name == "tower.text_projection"]
    turned = onnx.numpy_helper.to_array(last) @ TURN.astype(np.float32)
    last.CopyFrom(onnx.numpy_helper.from_array(turned, last.name))
    with exports.making(found.key) as place:
        for kept in (exports.VOCABULARY, exports.MERGES):
            shutil.copy(packed / kept, place)
        onnx.save_model(
            graph, place / exports.GRAPH, save_as_external_data=True, location=exports.WEIGHTS,
            size_threshold=1024,
        )  # fmt: skip
        rows = (8 + length + table["data_offsets"][0], "float16")
        model = {**(manifest.model or {}), "key": found.key}
        exports.write(place, replace(manifest, key=found.key, model=model, rows=rows))


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
                        self.ended.wait(0.02)
            except Unreachable as error:
                if not self.may_be_away.is_set():
                    self.failure = error
                    return
                self.ended.wait(0.05)
            except Exception as error:  # noqa: BLE001 - told by the test
                self.failure = error
                return

    def _ask(self, client: Client) -> None:
        was_away = self.may_be_away.is_set()  # an answer may have been waiting for a start
        answer = client.search("red car", limit=1, weak=True)
        if not was_away:
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


@pytest.fixture
def house(own_house: House) -> House:
    """Give a daemon whose demo model has seen noise, and a drawing of each thing."""
    for number in range(COUNT - len(DRAWN)):
        picture(own_house.pictures / f"noise {number}.png", number)
    for number, thing in enumerate(DRAWN):
        draw(thing, number).save(own_house.pictures / f"{number}.png")
    own_house.start()
    own_house.sync()
    return own_house


def give_up(house: House, other: str) -> None:
    """Choose another model, and the one before again: that one is never disturbed."""
    with house.client() as client:
        client.pause()
        client.use_model(other)
        waiting = house.wait(lambda now: now.migrating is not None and bool(now.migrating.waits))
        assert waiting.migrating is not None
        assert waiting.migrating.waits == "paused"
        client.use_model("demo")
        assert client.models().migrating is None
        client.resume()


def kill_in_the_middle(house: House, other: str) -> int:
    """Choose another model, end the daemon in the middle, and return what was done by then."""
    with house.client() as client:
        assert client.use_model(other).active == "demo"
    # Not by status events, between two of which all of it may be done.
    while not vectors_of(house, other):
        house.status()
    house.kill()
    return vectors_of(house, other)


def drop_the_set_before(house: House, other: str) -> None:
    """Drop what the demo model has seen, and not what the model in use has."""
    refused = house.run("imgqctl", "model", "drop", other)
    assert (refused.returncode, "is in use" in refused.stderr) == (4, True)
    size, _ = pages(house)
    dropped = house.run("imgqctl", "model", "drop", "demo")
    assert (dropped.returncode, dropped.stderr) == (0, "")
    assert f"{COUNT + 1:,} vectors of demo deleted" in dropped.stdout
    assert vectors_of(house, "demo") == 0
    smaller, unused = pages(house)
    assert (smaller < size - 20, unused) == (True, 0)


def test_every_query_is_answered_by_one_model_while_another_takes_over_in_spite_of_a_kill(
    house: House, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("XDG_CACHE_HOME", house.environment["XDG_CACHE_HOME"])
    other = another_model(tmp_path / "other")
    prepare_words(other)
    with asking(house) as asker:
        give_up(house, other)
        asker.may_be_away.set()
        done = kill_in_the_middle(house, other)
        assert 0 < done < COUNT
        house.start()
        house.wait(lambda now: now.model["state"] == "ready")
        asker.may_be_away.clear()
        # What comes now is found by the model that answers, and seen by the next one, too.
        draw("purple balloon", 99).save(house.pictures / "new.png")
        house.sync()
        assert "new.png" in house.run("imgq", "-n", "1", "purple balloon").stdout
        status = house.wait(lambda now: now.migrating is None)
        drop_the_set_before(house, other)
    assert (asker.failure, asker.degraded) == (None, set())
    assert status.model["name"] == other
    # Not one picture was embedded twice by a model; the new one by each, or by the last alone.
    again = status.raw["counters"]["embedded"] - (COUNT - done)
    assert again in {1, 2}, (again, done)
    house.assert_true()
    assert house.counters()["embedded"] - (COUNT - done) == again, "nothing was left to do"
    # Of one model each, and right: 0.png shows the red car, to both of them.
    assert {first for _, first in asker.answers} == {"0.png"}
    names = [name for name, _ in asker.answers]
    assert {*names} == {"demo", other}
    assert names.index(other) == names.count("demo"), "first one, then the other"


class Follower(threading.Thread):
    """Follows what is drawn on one picture, and counts how often each path was told."""

    def __init__(self, house: House) -> None:
        super().__init__(name="follower")
        self._client = house.client()
        self._events = self._client.follow("red car")
        next(self._events)  # it stands
        self.told: Counter[str] = Counter()

    def run(self) -> None:
        with contextlib.suppress(Unreachable):
            for event in self._events:
                self.told.update(os.path.basename(os.fsdecode(one.path)) for one in event.results)


@pytest.mark.faults
@pytest.mark.timeout(900)
def test_pictures_that_come_all_through_three_moves_are_found_at_once_and_told_once(
    house: House, tmp_path: Path
) -> None:
    other = another_model(tmp_path / "other")
    follower = Follower(house)
    follower.start()
    expected: list[str] = []

    def has_moved(name: str) -> bool:
        status = house.status()
        return status.model["name"] == name and status.migrating is None

    with asking(house) as asker:
        for name in (other, "demo", other):
            with house.client() as client:
                client.use_model(name)
            most = len(expected) + 40
            while not has_moved(name):
                if len(expected) < most:  # without an end the move would wait for a minute
                    expected.append(f"car {len(expected)}.png")
                    draw("red car", 1000 + len(expected)).save(house.pictures / expected[-1])
                    house.sync()
                    assert os.fsencode(house.pictures / expected[-1]) in house.found("red car")
    assert (asker.failure, asker.degraded) == (None, set())
    assert None not in {first for _, first in asker.answers}
    house.assert_true()
    deadline = time.monotonic() + 30
    while len(follower.told) < len(expected) and time.monotonic() < deadline:
        house.status()
    house.stop()
    follower.join()
    assert follower.told == Counter(expected)
