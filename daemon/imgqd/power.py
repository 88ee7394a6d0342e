"""Whether bulk work goes on, or waits for the sake of the machine and its person.

What is decided is pure: a reading in, reasons out. The machine is looked at only when
there is bulk work to take or waiting, and at most every 30 s. Single new files get in
all the same; and a person who says `resume` is not asked again for what is so already.
"""

from __future__ import annotations

import asyncio
import logging
import time
from collections.abc import Callable
from typing import Final

from imgqd.config import PowerSettings
from imgqd.sensors import Reading, look

log = logging.getLogger(__name__)

_FRESH: Final = 30.0
"""Seconds for which a look is good."""

_PRESSURE: Final = 20.0
"""Percent of the time in which programs wait for memory: a machine that swaps and is felt."""

_HELD: Final = 0.9
"""Of MemoryHigh: there the system begins to slow us down."""

_REMEDY: Final = "imgqctl resume works on all the same"


def reasons(seen: Reading, settings: PowerSettings, *, is_scarce: bool = False) -> tuple[str, ...]:
    """Return why bulk work should wait, in words; `is_scarce` is the memory of the GPU."""
    found = {
        "on battery": settings.pause_on_battery and seen.on_battery,
        "the power saver is on": settings.pause_on_power_saver and seen.saves_power,
        "the processor is hot": settings.pause_when_hot and seen.is_hot,
        "memory is short": settings.pause_when_memory_is_short and seen.pressure >= _PRESSURE,
        "imgqd has nearly all of its MemoryHigh": seen.held >= _HELD,
        "other programs have the GPU's memory": is_scarce,
    }
    return tuple(words for words, is_so in found.items() if is_so)


class Rest:
    """The reasons that count: those that are, without those that a person overruled.

    What was overruled counts again once it has ended and come anew.
    """

    def __init__(self) -> None:
        self._found: tuple[str, ...] = ()
        self._overruled: frozenset[str] = frozenset()

    def heed(self, found: tuple[str, ...]) -> None:
        """Take the reasons of this moment."""
        self._found = found
        self._overruled &= set(found)

    def overrule(self) -> None:
        """Let what is a reason now be none."""
        self._overruled = frozenset(self._found)

    @property
    def reason(self) -> str | None:
        """Why bulk work waits, with what can be done about it; None while it may go on."""
        counting = [one for one in self._found if one not in self._overruled]
        return f"{' and '.join(counting)}: {_REMEDY}" if counting else None


class Courtesy:
    """Looks at the machine for those who have bulk work.

    `is_scarce` tells whether the GPU's memory is; `changed` is called when `reason` has.
    """

    def __init__(
        self,
        settings: PowerSettings,
        is_scarce: Callable[[], bool],
        changed: Callable[[], None],
        machine: Callable[[], Reading] = look,
    ) -> None:
        self._settings = settings
        self._is_scarce = is_scarce
        self._changed = changed
        self._machine = machine
        self._rest = Rest()
        self._seen = Reading()
        self._looked = float("-inf")
        self.reason: str | None = None
        """Why bulk work waits, in words; None while it may go on."""

    async def allows_bulk(self) -> bool:
        """Return whether bulk work may go on; looks at the machine if that is long ago."""
        if time.monotonic() - self._looked >= _FRESH:
            self._looked = time.monotonic()
            self._seen = await asyncio.to_thread(self._machine)
        self._decide()
        return self.reason is None

    def use(self, settings: PowerSettings) -> None:
        """Decide by other settings from now on."""
        self._settings = settings
        self._looked = float("-inf")
        self._decide()

    def overrule(self) -> None:
        """Go on with bulk work, whatever speaks against it now."""
        self._rest.overrule()
        self._decide()

    def _decide(self) -> None:
        self._rest.heed(reasons(self._seen, self._settings, is_scarce=self._is_scarce()))
        if self._rest.reason != self.reason:
            self.reason = self._rest.reason
            log.info("bulk work %s", f"waits: {self.reason}" if self.reason else "goes on")
            self._changed()
