"""Who is connected, and who gives way where there are too many.

Rules of this file: all programs of the user have the same right to be here, so one
that holds many connections gives way to one that holds few; of its connections, one
that does nothing goes first. Who has asked nothing yet has a place apart: it costs
little and proves nothing, so the newest always gets one, and whoever asks in earnest
is not kept out by those who only hold on. A program that offends again and again (bad
bytes, halves of messages, answers not read) stays out for a while.
"""

from __future__ import annotations

import time
from collections import Counter
from collections.abc import Callable, Collection
from typing import Final

from imgqd.complaints import Complaints
from imgqd.config import ServerSettings
from imgqd.session import Session

_SILENT: Final = 2
"""Places for those who have asked nothing yet, for each place of those who have."""

_UNFINISHED: Final = 8 << 20
"""Bytes of messages that are not complete, of all clients together."""


_OFFENCES: Final = 16
"""Connections of a process that were lost by its own fault, until no more are taken."""

_REMEMBERED: Final = 60.0
"""Seconds without an offence after which all is forgotten."""


class Full(Exception):
    """There is no place; the text is one line for a person."""


class Guests:
    """The connections there are: first silent, then seated."""

    def __init__(
        self,
        limits: Callable[[], ServerSettings],
        complaints: Complaints,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self._limits = limits
        self._complaints = complaints
        self._clock = clock
        # By process: how many, and until when they are remembered.
        self._offences: dict[int, tuple[int, float]] = {}
        # In the order in which they came.
        self._silent: dict[Session, None] = {}
        self._seated: dict[Session, None] = {}

    def enter(self, session: Session) -> None:
        """Let a connection in that has asked nothing yet; raises Full where it could not ask."""
        count, until = self._offences.get(session.pid, (0, 0.0))
        if count >= _OFFENCES and self._clock() < until:
            raise Full(f"this program was dropped {count} times lately: it may come back later")
        self._make_way(session)
        self._silent[session] = None
        if len(self._silent) > _SILENT * self._limits().connections:
            held = _held(self._silent)
            # The first of equals is the one that came first.
            self._dismiss(max(self._silent, key=lambda one: held[one.pid]))

    def seat(self, session: Session) -> None:
        """Give a place to a connection that asks, another's if need be; raises Full."""
        if session in self._seated:
            return
        loser = self._make_way(session)
        if loser is not None:
            self._dismiss(loser)
        self._silent.pop(session, None)
        self._seated[session] = None

    def weigh(self) -> None:
        """Drop whoever holds the most of unfinished messages, where they are too large together."""
        everyone = [*self._silent, *self._seated]
        if sum(one.unfinished for one in everyone) > _UNFINISHED:
            self._dismiss(max(everyone, key=lambda one: one.unfinished))

    def offended(self, session: Session) -> None:
        """Note that a connection was lost by the client's own fault."""
        now = self._clock()
        known = {pid: one for pid, one in self._offences.items() if now < one[1]}
        count, _ = known.get(session.pid, (0, 0.0))
        self._offences = {**known, session.pid: (count + 1, now + _REMEMBERED)}

    def leave(self, session: Session) -> None:
        """Forget a connection."""
        self._silent.pop(session, None)
        self._seated.pop(session, None)

    def _make_way(self, session: Session) -> Session | None:
        """Return who gives way to a newcomer, None where there is room; raises Full."""
        most = self._limits().connections
        if len(self._seated) < most:
            return None
        held = _held(self._seated)
        largest = max(held.values())
        if largest > held[session.pid]:
            candidates = [
                one
                for one in self._seated
                # Its only connection, and at work: that is no program to give way.
                if held[one.pid] == largest and (largest > 1 or one.is_idle)
            ]
            if candidates:
                return min(candidates, key=lambda one: (not one.is_idle, one.since))
        raise Full(f"{most} connections are open already")

    def _dismiss(self, session: Session) -> None:
        self.leave(session)
        self._complaints.say("a client was dropped: its place was needed")
        session.dismiss("too many connections: another program needs a place")


def _held(sessions: Collection[Session]) -> Counter[int]:
    """Return how many connections each process holds."""
    return Counter(one.pid for one in sessions)
