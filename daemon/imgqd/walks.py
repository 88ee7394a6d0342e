"""Walks of folders, one after the other: what differs from the catalog is followed as hints.

The watcher asks for a walk of each new folder, the roots for walks of
themselves. What a walk met is told to whoever asks (`walked`), and once no
walk is left, `drained` may look at what all of them met.
"""

from __future__ import annotations

import asyncio
import logging
import os
import stat
import time
from collections.abc import Awaitable, Callable, Iterable, Iterator, Sequence
from functools import partial
from typing import Final

from imgqd import scan
from imgqd.bell import Bell
from imgqd.catalog import Reader
from imgqd.freshness import Freshness
from imgqd.intake import BLOCK, Intake, Missed
from imgqd.library import Library
from imgqd.records import Hint, Root, Walked, shown
from imgqd.scope import Scope, is_within

log = logging.getLogger(__name__)

_MOST: Final = 1024
"""Folders that wait for their walk; with more of them their root is walked instead."""


class Walks:
    """The queue of folders to walk. `scope` and `roots` are asked anew each time."""

    def __init__(
        self,
        library: Library,
        intake: Intake,
        freshness: Freshness,
        changed: Bell,
        scope: Callable[[], Scope],
        roots: Callable[[], Sequence[Root]],
        identity_holds: Callable[[Root], bool],
        missed: Missed,
        walked: Callable[[Walked], None],
        drained: Callable[[], Awaitable[None]],
    ) -> None:
        self._library = library
        self._intake = intake
        self._freshness = freshness
        self._changed = changed
        self._scope = scope
        self._roots = roots
        self._identity_holds = identity_holds
        self._missed = missed
        self._walked = walked
        self._drained = drained
        self._queue: dict[bytes, tuple[float, int]] = {}
        self._asked = asyncio.Event()

    def walk(self, top: bytes, noticed: float) -> None:
        """Queue a walk of a folder; a queued walk of the same folder serves both."""
        if len(self._queue) >= _MOST and top not in self._queue:
            top = self._scope().root_of(top) or top
        known = self._queue.pop(top, None)
        if known is not None:
            self._freshness.release(known[1])
            noticed = min(noticed, known[0])
        self._queue[top] = (noticed, self._freshness.hold(noticed))
        self._asked.set()

    async def run(self) -> None:
        """Walk the queued folders for ever, one at a time."""
        while True:
            await self._asked.wait()
            self._asked.clear()
            # Nothing is claimed of a new folder before it is known whether it is watched.
            with self._freshness.holding(time.time()):
                while self._queue:
                    top = next(iter(self._queue))
                    noticed, ticket = self._queue.pop(top)
                    try:
                        await self._walk(top, noticed)
                    finally:
                        self._freshness.release(ticket)
                        self._changed.ring()
                await self._drained()
            self._changed.ring()

    async def _walk(self, top: bytes, noticed: float) -> None:
        scope = self._scope()
        began, clock = time.time(), time.monotonic()
        root = next((one for one in self._roots() if one.path == scope.root_of(top)), None)
        if root is None:
            return
        tally = scan.Tally()
        if scope.exclusion(top) is not None:
            # Nothing below counts any more: that, too, is something to know.
            self._walked(Walked(top, root.path, began, 0.0, tally.folders, tally.unreadable))
            return

        def stamps(folder: bytes) -> dict[bytes, tuple[int, ...]]:
            return self._library.ask(lambda reader: reader.stamps(folder))

        walk = scan.differences(top, scope, stamps, tally)
        while (block := await asyncio.to_thread(_gather, walk)) is not None:
            await self._intake.room()
            await self._intake.follow([Hint(path, noticed, live=False) for path in block])
        await self._forget_unmet(top, root, scope, tally, noticed)
        if not self._identity_holds(root):
            # Whatever was met is half the truth: it is walked again when it is back.
            ticket = self._freshness.hold(noticed)
            self._missed(root.path, partial(self._freshness.release, ticket))
            return
        spent = time.monotonic() - clock
        self._walked(Walked(top, root.path, began, spent, tally.folders, tally.unreadable))
        for folder in tally.unreadable:
            log.info("cannot read %s: its pictures stay as they were", shown(folder))

    async def _forget_unmet(
        self, top: bytes, root: Root, scope: Scope, tally: scan.Tally, noticed: float
    ) -> None:
        def unmet(reader: Reader) -> list[bytes]:
            return [
                folder
                for folder in reader.folders_below(top)
                if folder not in tally.folders
                and scope.root_of(folder) == root.path
                and not any(is_within(folder, closed) for closed in tally.unreadable)
            ]

        gone = await self._library.read(unmet)
        back = await asyncio.to_thread(_still_there, gone, scope)
        for folder in back:
            self.walk(folder, noticed)
        gone = [folder for folder in gone if folder not in back]
        if gone and self._identity_holds(root):
            now = time.time()
            await self._library.change(lambda writer: writer.forget_folders(gone, now))


def _still_there(folders: Iterable[bytes], scope: Scope) -> set[bytes]:
    """Return the folders that are there and count: their root was away while it was walked."""
    found = set()
    for folder in folders:
        try:
            is_folder = stat.S_ISDIR(os.lstat(folder).st_mode)
        except OSError:
            continue
        # A path in the folder asks for the folder's own `.nomedia`, too.
        if is_folder and scope.exclusion(os.path.join(folder, b"x")) is None:
            found.add(folder)
    return found


def _gather(walk: Iterator[list[bytes]]) -> list[bytes] | None:
    """Return the next paths of a walk, a few hundred at a time, or None at its end."""
    paths: list[bytes] = []
    folders = 0
    for differences in walk:
        paths.extend(differences)
        folders += 1
        if len(paths) >= BLOCK or folders >= BLOCK:
            return paths
    return paths if folders else None
