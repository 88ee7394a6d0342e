"""A worker lends its model as long as that works, and says what it cannot do."""

from __future__ import annotations

import asyncio
import contextlib
import pickle
import sys
from collections.abc import Callable, Generator
from types import SimpleNamespace
from typing import Any

import pytest

from imgqd import child, chore, worker
from imgqd.config import ModelSettings
from imgqd.credentials import Credentials
from imgqd.worker import Hopeless, Place

LOADED = {"key": "sha256:this", "size": 2, "device": "cpu", "precision": "float32"}
PICTURE = bytes(12)
PLACE = Place("tls://farm:8786", Credentials("/ca", "/cert", "/key"), {})

Answer = Callable[[str], Any]


class Bench:
    """What stands in for the embedder and for Dask; `loads` and `images` are played in turn."""

    def __init__(self, patch: pytest.MonkeyPatch) -> None:
        self.loads: list[Exception | None] = [None]
        self.images: list[Exception | None] = []
        self.loaded = 0
        self.ended = 0
        self.at_work: list[str] = []
        self.left = asyncio.Event()
        patch.setattr(child, "start", self._start)
        patch.setattr(worker, "probe", self._probe)
        patch.setattr(worker, "_FIRST", 0.0)
        patch.setattr(worker, "_LAST_WORDS", 0.0)
        patch.setitem(sys.modules, "imgqd.dasklink", SimpleNamespace(worker=self._worker))
        patch.setattr("imgqd.dasklink", SimpleNamespace(worker=self._worker), raising=False)

    async def lend(self, until: Callable[[], bool]) -> None:
        """Lend until a condition holds."""
        lending = asyncio.create_task(worker.lend(ModelSettings("demo"), PLACE))
        async with asyncio.timeout(10):
            while not until() and not lending.done():  # noqa: ASYNC110 - nothing tells
                await asyncio.sleep(0.001)
        lending.cancel()
        with contextlib.suppress(asyncio.CancelledError):
            await lending

    async def _probe(self, *_: Any) -> None:
        pass

    async def _start(self, *_: Any, **__: Any) -> Any:
        return SimpleNamespace(call=self._call, stop=self._stop)

    async def _call(self, method: str, _: Any) -> Any:
        if method == "load":
            trouble = self.loads.pop(0) if self.loads else None
            self.loaded += trouble is None
        else:
            trouble = self.images.pop(0) if self.images else None
        if trouble is not None:
            raise trouble
        return LOADED if method == "load" else {"vectors": b"vectors"}

    async def _stop(self, **_: Any) -> None:
        self.ended += 1

    def _worker(self, *arguments: Any) -> Any:
        return Dask(self, arguments[3])


class Dask:
    """A worker of Dask's that is never asked by a scheduler."""

    def __init__(self, bench: Bench, resource: str) -> None:
        self._bench = bench
        self._resource = resource

    def __await__(self) -> Generator[Any, None, None]:
        self._bench.at_work.append(self._resource)
        return asyncio.sleep(0).__await__()

    async def finished(self) -> None:
        await self._bench.left.wait()

    async def close(self, **_: Any) -> None:
        self._bench.at_work.remove(self._resource)


