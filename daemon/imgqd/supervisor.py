"""The service manager that runs us: what it gives us, and what it is told (sd_notify(3)).

Rules of this file: nothing is sent where nobody asked, and nothing ticks but the sign of life,
which the event loop itself gives: when the loop that answers is stuck, it does not come.
"""

from __future__ import annotations

import asyncio
import logging
import os
import socket
from collections.abc import Awaitable, Callable, Coroutine, Mapping, MutableMapping
from typing import Any, Final, Self

from imgq.durations import spoken
from imgqd import handed
from imgqd.bell import Bell
from imgqd.findings import counted

log = logging.getLogger(__name__)

_PERIOD: Final = 3.0
"""Seconds between two words about the work at least."""

_PATIENCE: Final = 1.0
"""Seconds for the manager to take a word; its queue is never full for long."""


class Supervisor:
    """Speaks to the manager at `address`, None for nobody; `watchdog` is its limit in seconds.

    `given` is the listening socket that it opened for us, and keeps.
    """

    def __init__(
        self,
        address: str | None = None,
        watchdog: float | None = None,
        given: socket.socket | None = None,
    ) -> None:
        self._address = address
        self.watchdog = watchdog
        self.given = given
        self._is_deaf = False

    @classmethod
    def of(cls, environment: MutableMapping[str, str] = os.environ) -> Self:
        """Return who runs us, and take that out of the environment of our children.

        Raises SocketTrouble for a socket that is not what we take.
        """
        address = environment.pop("NOTIFY_SOCKET", None)
        limit, pid = environment.pop("WATCHDOG_USEC", ""), environment.pop("WATCHDOG_PID", "")
        is_ours = limit.isdecimal() and int(limit) > 0 and pid in {"", str(os.getpid())}
        watchdog = int(limit) / 1e6 if address and is_ours else None
        return cls(address, watchdog, handed.take(environment))

    @property
    def is_there(self) -> bool:
        """Whether a service manager runs us."""
        return self._address is not None or self.given is not None

    def ready(self) -> None:
        """Say that whoever connects is answered."""
        self._say("READY=1")

    def stopping(self) -> None:
        """Say that the end has begun."""
        self._say("STOPPING=1")

    def tasks(
        self,
        started: asyncio.Event,
        changed: Bell,
        status: Callable[[], Awaitable[Mapping[str, Any]]],
    ) -> dict[str, Coroutine[Any, Any, None]]:
        """Return what is to run as long as we answer, by its name: nothing where nobody waits."""
        tasks = {}
        if self._address is not None:
            tasks["progress"] = self._tell(started, changed, status)
        if self.watchdog is not None:
            tasks["sign of life"] = self._live(self.watchdog / 2)
        return tasks

    async def _tell(
        self,
        started: asyncio.Event,
        changed: Bell,
        status: Callable[[], Awaitable[Mapping[str, Any]]],
    ) -> None:
        await started.wait()
        before = None
        while True:
            ring = changed.next()
            # Whoever went away is heard of again by the sign of life.
            now = before if self._is_deaf else words(await status())
            if now != before:
                self._say(f"STATUS={now}")
                before = now
            await ring.wait()
            await asyncio.sleep(_PERIOD)

    async def _live(self, pause: float) -> None:
        while True:
            self._say("WATCHDOG=1")
            await asyncio.sleep(pause)

    def _say(self, message: str) -> None:
        if self._address is None:
            return
        with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as speaking:
            speaking.settimeout(_PATIENCE)
            try:
                at = self._address
                speaking.connect("\0" + at[1:] if at.startswith("@") else at)
                speaking.sendall(message.encode("utf-8", "replace"))
            except OSError as error:
                if not self._is_deaf:
                    log.warning("the service manager cannot be told %s: %s", message, error)
                self._is_deaf = True
            else:
                self._is_deaf = False


def words(status: Mapping[str, Any]) -> str:
    """Return one line for a person, from the result of the method `status`."""
    return " ".join(_words(status).split())


def _words(status: Mapping[str, Any]) -> str:
    files, pending, model = status["files"], status["pending"], status["model"]
    waiting = f"; {counted(pending, 'file')} to be indexed" if pending else ""
    if status["state"] == "paused":
        return f"{status['paused'] or _first(status)}{waiting}"
    if (download := model["download"]) is not None and download["total"]:
        return f"Downloading a model: {100 * download['done'] // download['total']}%"
    if status["state"] == "starting":
        return f"Looking through the folders: {counted(files, 'file')} so far"
    if pending:
        done = max(0, files - pending)
        return f"Indexing: {done:,} of {counted(max(files, pending), 'file')}{_left(status)}"
    if (moving := model["migrating"]) is not None and moving["waits"] is None:
        seen = f"{moving['done']:,} of {counted(moving['total'], 'picture')}"
        return f"Moving to the model {moving['to']}: {seen}"
    ready = f"{counted(status['pictures'], 'picture')} searchable"
    return f"{ready}; {_first(status)}" if status["degraded"] else ready


def _left(status: Mapping[str, Any]) -> str:
    return f", {spoken(status['remaining'])} left" if status["remaining"] else ""


def _first(status: Mapping[str, Any]) -> str:
    return status["degraded"][0] if status["degraded"] else "waiting"
