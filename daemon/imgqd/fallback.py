"""Which device pictures are to be embedded on, where the one that is wanted may fail.

Pure: time goes in as a number. A device that failed is left alone for a while, longer
each time, and the CPU stands in for it.
"""

from __future__ import annotations

import time
from typing import Final

CPU: Final = "cpu"

_FIRST: Final = 60.0
"""Seconds that a device is left alone after its first failure; a driver's reset takes some."""

_LONGEST: Final = 3600.0


class Fallback:
    """The device in the settings, or the CPU while that one is left alone."""

    def __init__(self, wanted: str) -> None:
        self._wanted = wanted
        self._why = ""
        self._pause = 0.0
        self._until = 0.0
        self._is_scarce = False

    def device(self, now: float) -> str:
        """Return the name of the device to ask for."""
        return CPU if self._why and now < self._until else self._wanted

    def failed(self, why: str, now: float, *, is_scarce: bool = False) -> None:
        """Note that the wanted device failed, or has too little memory left (`is_scarce`)."""
        self._pause = min(max(_FIRST, 2 * self._pause), _LONGEST)
        self._until = now + self._pause
        self._why, self._is_scarce = why, is_scarce

    def worked(self) -> None:
        """Note that the wanted device made vectors: the next failure is the first one again."""
        self._why, self._pause, self._is_scarce = "", 0.0, False

    def is_due(self, now: float) -> bool:
        """Return whether the wanted device is to be tried again."""
        return bool(self._why) and now >= self._until

    def is_scarce(self, now: float) -> bool:
        """Return whether other programs have the device's memory, as far as is known."""
        return self._is_scarce and now < self._until

    @property
    def detail(self) -> str:
        """Why the CPU stands in, and until when, in words; empty where it does not."""
        if not self._why:
            return ""
        until = time.strftime("%H:%M", time.localtime(self._until))
        return f"on the CPU meanwhile: {self._why}; tried again after {until}"
