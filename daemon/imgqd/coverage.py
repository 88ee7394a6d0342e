"""How changes below one root come to be noticed: by events, or only by walking. No I/O.

Rules of this file: a folder without events is *blind*. What is claimed of it
ends where its last complete walk began, and it is walked again the sooner the
less a walk costs: blind folders take a hundredth of the time at most.
"""

from __future__ import annotations

import random
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import Final

from imgqd.inotify import Covered
from imgqd.records import Walked, shown
from imgqd.scope import is_within, outermost

_SHARE: Final = 100
"""A blind folder rests so many times longer than its walk took."""

_LEAST: Final = 60.0
"""Seconds between two walks of a blind folder at least, if `watch.rescan` is not shorter."""

_SPREAD: Final = (0.75, 1.25)
"""Full walks come this much around `watch.rescan`, so that many roots do not fall together."""


@dataclass(slots=True)
class Blind:
    """A folder that no event comes from, with all below it; the times are Unix times."""

    walked: float
    """When its last complete walk began."""
    due: float


@dataclass(slots=True)
class Cover:
    """What is known of one root that is online.

    `watch` is `live`, `partial` or `scan_only`; `why` says in words what is not covered.
    """

    since: float
    """Unix time up to which it was known before it was walked."""
    watch: str = "live"
    why: str | None = None
    walked: float | None = None
    due: float = float("inf")
    retry: float = 0.0
    """Unix time before which no new attempt at watching is made."""
    tries: int = 0
    """Attempts since the last time that nothing was missing."""
    blind: dict[bytes, Blind] = field(default_factory=dict)
    remote: Mapping[bytes, str] = field(default_factory=dict)
    """Mounts inside that tell of no changes: mount point -> type."""
    uncovered: set[bytes] = field(default_factory=set)
    unreadable: set[bytes] = field(default_factory=set)
    closed: set[bytes] = field(default_factory=set)
    """Those of the unreadable folders whose pictures are known from before."""
    _met: dict[bytes, tuple[int, int]] = field(default_factory=dict)
    _tops: list[bytes] = field(default_factory=list)
    _since: float = float("inf")

    def note(self, walk: Walked, rescan: float) -> None:
        """Take in what a walk of the root, or of a folder in it, came to."""
        if walk.top == walk.root:
            self.walked = walk.began
            full = rescan * random.uniform(*_SPREAD)  # noqa: S311 - no secret
            pause = full if self.watch != "scan_only" else _pause(walk.spent, rescan)
            self.due = walk.began + pause
        for top in self.blind:
            if is_within(top, walk.top):
                self.blind[top] = Blind(walk.began, walk.began + _pause(walk.spent, rescan))
        self.unreadable = {one for one in self.unreadable if not is_within(one, walk.top)}
        self.unreadable.update(walk.unreadable)
        # What an earlier walk met and this one did not is gone, or counts no longer.
        self._met = {one: of for one, of in self._met.items() if not is_within(one, walk.top)}
        self._met.update(walk.folders)
        self._tops.append(walk.top)
        self._since = min(self._since, walk.began)

    def due_walks(self, path: bytes) -> list[tuple[bytes, float]]:
        """Return (folder, Unix time of its next walk): the root at `path`, and its blind parts."""
        return [(path, self.due), *((top, one.due) for top, one in self.blind.items())]

    def is_walked(self, path: bytes, top: bytes) -> None:
        """Note that a due walk is queued: the next one comes after it."""
        if top == path:
            self.due = float("inf")
        if top in self.blind:
            self.blind[top].due = float("inf")

    def blind_tops(self, path: bytes) -> list[bytes]:
        """Return the outermost folders that no event comes from, of the root at `path`."""
        return [path] if self.watch == "scan_only" else list(self.blind)

    def has_met(self) -> bool:
        """Return whether there were walks since the last `judge`."""
        return bool(self._tops)

    def without_watch(self, covered: Covered | None) -> set[bytes]:
        """Return the folders met since the last `judge` that have no watch, and could have one."""
        if covered is None:
            return set()
        return {
            folder
            for folder, identity in self._met.items()
            if not covered.holds(identity) and not self._is_remote(folder)
        }

    def judge(self, missing: Iterable[bytes], rescan: float, limit: int | None) -> None:
        """Settle which folders are blind, once the walks are through.

        `limit` is how many folders the system lets one person watch, if it is known.
        """
        if self.watch != "scan_only":
            self._settle(set(missing), rescan, limit)
        self._met.clear()
        self._tops.clear()
        self._since = float("inf")

    def _settle(self, missing: set[bytes], rescan: float, limit: int | None) -> None:
        kept = {
            folder
            for folder in self.uncovered
            if not any(is_within(folder, top) for top in self._tops)
        }
        remote = {folder for folder in self._met if self._is_remote(folder)}
        self.uncovered = kept | remote | missing
        tops = outermost(self.uncovered | set(self.remote))
        fresh = Blind(self._since, self._since + _pause(0.0, rescan))
        self.blind = {top: self.blind.get(top, fresh) for top in tops}
        self.watch = "partial" if self.blind else "live"
        self.why = self._explain(len(self.uncovered - remote), limit) if self.blind else None

    def blind_since(self) -> float | None:
        """Return up to when the blind part is known, None where there is none."""
        if self.watch == "scan_only":
            return self.since if self.walked is None else self.walked
        return min((one.walked for one in self.blind.values()), default=None)

    def _explain(self, missing: int, limit: int | None) -> str:
        reasons = [
            f"{shown(point)} lies on {kind}, which tells of no changes that are made elsewhere"
            for point, kind in self.remote.items()
        ]
        if missing:
            folders = "1 folder has" if missing == 1 else f"{missing} folders have"
            now = "" if limit is None else f" (now {limit})"
            reasons.append(
                f"{folders} no watch: raise the sysctl fs.inotify.max_user_watches{now}, "
                "then: imgqctl rescan"
            )
        return "; ".join(reasons)

    def _is_remote(self, folder: bytes) -> bool:
        return any(is_within(folder, point) for point in self.remote)


def _pause(spent: float, rescan: float) -> float:
    return min(rescan, max(_LEAST, _SHARE * spent))
