"""Hold a hint until its file is quiet, so that nothing half written is embedded.

Pure logic: no clock, no disk; both come in as arguments. Rules:

- A path that shows no picture file (gone, a folder, a link) is ready at once.
- A file whose last change is older than the quiet time is ready at once, so a
  scan of a library costs no waiting; unless it is known to be open for writing.
- Else it must show the same stamp twice, the quiet time apart. Each time it is
  caught growing, or still open for writing, the quiet time doubles, up to a
  bound: a slow download is not looked at at every pause of the network.
- Who keeps a file open and writes nothing for a minute is not waited for.
- Nothing is held beyond `limit` paths: whoever offers more must look again later.
"""

from __future__ import annotations

import heapq
from dataclasses import dataclass
from typing import Final

from imgqd.records import Hint, Stamp

_PATIENCE: Final = 8
"""The quiet time grows at most to so many times the setting."""

_OPEN: Final = 60.0
"""Seconds without a change after which an open file is taken as it is."""

_LIMIT: Final = 1 << 14
"""Paths that are held at once: some megabytes of memory, and a second of work."""


class Full(Exception):
    """No more paths can be held for now."""


@dataclass(slots=True)
class _Held:
    hint: Hint
    stamp: Stamp
    since: float
    quiet: float
    due: float


class Settler:
    """The files that are not quiet yet; `quiet` is the setting `watch.settle` in seconds."""

    def __init__(self, quiet: float, limit: int = _LIMIT) -> None:
        self.quiet = quiet
        self._limit = limit
        self._held: dict[bytes, _Held] = {}
        self._heap: list[tuple[float, bytes]] = []

    def __len__(self) -> int:
        return len(self._held)

    @property
    def room(self) -> int:
        """How many more paths can be held."""
        return max(0, self._limit - len(self._held))

    def holds(self, path: bytes) -> bool:
        """Return whether a file is not quiet yet."""
        return path in self._held

    def offer(
        self,
        hint: Hint,
        stamp: Stamp | None,
        now: float,
        wall: float,
        *,
        is_written: bool | None = None,
    ) -> Hint | None:
        """Take a hint with the stamp its path shows; return it when there is nothing to wait for.

        `now` is a monotonic time in seconds, `wall` the Unix time; `is_written` says whether
        the file is open for writing, None where nobody can tell. A hint for a path that is
        held already keeps the earlier `noticed`. Raises Full.
        """
        held = self._held.get(hint.path)
        if held is not None:
            noticed, live = min(hint.noticed, held.hint.noticed), hint.live or held.hint.live
            hint = Hint(hint.path, noticed, live)
        if stamp is None or (held is None and not is_written and self._is_old(stamp, wall)):
            self._held.pop(hint.path, None)
            return hint
        if held is None and not self.room:
            raise Full
        longer = self.quiet if held is None else min(2 * held.quiet, _PATIENCE * self.quiet)
        if held is None or held.stamp != stamp:
            # Closed by now: what it shows is all there will be.
            quiet = self.quiet if is_written is False else longer
            self._hold(hint, stamp, since=now, quiet=quiet, now=now)
        elif is_written and now - held.since < _OPEN:
            held.hint = hint
            if now >= held.due:
                self._hold(hint, stamp, since=held.since, quiet=longer, now=now)
        elif now >= (held.since + self.quiet if is_written is False else held.due):
            del self._held[hint.path]
            return hint
        elif is_written is False:
            self._hold(hint, stamp, since=held.since, quiet=self.quiet, now=held.since)
        else:
            held.hint = hint
        return None

    def drop(self, path: bytes) -> None:
        """Hold a path no longer."""
        self._held.pop(path, None)

    def due(self, now: float) -> list[Hint]:
        """Return the held hints to look at again; offer each with its new stamp."""
        ready = []
        while self._heap and self._heap[0][0] <= now:
            due, path = heapq.heappop(self._heap)
            held = self._held.get(path)
            if held is not None and held.due == due:
                ready.append(held.hint)
        return ready

    def next_due(self) -> float | None:
        """Return the monotonic time of the next look, or None when nothing is held."""
        while self._heap:
            due, path = self._heap[0]
            held = self._held.get(path)
            if held is not None and held.due == due:
                return due
            heapq.heappop(self._heap)
        return None

    def oldest(self) -> float | None:
        """Return the earliest `noticed` of what is held, or None."""
        return min((held.hint.noticed for held in self._held.values()), default=None)

    def _hold(self, hint: Hint, stamp: Stamp, *, since: float, quiet: float, now: float) -> None:
        self._held[hint.path] = _Held(hint, stamp, since, quiet, now + quiet)
        heapq.heappush(self._heap, (now + quiet, hint.path))

    def _is_old(self, stamp: Stamp, wall: float) -> bool:
        changed = max(stamp.mtime_ns, stamp.ctime_ns) / 1e9
        # A time in the future says nothing about quiet.
        return self.quiet <= wall - changed
