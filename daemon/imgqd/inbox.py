"""Where watchdog's threads and the event loop meet: paths to look at, bounded."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable
from typing import Final

_LIMIT: Final = 1 << 16
"""Paths held for the intake; beyond that a full look is cheaper than the list."""


class Inbox:
    """The bounded, thread-safe meeting place of watchdog's threads and the event loop.

    `wake` is called (in watchdog's thread) when something lies in an inbox that was empty.
    """

    def __init__(self, wake: Callable[[], None], limit: int = _LIMIT) -> None:
        self._wake = wake
        self._limit = limit
        self._lock = threading.Lock()
        self._paths: dict[bytes, float] = {}
        self._overflown: float | None = None

    def put(self, path: bytes) -> None:
        """Leave a path; the first time it was noticed is kept."""
        with self._lock:
            was_empty = not self._paths and self._overflown is None
            if len(self._paths) >= self._limit:
                self._overflown = next(iter(self._paths.values()))
                self._paths.clear()
            elif self._overflown is None:
                self._paths.setdefault(path, time.time())
        if was_empty:
            self._wake()

    def overflow(self) -> None:
        """Note that events were lost: everything must be looked at."""
        with self._lock:
            self._overflown = self._overflown or time.time()
        self._wake()

    def take(self) -> tuple[dict[bytes, float], bool]:
        """Return the paths with the time each was noticed, and whether some were lost."""
        with self._lock:
            taken = (self._paths, self._overflown is not None)
            self._paths, self._overflown = {}, None
        return taken

    def oldest(self) -> float | None:
        """Return the earliest time of what lies here, or None."""
        with self._lock:
            return self._overflown or next(iter(self._paths.values()), None)
