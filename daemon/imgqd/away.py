"""Why help from elsewhere is not used, when it is looked for again, and how long it is waited for.

Pure: time goes in as a number, of a clock that only goes on.
"""

from __future__ import annotations

import time
from typing import Final

_FIRST: Final = 10.0
_LONGEST: Final = 600.0
"""Seconds until help is looked for again, twice as many each time."""

_PATIENCE: Final = 60.0
_IMPATIENCE: Final = 10.0
"""Seconds for a batch and those before it, at most and at least; whoever is slower is no help."""

_USUAL: Final = 8.0
"""So many times as long as batches have taken is slow."""


class Away:
    """What is known of help that may be away."""

    def __init__(self) -> None:
        self.why = ""
        """Why it is not used, in words; empty where nothing speaks against it."""
        self._pause = 0.0
        self._until = 0.0
        self._usual: float | None = None

    @property
    def is_new(self) -> bool:
        """Whether nothing went wrong since it last helped, or since it is known."""
        return not self._pause

    @property
    def patience(self) -> float:
        """Seconds that a batch may take."""
        if self._usual is None:
            return _PATIENCE
        return min(_PATIENCE, max(_IMPATIENCE, _USUAL * self._usual))

    def put_off(self, why: str, now: float) -> None:
        """Note that it is of no use now."""
        self._pause = min(max(_FIRST, 2 * self._pause), _LONGEST)
        self._until = now + self._pause
        self.why = why
        self._usual = None

    def helped(self, took: float) -> None:
        """Note that a batch was made there, in so many seconds."""
        self.why, self._pause = "", 0.0
        self._usual = took if self._usual is None else 0.8 * self._usual + 0.2 * took

    def is_due(self, now: float) -> bool:
        """Return whether it is to be looked for with the next work."""
        return now >= self._until

    def detail(self, now: float, wall: float) -> str:
        """Return why it is not used, and when it is tried again; `wall` is the time of day."""
        if not self.why:
            return ""
        if self.is_due(now):
            return f"{self.why}; looked for again with the next work"
        again = time.strftime("%H:%M:%S", time.localtime(wall + self._until - now))
        return f"{self.why}; looked for again after {again}"
