"""The watched folders: there or not, watched or only walked, and looked after.

The only timer of an idle daemon lives here: every ten seconds it compares each
root's (device, inode) with what it was, because a rename or an unmount of a
root sends no event at all. A root that is gone is *offline*: its pictures are
hidden, never deleted.
"""

from __future__ import annotations

import asyncio
import errno
import logging
import os
import stat
import time
from collections.abc import Callable, Sequence
from typing import Final

from imgqd.bell import Bell
from imgqd.intake import Intake
from imgqd.library import Library
from imgqd.records import Root, shown, signed
from imgqd.watch import Watcher

log = logging.getLogger(__name__)

_LOOK: Final = 10.0
"""Seconds between two looks at the roots."""

_DAY: Final = 86400.0


class Roots:
    """Keeps every root's state true in catalog, watcher and index."""

    def __init__(
        self,
        library: Library,
        watcher: Watcher,
        changed: Bell,
        rescan: float,
        proved: Callable[[], float],
    ) -> None:
        self._library = library
        self._watcher = watcher
        self._changed = changed
        self._proved = proved
        self._tidy_next = 0.0
        self._lock = asyncio.Lock()
        self.rescan = rescan
        self.intake: Intake | None = None
        self.all: Sequence[Root] = ()
        self.watch: dict[bytes, str] = {}
        """How a root is covered: live, or scan_only."""
        self.reasons: dict[bytes, str] = {}
        """Why a root is offline or only walked, in words."""

    async def set(self, paths: Sequence[bytes]) -> None:
        """Make these the roots; forget what lay below others, look at the new ones."""
        async with self._lock:
            for root in self.all:
                if root.path not in paths:
                    await asyncio.to_thread(self._watcher.remove, root.path)
            await self._library.change(lambda writer: writer.set_roots(paths, time.time()))
            await self._reload()
            self.watch = {path: how for path, how in self.watch.items() if path in paths}
            self.reasons = {path: why for path, why in self.reasons.items() if path in paths}
        await self.look()

    async def start(self, paths: Sequence[bytes]) -> None:
        """Take over what the catalog knows, then make these the roots."""
        await self._reload()
        await self.set(paths)

    async def run(self, also: Callable[[], None]) -> None:
        """Look at the roots every ten seconds, and through them every `watch.rescan`.

        `also` is called with each look: what else sends no event is looked at then.
        """
        while True:
            also()
            await self._tidy()
            await asyncio.sleep(_LOOK)
            await self.look()
            self._rescan_the_due()

    async def look(self) -> None:
        """Compare every root with the disk, and act on what changed."""
        async with self._lock:
            for root in self.all:
                await self._look_at(root)

    def holds(self, root: Root) -> bool:
        """Return whether a root's path still is the folder it was."""
        return root.identity is not None and identity(root.path)[0] == root.identity

    def walk_all(self, noticed: float, only: bytes | None = None) -> None:
        """Queue a walk of every online root, or of one folder."""
        assert self.intake is not None
        for root in self.all:
            if root.online and only is None:
                self.intake.walk(root.path, noticed)
        if only is not None:
            self.intake.walk(only, noticed)

    def blind_since(self) -> float | None:
        """Return up to when the roots that have no watch are known, None where all have one."""
        assert self.intake is not None
        walked = self.intake.walked
        times = [
            walked.get(root.path, self._proved())
            for root in self.all
            if root.online and self.watch.get(root.path) != "live"
        ]
        return min(times, default=None)

    async def _look_at(self, root: Root) -> None:
        found, why = await asyncio.to_thread(identity, root.path)
        if found is None:
            if root.online or root.path not in self.reasons:
                log.warning("%s is offline: %s", shown(root.path), why)
                await self._go(root, None)
            if self.reasons.get(root.path) != why:
                self.reasons[root.path] = why
                self._changed.ring()
        elif not root.online or found != root.identity or root.path not in self.watch:
            await self._go(root, found)
            await self._cover(root.path)

    async def _go(self, root: Root, found: tuple[int, int] | None) -> None:
        await asyncio.to_thread(self._watcher.remove, root.path)
        self.watch.pop(root.path, None)
        self.reasons.pop(root.path, None)
        await self._library.change(lambda writer: writer.set_root_state(root, found, time.time()))
        if found is not None and (number := self._library.model_id) is not None:
            # The model may have changed while the folder was away.
            await self._library.write(
                lambda writer: writer.requeue_without_vector(number, time.time())
            )
        await self._reload()

    async def _cover(self, path: bytes) -> None:
        """Watch a root and look through it; the watch first, so that nothing falls between."""
        assert self.intake is not None
        self.intake.walked.pop(path, None)
        began = time.time()
        try:
            await asyncio.to_thread(self._watcher.add, path)
        except OSError as error:
            self.watch[path] = "scan_only"
            self.reasons[path] = _no_watch(error)
            log.warning("%s is not watched: %s", shown(path), self.reasons[path])
        else:
            self.watch[path] = "live"
            log.info("watching %s (%.1f s)", shown(path), time.time() - began)
        # What changed while nobody watched may be as old as the last proof of being current.
        self.intake.walk(path, min(began, self._proved()))

    async def _tidy(self) -> None:
        if time.monotonic() < self._tidy_next:
            return
        self._tidy_next = time.monotonic() + _DAY
        gone = await self._library.write(lambda writer: writer.tidy(time.time()))
        if gone:
            log.info("forgot %d pictures that have been gone for a week", gone)

    def _rescan_the_due(self) -> None:
        assert self.intake is not None
        now = time.time()
        for root in self.all:
            last = self.intake.walked.get(root.path)
            if root.online and last is not None and last + self.rescan <= now:
                self.intake.walk(root.path, now)

    async def _reload(self) -> None:
        self.all = await self._library.write(lambda writer: writer.roots())
        self._changed.ring()


def identity(path: bytes) -> tuple[tuple[int, int] | None, str]:
    """Return ((device, inode), "") of a folder that can be read, or (None, why not)."""
    try:
        status = os.stat(path)
    except OSError as error:
        return None, error.strerror or str(error)
    if not stat.S_ISDIR(status.st_mode):
        return None, "not a folder"
    if not os.access(path, os.R_OK | os.X_OK):
        return None, "permission denied"
    return (signed(status.st_dev), signed(status.st_ino)), ""


def _no_watch(error: OSError) -> str:
    if error.errno == errno.ENOSPC:
        return "no inotify watches left: raise the sysctl fs.inotify.max_user_watches"
    if error.errno == errno.EMFILE:
        return "no inotify instance left: raise the sysctl fs.inotify.max_user_instances"
    return error.strerror or str(error)
