"""Bulk embedding on other machines, seen from the core: whether there is help, and asking for it.

Nothing depends on it. Whatever keeps a batch from being made there (nobody is there, nobody
holds this very model, somebody is too slow, a worker cannot), the caller gets None and has it
made here. Help is looked for only when there is a picture for it, after a failure only once a
pause is over that grows; without work there is no process and no connection.
"""

from __future__ import annotations

import asyncio
import contextlib
import logging
import time
from collections import Counter
from collections.abc import Callable, Sequence
from typing import Any, Final

import numpy as np

from imgqd import child
from imgqd.away import Away
from imgqd.child import Child
from imgqd.config import ClusterSettings
from imgqd.embed import is_sound, pid_of
from imgqd.findings import counted
from imgqd.records import Model, Vector

log = logging.getLogger(__name__)

_BATCH: Final = 32
_BYTES: Final = 8 << 20
"""Pictures in a batch, or their bytes, at most: a lost one costs little time, and the network is
slower than a card in any case. What a batch costs beside: benchmarks/cluster.py."""

_EACH: Final = 2
"""Batches under way for each worker: one is computed, one is on its way."""

_MOST: Final = 16
"""Batches under way in all: the core keeps their pixels, 128 MiB at most."""

_PATIENCE: Final = 60.0
"""Seconds for a scheduler to take us in; the envoy gives up earlier."""

_FIRST_LOOK: Final = 3.0
"""Seconds that pictures wait for it."""

_LINGER: Final = 10.0
"""Seconds without a batch after which the process ends: it is quickly there again."""

_REFUSALS: Final = 3
"""Batches in a row that come back undone until that is taken for more than one bad batch."""


