"""Help from other machines: looked for when there is work, believed only as far as it helps."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Coroutine, Sequence
from dataclasses import dataclass, replace
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest

from daemon.farm import MODEL, SETTINGS, Farm, nobody, unit_vectors, until
from imgqd import away, child
from imgqd import cluster as module
from imgqd.bulk import Bulk
from imgqd.cluster import Cluster
from imgqd.config import ClusterSettings
from imgqd.records import Model, Vector

PIXELS = [bytes(12), bytes(12)]


def played(scene: Coroutine[Any, Any, None]) -> None:
    """Run a scene, which may not hang."""

    async def bounded() -> None:
        async with asyncio.timeout(10):
            await scene

    asyncio.run(bounded())


def said(cluster: Cluster) -> dict[str, Any]:
    row = cluster.row()
    assert row is not None
    return row


async def gone(farm: Farm) -> None:
    """Wait until the last envoy has been told to end."""
    await farm.envoys[-1]._died.wait()


def test_without_settings_nothing_is_looked_for_and_status_has_nothing_to_say() -> None:
    async def scene() -> None:
        assert not await nobody().helps(MODEL)
        assert await nobody().embed(MODEL, PIXELS) is None
        assert nobody().row() is None

    played(scene())


def test_nobody_is_asked_before_there_is_work(monkeypatch: pytest.MonkeyPatch) -> None:
    async def scene() -> None:
        farm = Farm(monkeypatch)
        cluster = farm.cluster()
        await asyncio.sleep(0)
        assert farm.visits == 0
        assert said(cluster) == {
            "scheduler": "tls://farm:8786",
            "connected": False,
            "workers": 0,
            "batches": 0,
            "pictures": 0,
            "detail": "",
        }

    played(scene())


def test_the_first_pictures_wait_for_the_first_look(monkeypatch: pytest.MonkeyPatch) -> None:
    async def scene() -> None:
        farm = Farm(monkeypatch)
        cluster = farm.cluster()
        assert await cluster.helps(MODEL)
        vectors = await cluster.embed(MODEL, PIXELS)
        assert vectors is not None
        assert [list(vector) for vector in vectors] == [[1, 0, 0, 0]] * 2
        assert said(cluster)["pictures"] == 2
        assert said(cluster)["connected"]
        await cluster.stop()
        assert not farm.envoys[0].alive

    played(scene())


def test_workers_with_another_model_are_no_help_and_status_says_so(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    async def scene() -> None:
        farm = Farm(monkeypatch)
        farm.workers = {"sha256:other": 2}
        cluster = farm.cluster()
        assert not await cluster.helps(MODEL)
        assert said(cluster)["detail"].startswith(
            "no worker there holds demo (2 workers with another model); looked for again after "
        )
        assert not farm.envoys[0].alive  # idle means idle
        assert not await cluster.helps(MODEL)
        assert farm.visits == 1  # not before the pause is over

    played(scene())


def test_pauses_grow_until_there_is_help(monkeypatch: pytest.MonkeyPatch) -> None:
    clock = [1000.0]
    watch = SimpleNamespace(**{**vars(time), "monotonic": lambda: clock[0]})
    monkeypatch.setattr(module, "time", watch)

    async def look(cluster: Cluster) -> None:
        cluster.takes(MODEL)
        if cluster._looking is not None:
            await cluster._looking

    async def scene() -> None:
        farm = Farm(monkeypatch)
        farm.refusal = child.Refused("away", "farm does not answer at port 8786")
        cluster = farm.cluster()
        visits = []
        for _ in range(80):
            await look(cluster)
            visits.append(farm.visits)
            clock[0] += 1.0
        assert [visits.index(number) for number in (1, 2, 3, 4)] == [0, 10, 30, 70]
        farm.refusal = None
        clock[0] += 1000
        await look(cluster)
        assert await cluster.embed(MODEL, PIXELS) is not None
        assert said(cluster)["detail"] == ""
        await cluster.stop()

    played(scene())


def test_the_same_settings_read_again_are_a_reason_to_look_at_once(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    async def scene() -> None:
        farm = Farm(monkeypatch)
        farm.refusal = child.Refused("away", "farm does not answer at port 8786")
        cluster = farm.cluster()
        assert not await cluster.helps(MODEL)
        farm.refusal = None
        cluster.use(SETTINGS)
        assert await cluster.helps(MODEL)
        await cluster.stop()

    played(scene())


def test_other_settings_end_what_is_under_way(monkeypatch: pytest.MonkeyPatch) -> None:
    async def scene() -> None:
        farm = Farm(monkeypatch)
        cluster = farm.cluster()
        assert await cluster.helps(MODEL)
        farm.gate.clear()
        batch = asyncio.create_task(cluster.embed(MODEL, PIXELS))
        await until(lambda: farm.at_once > 0)
        cluster.use(ClusterSettings())
        assert await batch is None
        assert cluster.row() is None
        await cluster.stop()

    played(scene())


def test_a_batch_comes_back_when_the_last_worker_goes(monkeypatch: pytest.MonkeyPatch) -> None:
    async def scene() -> None:
        farm = Farm(monkeypatch)
        cluster = farm.cluster()
        assert await cluster.helps(MODEL)
        farm.gate.clear()
        batch = asyncio.create_task(cluster.embed(MODEL, PIXELS))
        await until(lambda: farm.at_once > 0)
        farm.envoys[0].tell({"sha256:other": 1})
        assert await batch is None
        assert said(cluster)["detail"].startswith("no worker is left there")
        await cluster.stop()

    played(scene())


def test_a_batch_comes_back_when_the_envoy_dies(monkeypatch: pytest.MonkeyPatch) -> None:
    async def scene() -> None:
        farm = Farm(monkeypatch)
        cluster = farm.cluster()
        assert await cluster.helps(MODEL)
        farm.gate.clear()
        batch = asyncio.create_task(cluster.embed(MODEL, PIXELS))
        await until(lambda: farm.at_once > 0)
        await farm.envoys[0].stop()
        assert await batch is None
        assert "SIGKILL" in said(cluster)["detail"]

    played(scene())


def test_who_is_too_slow_is_no_help(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(away, "_PATIENCE", 0.05)

    async def scene() -> None:
        farm = Farm(monkeypatch)
        cluster = farm.cluster()
        assert await cluster.helps(MODEL)
        farm.gate.clear()
        assert await cluster.embed(MODEL, PIXELS) is None
        assert said(cluster)["detail"].startswith("a batch took longer than ")
        await gone(farm)

    played(scene())


@pytest.mark.parametrize(
    "answer",
    [
        lambda count: unit_vectors(count + 1),
        lambda count: unit_vectors(count)[:-1],
        lambda count: np.full(4 * count, np.nan, np.float32).tobytes(),
        lambda count: np.full(4 * count, 2, np.float32).tobytes(),
    ],
    ids=["too many", "cut off", "NaN", "not of unit length"],
)
def test_what_is_no_vector_is_made_here_and_three_in_a_row_end_it(
    monkeypatch: pytest.MonkeyPatch, answer: Any
) -> None:
    async def scene() -> None:
        farm = Farm(monkeypatch)
        farm.answer = answer
        cluster = farm.cluster()
        assert await cluster.helps(MODEL)
        for _ in range(2):
            assert await cluster.embed(MODEL, PIXELS) is None
            assert cluster.takes(MODEL)  # one picture may be to blame
        assert await cluster.embed(MODEL, PIXELS) is None
        assert not cluster.takes(MODEL)
        assert said(cluster)["detail"].startswith("a worker answered with ")
        assert said(cluster)["pictures"] == 0
        await cluster.stop()

    played(scene())


def test_a_batch_that_no_worker_can_do_is_made_here_and_the_others_go_on(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    def killed(_: int) -> bytes:
        raise child.Refused("unable", "KilledWorker: attempted to run on 4 workers")

    async def scene() -> None:
        farm = Farm(monkeypatch)
        cluster = farm.cluster()
        assert await cluster.helps(MODEL)
        for _ in range(5):
            farm.answer = killed
            assert await cluster.embed(MODEL, PIXELS) is None
            farm.answer = unit_vectors
            assert await cluster.embed(MODEL, PIXELS) is not None
        await cluster.stop()

    played(scene())


def test_without_work_the_process_ends(monkeypatch: pytest.MonkeyPatch) -> None:
    async def scene() -> None:
        farm = Farm(monkeypatch)
        cluster = farm.cluster(release_after=0.01)
        assert await cluster.helps(MODEL)
        await gone(farm)
        assert cluster.pid is None
        assert said(cluster)["detail"] == ""
        assert await cluster.helps(MODEL)  # with the next work it is there again
        await cluster.stop()

    played(scene())


def test_batches_are_of_a_bounded_size(monkeypatch: pytest.MonkeyPatch) -> None:
    async def scene() -> None:
        farm = Farm(monkeypatch)
        farm.workers = {MODEL.key: 1000}
        cluster = farm.cluster()
        large = replace(MODEL, size=384)
        assert await cluster.helps(large)
        assert cluster.batch(MODEL) == 32
        held = cluster.at_once(large) * cluster.batch(large) * 3 * 384**2
        assert 100 << 20 < held <= 128 << 20
        await cluster.stop()

    played(scene())


# The way of decoded pictures there


@dataclass
class Picture:
    """One that was decoded."""

    number: int
    pixels: bytes = bytes(12)


class Way:
    """A way to a farm; what comes of the pictures is written down."""

    def __init__(self, cluster: Cluster) -> None:
        self.model: Model | None = MODEL
        self.done: list[int] = []
        self.back: list[int] = []
        self.batches: list[int] = []
        self.bulk: Bulk[Picture] = Bulk(
            cluster, lambda _: self.model, self._finish, self._take_back
        )

    async def _finish(self, batch: Sequence[Picture], vectors: Sequence[Vector]) -> None:
        assert len(batch) == len(vectors)
        self.batches.append(len(batch))
        self.done += [one.number for one in batch]

    async def _take_back(self, one: Picture) -> None:
        self.back.append(one.number)

    async def send(self, count: int) -> None:
        for number in range(count):
            assert await self.bulk.takes(Picture(number))
            await self.bulk.put(Picture(number))

    async def until_settled(self) -> None:
        await until(lambda: not self.bulk.held)


def test_each_picture_is_stored_once_whatever_the_order(monkeypatch: pytest.MonkeyPatch) -> None:
    async def scene() -> None:
        farm = Farm(monkeypatch)
        way = Way(farm.cluster())
        running = asyncio.create_task(way.bulk.run())
        await way.send(100)
        await way.until_settled()
        assert sorted(way.done) == list(range(100))
        assert way.back == []
        assert max(way.batches) == 32
        running.cancel()

    played(scene())


def test_two_batches_are_under_way_for_each_worker(monkeypatch: pytest.MonkeyPatch) -> None:
    async def scene() -> None:
        farm = Farm(monkeypatch)
        farm.workers = {MODEL.key: 2}
        farm.gate.clear()
        way = Way(farm.cluster())
        running = asyncio.create_task(way.bulk.run())
        sending = asyncio.create_task(way.send(9 * 32))
        # Four on their way, one that is full, a picture that waits, and one that cannot yet.
        await until(lambda: way.bulk.held == 5 * 32 + 2)
        assert farm.at_once == 4
        farm.gate.set()
        await sending
        await way.until_settled()
        assert sorted(way.done) == list(range(9 * 32))
        running.cancel()

    played(scene())


def test_what_was_under_way_is_handed_back_when_help_goes(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    async def scene() -> None:
        farm = Farm(monkeypatch)
        farm.gate.clear()
        way = Way(farm.cluster())
        running = asyncio.create_task(way.bulk.run())
        await way.send(3 * 32)  # the third batch waits for room
        await until(lambda: farm.at_once == 2)
        farm.envoys[0].tell({})
        await way.until_settled()
        assert way.done == []
        assert sorted(way.back) == list(range(3 * 32))
        running.cancel()

    played(scene())


def test_pixels_of_a_model_that_answers_no_more_are_handed_back(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    async def scene() -> None:
        farm = Farm(monkeypatch)
        way = Way(farm.cluster())
        running = asyncio.create_task(way.bulk.run())
        assert await way.bulk.takes(Picture(0))
        way.model = None
        await way.bulk.put(Picture(0))
        await way.until_settled()
        assert (way.done, way.back, farm.asked) == ([], [0], 0)
        running.cancel()

    played(scene())
