"""Which model is in use, in what state, and how another one takes over."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Callable
from typing import Any

import numpy as np

from imgqd import child, presets
from imgqd.bell import Bell
from imgqd.config import ModelSettings
from imgqd.embed import ModelState, NoModel, PictureEmbedder, TextEncoder
from imgqd.everyday import PHRASES
from imgqd.library import Library
from imgqd.records import Vector

log = logging.getLogger(__name__)


class Models:
    """The active model's two processes, and downloads.

    `ready` is called when the pipeline has work because of a model: it became
    usable, or it is known that there is none.
    """

    def __init__(
        self,
        settings: ModelSettings,
        library: Library,
        changed: Bell,
        ready: Callable[[], None],
    ) -> None:
        self._library = library
        self._changed = changed
        self._ready = ready
        self._loading: asyncio.Task[None] | None = None
        self._settled = asyncio.Event()
        self._learnt = asyncio.Event()
        self._downloading = asyncio.Lock()
        self.download: dict[str, Any] | None = None
        self._begin(settings)

    @property
    def state(self) -> ModelState:
        """Loading, ready, missing or failed."""
        return self._state

    @property
    def name(self) -> str:
        """The name in the settings."""
        return self._settings.name

    @property
    def pids(self) -> dict[str, int]:
        """The processes that run, by their name."""
        named = {"embedder": self.pictures.pid, "text encoder": self._text.pid}
        return {name: pid for name, pid in named.items() if pid is not None}

    async def settled(self) -> None:
        """Wait while the model loads."""
        await self._settled.wait()

    async def learnt(self) -> None:
        """Wait until words are judged as they will be from then on, or no model is there.

        For seconds after a model was loaded its matches are told from the rest by less.
        """
        await self._learnt.wait()

    async def encode(self, text: str) -> Vector:
        """Return the unit vector of a text; waits while the model loads; raises NoModel."""
        await self.settled()
        if self._state.state != "ready":
            raise NoModel(self._state.detail)
        return await self._text.encode(text)

    def start(self) -> None:
        """Begin to load the model."""
        self._loading = asyncio.create_task(self._load(), name="load model")

    async def stop(self) -> None:
        """End both processes."""
        if self._loading is not None:
            self._loading.cancel()
            await asyncio.gather(self._loading, return_exceptions=True)
        await self._text.stop()
        await self.pictures.stop()

    async def use(self, settings: ModelSettings) -> None:
        """Let another model take over, or load the same one again."""
        await self.stop()
        self._begin(settings)
        self.start()

    async def known(self) -> list[dict[str, Any]]:
        """Return the models that have a name of their own, and which are on this disk."""
        fetching = await child.start("fetch", "imgqd.fetch")
        try:
            listed = [
                {
                    "name": presets.DEMO,
                    "model": "drawings only",
                    "licence": "MIT",
                    "purpose": "a demonstration: knows drawn shapes and scenes, no photographs",
                    "on_disk": True,
                }
            ]
            for name, preset in presets.PRESETS.items():
                try:
                    await fetching.call("locate", {"name": preset.model})
                    here = True
                except child.Refused:
                    here = False
                listed.append(
                    {
                        "name": name,
                        "model": preset.model,
                        "licence": preset.licence,
                        "purpose": preset.purpose,
                        "on_disk": here,
                    }
                )
        finally:
            await fetching.stop()
        return listed

    async def pull(self, name: str) -> dict[str, Any]:
        """Download a model's weights; raises child.Refused or child.Died.

        The progress shows in `download`. A model that was waited for is loaded at once.
        """
        async with self._downloading:
            fetching = await child.start("fetch", "imgqd.fetch", on_event=self._progress)
            try:
                result = await fetching.call("pull", {"name": presets.resolve(name)})
            finally:
                self.download = None
                self._changed.ring()
                await fetching.stop(at_once=True)
        log.info("downloaded %s: %d bytes", name, result["bytes"])
        if presets.resolve(name) == presets.resolve(self._settings.name) and (
            self._state.state != "ready"
        ):
            await self.use(self._settings)
        return {"name": name, **result}

    def _begin(self, settings: ModelSettings) -> None:
        self._settings = settings
        self._state = ModelState("loading", f"{settings.name} is being loaded")
        self._settled.clear()
        self._learnt.clear()
        self._text = TextEncoder(settings, self._changed.ring)
        self.pictures = PictureEmbedder(settings, self._changed.ring)
        self._changed.ring()

    async def _load(self) -> None:
        await self._text.start()
        state = self._text.state
        if state.state == "ready":
            assert self._text.model is not None
            queued = await self._library.use_model(self._text.model)
            log.info("model %s is ready; %d pictures lack its vector", self._settings.name, queued)
        else:
            log.error("model %s is %s: %s", self._settings.name, state.state, state.detail)
        self._state = state
        self._settled.set()
        self._changed.ring()
        self._ready()
        if state.state == "ready":
            await self._learn()
        self._learnt.set()

    async def _learn(self) -> None:
        """Let the index know what everyday phrases are to this model: words are judged by them.

        One at a time, so that a person's query never waits behind more than one.
        """
        index = self._library.index
        try:
            vectors = [await self._text.encode(phrase) for phrase in PHRASES]
        except NoModel as error:
            log.warning("words are judged without everyday phrases: %s", error)
            return
        if index is not None:
            index.learn(np.stack(vectors))

    def _progress(self, method: str, params: dict[str, Any]) -> None:
        if method == "progress":
            self.download = params
            self._changed.ring()
