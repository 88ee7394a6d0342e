"""How fast pictures become vectors on this machine, measured: what an estimate stands on.

Pure arithmetic over the batches that were embedded lately. Only those count: a copy, a
rename or a file that was known is through in no time and says nothing of what is to come.
Nor does time in which nobody worked: pauses, idle hours, the start of an embedder.
"""

from __future__ import annotations

import time
from collections import deque
from collections.abc import Callable
from dataclasses import dataclass
from typing import Final

_WINDOW: Final = 60.0
"""Seconds of work that are looked back upon."""

_HONEST: Final = 3.0
"""Seconds of work from which on a rate says something."""

_STANDSTILL: Final = 30.0
_TIMES_SLOWER: Final = 20
"""A batch that took so long, and is so many times slower than those before, waited for something
else: a full disk, a model that could not be started."""


@dataclass(frozen=True, slots=True)
class Measured:
    """Pictures that were embedded in some seconds of work."""

    pictures: int
    seconds: float

    @property
    def rate(self) -> float:
        """Pictures a second."""
        return self.pictures / self.seconds


@dataclass(frozen=True, slots=True)
class _Stretch:
    """From the end of one batch to the end of the next; `grown`: those that are decoded since."""

    seconds: float
    pictures: int
    grown: int


class Tempo:
    """Measures between the ends of batches that follow one another; `clock` counts in seconds."""

    def __init__(self, clock: Callable[[], float] = time.monotonic) -> None:
        self._clock = clock
        self._model: int | None = None
        self._last: tuple[float, int] | None = None
        self._stretches: deque[_Stretch] = deque()

    def skip(self) -> None:
        """Take the time since the last batch for no work."""
        self._last = None

    def note(self, model: int, pictures: int, ahead: int, *, is_last: bool) -> None:
        """Take note of a batch that a model has just embedded.

        `ahead` pictures are decoded and wait; `is_last` says that there are no more than
        are in hand, so that it means nothing that fewer and fewer wait.
        """
        if model != self._model:
            self._model = model
            self._stretches.clear()
            self._last = None
        now, last = self._clock(), self._last
        self._last = (now, ahead)
        if last is not None:
            self._add(_Stretch(now - last[0], pictures, 0 if is_last else ahead - last[1]))

    def measured(self) -> Measured | None:
        """Return what was measured lately, None where that is too little to say anything."""
        seconds = sum(one.seconds for one in self._stretches)
        pictures = sum(one.pictures for one in self._stretches)
        # What was decoded before the clock ran is embedded faster than more can come.
        pictures += min(0, sum(one.grown for one in self._stretches))
        if seconds < _HONEST or pictures <= 0:
            return None
        return Measured(pictures, seconds)

    def _add(self, stretch: _Stretch) -> None:
        before = self.measured()
        if before is not None and stretch.seconds > _STANDSTILL:
            expected = stretch.pictures / before.rate
            if stretch.seconds > _TIMES_SLOWER * expected:
                # Should it be as slow as that from now on, the next batches will say so.
                self._stretches.clear()
                return
        self._stretches.append(stretch)
        seconds = sum(one.seconds for one in self._stretches)
        while seconds - self._stretches[0].seconds >= _WINDOW:
            seconds -= self._stretches.popleft().seconds
