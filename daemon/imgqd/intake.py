"""Hints become rows: settle, look, and bring the catalog in line with the disk.

The watcher's inbox and the scanner both end here. A hint says where to look;
`lstat` and the catalog say what happened.
"""

from __future__ import annotations

import asyncio
import logging
import os
import time
from collections.abc import Callable, Iterator, Sequence
from enum import Enum
from typing import Final

from imgqd import scan
from imgqd.bell import Bell
from imgqd.catalog import Reader
from imgqd.freshness import Freshness
from imgqd.library import Library
from imgqd.records import Hint, Observed, Root, Stamp, shown
from imgqd.scope import NO_MEDIA, Scope, is_within
from imgqd.settle import Settler
from imgqd.watch import Inbox

log = logging.getLogger(__name__)

_BLOCK: Final = 512
"""Paths that are looked at and committed together."""


class _Verdict(Enum):
    WALK = "a folder: walk it"
    KEEP = "it may not be looked at: leave what is known of it"


class Intake:
    """Follows hints. `scope` and `roots` are asked anew each time: settings change.

    `identity_holds` says whether a root is still the folder it was: a path that
    is missing because its whole root is gone was not deleted. `queued` is called
    when there are new pending files.
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
        queued: Callable[[], None],
    ) -> None:
        self._library = library
        self._inbox = inbox
        self._settler = settler
        self._freshness = freshness
        self._changed = changed
        self._scope = scope
        self._roots = roots
        self._identity_holds = identity_holds
        self._queued = queued
        self._arrived = asyncio.Event()
        self._walks: dict[bytes, tuple[float, int]] = {}
        self._to_walk = asyncio.Event()
        self.walked: dict[bytes, float] = {}
        """When the last complete walk of each root began."""
        freshness.include(inbox.oldest)
        freshness.include(settler.oldest)

    @property
    def unsettled(self) -> int:
        """How many files are not quiet yet."""
        return len(self._settler)

    def arrived(self) -> None:
        """Note that the inbox is not empty; call it in the event loop's thread."""
        self._arrived.set()

    def walk(self, top: bytes, noticed: float) -> None:
        """Queue a walk of a folder; a queued walk of the same folder serves both."""
        known = self._walks.pop(top, None)
        if known is not None:
            self._freshness.release(known[1])
            noticed = min(noticed, known[0])
        self._walks[top] = (noticed, self._freshness.hold(noticed))
        self._to_walk.set()

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
                    for root in self._roots():
                        self.walk(root.path, self._freshness.proved())
                hints = [Hint(path, noticed, live=True) for path, noticed in paths.items()]
                await self.follow(hints + self._settler.due(time.monotonic()))

    async def run_walks(self) -> None:
        """Walk the queued folders for ever, one at a time."""
        while True:
            await self._to_walk.wait()
            self._to_walk.clear()
            while self._walks:
                top = next(iter(self._walks))
                noticed, ticket = self._walks.pop(top)
                try:
                    await self._walk(top, noticed)
                finally:
                    self._freshness.release(ticket)
                    self._changed.ring()

    async def follow(self, hints: Sequence[Hint]) -> None:
        """Look at the paths and bring the catalog in line, all but what is not quiet yet."""
        for start in range(0, len(hints), _BLOCK):
            block = hints[start : start + _BLOCK]
            with self._freshness.holding(min(hint.noticed for hint in block)):
                seen = await asyncio.to_thread(self._look, block)
                await self._apply(self._settled(block, seen))
        self._changed.ring()

    def _look(self, hints: Sequence[Hint]) -> list[Observed | _Verdict]:
        scope = self._scope()
        seen: list[Observed | _Verdict] = []
        for hint in hints:
            if os.path.basename(hint.path) == NO_MEDIA:
                seen.append(_Verdict.WALK)
                continue
            try:
                one = scan.observe(hint.path, scope, hint.noticed, live=hint.live)
                seen.append(_Verdict.WALK if one is None else one)
            except OSError as error:
                # Not "gone": a folder that may not be entered keeps what it had.
                log.info("cannot look at %s: %s", shown(hint.path), error.strerror)
                seen.append(_Verdict.KEEP)
        return seen

    def _settled(
        self, hints: Sequence[Hint], seen: Sequence[Observed | _Verdict]
    ) -> list[Observed]:
        now, wall = time.monotonic(), time.time()
        ready = []
        for hint, one in zip(hints, seen, strict=True):
            if isinstance(one, _Verdict):
                self._settler.drop(hint.path)
                if one is _Verdict.WALK:
                    is_mark = os.path.basename(hint.path) == NO_MEDIA
                    self.walk(os.path.dirname(hint.path) if is_mark else hint.path, hint.noticed)
            elif (kept := self._settler.offer(hint, one.stamp, now, wall)) is not None:
                ready.append(Observed(one.path, one.stamp, kept.noticed, kept.live))
        return ready

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
            if holds[root.path] and (one.stamp is None or root.online):
                root_of[os.path.dirname(one.path)] = root.id
                sound.append(one)
        if sound:
            change = await self._library.change(
                lambda writer: writer.apply(sound, root_of, time.time())
            )
            if change.queued:
                self._queued()

    async def _walk(self, top: bytes, noticed: float) -> None:
        scope = self._scope()
        began = time.time()
        root = next((one for one in self._roots() if one.path == scope.root_of(top)), None)
        if root is None or scope.exclusion(top) is not None:
            return
        tally = scan.Tally()

        def stamps(folder: bytes) -> dict[bytes, Stamp]:
            return self._library.ask(lambda reader: reader.stamps(folder))

        walk = scan.differences(top, scope, stamps, tally)
        while (block := await asyncio.to_thread(_gather, walk)) is not None:
            await self.follow([Hint(path, noticed, live=False) for path in block])
        await self._forget_unmet(top, root, scope, tally)
        if top == root.path:
            self.walked[top] = began
        for folder in tally.unreadable:
            log.warning("cannot read %s: its pictures stay as they were", shown(folder))

    async def _forget_unmet(self, top: bytes, root: Root, scope: Scope, tally: scan.Tally) -> None:
        def unmet(reader: Reader) -> list[bytes]:
            return [
                folder
                for folder in reader.folders_below(top)
                if folder not in tally.folders
                and scope.root_of(folder) == root.path
                and not any(is_within(folder, closed) for closed in tally.unreadable)
            ]

        gone = await self._library.read(unmet)
        if gone and self._identity_holds(root):
            now = time.time()
            await self._library.change(lambda writer: writer.forget_folders(gone, now))


def _gather(walk: Iterator[list[bytes]]) -> list[bytes] | None:
    """Return the next paths of a walk, a few hundred at a time, or None at its end."""
    paths: list[bytes] = []
    folders = 0
    for differences in walk:
        paths.extend(differences)
        folders += 1
        if len(paths) >= _BLOCK or folders >= _BLOCK:
            return paths
    return paths if folders else None
