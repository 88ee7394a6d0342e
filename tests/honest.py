"""What hundreds of hostile clients do to an honest one: measured in turns, in one run."""

from __future__ import annotations

import contextlib
import math
import statistics
import time
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Final

import psutil

from hostile import Mob
from house import House
from imgq import Client

_BEAT: Final = 0.02
"""Seconds between two questions."""

_RUSH: Final = 0.5
"""Seconds in which the crowd's own processes, that all begin at once, fight for the processor."""

_KNOCK: Final = 0.25
"""Seconds between two clients that are new."""


@dataclass
class Measured:
    """Seconds of each answer, and bytes of the daemon's own process."""

    quiet: list[list[float]] = field(default_factory=list)
    """Of a client that is connected all the time, round by round, while it is alone."""

    crowded: list[list[float]] = field(default_factory=list)
    """Of the same client in the crowd."""

    newcomers: list[float] = field(default_factory=list)
    """Of clients that come in the crowd: from connecting to the answer."""

    before: int = 0
    most: int = 0
    made: int = 0
    """Hostile connections."""


def in_turns(house: House, count: int, rounds: int, seconds: float) -> Measured:
    """Let a client ask, for so long alone and for so long in a crowd, in turns."""
    found = Measured()
    core = psutil.Process(house.pid)
    with contextlib.closing(Mob(house.socket, count)) as mob, house.client() as client:
        asking = _Asking(client)
        asking.on(0.5)  # what is asked for the first time is loaded
        found.before = found.most = core.memory_info().rss
        for _ in range(rounds):
            found.quiet.append(asking.on(seconds))
            with mob.attacking():
                asking.on(_RUSH)
                until = time.monotonic() + seconds
                crowded: list[float] = []
                while time.monotonic() < until:
                    crowded += asking.on(_KNOCK)
                    found.newcomers.append(_knock(house))
                    found.most = max(found.most, core.memory_info().rss)
                found.crowded.append(crowded)
            found.made = mob.made
    return found


def percentile(values: Sequence[float], percent: float) -> float:
    """Return the value that so many of a hundred do not exceed."""
    return sorted(values)[max(0, math.ceil(len(values) * percent / 100) - 1)]


def p95(rounds: Sequence[Sequence[float]]) -> float:
    """Return the 95th percentile of the typical round: one that something else disturbs is none."""
    return statistics.median(percentile(one, 95) for one in rounds)


class _Asking:
    """A client that asks something new each time."""

    def __init__(self, client: Client) -> None:
        self._client = client
        self._asked = 0

    def on(self, seconds: float) -> list[float]:
        """Ask for so long, and return how long each answer took.

        Counted from the moment at which the question was due: a bad time is neither asked
        about less, nor does it count once for all who would have waited.
        """
        took = []
        began = time.monotonic()
        for number in range(round(seconds / _BEAT)):
            due = began + number * _BEAT
            time.sleep(max(0.0, due - time.monotonic()))
            self._asked += 1
            self._client.search(f"a red circle, number {self._asked}")
            took.append(time.monotonic() - due)
        return took


def _knock(house: House) -> float:
    began = time.monotonic()
    with house.client() as client:
        client.search("a red circle")
    return time.monotonic() - began