def test_a_worker_says_what_it_holds_and_refuses_anything_else(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    async def scene() -> None:
        bench = Bench(monkeypatch)
        lending = asyncio.create_task(bench.lend(lambda: False))
        while not bench.at_work:  # noqa: ASYNC110 - nothing tells
            await asyncio.sleep(0.001)
        assert [chore.key_of(one) for one in bench.at_work] == ["sha256:this"]
        assert await chore.embed("sha256:this", PICTURE) == b"vectors"
        with pytest.raises(chore.Unable, match="this worker holds another model"):
            await chore.embed("sha256:other", PICTURE)
        for wrong in (b"", PICTURE[:-1]):
            with pytest.raises(chore.Unable, match="no pictures of 2 pixels a side"):
                await chore.embed("sha256:this", wrong)
        lending.cancel()
        await asyncio.gather(lending, return_exceptions=True)

    asyncio.run(scene())


@pytest.mark.parametrize(
    "trouble",
    [
        child.Refused("device", "cuda:0 failed: device-side assert"),
        child.Refused("memory", "cuda:0 has too little memory left"),
        child.Died("embedder ended with SIGKILL"),
    ],
    ids=["device", "memory", "died"],
)
def test_a_model_in_trouble_gives_the_batch_back_and_is_loaded_anew(
    monkeypatch: pytest.MonkeyPatch, trouble: Exception
) -> None:
    async def scene() -> None:
        bench = Bench(monkeypatch)
        bench.images = [trouble]
        asked = False

        def again() -> bool:
            nonlocal asked
            if bench.at_work and not asked:
                asked = True
                failing.append(asyncio.create_task(chore.embed("sha256:this", PICTURE)))
            return bench.loaded == 2 and bool(bench.at_work)

        failing: list[asyncio.Task[bytes]] = []
        await bench.lend(again)
        with pytest.raises(chore.Unable, match=str(trouble)):
            await failing[0]
        assert bench.ended == 2  # the one in trouble, and the second at the end
        assert bench.at_work == []

    asyncio.run(scene())


def test_a_model_that_does_not_load_now_is_tried_again(monkeypatch: pytest.MonkeyPatch) -> None:
    async def scene() -> None:
        bench = Bench(monkeypatch)
        bench.loads = [child.Refused("memory", "full"), child.Died("embedder ended"), None]
        await bench.lend(lambda: bool(bench.at_work))
        assert bench.loaded == 1

    asyncio.run(scene())


def test_a_scheduler_that_goes_is_waited_for_with_the_model_at_hand(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    async def scene() -> None:
        bench = Bench(monkeypatch)
        bench.left.set()
        seen = 0

        def thrice() -> bool:
            nonlocal seen
            seen += bool(bench.at_work)
            return seen >= 3

        await bench.lend(thrice)
        assert bench.loaded == 1

    asyncio.run(scene())


def test_a_model_that_is_not_there_is_no_reason_to_wait(monkeypatch: pytest.MonkeyPatch) -> None:
    async def scene() -> None:
        bench = Bench(monkeypatch)
        bench.loads = [child.Refused("missing", "it must be fetched first: imgqctl model pull x")]
        with pytest.raises(Hopeless, match="imgqctl model pull x"):
            await worker.lend(ModelSettings("demo"), PLACE)

    asyncio.run(scene())


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (["tcp://farm:8786"], "tcp://farm:8786 is not an address like tls://host:8786"),
        (["tls://farm:8786", "--model", "large"], "--model large is not fast, balanced, "),
        (["tls://farm:8786", "--device", "gpu"], '--device gpu is not "auto", "cpu", '),
        (["tls://farm:8786", "--ca", "/nowhere"], "/nowhere: no such file or directory"),
    ],
    ids=["not TLS", "no model", "no device", "no authority"],
)
def test_it_says_in_a_line_what_is_wrong(
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
    arguments: list[str],
    words: str,
) -> None:
    monkeypatch.setattr(worker, "find_spec", lambda _: True)
    assert worker.main(["--ca", "/ca", "--cert", "/cert", "--key", "/key", *arguments]) == 2
    said = capsys.readouterr().err
    assert said.startswith(f"imgqd-worker: {words}")
    assert said.count("\n") == 1


def test_without_dask_it_says_how_to_get_it(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(worker, "find_spec", lambda _: None)
    given = ["tls://farm:8786", "--ca", "/ca", "--cert", "/cert", "--key", "/key"]
    assert worker.main(given) == 2
    assert "pip install 'imgq[daemon,cluster]'" in capsys.readouterr().err


def test_what_a_worker_cannot_do_survives_the_way_back() -> None:
    told = pickle.loads(pickle.dumps(chore.Unable("device", "cuda:0 failed")))
    assert (told.code, told.text) == ("device", "cuda:0 failed")
