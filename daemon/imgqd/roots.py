"""The watched folders: there or not, watched or only walked, and looked after.

The only timer of an idle daemon lives here: every ten seconds it compares each
root's (device, inode) with what it was, because a rename of a root sends no
event at all. A root that is gone is *offline*: its pictures are hidden, never
deleted. What ends the ten seconds early is a mount that came or went, or a
thread of the watcher that died.
"""

from __future__ import annotations

import asyncio
import errno
import logging
import time
from collections.abc import Awaitable, Callable, Iterable, Mapping, Sequence
from typing import Final

from imgqd import inotify, mounts, places
from imgqd.bell import Bell
from imgqd.coverage import Cover
from imgqd.freshness import LAG
from imgqd.inotify import Covered
from imgqd.library import Library
from imgqd.records import Root, Walked, shown
from imgqd.scope import is_within
from imgqd.watch import Watcher

log = logging.getLogger(__name__)

_LOOK: Final = 10.0
"""Seconds between two looks at the roots."""

_DAY: Final = 86400.0

_RETRY: Final = 60.0
"""Seconds between two attempts at watching what has no watch, at least."""


class Roots:
    """Keeps every root's state true in catalog, watcher and index.

    `proved` gives the time up to which the answers were ever known to be complete,
    `walk` queues a walk, `settled` waits until the watcher has told all it knows.
    """

    def __init__(
        self,
        library: Library,
        watcher: Watcher,
        changed: Bell,
        rescan: float,
        proved: Callable[[], float],
        walk: Callable[[bytes, float], None],
        settled: Callable[[], Awaitable[None]],
    ) -> None:
        self._library = library
        self._watcher = watcher
        self._changed = changed
        self._proved = proved
        self._walk = walk
        self._settled = settled
        self._tidy_next = 0.0
        self._looked = time.time()
        self._lock = asyncio.Lock()
        self._called = asyncio.Event()
        self._mounts: Mapping[bytes, str] = {}
        self._news = mounts.News()
        self._remounted = False
        self._doubted: dict[bytes, list[Callable[[], None]]] = {}
        self.rescan = rescan
        self.all: Sequence[Root] = ()
        self.cover: dict[bytes, Cover] = {}
        """How the changes of each online root are noticed."""
        self.offline: dict[bytes, str] = {}
        """Why a root is offline, in words."""

    async def start(self, paths: Sequence[bytes]) -> None:
        """Take over what the catalog knows, then make these the roots."""
        self._mounts = await asyncio.to_thread(mounts.table)
        if (number := self._news.fileno()) is not None:
            asyncio.get_running_loop().add_reader(number, self._on_mounts)
        await self._reload()
        await self.use(paths)

    def close(self) -> None:
        """Listen no longer to mounts."""
        if (number := self._news.fileno()) is not None:
            asyncio.get_running_loop().remove_reader(number)
        self._news.close()

    async def use(self, paths: Sequence[bytes]) -> None:
        """Make these the roots; forget what lay below others, look at the new ones."""
        async with self._lock:
            for root in self.all:
                if root.path not in paths:
                    await asyncio.to_thread(self._watcher.remove, root.path)
                    self.cover.pop(root.path, None)
                    self.offline.pop(root.path, None)
            await self._library.change(lambda writer: writer.set_roots(paths, time.time()))
            await self._reload()
        await self.look()

    async def run(self, also: Callable[[], Awaitable[None]]) -> None:
        """Look at the roots every ten seconds, and through them every `watch.rescan`.

        `also` is called with each look: what else sends no event is looked at then.
        """
        while True:
            await also()
            await self._tidy()
            await self._rest()
            await self.look()
            await self._walk_the_due()

    def call(self) -> None:
        """Look at once; for the event loop's thread."""
        self._called.set()

    async def look(self) -> None:
        """Compare every root with the disk, and act on what changed."""
        async with self._lock:
            began = time.time()
            if self._watcher.is_deaf:
                await self._listen_anew()
            if self._news.came() or self._remounted:
                await self._look_at_mounts()
            doubted, self._doubted = self._doubted, {}
            lost = self._watcher.lost() | doubted.keys()
            try:
                for root in self.all:
                    await self._look_at(root, is_lost=root.path in lost)
            except BaseException:
                # Who asked has given up (a sync at its deadline): the doubts are left to the next.
                for path, looked in doubted.items():
                    self._doubted.setdefault(path, []).extend(looked)
                self.call()
                raise
            for looked in doubted.values():
                for settled in looked:
                    settled()
            if doubted:
                self._changed.ring()  # somebody may wait for just that
            self._looked = began

    def doubt(self, path: bytes, looked: Callable[[], None]) -> None:
        """Look at a root as if it had gone and come: something found it away, if for a moment.

        `looked` is called once that is done: it is offline then, or a walk of it is queued.
        """
        self._doubted.setdefault(path, []).append(looked)
        self.call()

    def holds(self, root: Root) -> bool:
        """Return whether a root's path still is the folder it was."""
        return root.identity is not None and places.identity(root.path)[0] == root.identity

    async def walk_all(self, noticed: float) -> None:
        """Queue a walk of every online root; try anew to watch what has no watch."""
        async with self._lock:
            for root in self.all:
                cover = self.cover.get(root.path)
                if cover is not None and cover.watch != "live":
                    await self._watch(root.path)
                if root.online:
                    self._walk(root.path, noticed)

    def walk_blind(self, noticed: float) -> bool:
        """Queue walks of all that no event comes from; return whether there is any."""
        tops = [top for path, cover in self.cover.items() for top in cover.blind_tops(path)]
        for top in tops:
            self._walk(top, noticed)
        return bool(tops)

    def blind_since(self) -> float | None:
        """Return up to when all that has no events is known, None where all has."""
        times = [cover.blind_since() for cover in self.cover.values()]
        # Between two of the queues an event is in none of them: for a moment all seemed clear.
        behind = self._watcher.behind_since()
        times.append(None if behind is None else behind - LAG)
        if any(self._differs(root) for root in self.all):
            times.append(self._looked)
            self.call()
        times += [self._proved() for one in self.all if one.online and one.path not in self.cover]
        return min((one for one in times if one is not None), default=None)

    def _differs(self, root: Root) -> bool:
        """Return whether a root came, went or was exchanged since the last look."""
        if mounts.is_remote(mounts.kind_of(root.path, self._mounts)):
            return False  # nothing is claimed of those beyond their last walk, and they may hang
        return places.look(root)[0] != (root.identity if root.online else None)

    def is_walked(self, root: Root) -> bool:
        """Return whether a root that is online was looked through once."""
        cover = self.cover.get(root.path)
        return cover is not None and cover.walked is not None

    def walked(self, walk: Walked) -> None:
        """Take note of a walk that is through."""
        cover = self.cover.get(walk.root)
        if cover is not None:
            cover.note(walk, self.rescan)
            self.call()  # another walk may be due before the next look

    async def judge(self) -> None:
        """Find out which of the folders that were just walked have no watch."""
        async with self._lock:
            if self._watcher.is_deaf:
                return  # it begins anew in a moment, and everything is walked then
            met = {path: cover for path, cover in self.cover.items() if cover.has_met()}
            covered = await asyncio.to_thread(self._watcher.covered)
            if any(cover.without_watch(covered) for cover in met.values()):
                # Watches for new folders may be on their way: let the watcher come to rest first.
                await self._settled()
                covered = await asyncio.to_thread(self._watcher.covered)
            for path, cover in met.items():
                await self._judge(path, cover, covered)
        self._changed.ring()

    async def _judge(self, path: bytes, cover: Cover, covered: Covered | None) -> None:
        cover.closed = await self._closed(cover.unreadable)
        missing, before = cover.without_watch(covered), cover.why
        cover.judge(missing, self.rescan, inotify.limit("max_user_watches"))
        if cover.watch == "scan_only":
            return
        if cover.why not in {None, before}:
            log.warning("%s is watched in part: %s", shown(path), cover.why)
        if not cover.uncovered:
            cover.tries = 0
        if missing and cover.retry <= time.time():
            # It may pass, as where folders come and go in a rush; or not, and each costs a walk.
            pause = min(_RETRY * 2.0**cover.tries, max(_RETRY, self.rescan))
            cover.retry, cover.tries = time.time() + pause, cover.tries + 1
            await self._watch(path)
            self._walk(path, self._proved())

    async def _closed(self, unreadable: Iterable[bytes]) -> set[bytes]:
        folders = list(unreadable)
        return await self._library.read(
            lambda reader: {one for one in folders if reader.folders_below(one)}
        )

    async def _look_at(self, root: Root, *, is_lost: bool) -> None:
        found, why = await asyncio.to_thread(places.look, root)
        if found is None:
            if root.online or root.path not in self.offline:
                log.warning("%s is offline: %s", shown(root.path), why)
                await self._go(root, None)
            if self.offline.get(root.path) != why:
                self.offline[root.path] = why
                self._changed.ring()
        elif is_lost or root.path not in self.cover or found != root.identity:
            await self._go(root, found)
            await self._begin(root.path)

    async def _go(self, root: Root, found: tuple[int, int] | None) -> None:
        await asyncio.to_thread(self._watcher.remove, root.path)
        self.cover.pop(root.path, None)
        self.offline.pop(root.path, None)
        await self._library.change(lambda writer: writer.set_root_state(root, found, time.time()))
        if found is not None and (number := self._library.model_id) is not None:
            # The model may have changed while the folder was away.
            await self._library.write(
                lambda writer: writer.requeue_without_vector(number, time.time())
            )
        await self._reload()

    async def _begin(self, path: bytes) -> None:
        """Watch a root and look through it; the watch first, so that nothing falls between."""
        began = time.time()
        self.cover[path] = Cover(since=min(began, self._proved()))
        await self._watch(path)
        spent = time.time() - began
        log.info("watching %s: %s (%.1f s)", shown(path), self.cover[path].watch, spent)
        # What changed while nobody watched may be as old as the last proof of being current.
        self._walk(path, self.cover[path].since)

    async def _watch(self, path: bytes) -> None:
        cover = self.cover[path]
        kind = mounts.kind_of(path, self._mounts)
        inside = mounts.below(path, self._mounts)
        cover.remote = {point: one for point, one in inside.items() if mounts.is_remote(one)}
        cover.watch, cover.why = "live", None
        try:
            if mounts.is_remote(kind):
                raise OSError(errno.EREMOTE, f"{kind} tells of no changes that are made elsewhere")
            await asyncio.to_thread(self._watcher.add, path)
        except OSError as error:
            cover.watch, cover.why = "scan_only", _no_watch(error)
            log.warning("%s is not watched: %s", shown(path), cover.why)

    async def _listen_anew(self) -> None:
        log.warning("the watcher begins anew: looking through all folders")
        since = self._proved()
        await asyncio.to_thread(self._watcher.restart)
        for path in self.cover:
            await self._watch(path)
            self._walk(path, since)

    async def _look_at_mounts(self) -> None:
        self._remounted = False
        before, self._mounts = self._mounts, await asyncio.to_thread(mounts.table)
        changed = {point for point, _ in before.items() ^ self._mounts.items()}
        # One that was exchanged for another of its type looks the same in the table.
        local = {point for point, kind in self._mounts.items() if not mounts.is_remote(kind)}
        for path in self.cover:
            if any(is_within(point, path) and point != path for point in changed | local):
                log.info("mounts changed in %s", shown(path))
                await self._watch(path)
                self._walk(path, self._proved())

    async def _rest(self) -> None:
        """Wait for the next look, or for a call."""
        times = (due for path, cover in self.cover.items() for _, due in cover.due_walks(path))
        due = min(times, default=float("inf"))
        try:
            async with asyncio.timeout(max(0.0, min(_LOOK, due - time.time()))):
                await self._called.wait()
        except TimeoutError:
            pass
        self._called.clear()

    async def _tidy(self) -> None:
        if time.monotonic() < self._tidy_next:
            return
        self._tidy_next = time.monotonic() + _DAY
        gone = await self._library.write(lambda writer: writer.tidy(time.time()))
        if gone:
            log.info("forgot %d pictures that have been gone for a week", gone)

    async def _walk_the_due(self) -> None:
        now = time.time()
        for path, cover in list(self.cover.items()):
            for top, due in cover.due_walks(path):
                if due > now:
                    continue
                cover.is_walked(path, top)
                if cover.watch == "scan_only" and cover.retry <= now:
                    cover.retry = now + max(_RETRY, self.rescan)
                    async with self._lock:
                        await self._watch(path)
                self._walk(top, now)

    def _on_mounts(self) -> None:
        # The loop's own look at the descriptor has taken the news already.
        self._news.came()
        self._remounted = True
        self._called.set()

    async def _reload(self) -> None:
        self.all = await self._library.write(lambda writer: writer.roots())
        self._changed.ring()


def _no_watch(error: OSError) -> str:
    if error.errno == errno.ENOSPC:
        return "no inotify watches left: raise the sysctl fs.inotify.max_user_watches"
    if error.errno == errno.EMFILE:
        return "no inotify instance left: raise the sysctl fs.inotify.max_user_instances"
    return error.strerror or str(error)
