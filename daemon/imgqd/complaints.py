"""What the log says of clients: each kind of offence once a minute, however many commit it.

A client that is dropped comes again at once, and a log that fills the disk would be its work.
"""

from __future__ import annotations

import logging
import time
from collections import Counter
from collections.abc import Callable
from typing import Final

log = logging.getLogger(__name__)

_QUIET: Final = 60.0


class Complaints:
    """Warnings that repeat themselves rarely; `clock` counts in seconds."""

    def __init__(self, clock: Callable[[], float] = time.monotonic) -> None:
        self._clock = clock
        self._due: dict[str, float] = {}
        self._unsaid: Counter[str] = Counter()

    def say(self, kind: str, detail: str = "") -> None:
        """Log a warning, or count it until the next of its kind is due."""
        now = self._clock()
        if now < self._due.get(kind, now):
            self._unsaid[kind] += 1
            return
        self._due[kind] = now + _QUIET
        unsaid = self._unsaid.pop(kind, 0)
        more = f" (since the last such line {unsaid} more)" if unsaid else ""
        log.warning("%s%s%s", kind, detail and f": {detail}", more)
