"""Which model answers, in what state, and how another one takes over.

The settings name the model that is wanted. Where another one has seen pictures, it
goes on answering until the wanted one has seen them, too (`succession`); then index,
model and text encoder are exchanged as one. Where none can answer, the wanted one
does at once, with what it has seen so far.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Callable, Coroutine
from dataclasses import replace
from typing import Any, Final

from imgqd import exports, phrases, presets, stock
from imgqd.cluster import Cluster
from imgqd.config import ModelSettings
from imgqd.decode import Decoders
from imgqd.embed import ModelState, NoModel
from imgqd.engine import Engine
from imgqd.library import Library, Sight
from imgqd.moving import Leave
from imgqd.pictures import PictureEmbedder
from imgqd.records import Model, Vector
from imgqd.succession import Succession
from imgqd.texts import Runtime

log = logging.getLogger(__name__)


_BEARABLE: Final = 10
"""So many times the pictures up to which an index is exact are held in memory, when there is no
file of it at the start: a gigabyte. Beyond, names alone answer until it is made."""


class Models:
    """The model that answers, the one that is to answer next, and downloads.

    `ready` is called when the pipeline has work because of a model: it became
    usable, another took over, or it is known that there is none.
    """

    def __init__(
        self,
        settings: ModelSettings,
        library: Library,
        decoders: Decoders,
        leave: Leave,
        ready: Callable[[], None],
        cluster: Cluster,
    ) -> None:
        self._library = library
        self._changed = leave.changed
        self._ready = ready
        self._tasks: set[asyncio.Task[None]] = set()
        self._settled = asyncio.Event()
        self._learnt = asyncio.Event()
        self._engines: dict[int, Engine] = {}
        self._retiring: set[Engine] = set()
        self._succession = Succession(
            library, decoders, leave, self._engines, self._succeeded, cluster
        )
        self._state = ModelState("loading")
        self.stock = stock.Stock(library, self._changed)
        self._begin(settings)

    @property
    def state(self) -> ModelState:
        """Loading, ready, missing or failed: the model that answers, or is to answer at once."""
        return self._state

    @property
    def name(self) -> str:
        """The name of the model that answers; while there is none, of the one in the settings."""
        return self._answering.settings.name

    @property
    def pictures(self) -> PictureEmbedder:
        """The embedder that is at work, or would be with the next picture."""
        following = self._succession.engine
        if following is not None and following.pictures.pid is not None:
            return following.pictures
        return self._answering.pictures

    @property
    def runtime(self) -> Runtime | None:
        """What encodes the texts of the model that answers; None until it is loaded."""
        return self._answering.text.runtime

    @property
    def migrating(self) -> dict[str, Any] | None:
        """How far the move to another model is, as status shows it; None without one."""
        return self._succession.row(self.name)

    @property
    def pids(self) -> dict[str, int]:
        """The processes that run, by their name."""
        found = self._answering.pids
        following = self._succession.engine
        coming = {} if following is None else following.pids
        return {**found, **{f"next {name}": pid for name, pid in coming.items()}}

    async def settled(self) -> None:
        """Wait while the model loads."""
        await self._settled.wait()

    async def learnt(self) -> None:
        """Wait until words are judged as they will be from then on, or no model is there.

        For seconds after a model was loaded its matches are told from the rest by less.
        """
        await self._learnt.wait()

    async def encode(self, text: str, number: int) -> Vector:
        """Return the unit vector that a model gives to a text, by its number; raises NoModel."""
        engine = self._of(number)
        with engine.in_use():
            return await engine.text.encode(text)

    async def look(self, pixels: bytes, number: int) -> Vector | None:
        """Return the unit vector of a picture, None where the model has none; raises NoModel."""
        engine = self._of(number)
        with engine.in_use():
            return (await engine.pictures.embed([pixels]))[0]

    def pictures_of(self, number: int) -> PictureEmbedder | None:
        """Return the embedder of a model that answers, or did until this moment."""
        engine = self._engines.get(number)
        return None if engine is None else engine.pictures

    def start(self) -> None:
        """Begin to load the model."""
        self._start_task(self._load, "load model")

    async def stop(self) -> None:
        """End all processes."""
        await self._succession.end()
        tasks = list(self._tasks)
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)
        for engine in {self._first, *self._engines.values(), *self._retiring}:
            await engine.stop()
        self._engines.clear()
        self._retiring.clear()

    async def use(self, settings: ModelSettings) -> None:
        """Let another model take over once it has seen what this one has, or load one again.

        The one that answers, by its name, ends a move to another: what that one has
        seen is kept.
        """
        async with self._succession.changing:
            await self._succession.end()
            index, answering = self._library.index, self._answering
            is_able = self._state.state == "ready" and index is not None and len(index) > 0
            if is_able and not presets.is_same(settings.name, answering.settings.name):
                self._succession.begin(settings)
            elif not is_able or answering.settings != replace(
                settings, name=answering.settings.name
            ):
                await self.stop()
                self._begin(settings)
                self.start()
            self._settings = settings
        self._changed.ring()

    async def pull(self, name: str) -> dict[str, Any]:
        """Download a model's weights; raises child.Refused or child.Died.

        The progress shows in `stock.download`. A model that was waited for is loaded at once.
        """
        pulled = await self.stock.pull(name)
        await self.arrived(name)
        return pulled

    async def take_in(self, path: bytes, name: str | None) -> dict[str, Any]:
        """Copy a model from a folder or file to where models lie; raises as `pull` does."""
        imported = await self.stock.take_in(path, name)
        await self.arrived(imported["name"])
        return imported

    async def arrived(self, name: str) -> None:
        """Load a model whose weights are on the disk now, if it was waited for."""
        is_lacking = self._state.state in {"missing", "failed"}
        is_awaited = is_lacking or self._succession.obstacle is not None
        if is_awaited and presets.is_same(name, self._settings.name):
            await self.use(self._settings)

    async def drop(self, name: str) -> dict[str, Any]:
        """Delete the vectors of a model that neither answers nor is to; raises stock.InUse."""
        using = {self._library.model_id: self.name}
        if (coming := self._succession.engine) is not None:
            using[self._succession.number] = coming.settings.name
        return await self.stock.drop(name, using)

    @property
    def _answering(self) -> Engine:
        return self._engines.get(self._library.model_id or 0, self._first)

    def _of(self, number: int) -> Engine:
        engine = self._engines.get(number)
        if engine is None:
            raise NoModel(self._state.detail or "another model has taken over")
        return engine

    def _begin(self, settings: ModelSettings) -> None:
        self._settings = settings
        self._state = ModelState("loading", f"{settings.name} is being loaded")
        self._settled.clear()
        self._learnt.clear()
        self._first = Engine(settings, self._changed.ring)
        self._changed.ring()

    async def _load(self) -> None:
        is_predecessor = await self._load_predecessor()
        engine = self._first
        state, model = await engine.load()
        if model is not None:
            number = await self._library.number(model)
            await self._library.prepare(number, model, None, _BEARABLE)
            self._engines.clear()
            self._engines[number] = engine
            queued = await self._library.use_model(model)
            log.info("model %s is ready; %d pictures lack its vector", self.name, queued)
        else:
            log.error("model %s is %s: %s", self.name, state.state, state.detail)
        self._state = state
        sight = None if model is None else self._library.sight
        known = None if sight is None else await phrases.known(self._library, sight.number)
        if sight is not None and known is not None:
            sight.index.learn(known)  # before anybody is answered
        self._settled.set()
        self._changed.ring()
        self._ready()
        learnt = None if sight is None or known is not None else await self._learn(sight, engine)
        self._learnt.set()
        if is_predecessor:
            self._succession.begin(self._settings)
        if sight is not None and learnt is not None:
            await phrases.keep(self._library, sight.number, learnt)
        if model is not None:
            await self._sweep(model)

    async def _learn(self, sight: Sight, engine: Engine) -> Vector | None:
        """Let words be judged by the everyday phrases, which the model has not been asked yet."""
        learnt = await engine.phrases()
        if learnt is not None:
            sight.index.learn(learnt)  # not the library's: another may answer by now
        return learnt

    async def _sweep(self, model: Model) -> None:
        """Delete the exports of models that have left the catalog."""
        sets = await self._library.read(lambda reader: reader.sets())
        await asyncio.to_thread(exports.sweep, {model.key, *(one.key for one in sets)})

    async def _load_predecessor(self) -> bool:
        """Load the model that answered before the restart, if another one is wanted now.

        Returns whether it is the one that can answer.
        """
        last, wanted = await self._library.answered(), self._settings
        if last is None or presets.is_same(last[2], wanted.name):
            return False
        number, key, name = last
        seen, _ = await self._library.read(lambda reader: reader.moved(number, number))
        if not seen:
            return False
        await self._first.stop()
        self._first = Engine(replace(wanted, name=name), self._changed.ring)
        self._state = ModelState("loading", f"{name} is being loaded")
        _, model = await self._first.load()
        if model is not None and model.key == key:
            return True
        log.warning("%s has seen %d pictures and cannot answer any more", name, seen)
        await self._first.stop()
        self._first = Engine(wanted, self._changed.ring)
        self._state = ModelState("loading", f"{wanted.name} is being loaded")
        return False

    def _succeeded(self, engine: Engine, before: Engine) -> None:
        """Let the model before end once nobody asks it any more."""
        self._first = engine
        self._retiring.add(before)
        self._start_task(lambda: self._retire(before), "retire model")
        self._changed.ring()
        self._ready()

    async def _retire(self, engine: Engine) -> None:
        await engine.retire()
        self._retiring.discard(engine)

    def _start_task(
        self, work: Callable[[], Coroutine[Any, Any, None]], name: str
    ) -> asyncio.Task[None]:
        async def watched() -> None:
            try:
                await work()
            except Exception:
                log.exception("%s", name)
                raise

        task = asyncio.create_task(watched(), name=name)
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)
        return task
