"""Who is connected, and who gives way where there are too many.

Rules of this file: all programs of the user have the same right to be here, so one
that holds many connections gives way to one that holds few; of its connections, one
that does nothing goes first. Who has asked nothing yet has a place apart: it costs
little and proves nothing, so the newest always gets one, and whoever asks in earnest
is not kept out by those who only hold on.
"""

from __future__ import annotations

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


class Full(Exception):
    """There is no place; the text is one line for a person."""


class Guests:
    """The connections there are: first silent, then seated."""

    def __init__(self, limits: Callable[[], ServerSettings], complaints: Complaints) -> None:
        self._limits = limits
        self._complaints = complaints
        # In the order in which they came.
        self._silent: dict[Session, None] = {}
        self._seated: dict[Session, None] = {}

    def enter(self, session: Session) -> None:
        """Let a connection in that has asked nothing yet; raises Full where it could not ask."""
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
