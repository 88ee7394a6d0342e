"""A cluster for tests: none at all, or one whose envoy is written by hand."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Mapping
from typing import Any

import numpy as np
import pytest

from imgqd import child
from imgqd.cluster import Cluster
from imgqd.config import ClusterSettings
from imgqd.records import Model

MODEL = Model("demo", "sha256:this", 4, 2, "shortest", "bicubic", 0)
"""A model whose pictures have twelve bytes."""

SETTINGS = ClusterSettings("tls://farm:8786", "/ca.pem", "/cert.pem", "/key.pem")


def nobody() -> Cluster:
    """Return the cluster of settings that name none."""
    return Cluster(ClusterSettings(), lambda: 0.0, lambda: None)


class Farm:
    """What a hand-written envoy finds; each start of it is counted in `visits`.

    A batch is answered once `gate` is open, by `answer`.
    """

    def __init__(self, patch: pytest.MonkeyPatch) -> None:
        self.workers: dict[str, int] = {MODEL.key: 1}
        self.refusal: child.Refused | None = None
        self.answer: Callable[[int], bytes] = unit_vectors
        self.gate = asyncio.Event()
        self.gate.set()
        self.visits = 0
        self.asked = 0
        self.at_once = 0
        self.envoys: list[Envoy] = []
        patch.setattr(child, "start", self._start)

    def cluster(self, release_after: float = 120.0) -> Cluster:
        """Return a cluster that sends its envoy here."""
        return Cluster(SETTINGS, lambda: release_after, lambda: None)

    async def _start(self, *_: Any, on_event: Callable[[str, dict[str, Any]], None]) -> Any:
        self.visits += 1
        envoy = Envoy(self, on_event)
        self.envoys.append(envoy)
        return envoy


class Envoy:
    """Stands in for the process."""

    pid = 4711

    def __init__(self, farm: Farm, on_event: Callable[[str, dict[str, Any]], None]) -> None:
        self._farm = farm
        self._on_event = on_event
        self._died = asyncio.Event()
        self.alive = True

    async def call(self, method: str, params: Mapping[str, Any]) -> Any:
        """Answer as the envoy does."""
        if method == "connect":
            if self._farm.refusal is not None:
                raise self._farm.refusal
            return self._farm.workers
        self._farm.asked += 1
        self._farm.at_once += 1
        waits = {asyncio.create_task(one.wait()) for one in (self._farm.gate, self._died)}
        try:
            await asyncio.wait(waits, return_when=asyncio.FIRST_COMPLETED)
        finally:
            self._farm.at_once -= 1
            for wait in waits:
                wait.cancel()
        if not self.alive:
            raise child.Died("envoy ended with SIGKILL")
        return {"vectors": self._farm.answer(len(params["pixels"]) // 12)}

    async def stop(self, **_: Any) -> None:
        """End, and let go of those who wait."""
        self.alive = False
        self._died.set()

    def tell(self, workers: dict[str, int]) -> None:
        """Tell who is there now."""
        self._on_event("workers", {"workers": workers})


def unit_vectors(count: int) -> bytes:
    """Return so many unit vectors of four numbers."""
    return np.tile(np.array([1, 0, 0, 0], np.float32), count).tobytes()


async def until(condition: Callable[[], bool]) -> None:
    """Let others work until a condition holds; the scene's deadline ends it."""
    while not condition():  # noqa: ASYNC110 - of what is inside, nothing tells
        await asyncio.sleep(0.001)
