"""The daemon's methods over stand-ins of the parts: what reached them, and what came back."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import Callable
from types import SimpleNamespace
from typing import Any, cast

import numpy as np
import pytest

from imgqd.api import Api
from imgqd.bell import Bell
from imgqd.config import Settings
from imgqd.core import Core
from imgqd.judge import NOTHING, Judge
from imgqd.ranking import Hit
from imgqd.scope import Scope
from imgqd.search import Answer
from imgqd.server import Problem
from imgqd.session import Session
from imgqd.stock import UnknownName

STATUS = {"state": "idle", "roots": [{"path": "/p"}]}


class _Guest(SimpleNamespace):
    """A session as far as handlers know it, told from others by itself."""

    def __hash__(self) -> int:  # type: ignore[override]  # the base has none, being compared by value
        return id(self)


class FakeCore:
    """The parts as the handlers see them; `asked` is what reached them."""

    def __init__(self) -> None:
        self.asked: list[tuple[str, Any]] = []
        self.changed = Bell()
        self.stop_requested = asyncio.Event()
        self.scope = Scope((b"/p",), ())
        self.settings = Settings()
        self.fails: Exception | None = None
        self.answer = Answer((), 0, 0)
        self.status = SimpleNamespace(full=self._full, as_of=self._as_of, degraded=lambda: ["x"])
        self.models = SimpleNamespace(
            name="demo",
            migrating=None,
            stock=SimpleNamespace(listed=self._listed, check=self._check),
            pull=self._doing("pull"),
            take_in=self._doing("import"),
            drop=self._doing("drop"),
            encode=self._encode,
            settled=self._settled,
        )
        sight = SimpleNamespace(model=SimpleNamespace(name="demo"), number=1, index=None)
        self.library = SimpleNamespace(sight=sight, model_id=1, index=None, read=self._read)
        self.outbox = SimpleNamespace(is_on=False)
        self.unknown: str | None = None
        for name in ("sync", "why", "pause", "add_root", "remove_root", "use_model", "rescan"):
            setattr(self, name, self._doing(name))
        self.results: dict[str, Any] = {"sync": 99.0, "remove_root": True}

    async def resume(self) -> None:
        self.asked.append(("resume", ()))

    def _doing(self, name: str) -> Callable[..., Any]:
        async def act(*arguments: Any) -> Any:
            self.asked.append((name, arguments))
            if self.fails is not None:
                raise self.fails
            return self.results.get(name, ("missing", None, "it does not exist"))

        return act

    async def _full(self) -> dict[str, Any]:
        return STATUS

    async def _as_of(self) -> tuple[float, int]:
        return 42.0, 3

    async def _listed(self, active: str) -> list[str]:
        return [active, "fast"]

    async def _check(self, name: str) -> None:
        self.asked.append(("check", name))
        if self.unknown is not None:
            raise UnknownName(self.unknown)

    async def _settled(self) -> None:
        pass

    async def _encode(self, text: str, _: int) -> Any:
        self.asked.append(("encode", text))
        if self.fails is not None:
            raise self.fails
        return np.ones(4, np.float32)

    async def _read(self, _: Any) -> Any:
        return None


class Desk:
    """Runs one method after the other, each as one client's request."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch) -> None:
        self._patch = monkeypatch
        self.core: FakeCore
        self.prepare: Callable[[FakeCore], None] = lambda _: None

    def ask(self, method: str, **params: Any) -> Any:
        return self.ask_all((method, params))[-1]

    def ask_all(self, *requests: tuple[str, dict[str, Any]]) -> list[Any]:
        async def scene() -> list[Any]:
            self.core = FakeCore()
            self.prepare(self.core)

            async def everything(*arguments: Any) -> tuple[tuple[Hit, ...], int, Judge]:
                self.core.asked.append(("search", arguments[1:]))
                return self.core.answer.hits, self.core.answer.total, NOTHING

            async def page(*arguments: Any, **_: bool) -> Answer:
                self.core.asked.append(("page", arguments[2:]))
                return self.core.answer

            async def why(core: Any, path: bytes) -> Any:
                return await core.why(path)

            self._patch.setattr("imgqd.search.everything", everything)
            self._patch.setattr("imgqd.explaining.why", why)
            self._patch.setattr("imgqd.search.page", page)
            api = Api(cast("Core", self.core), "1.2.3")
            session = cast(
                "Session",
                _Guest(
                    subscriptions={},
                    notify=self._notify,
                    pid=1,
                    in_order=contextlib.nullcontext,
                    is_stuck=False,
                ),
            )
            results = [await api.table()[name](session, params) for name, params in requests]
            await asyncio.sleep(0)  # what a handler left for the next turn of the loop
            await asyncio.sleep(0)
            api.closed(session)
            return results

        return asyncio.run(scene())

    async def _notify(self, *_: Any) -> None:
        pass

    def refusal(self, method: str, **params: Any) -> tuple[str, str]:
        with pytest.raises(Problem) as caught:
            self.ask(method, **params)
        return caught.value.code, str(caught.value)
