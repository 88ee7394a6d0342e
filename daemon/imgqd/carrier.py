"""The courier process, seen from the core: started when it is needed, ended when it is not.

Whatever goes wrong on the way to a store comes out as `Trouble`: a word for what kind it
is, and one line for a person.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from typing import Any, Final

from imgqd import child
from imgqd.child import Child

_RELEASE: Final = 30.0
"""Seconds without work after which the process ends: it holds 130 MB."""

_STATES: Final = {"away": "away", "other": "other_model", "forgotten": "forgotten"}
"""All else is `refused`. `forgotten`: the store does not know that it was told anything."""

_ONE_CORE: Final = {
    "OPENBLAS_NUM_THREADS": "1",
    "OMP_NUM_THREADS": "1",
    "MALLOC_ARENA_MAX": "1",
    # The engine's library writes its own complaints past our log, addresses and all.
    "GRPC_VERBOSITY": "NONE",
}


class Trouble(Exception):
    """A store did not do what it was asked for: `state` is as status shows it."""

    def __init__(self, state: str, text: str) -> None:
        super().__init__(text)
        self.state = state


class NotThere(Exception):
    """What was named is unknown to the store."""


class Carrier:
    """Asks the process, which comes and goes; `on_change` is called when it did."""

    def __init__(
        self,
        on_change: Callable[[], None],
        on_progress: Callable[[dict[str, Any]], None],
        release: float = _RELEASE,
    ) -> None:
        self._on_change = on_change
        self._on_progress = on_progress
        self._after = release
        self._child: Child | None = None
        self._starting = asyncio.Lock()
        self._under_way = 0
        self._release: asyncio.TimerHandle | None = None
        self._ending: asyncio.Task[None] | None = None
        self._is_stopped = False

    @property
    def pids(self) -> dict[str, int]:
        """The process that is there, by its name."""
        running = self._child
        return {"courier": running.pid} if running is not None and running.alive else {}

    async def ask(self, method: str, params: dict[str, Any]) -> Any:
        """Return the answer of the process; raises Trouble, or NotThere."""
        self._under_way += 1
        self._hold()
        try:
            running = await self._awake()
            return await running.call(method, params)
        except child.Refused as error:
            if error.code == "not_found":
                raise NotThere(error.text) from error
            raise Trouble(_STATES.get(error.code, "refused"), error.text) from error
        except child.Died as error:
            raise Trouble("away", str(error)) from error
        except OSError as error:
            raise Trouble("away", f"no process can be started: {error.strerror}") from error
        finally:
            self._under_way -= 1
            self._let_go()

    async def stop(self) -> None:
        """End the process for good."""
        self._is_stopped = True
        self._hold()
        await self._end()

    async def _awake(self) -> Child:
        async with self._starting:
            if self._is_stopped:
                raise Trouble("away", "imgqd is stopping")
            if self._child is None or not self._child.alive:
                await self._end()
                self._child = await child.start(
                    "courier", "imgqd.courier", environment=_ONE_CORE, on_event=self._event
                )
                self._on_change()
            return self._child

    def _event(self, method: str, params: dict[str, Any]) -> None:
        if method == "progress":
            self._on_progress(params)

    def _hold(self) -> None:
        if self._release is not None:
            self._release.cancel()
            self._release = None

    def _let_go(self) -> None:
        if self._under_way or self._is_stopped or self._child is None:
            return
        self._hold()
        loop = asyncio.get_running_loop()
        self._release = loop.call_later(self._after, self._give_back)

    def _give_back(self) -> None:
        self._release = None
        self._ending = asyncio.create_task(self._end_idle(), name="end courier")

    async def _end_idle(self) -> None:
        async with self._starting:
            if not self._under_way:
                await self._end()
        self._on_change()

    async def _end(self) -> None:
        running, self._child = self._child, None
        if running is not None:
            await running.stop(at_once=True)
