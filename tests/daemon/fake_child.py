"""A child that lives in the test: it answers as it is told, and dies on demand."""

from __future__ import annotations

import asyncio
import itertools
from collections.abc import Callable, Mapping, Sequence
from typing import Any

import numpy as np
import pytest

from imgqd import child

DIM = 4
SIZE = 2
LOADED = {
    "key": "sha256:1", "dim": DIM, "size": SIZE, "resize": "shortest", "interpolation": "bicubic",
    "fill": 0, "device": "cpu", "precision": "fp32", "batch": 8,
}  # fmt: skip


ROLES = {"imgqd.encoder": "text", "imgqd.exporter": "export"}
"""Of programs that have one only."""


class FakeChild:
    """What `child.start` gives; `answer` does the work, and raises Died to die."""

    _pids = itertools.count(1000)

    def __init__(self, name: str, module: str, role: str, nursery: Nursery) -> None:
        self.name = name
        self.module = module
        self.role = role
        self.pid = next(self._pids)
        self.alive = True
        self._nursery = nursery

    async def call(self, method: str, params: dict[str, Any], fd: int | None = None) -> Any:
        assert fd is None
        if not self.alive:
            raise child.Died(f"{self.name} is gone")
        self._nursery.calls.append((method, params))
        try:
            if (gate := self._nursery.gates.get((self.module, method))) is not None:
                await gate.wait()
            return self._nursery.answer(self.module, method, params)
        except child.Died:
            self.alive = False
            raise

    async def stop(self, *, at_once: bool = False) -> None:
        self._nursery.stopped.append(at_once)
        self.alive = False


class Nursery:
    """Stands in for `child.start`, and remembers what was started, asked and stopped."""

    def __init__(self) -> None:
        self.born: list[FakeChild] = []
        self.calls: list[tuple[str, dict[str, Any]]] = []
        self.stopped: list[bool] = []
        self.deadly: set[bytes] = set()
        """Pictures that kill whoever embeds them."""
        self.load: Callable[[], dict[str, Any]] = lambda: dict(LOADED)
        self.batch = LOADED["batch"]
        self.load_light: Callable[[], dict[str, Any]] = lambda: self.load()  # noqa: PLW0108 - exchanged
        """The same in the light text encoder."""
        self.export: Callable[[], dict[str, Any]] = lambda: {"final": ""}
        self.gates: dict[tuple[str, str], asyncio.Event] = {}
        """What a call waits for, by module and method."""
        self.deaths = 0
        """How many calls to come end with a death, whatever they ask."""

    async def start(
        self, name: str, module: str, arguments: Sequence[str], *, environment: Mapping[str, str]
    ) -> FakeChild:
        assert environment["HF_HUB_OFFLINE"] == "1"
        [role] = arguments or [ROLES[module]]
        self.born.append(FakeChild(name, module, role, self))
        return self.born[-1]

    def answer(self, module: str, method: str, params: dict[str, Any]) -> Any:
        if method == "export":
            return self.export()
        if method == "load":
            return self.load_light() if module == "imgqd.encoder" else self.load()
        if self.deaths:
            self.deaths -= 1
            raise child.Died("it ended with SIGKILL")
        if method == "texts":
            return b"".join(vector(text.encode()) for text in params["texts"])
        pictures = split(params["pixels"])
        if self.deadly & set(pictures):
            raise child.Died("it ended with SIGSEGV")
        return {"vectors": b"".join(map(vector, pictures)), "batch": self.batch}

    def asked(self, method: str) -> list[dict[str, Any]]:
        return [params for name, params in self.calls if name == method]


def picture(number: int) -> bytes:
    return bytes([number]) * (SIZE * SIZE * 3)


def split(pixels: bytes) -> list[bytes]:
    length = SIZE * SIZE * 3
    return [pixels[start : start + length] for start in range(0, len(pixels), length)]


def vector(content: bytes) -> bytes:
    values = np.random.default_rng(list(content)).normal(size=DIM)
    return bytes((values / np.linalg.norm(values)).astype(np.float32).tobytes())


def refused(code: str, text: str) -> Callable[[], dict[str, Any]]:
    def load() -> dict[str, Any]:
        raise child.Refused(code, text)

    return load


def died() -> dict[str, Any]:
    raise child.Died("it ended with SIGKILL")


@pytest.fixture
def nursery(monkeypatch: pytest.MonkeyPatch) -> Nursery:
    nursery = Nursery()
    monkeypatch.setattr(child, "start", nursery.start)
    return nursery
