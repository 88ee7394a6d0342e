"""Hints become rows: settle, look, and bring the catalog in line with the disk.

The watcher's inbox and the scanner both end here. A hint says where to look;
`lstat` and the catalog say what happened.
"""

from __future__ import annotations

import asyncio
import logging
import os
import time
from collections.abc import Callable, Sequence
from enum import Enum
from functools import partial
from typing import Final, NamedTuple

from imgqd import scan, writers
from imgqd.bell import Bell
from imgqd.freshness import Freshness
from imgqd.inbox import Inbox
from imgqd.library import Library
from imgqd.records import Hint, Observed, Root, shown
from imgqd.scope import NO_MEDIA, Scope
from imgqd.settle import Full, Settler

log = logging.getLogger(__name__)

BLOCK: Final = 512
"""Paths that are looked at and committed together."""

_LATELY: Final = 60.0
"""Seconds after its last change in which a file may still be in a writer's hands."""


Missed = Callable[[bytes, Callable[[], None]], None]


class _Verdict(Enum):
    WALK = "a folder: walk it"
    KEEP = "it may not be looked at: leave what is known of it"


class _Seen(NamedTuple):
    one: Observed | _Verdict
    is_written: bool | None = None


class Intake:
    """Follows hints. `scope` and `roots` are asked anew each time: settings change.

    `identity_holds` says whether a root is still the folder it was: a path that
    is missing because its whole root is gone was not deleted; `missed` is called
    then with the root, and what to call once that was looked at and will be walked
    when it is back. `walk` is called with folders to walk, and `queued` when there
    are new pending files.
    """

    def __init__(
        self,
        library: Library,
        inbox: Inbox,
        settler: Settler,
        freshness: Freshness,
        changed: Bell,
        scope: Callable[[], Scope],
        roots: Callable[[], Sequence[Root]],
        identity_holds: Callable[[Root], bool],
        walk: Callable[[bytes, float], None],
        queued: Callable[[], None],
        missed: Missed,
    ) -> None:
        self._library = library
        self._inbox = inbox
        self._settler = settler
        self._freshness = freshness
        self._changed = changed
        self._scope = scope
        self._roots = roots
        self._identity_holds = identity_holds
        self._walk = walk
        self._queued = queued
        self._missed = missed
        self._arrived = asyncio.Event()
        self._roomy = asyncio.Event()
        self._refused: tuple[float, int] | None = None
        freshness.include(inbox.oldest)
        freshness.include(settler.oldest)

    @property
    def unsettled(self) -> int:
        """How many files are not quiet yet."""
        return len(self._settler)

    def arrived(self) -> None:
        """Note that the inbox is not empty; call it in the event loop's thread."""
        self._arrived.set()

    async def room(self) -> None:
        """Wait until files that are not quiet can be held again."""
        while not self._settler.room:
            self._roomy.clear()
            await self._roomy.wait()

    async def run(self) -> None:
        """Follow the inbox for ever."""
        while True:
            due = self._settler.next_due()
            pause = None if due is None else max(0.0, due - time.monotonic())
            try:
                async with asyncio.timeout(pause):
                    await self._arrived.wait()
            except TimeoutError:
                pass
            self._arrived.clear()
            noticed = self._inbox.oldest() or time.time()
            with self._freshness.holding(noticed):
                paths, lost = self._inbox.take()
                if lost:
                    log.warning("events were lost: looking through all folders")
                    self._walk_all(self._freshness.proved())
                hints = [Hint(path, noticed, live=True) for path, noticed in paths.items()]
                await self.follow(hints + self._settler.due(time.monotonic()))
                self._make_room()

    async def follow(self, hints: Sequence[Hint]) -> None:
        """Look at the paths and bring the catalog in line, all but what is not quiet yet."""
        due = self._settler.next_due()
        for start in range(0, len(hints), BLOCK):
            block = hints[start : start + BLOCK]
            with self._freshness.holding(min(hint.noticed for hint in block)):
                seen = await asyncio.to_thread(self._look, block)
                await self._apply(self._settled(block, seen))
        if self._settler.next_due() != due:
            self._arrived.set()  # `run` waits for another moment
        self._changed.ring()

    def _walk_all(self, noticed: float) -> None:
        for root in self._roots():
            self._walk(root.path, noticed)

    def _make_room(self) -> None:
        if not self._settler.room:
            return
        self._roomy.set()
        if self._refused is not None:
            # What could not be held is found again by looking through everything.
            (noticed, ticket), self._refused = self._refused, None
            self._walk_all(noticed)
            self._freshness.release(ticket)

    def _look(self, hints: Sequence[Hint]) -> list[_Seen]:
        scope, now = self._scope(), time.time()
        return [self._look_at(hint, scope, now) for hint in hints]

    @staticmethod
    def _look_at(hint: Hint, scope: Scope, now: float) -> _Seen:
        if os.path.basename(hint.path) == NO_MEDIA:
            return _Seen(_Verdict.WALK)
        try:
            one = scan.observe(hint.path, scope, hint.noticed, live=hint.live)
        except OSError as error:
            # Not "gone": a folder that may not be entered keeps what it had.
            log.info("cannot look at %s: %s", shown(hint.path), error.strerror)
            return _Seen(_Verdict.KEEP)
        if one is None:
            return _Seen(_Verdict.WALK)
        if one.stamp is None or max(one.stamp.mtime_ns, one.stamp.ctime_ns) / 1e9 < now - _LATELY:
            return _Seen(one)
        return _Seen(one, writers.being_written(one.path))

    def _settled(self, hints: Sequence[Hint], seen: Sequence[_Seen]) -> list[Observed]:
        now, wall = time.monotonic(), time.time()
        ready = []
        for hint, (one, is_written) in zip(hints, seen, strict=True):
            if isinstance(one, _Verdict):
                self._settler.drop(hint.path)
                if one is _Verdict.WALK:
                    is_mark = os.path.basename(hint.path) == NO_MEDIA
                    self._walk(os.path.dirname(hint.path) if is_mark else hint.path, hint.noticed)
                continue
            try:
                kept = self._settler.offer(hint, one.stamp, now, wall, is_written=is_written)
            except Full:
                self._refuse(hint.noticed)
                continue
            if kept is not None:
                ready.append(Observed(one.path, one.stamp, kept.noticed, kept.live))
        return ready

    def _refuse(self, noticed: float) -> None:
        if self._refused is not None:
            noticed = min(noticed, self._refused[0])
            self._freshness.release(self._refused[1])
        self._refused = (noticed, self._freshness.hold(noticed))

    async def _apply(self, observed: Sequence[Observed]) -> None:
        scope = self._scope()
        roots = {root.path: root for root in self._roots()}
        holds: dict[bytes, bool] = {}
        root_of: dict[bytes, int] = {}
        sound = []
        for one in observed:
            path = scope.root_of(one.path)
            root = roots.get(path) if path is not None else None
            if root is None:
                continue
            if root.path not in holds:
                holds[root.path] = self._identity_holds(root)
                if not holds[root.path]:
                    # It may be back before anybody looks: this must not have been forgotten.
                    ticket = self._freshness.hold(min(each.noticed for each in observed))
                    self._missed(root.path, partial(self._freshness.release, ticket))
            if holds[root.path] and (one.stamp is None or root.online):
                root_of[os.path.dirname(one.path)] = root.id
                sound.append(one)
        if sound:
            change = await self._library.change(
                lambda writer: writer.apply(sound, root_of, time.time())
            )
            if change.queued:
                self._queued()
            if change.kin:
                # Their rows agree once they are looked at, so this comes to an end.
                noticed = min(one.noticed for one in sound)
                await self.follow([Hint(path, noticed, live=True) for path in change.kin])
