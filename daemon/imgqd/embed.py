"""The model, seen from the core: two embedder processes, their births and deaths.

The text encoder lives as long as a person may search. The picture embedder is
started by the first batch and ends when there has been none for
`model.release_after`: only the end of a process gives back all GPU memory.
"""

from __future__ import annotations

import asyncio
import logging
from collections import OrderedDict
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any, Final

import numpy as np

from imgqd import child
from imgqd.child import Child
from imgqd.config import ModelSettings
from imgqd.records import Model, Vector

log = logging.getLogger(__name__)

_TEXTS: Final = 4096
"""Text vectors that are remembered; typing repeats its prefixes."""

_ENVIRONMENT: Final = {
    # Whatever is not on this machine is not fetched behind a person's back.
    "HF_HUB_OFFLINE": "1",
    "HF_HUB_DISABLE_TELEMETRY": "1",
    "TOKENIZERS_PARALLELISM": "false",
    # Threads that spin while they wait take the processor from those they wait for: on a
    # busy machine a query's text takes 2 ms instead of 150.
    "OMP_WAIT_POLICY": "PASSIVE",
}

_BATCH: Final = 32
"""Pictures in a batch until the embedder has said how many it likes."""


class NoModel(Exception):
    """There is no model to ask; the text says why and what mends it."""


@dataclass(frozen=True, slots=True)
class ModelState:
    """`state` is loading, ready, missing (no weights here) or failed; `detail` says more."""

    state: str
    detail: str = ""


class TextEncoder:
    """Texts to unit vectors, in a process of its own.

    `on_change` is called after each change of `state`; `model` is set once it is ready.
    """

    def __init__(self, settings: ModelSettings, on_change: Callable[[], None]) -> None:
        self._settings = settings
        self._on_change = on_change
        self._child: Child | None = None
        self._loading = asyncio.Lock()
        self._cache: OrderedDict[str, Vector] = OrderedDict()
        self.state = ModelState("loading")
        self.model: Model | None = None

    @property
    def pid(self) -> int | None:
        """The process id while it runs."""
        return _pid(self._child)

    async def start(self) -> None:
        """Load the model, if it is not loaded; the outcome is in `state`."""
        async with self._loading:
            if self._child is not None and self._child.alive and self.state.state == "ready":
                return
            await self._end()
            self._child = await child.start(
                "text encoder", "imgqd.embedder", ["text"], environment=_ENVIRONMENT
            )
            try:
                loaded = await self._child.call("load", _request(self._settings, "text"))
            except child.Refused as error:
                state = "missing" if error.code == "missing" else "failed"
                await self._settle(ModelState(state, error.text))
            except child.Died as error:
                await self._settle(ModelState("failed", f"the text encoder died: {error}"))
            else:
                self.model = _model(self._settings.name, loaded)
                await self._settle(ModelState("ready"))

    async def encode(self, text: str) -> Vector:
        """Return the unit vector of a text; raises NoModel."""
        known = self._cache.get(text)
        if known is not None:
            self._cache.move_to_end(text)
            return known
        for _ in range(2):
            await self.start()
            running = self._child
            if self.state.state != "ready" or running is None:
                raise NoModel(self.state.detail)
            try:
                data = await running.call("texts", {"texts": [text]})
            except child.Died as error:
                log.warning("the text encoder died and is started again: %s", error)
                continue
            vector: Vector = np.frombuffer(data, np.float32)
            self._cache[text] = vector
            if len(self._cache) > _TEXTS:
                self._cache.popitem(last=False)
            return vector
        raise NoModel("the text encoder died twice on this text")

    async def stop(self) -> None:
        """End the process."""
        await self._end()

    async def _settle(self, state: ModelState) -> None:
        if state.state != "ready":
            await self._end()
        self.state = state
        self._on_change()

    async def _end(self) -> None:
        running, self._child = self._child, None
        if running is not None:
            await running.stop(at_once=True)


