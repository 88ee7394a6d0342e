"""What is outstanding, and so up to which moment the answers are complete.

Every change that is known but not yet dealt with has a time at which it was
noticed: a path in the inbox, a file that is not quiet, a folder to walk, a
file to decode. The oldest of them bounds what may be claimed.
"""

from __future__ import annotations

import contextlib
import itertools
import time
from collections.abc import Callable, Iterator
from typing import Final

LAG: Final = 1.0
"""Seconds by which a change may precede its notice.

The kernel tells at once; watchdog holds half a move back for 0.5 s, and its threads must run.
"""

Oldest = Callable[[], float | None]


def earliest(*times: float | None) -> float | None:
    """Return the earliest of these times, None where there is none."""
    return min((one for one in times if one is not None), default=None)


class Freshness:
    """Sources of outstanding work, asked in turn; `since` is what an earlier run had proved."""

    def __init__(self, since: float) -> None:
        self._sources: list[Oldest] = []
        self._held: dict[int, float] = {}
        self._serial = itertools.count()
        self._proved = since
        self.doubts = 0
        """How often it was doubted that events are followed as they come."""
        self._trusted = 0

    def include(self, oldest: Oldest) -> None:
        """Count a source's oldest outstanding notice, too."""
        self._sources.append(oldest)

    def hold(self, noticed: float) -> int:
        """Count something as outstanding until `release`, and return its ticket."""
        ticket = next(self._serial)
        self._held[ticket] = noticed
        return ticket

    def release(self, ticket: int) -> None:
        """Count it no longer."""
        del self._held[ticket]

    @contextlib.contextmanager
    def holding(self, noticed: float) -> Iterator[None]:
        """Count something as outstanding for the length of the block."""
        ticket = self.hold(noticed)
        try:
            yield
        finally:
            self.release(ticket)

    def oldest(self, pending: float | None) -> float | None:
        """Return when the oldest outstanding change was noticed; `pending` is the catalog's."""
        return earliest(pending, *self._held.values(), *(source() for source in self._sources))

    def doubt(self) -> None:
        """Claim nothing beyond what is proved, until `trust`; may be called by a signal handler."""
        self.doubts += 1

    def trust(self, doubts: int) -> None:
        """Take back the doubts, unless there are more of them by now."""
        self._trusted = doubts

    def proved(self) -> float:
        """Return the latest moment that was ever claimed: what a lost event may reach back to."""
        return self._proved

    def as_of(self, pending: float | None, blind_since: float | None) -> float:
        """Return the Unix time up to which every change on disk is in the answers.

        `blind_since` is the last complete look at folders that nobody watches, if any.
        0 claims nothing: the folders were never looked through.
        """
        oldest = self.oldest(pending)
        claims = [time.time() - LAG]
        if oldest is not None:
            claims.append(oldest - LAG)
        if blind_since is not None:
            claims.append(blind_since)
        if self.doubts != self._trusted:
            claims.append(self._proved)
        # A change that was noticed late does not make an earlier claim truer.
        claim = max(min(claims), 0.0)
        self._proved = max(self._proved, claim) if oldest is None else self._proved
        return claim
