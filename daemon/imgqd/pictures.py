"""A model's pictures, seen from the core: the embedder process, its births and deaths.

It is started by the first batch and ends when there has been none for
`model.release_after`: only the end of a process gives back all GPU memory. While one
batch is computed, the next is on its way. Whose fault a failure is, is told apart: a
device that fails says so, and the CPU stands in for it; a process that dies is asked
again with nothing else at work, so that only a picture that kills it is blamed.
"""

from __future__ import annotations

import asyncio
import contextlib
import logging
import time
from collections.abc import AsyncIterator, Callable, Sequence
from dataclasses import replace
from typing import Any, Final

import numpy as np

from imgqd import child, embed
from imgqd.child import Child
from imgqd.config import ModelSettings
from imgqd.embed import NoModel
from imgqd.fallback import CPU, Fallback
from imgqd.records import Vector

log = logging.getLogger(__name__)

_BATCH: Final = 32
"""Pictures in a batch until the embedder has said how many it likes."""

_LANES: Final = 3
"""Batches that the embedder may have: two of the library, and a picture that is a query."""

_OF_THE_DEVICE: Final = ("device", "memory")
"""Refusals that another device may not give."""


class PictureEmbedder:
    """Batches of pixels to unit vectors, in a process that comes and goes.

    `on_change` is called when it came or went, or moved to another device.
    """

    def __init__(self, settings: ModelSettings, on_change: Callable[[], None]) -> None:
        self._settings = settings
        self._on_change = on_change
        self._stopped = False
        self._child: Child | None = None
        self._release: asyncio.TimerHandle | None = None
        self._ending: asyncio.Task[None] | None = None
        self._starting = asyncio.Lock()
        self._lanes = _Lanes(_LANES)
        self._under_way = 0
        self._fallback = Fallback(settings.device)
        self.batch = settings.batch or _BATCH
        self.device: str | None = None
        self.precision: str | None = None

    @property
    def pid(self) -> int | None:
        """The process id while it runs."""
        return embed.pid_of(self._child)

    @property
    def detail(self) -> str:
        """Why it is not on the device that the settings name, in words; else empty."""
        return self._fallback.detail

    @property
    def is_scarce(self) -> bool:
        """Whether other programs have taken the memory of its device."""
        return self._fallback.is_scarce(time.time())

    async def embed(self, pixels: Sequence[bytes]) -> list[Vector | None]:
        """Return the unit vector of each picture, None for one that kills the embedder.

        After a death the batch is repeated, by itself; after a second one each picture
        goes alone, so that only the guilty one fails. Raises NoModel.
        """
        self._under_way += 1
        self._hold()
        try:
            if self._fallback.is_due(time.time()):
                await self._come_back()
            try:
                async with self._lanes.one():
                    return list(await self._batch(pixels))
            except child.Died as error:
                log.warning("the embedder died and is started again: %s", error)
            async with self._lanes.all():
                return await self._suspected(pixels)
        finally:
            self._under_way -= 1
            self._let_go()

    async def release(self) -> None:
        """Give the process back once it is done with its batches; the next one starts another."""
        async with self._lanes.all():
            self._hold()
            self._give_back()
            if self._ending is not None:
                await self._ending

    async def stop(self) -> None:
        """End the process for good."""
        self._stopped = True
        self._hold()
        await self._end_child()
        if self._ending is not None:
            await self._ending

    async def _suspected(self, pixels: Sequence[bytes]) -> list[Vector | None]:
        """Embed a batch during which the process died, with nothing else at work."""
        try:
            return list(await self._batch(pixels))
        except child.Died as error:
            log.warning("the embedder died once more: %s", error)
            if self._is_elsewhere:
                try:
                    return list(await self._spared(pixels, error))
                except child.Died:
                    log.warning("it died on the CPU, too: the device is not to blame")
                    self._fallback.worked()
        return [await self._alone(one) for one in pixels]

    async def _spared(self, pixels: Sequence[bytes], error: child.Died) -> Vector:
        """Embed a batch on the CPU: where it lives, the device was to blame and no picture."""
        self._fallback.failed(str(error), time.time())
        return await self._batch(pixels)

    async def _alone(self, pixels: bytes) -> Vector | None:
        try:
            vector: Vector = (await self._batch([pixels]))[0]
        except child.Died as error:
            log.warning("the embedder died on one picture: %s", error)
            return None
        return vector

    async def _batch(self, pixels: Sequence[bytes]) -> Vector:
        """Return the vectors, of shape (n, dim); raises NoModel or Died."""
        while True:
            running = await self._awake()
            try:
                made = await running.call("images", {"pixels": b"".join(pixels)})
            except child.Refused as error:
                if not await self._forsaken(running, error):
                    raise NoModel(error.text) from error
                continue
            if self._is_elsewhere:
                self._fallback.worked()
            self.batch = made["batch"]
            vectors: Vector = np.frombuffer(made["vectors"], np.float32).reshape(len(pixels), -1)
            return vectors

    async def _forsaken(self, running: Child, error: child.Refused) -> bool:
        """Leave a device that failed; return whether the same may go well on another."""
        async with self._starting:
            if error.code not in _OF_THE_DEVICE:
                return False
            if running is not self._child:
                return True  # the batch beside this one has seen to it
            if not self._is_elsewhere:
                return False
            self._fail(error)
            # What it holds on the device goes with it, and no call to it can succeed any more.
            await self._end_child()
        return True

    async def _come_back(self) -> None:
        """End the process that runs on the CPU, so that the next one is on the device again."""
        async with self._lanes.all(), self._starting:
            if self._fallback.is_due(time.time()) and not self._is_elsewhere:
                await self._end_child()

    @property
    def _is_elsewhere(self) -> bool:
        return self.device is not None and self.device != CPU

    def _fail(self, error: child.Refused | child.Died) -> None:
        is_scarce = isinstance(error, child.Refused) and error.code == "memory"
        self._fallback.failed(str(error), time.time(), is_scarce=is_scarce)
        log.warning("embedding goes on %s", self._fallback.detail)

    async def _awake(self) -> Child:
        async with self._starting:
            if self._stopped:
                raise NoModel("another model takes over")
            if self._child is not None and self._child.alive:
                return self._child
            return await self._start()

    async def _start(self) -> Child:
        wanted = self._fallback.device(time.time())
        try:
            return await self._load(wanted)
        except (child.Refused, child.Died) as error:
            is_final = isinstance(error, child.Refused) and error.code not in _OF_THE_DEVICE
            if is_final or wanted == CPU:
                # No picture is to blame; and without a model the process is of no use.
                raise NoModel(f"the embedder cannot start: {error}") from error
            first = error
        try:
            running = await self._load(CPU)
        except (child.Refused, child.Died) as error:
            raise NoModel(f"the embedder cannot start: {error}") from error
        self._fail(first)
        return running

    async def _load(self, device: str) -> Child:
        await self._end_child()
        running = self._child = await child.start(
            "embedder", "imgqd.embedder", ["image"], environment=embed.ENVIRONMENT
        )
        asked = embed.request(replace(self._settings, device=device), "image")
        try:
            loaded: dict[str, Any] = await running.call("load", asked)
        except (child.Refused, child.Died):
            await self._end_child()
            raise
        self.batch, self.device = loaded["batch"], loaded["device"]
        self.precision = loaded["precision"]
        log.info("embedder ready on %s, %s, batch %d", self.device, self.precision, self.batch)
        self._on_change()
        return running

    async def _end_child(self) -> None:
        running, self._child = self._child, None
        if running is not None:
            await running.stop(at_once=True)

    def _hold(self) -> None:
        if self._release is not None:
            self._release.cancel()
            self._release = None

    def _let_go(self) -> None:
        if self._stopped or self._under_way:
            return
        self._hold()
        loop = asyncio.get_running_loop()
        self._release = loop.call_later(self._settings.release_after, self._give_back)

    def _give_back(self) -> None:
        running, self._child = self._child, None
        if running is not None:
            log.info("embedder of %s released", self._settings.name)
            self._ending = asyncio.create_task(self._end(running), name="embedder release")

    async def _end(self, running: Child) -> None:
        await running.stop()
        self._on_change()


class _Lanes:
    """So many may be on their way at a time, or one that needs all of the road."""

    def __init__(self, count: int) -> None:
        self._count = count
        self._free = asyncio.Semaphore(count)
        self._clearing = asyncio.Lock()

    @contextlib.asynccontextmanager
    async def one(self) -> AsyncIterator[None]:
        """Wait for a free lane."""
        async with self._free:
            yield

    @contextlib.asynccontextmanager
    async def all(self) -> AsyncIterator[None]:
        """Wait until nobody else is on the way, and keep it so."""
        async with contextlib.AsyncExitStack() as taken:
            async with self._clearing:
                for _ in range(self._count):
                    await taken.enter_async_context(self._free)
            yield