class PictureEmbedder:
    """Batches of pixels to unit vectors, in a process that comes and goes.

    `on_change` is called when it came or went.
    """

    def __init__(self, settings: ModelSettings, on_change: Callable[[], None]) -> None:
        self._settings = settings
        self._on_change = on_change
        self._stopped = False
        self._child: Child | None = None
        self._release: asyncio.TimerHandle | None = None
        self._ending: asyncio.Task[None] | None = None
        self._turn = asyncio.Lock()
        self.batch = settings.batch or _BATCH
        self.device: str | None = None
        self.precision: str | None = None

    @property
    def pid(self) -> int | None:
        """The process id while it runs."""
        return _pid(self._child)

    async def embed(self, pixels: Sequence[bytes]) -> list[Vector | None]:
        """Return the unit vector of each picture, None for one that kills the embedder.

        After a death the batch is repeated; after a second one each picture
        goes alone, so that only the guilty one fails. Raises NoModel.
        """
        # A picture that is a query comes beside the batches of the library.
        async with self._turn:
            self._hold()
            try:
                for _ in range(2):
                    try:
                        return list(await self._batch(pixels))
                    except child.Died as error:
                        log.warning("the embedder died and is started again: %s", error)
                return [await self._alone(one) for one in pixels]
            finally:
                self._let_go()

    async def release(self) -> None:
        """Give the process back once it is done with its batch; the next one starts another."""
        async with self._turn:
            self._hold()
            self._give_back()
            if self._ending is not None:
                await self._ending

    async def stop(self) -> None:
        """End the process for good."""
        self._stopped = True
        self._hold()
        running, self._child = self._child, None
        if running is not None:
            await running.stop(at_once=True)
        if self._ending is not None:
            await self._ending

    async def _alone(self, pixels: bytes) -> Vector | None:
        try:
            vector: Vector = (await self._batch([pixels]))[0]
        except child.Died as error:
            log.warning("the embedder died on one picture: %s", error)
            return None
        return vector

    async def _batch(self, pixels: Sequence[bytes]) -> Vector:
        if self._stopped:
            raise NoModel("another model takes over")
        running = self._child
        if running is None or not running.alive:
            running = await self._start()
        try:
            data = await running.call("images", {"pixels": b"".join(pixels)})
        except child.Refused as error:
            raise NoModel(error.text) from error
        vectors: Vector = np.frombuffer(data, np.float32).reshape(len(pixels), -1)
        return vectors

    async def _start(self) -> Child:
        if self._child is not None:
            await self._child.stop(at_once=True)
        self._child = await child.start(
            "embedder", "imgqd.embedder", ["image"], environment=_ENVIRONMENT
        )
        try:
            loaded = await self._child.call("load", _request(self._settings, "image"))
        except (child.Refused, child.Died) as error:
            # No picture is to blame; and without a model the process is of no use.
            running, self._child = self._child, None
            await running.stop(at_once=True)
            raise NoModel(f"the embedder cannot start: {error}") from error
        self.batch, self.device = loaded["batch"], loaded["device"]
        self.precision = loaded["precision"]
        log.info("embedder ready on %s, %s, batch %d", self.device, self.precision, self.batch)
        self._on_change()
        return self._child

    def _hold(self) -> None:
        if self._release is not None:
            self._release.cancel()
            self._release = None

    def _let_go(self) -> None:
        if self._stopped:
            return
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


def is_sound(vector: Vector) -> bool:
    """Return whether a vector can be compared with others: all finite, of unit length."""
    # FAISS never finds a NaN, and a vector that is not of unit length would rank wrongly.
    return bool(np.isfinite(vector).all()) and abs(float(np.linalg.norm(vector)) - 1) < 1e-2


def _request(settings: ModelSettings, role: str) -> dict[str, Any]:
    return {
        "role": role,
        "name": settings.name,
        "device": settings.device,
        "precision": settings.precision,
        "batch": settings.batch,
    }


def _model(name: str, loaded: dict[str, Any]) -> Model:
    fields = ("key", "dim", "size", "resize", "interpolation", "fill")
    return Model(name=name, **{field: loaded[field] for field in fields})


def _pid(running: Child | None) -> int | None:
    return running.pid if running is not None and running.alive else None
