"""Models over a real library: their encoders are written here, and their moves wait for a gate."""

from __future__ import annotations

import asyncio
import os
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any, cast

import numpy as np
import pytest

from daemon.farm import nobody
from daemon.shelf import DIM, MODEL, OTHER, indexed_of, vector_of
from imgqd import engine as module
from imgqd import succession
from imgqd.bell import Bell
from imgqd.config import ModelSettings
from imgqd.decode import Decoders
from imgqd.embed import ModelState, NoModel
from imgqd.library import Library
from imgqd.models import Models
from imgqd.moving import Leave, Move
from imgqd.records import Model, Observed, Stamp

THIRD = Model("third", "sha256:3", DIM, 32, "shortest", "bicubic", 0)
KNOWN = {"demo": MODEL, "other": OTHER, "third": THIRD, "alias": replace(MODEL, name="alias")}


class Encoder:
    """A text encoder whose answers wait for `gate`, and how often it was started and stopped."""

    def __init__(self, name: str, state: str) -> None:
        self.state = ModelState(state, "" if state == "ready" else f"{name} is {state}")
        self.model = KNOWN.get(name)
        self.pid: int | None = None
        self.gate, self.began = asyncio.Event(), asyncio.Event()
        self.gate.set()
        self.asked: list[str] = []
        self.fails_at: int | None = None
        self.life: list[str] = []
        self.runtime = None

    async def start(self) -> None:
        self.life.append("start")

    async def stop(self) -> None:
        self.life.append("stop")

    async def encode(self, text: str) -> Any:
        self.asked.append(text)
        self.began.set()
        await self.gate.wait()
        if len(self.asked) == self.fails_at:
            raise NoModel("it died")
        return np.eye(1, DIM, len(self.asked) % DIM, np.float32)[0]


class Stage:
    """Models over a real library whose pictures are only written down; moves wait for `gate`."""

    def __init__(self, base: Path, patch: pytest.MonkeyPatch, name: str = "demo") -> None:
        self.base = base
        self.states: dict[str, str] = {}
        self.encoders: dict[str, list[Encoder]] = {}
        self.moves: list[Move] = []
        self.gate = asyncio.Event()
        self.library = Library(base / "catalog.sqlite3", Bell())
        self.readied = 0
        patch.setenv("XDG_CACHE_HOME", str(base))
        patch.setattr(module, "TextEncoder", self._encoder)
        patch.setattr(succession, "Move", self._move)
        self.models = self._models(name)

    def _models(self, name: str) -> Models:
        bell = Bell()
        leave = Leave(bell, lambda: None, lambda: True)
        return Models(
            ModelSettings(name),
            self.library,
            cast("Decoders", None),
            leave,
            self._ready,
            nobody(),
        )

    def _ready(self) -> None:
        self.readied += 1

    def _encoder(self, settings: ModelSettings, _: Callable[[], None]) -> Encoder:
        one = Encoder(settings.name, self.states.get(settings.name, "ready"))
        self.encoders.setdefault(settings.name, []).append(one)
        return one

    def _move(self, *arguments: Any) -> Any:
        move = Move(*arguments)
        self.moves.append(move)

        async def run() -> None:
            await move._count()
            await self.gate.wait()
            await self.see(move._before, move.number)

        move.run = run  # type: ignore[method-assign]
        return move

    async def see(self, before: int, number: int) -> None:
        """Give a model the vectors that it lacks."""
        lacking = await self.library.read(lambda r: r.lacking(before, number, 0, 1000))
        made = [(one.image, vector_of(b"%d" % one.image)) for one in lacking]
        await self.library.write(lambda w: w.put_vectors(number, made))

    async def put(self, *contents: bytes) -> None:
        """Bring pictures in with the model that answers."""
        folder = self.base / "one"
        folder.mkdir(exist_ok=True)
        root = os.fsencode(folder)
        await self.library.change(lambda w: w.set_roots([root], 1.0))
        [known] = await self.library.write(lambda w: w.roots())
        await self.library.change(lambda w: w.set_root_state(known, (1, 1), 1.0))
        seen = []
        for content in contents:
            path = folder / f"{content.decode()}.png"
            path.write_bytes(content)
            seen.append(Observed(os.fsencode(path), Stamp.of(path.lstat()), 1.0, live=True))
        await self.library.change(lambda w: w.apply(seen, {root: known.id}, 1.0))
        works = await self.library.write(lambda w: w.take(1000, ()))
        done = [indexed_of(work) for work in works]
        number = self.library.model_id
        await self.library.change(lambda w: w.commit(done, [], number, number, 1.0))

    async def ready(self) -> None:
        """Start, and wait until the model answers as always."""
        self.models.start()
        await self.models.settled()
        await self.models.learnt()

    async def until(self, condition: Callable[[], bool]) -> None:
        async with asyncio.timeout(20):
            while not condition():  # noqa: ASYNC110 - any condition, of any part
                await asyncio.sleep(0.001)

    async def answers(self, name: str) -> None:
        await self.until(lambda: self.library.sight is not None and self.models.name == name)

    @property
    def vectors(self) -> int:
        assert self.library.index is not None
        return len(self.library.index)
