"""The model that is to answer next: made known, shown every picture, and put in place.

Whoever holds this (`models`) says which model answers now; here the next one is
loaded, its move is run, and the exchange is made in the one moment in which nothing
is lacking.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Callable
from typing import Any, Final

from imgqd import phrases
from imgqd.cluster import Cluster
from imgqd.config import ModelSettings
from imgqd.decode import Decoders
from imgqd.engine import Engine
from imgqd.library import Library
from imgqd.moving import Leave, Move
from imgqd.records import Model, Vector

log = logging.getLogger(__name__)

_RETRY: Final = 30.0
"""Seconds before a text encoder is started again that was there when the move began."""


class Succession:
    """One move at a time to another model.

    `engines` are those of the models that may be asked, by their numbers: the next one's
    is among them before its first answer. `succeeded` is called with it, and with the
    engine that answered before.
    """

    def __init__(
        self,
        library: Library,
        decoders: Decoders,
        leave: Leave,
        engines: dict[int, Engine],
        succeeded: Callable[[Engine, Engine], None],
        cluster: Cluster,
    ) -> None:
        self._library = library
        self._decoders = decoders
        self._leave = leave
        self._engines = engines
        self._succeeded = succeeded
        self._cluster = cluster
        self._task: asyncio.Task[None] | None = None
        self._move: Move | None = None
        self.changing = asyncio.Lock()
        """Held while what answers is exchanged, or another model chosen."""
        self.engine: Engine | None = None
        """Of the model that comes; None without a move."""
        self.obstacle: str | None = None
        """What somebody has to do something about, in words."""

    @property
    def number(self) -> int | None:
        """The number of the model that comes, None while it is not known."""
        return None if self._move is None else self._move.number

    def row(self, name: str) -> dict[str, Any] | None:
        """Return how far it is, as status shows it; `name` answers. None without a move."""
        if self.engine is None:
            return None
        move, index = self._move, self._library.index
        held = len(index) if index is not None else 0
        return {
            "from": name,
            "to": self.engine.settings.name,
            "done": move.done if move is not None else 0,
            "total": move.total if move is not None else held,
            "left_out": len(move.left_out) if move is not None else 0,
            "remaining": move.remaining if move is not None else None,
            "waits": self.obstacle or (move.waits if move is not None else None),
            "stuck": self.obstacle is not None,
        }

    def begin(self, settings: ModelSettings) -> None:
        """Let a model see all pictures, and then take over."""
        self.obstacle = None
        engine = self.engine = Engine(settings, self._leave.changed.ring)
        self._task = asyncio.create_task(self._run(engine), name=f"move to {settings.name}")

    async def end(self) -> None:
        """Give the move up; what was seen is kept."""
        engine, self.engine, self._move, self.obstacle = self.engine, None, None, None
        if self._task is not None:
            self._task.cancel()
            await asyncio.gather(self._task, return_exceptions=True)
            self._task = None
        if engine is not None:
            await engine.stop()

    async def _run(self, engine: Engine) -> None:
        try:
            await self._take(engine)
        except Exception as error:
            log.exception("moving to %s", engine.settings.name)
            self.obstacle = f"it failed: {error}: imgqctl model use {engine.settings.name}"
            self._leave.changed.ring()

    async def _take(self, engine: Engine) -> None:
        state, model = await engine.load()
        sight = self._library.sight
        if model is None or sight is None:
            self.obstacle = state.detail
            log.error("%s cannot take over: %s", engine.settings.name, state.detail)
            self._leave.changed.ring()
            return
        number = await self._library.number(model)
        # Now, and not at the end: then nobody waits for them.
        learnt = await phrases.asked(self._library, number, engine)
        if learnt is not None:
            await phrases.keep(self._library, number, learnt)
        before = self._engines[sight.number]
        move = self._move = Move(
            self._library,
            self._decoders,
            self._leave,
            (sight.number, before.pictures),
            (number, model, engine.pictures),
            self._cluster,
        )
        log.info("moving from %s to %s", before.settings.name, engine.settings.name)
        if number == sight.number:  # the same weights by another name
            await self._switch(engine, model, learnt, move)
            return
        await engine.text.stop()
        while True:
            await move.run()
            await self._library.prepare(number, model, _middle(learnt), 1)
            await self._awake(engine, model)
            if await self._switch(engine, model, learnt, move):
                return

    async def _awake(self, engine: Engine, model: Model) -> None:
        """Start the text encoder again; wait while it does not start as it did before."""
        while (await engine.load())[1] != model:
            # Its weights are others now: to choose it once more begins anew.
            exchanged = f"its weights changed: imgqctl model use {engine.settings.name}"
            self.obstacle = engine.text.state.detail or exchanged
            self._leave.changed.ring()
            await asyncio.sleep(_RETRY)
        self.obstacle = None

    async def _switch(
        self, engine: Engine, model: Model, learnt: Vector | None, move: Move
    ) -> bool:
        """Exchange what answers, unless a picture came meanwhile that the next has not seen."""
        async with self.changing:
            sight = self._library.sight
            assert sight is not None
            before = self._engines[sight.number]
            self._engines[move.number] = engine
            if not await self._library.switch(model, learnt, move.left_out):
                del self._engines[move.number]
                return False
            if move.number != sight.number:
                del self._engines[sight.number]
            self.engine, self._move, self._task = None, None, None
        log.info("%s answers now", engine.settings.name)
        self._succeeded(engine, before)
        return True


def _middle(phrases: Vector | None) -> Vector | None:
    return None if phrases is None else phrases.mean(axis=0)
