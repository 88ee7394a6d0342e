"""A model's words, seen from the core: the text encoder, its births and deaths.

It lives as long as a person may search. (Its pictures: `pictures`.)
"""

from __future__ import annotations

import asyncio
import logging
from collections import OrderedDict
from collections.abc import Callable
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

ENVIRONMENT: Final = {
    # Whatever is not on this machine is not fetched behind a person's back.
    "HF_HUB_OFFLINE": "1",
    "HF_HUB_DISABLE_TELEMETRY": "1",
    "TOKENIZERS_PARALLELISM": "false",
    # Threads that spin while they wait take the processor from those they wait for: on a
    # busy machine a query's text takes 2 ms instead of 150.
    "OMP_WAIT_POLICY": "PASSIVE",
}


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
        return pid_of(self._child)

    async def start(self) -> None:
        """Load the model, if it is not loaded; the outcome is in `state`."""
        async with self._loading:
            if self._child is not None and self._child.alive and self.state.state == "ready":
                return
            await self._end()
            self._child = await child.start(
                "text encoder", "imgqd.embedder", ["text"], environment=ENVIRONMENT
            )
            try:
                loaded = await self._child.call("load", request(self._settings, "text"))
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


def is_sound(vector: Vector) -> bool:
    """Return whether a vector can be compared with others: all finite, of unit length."""
    # FAISS never finds a NaN, and a vector that is not of unit length would rank wrongly.
    return bool(np.isfinite(vector).all()) and abs(float(np.linalg.norm(vector)) - 1) < 1e-2


def request(settings: ModelSettings, role: str) -> dict[str, Any]:
    """Return the params of `load` for a process of a role, `text` or `image`."""
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


def pid_of(running: Child | None) -> int | None:
    """Return the number of a process while it runs."""
    return running.pid if running is not None and running.alive else None
