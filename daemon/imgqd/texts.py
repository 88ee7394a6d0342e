"""Texts to vectors, seen from the core: the text encoder process, its births and deaths.

It lives as long as a person may search, so it is a light one wherever it can be: no
torch, and a model's text tower as it was exported once. For a model that has no
export yet torch answers, while one is made; then the light one takes its place
between two texts. For a tower that does not export torch answers for good.
"""

from __future__ import annotations

import asyncio
import contextlib
import logging
from collections import OrderedDict
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, Final

import numpy as np

from imgqd import child
from imgqd.child import Child
from imgqd.config import ModelSettings
from imgqd.embed import ENVIRONMENT, ModelState, NoModel, model_of, pid_of, request
from imgqd.records import Model, Vector

log = logging.getLogger(__name__)

_TEXTS: Final = 4096
"""Text vectors that are remembered; typing repeats its prefixes."""

_LIGHT: Final = {
    **ENVIRONMENT,
    # One heap for all threads: what one has freed is there for the next.
    "MALLOC_ARENA_MAX": "1",
    # Nothing is multiplied by NumPy here.
    "OPENBLAS_NUM_THREADS": "1",
}

_UNEXPORTED: Final = "its light encoder is being made"


@dataclass(frozen=True, slots=True)
class Runtime:
    """What encodes texts: `by` is onnxruntime or torch, `precision` that of the weights.

    `why` says why it is not the light one, "" if it is.
    """

    by: str
    precision: str
    why: str = ""


class TextEncoder:
    """Texts to unit vectors, in a process of its own.

    `on_change` is called after each change of `state` or `runtime`; `model` is set once it
    is ready.
    """

    def __init__(self, settings: ModelSettings, on_change: Callable[[], None]) -> None:
        self._settings = settings
        self._on_change = on_change
        self._child: Child | None = None
        self._loading = asyncio.Lock()
        self._lightening: asyncio.Task[None] | None = None
        self._failure = ""
        """Why the making of a light encoder came to nothing."""
        self._told = ""
        self._cache: OrderedDict[str, Vector] = OrderedDict()
        self.state = ModelState("loading")
        self.runtime: Runtime | None = None
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
            try:
                await self._load()
            except child.Refused as error:
                state = "missing" if error.code == "missing" else "failed"
                await self._settle(ModelState(state, error.text))
            except child.Died as error:
                await self._settle(ModelState("failed", f"the text encoder died: {error}"))
            else:
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
        """End the process, and the making of a lighter one."""
        making, self._lightening = self._lightening, None
        if making is not None:
            making.cancel()
            await asyncio.gather(making, return_exceptions=True)
        await self._end()

    async def _load(self) -> None:
        """Start the light encoder, or torch where there is none; raises Refused or Died."""
        why, is_to_be_made = "", False
        try:
            loaded = await self._start("imgqd.encoder", [], _LIGHT)
        except child.Refused as error:
            if error.code not in {"unexported", "heavy"}:
                raise
            is_to_be_made = error.code == "unexported" and not self._failure
            why = error.text or self._failure or _UNEXPORTED
        except child.Died as error:
            why = f"its light encoder does not start: {error}"
        if why:
            await self._end()
            loaded = await self._start("imgqd.embedder", ["text"], ENVIRONMENT)
            self._fall_back(why, loaded["precision"], is_told=not is_to_be_made)
            if is_to_be_made and self._lightening is None:
                self._lightening = asyncio.create_task(self._lighten(), name="export text tower")
        else:
            self.runtime = Runtime("onnxruntime", loaded["precision"])
        self.model = model_of(self._settings.name, loaded)

    def _fall_back(self, why: str, precision: str, *, is_told: bool) -> None:
        """Note that torch answers, and say so in the log once for each reason."""
        if is_told and why != self._told:
            log.warning("torch encodes the texts of %s: %s", self._settings.name, why)
            self._told = why
        self.runtime = Runtime("torch", precision, why)

    async def _start(
        self, module: str, arguments: list[str], environment: dict[str, str]
    ) -> dict[str, Any]:
        self._child = await child.start("text encoder", module, arguments, environment=environment)
        loaded: dict[str, Any] = await self._child.call("load", request(self._settings, "text"))
        return loaded

    async def _lighten(self) -> None:
        """Have the light encoder made, and let it take torch's place."""
        try:
            final = await self._exported()
            if not final:
                await self._exchange()
                return
        except (child.Refused, child.Died, OSError) as error:
            final = f"its light encoder was not made: {error}"
        self._failure = final
        if self.runtime is not None and self.runtime.by == "torch":
            self._fall_back(final, self.runtime.precision, is_told=True)
            self._on_change()

    async def _exported(self) -> str:
        """Return why there can be no light encoder, "" once there is one."""
        exporter = await child.start("exporter", "imgqd.exporter", [], environment=ENVIRONMENT)
        try:
            result = await exporter.call("export", {"name": self._settings.name})
        finally:
            await exporter.stop(at_once=True)
        return str(result["final"])

    async def _exchange(self) -> None:
        coming = await child.start("text encoder", "imgqd.encoder", [], environment=_LIGHT)
        try:
            loaded = await coming.call("load", request(self._settings, "text"))
            async with self._loading:
                if model_of(self._settings.name, loaded) != self.model:
                    return  # its weights are others now: a start will find out
                leaving, self._child, coming = self._child, coming, self._child
                self.runtime = Runtime("onnxruntime", loaded["precision"])
            log.info("the texts of %s are encoded without torch now", self._settings.name)
            self._on_change()
            if leaving is not None:
                # It answers in order: whoever asked it before the exchange has an answer then.
                with contextlib.suppress(child.Died):
                    await leaving.call("texts", {"texts": ["the last one"]})
        finally:
            if coming is not None:
                await coming.stop(at_once=True)

    async def _settle(self, state: ModelState) -> None:
        if state.state != "ready":
            await self._end()
        self.state = state
        self._on_change()

    async def _end(self) -> None:
        running, self._child = self._child, None
        if running is not None:
            await running.stop(at_once=True)