class Cluster:
    """Workers elsewhere that hold a model.

    `release_after` gives the seconds of the settings; `on_change` is called when there is
    another thing to say in status.
    """

    def __init__(
        self,
        settings: ClusterSettings,
        release_after: Callable[[], float],
        on_change: Callable[[], None],
    ) -> None:
        self._settings = settings
        self._release_after = release_after
        self._on_change = on_change
        self._child: Child | None = None
        self._looking: asyncio.Task[None] | None = None
        self._ending: set[asyncio.Task[None]] = set()
        self._release: asyncio.TimerHandle | None = None
        self._workers: dict[str, int] = {}
        self._under_way: Counter[str] = Counter()
        self._moved = asyncio.Event()
        self._wanted = ""
        self._refusals = 0
        self._away = Away()
        self.pictures = 0
        """Pictures that were embedded there since the start."""

    @property
    def pid(self) -> int | None:
        """The process id of the envoy while it runs."""
        return pid_of(self._child)

    def row(self) -> dict[str, Any] | None:
        """Return what status says of it; None where the settings name none."""
        if not self._settings.scheduler:
            return None
        return {
            "scheduler": self._settings.scheduler,
            "connected": self.pid is not None,
            "workers": self._workers.get(self._wanted, 0),
            "batches": self._under_way.total(),
            "pictures": self.pictures,
            "detail": self._detail(),
        }

    def use(self, settings: ClusterSettings) -> None:
        """Take other settings; what is under way comes back. The same again: look at once."""
        if settings != self._settings:
            self._settings = settings
            self._end()
        self._away = Away()
        self._on_change()

    def takes(self, model: Model) -> bool:
        """Return whether somebody there holds a model; where that is not known, begin to look."""
        if not self._settings.scheduler:
            return False
        self._wanted = model.key
        if self.pid is None:
            if self._looking is None and self._away.is_due(time.monotonic()):
                self._looking = asyncio.create_task(self._look(model), name="look for a cluster")
            return False
        return self._workers.get(model.key, 0) > 0

    async def helps(self, model: Model) -> bool:
        """Return the same, and at the first look wait a moment for what comes of it.

        So the model here is not loaded for the seconds until there is help.
        """
        if not self.takes(model) and self._looking is not None and self._away.is_new:
            await asyncio.wait({self._looking}, timeout=_FIRST_LOOK)
        return self.takes(model)

    def batch(self, model: Model) -> int:
        """Return how many pictures go together."""
        return max(1, min(_BATCH, _BYTES // (3 * model.size**2)))

    def at_once(self, model: Model) -> int:
        """Return how many batches may be under way, 0 where nobody holds the model."""
        return min(_MOST, _EACH * self._workers.get(model.key, 0)) if self.takes(model) else 0

    async def room(self, model: Model) -> bool:
        """Wait until one more batch may go; return at once, and False, where there is no help."""
        while (most := self.at_once(model)) and self._under_way[model.key] >= most:
            self._moved.clear()
            await self._moved.wait()
        return most > 0

    async def embed(self, model: Model, pixels: Sequence[bytes]) -> list[Vector] | None:
        """Return the unit vectors of a batch, None where they are to be made here."""
        running = self._child
        if running is None:
            return None
        self._under_way[model.key] += 1
        self._hold()
        self._on_change()
        try:
            return await self._asked(running, model, pixels)
        finally:
            self._under_way[model.key] -= 1
            self._moved.set()
            self._let_go()
            self._on_change()

    async def stop(self) -> None:
        """End the process, and wait for its end."""
        self._settings = ClusterSettings()
        looking = {self._looking} if self._looking is not None else set()
        self._end()
        await asyncio.gather(*self._ending, *looking, return_exceptions=True)

    def _detail(self) -> str:
        if self.pid is not None or self._looking is not None:
            return self._away.why
        return self._away.detail(time.monotonic(), time.time())

    async def _look(self, model: Model) -> None:
        ca, cert, key = self._settings.files
        asked = {"scheduler": self._settings.scheduler, "ca": ca, "cert": cert, "key": key}
        running: Child | None = None
        news: list[dict[str, int]] = []

        def told(_: str, params: dict[str, Any]) -> None:
            # What it tells may be here before its first answer is taken.
            news.append(params["workers"])
            if self._child is not None and self._child is running:
                self._told(params["workers"])

        try:
            running = await child.start("envoy", "imgqd.envoy", on_event=told)
            async with asyncio.timeout(_PATIENCE):
                news.insert(0, await running.call("connect", asked))
            workers = news[-1]
        except (child.Refused, child.Died, OSError) as error:
            self._put_off(str(error) or "the scheduler does not answer")
            await _ended(running)
        except asyncio.CancelledError:
            await _ended(running)
            raise
        else:
            if workers.get(model.key):
                self._child, self._workers, self._away.why = running, workers, ""
                log.info("%s there with %s", counted(workers[model.key], "worker"), model.name)
                self._let_go()
            else:
                self._put_off(_nobody(workers, model))
                await _ended(running)
        finally:
            self._looking = None
            self._on_change()

    async def _asked(
        self, running: Child, model: Model, pixels: Sequence[bytes]
    ) -> list[Vector] | None:
        began, patience = time.monotonic(), self._away.patience
        try:
            async with asyncio.timeout(patience):
                asked = {"key": model.key, "pixels": b"".join(pixels)}
                made: dict[str, Any] = await running.call("images", asked)
            vectors = _vectors(made["vectors"], len(pixels), model)
        except TimeoutError:
            self._leave(running, f"a batch took longer than {patience:.0f} s")
        except child.Died as error:
            self._leave(running, str(error))
        except child.Refused as error:
            if error.code == "away":
                self._leave(running, error.text)
            else:
                self._refused(running, error.text)
        except ValueError as error:
            self._refused(running, str(error))
        else:
            self._refusals = 0
            self._away.helped(time.monotonic() - began)
            self.pictures += len(vectors)
            return vectors
        return None

    def _refused(self, running: Child, why: str) -> None:
        log.warning("a batch came back from the cluster: %s", why)
        self._refusals += 1
        if self._refusals >= _REFUSALS:
            self._refusals = 0
            self._leave(running, why)

    def _told(self, workers: dict[str, int]) -> None:
        """Note who is there now. Where nobody is left for what is under way, it comes back."""
        self._workers = workers
        wanted = [key for key, count in self._under_way.items() if count]
        if not self._workers or any(not self._workers.get(key) for key in wanted):
            self._put_off("no worker is left there")
            self._end()
        self._moved.set()
        self._on_change()

    def _leave(self, running: Child, why: str) -> None:
        """End a process that is of no use now, unless that is done already."""
        if running is self._child:
            self._put_off(why)
            self._end()

    def _put_off(self, why: str) -> None:
        log.warning("the cluster is not used: %s", why)
        self._away.put_off(why, time.monotonic())
        self._on_change()

    def _end(self, *, at_once: bool = True) -> None:
        self._hold()
        if self._looking is not None:
            self._looking.cancel()
        running, self._child, self._workers = self._child, None, {}
        self._moved.set()
        if running is not None:
            ending = asyncio.create_task(_ended(running, at_once=at_once), name="envoy ends")
            self._ending.add(ending)
            ending.add_done_callback(self._ending.discard)

    def _hold(self) -> None:
        if self._release is not None:
            self._release.cancel()
            self._release = None

    def _let_go(self) -> None:
        self._hold()
        if self._child is not None and not self._under_way.total():
            loop = asyncio.get_running_loop()
            self._release = loop.call_later(min(_LINGER, self._release_after()), self._give_back)

    def _give_back(self) -> None:
        self._end(at_once=False)  # it takes leave of the scheduler
        self._on_change()


async def _ended(running: Child | None, *, at_once: bool = True) -> None:
    if running is not None:
        with contextlib.suppress(OSError):
            await running.stop(at_once=at_once)


def _nobody(workers: dict[str, int], model: Model) -> str:
    others = sum(workers.values())
    beside = f" ({counted(others, 'worker')} with another model)" if others else ""
    return f"no worker there holds {model.name}{beside}"


def _vectors(made: bytes, count: int, model: Model) -> list[Vector]:
    """Return unit vectors; raises ValueError for what is none."""
    if len(made) != 4 * count * model.dim:
        raise ValueError("a worker answered with vectors of another size")
    vectors = list(np.frombuffer(made, np.float32).reshape(count, model.dim))
    if not all(is_sound(vector) for vector in vectors):
        raise ValueError("a worker answered with what is no unit vector")
    return vectors
