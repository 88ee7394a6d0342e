"""Hold a hint until its file is quiet, so that nothing half written is embedded.

Pure logic: no clock, no disk; both come in as arguments. Rules:

- A path that shows no picture file (gone, a folder, a link) is ready at once.
- A file whose last change is older than the quiet time is ready at once, so a
  scan of a library costs no waiting.
- Else it must show the same stamp twice, the quiet time apart. Each time it is
  caught growing the quiet time doubles, up to a bound: a slow download is not
  decoded at every pause of the network.
"""

from __future__ import annotations

import heapq
from dataclasses import dataclass
from typing import Final

from imgqd.records import Hint, Stamp

_PATIENCE: Final = 8
"""The quiet time grows at most to so many times the setting."""


@dataclass(slots=True)
class _Held:
    hint: Hint
    stamp: Stamp
    quiet: float
    due: float


class Settler:
    """The files that are not quiet yet; `quiet` is the setting `watch.settle` in seconds."""

    def __init__(self, quiet: float) -> None:
        self.quiet = quiet
        self._held: dict[bytes, _Held] = {}
        self._heap: list[tuple[float, bytes]] = []

    def __len__(self) -> int:
        return len(self._held)

    def offer(self, hint: Hint, stamp: Stamp | None, now: float, wall: float) -> Hint | None:
        """Take a hint with the stamp its path shows; return it when there is nothing to wait for.

        `now` is a monotonic time in seconds, `wall` the Unix time. A hint for a
        path that is held already keeps the earlier `noticed`.
        """
        held = self._held.get(hint.path)
        if held is not None:
            hint = Hint(
                hint.path, min(hint.noticed, held.hint.noticed), hint.live or held.hint.live
            )
        if stamp is None or (held is None and self._is_old(stamp, wall)):
            self._held.pop(hint.path, None)
            return hint
        if held is None:
            self._hold(hint, stamp, self.quiet, now)
        elif held.stamp != stamp:
            self._hold(hint, stamp, min(2 * held.quiet, _PATIENCE * self.quiet), now)
        elif now >= held.due:
            del self._held[hint.path]
            return hint
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

    def _hold(self, hint: Hint, stamp: Stamp, quiet: float, now: float) -> None:
        self._held[hint.path] = _Held(hint, stamp, quiet, now + quiet)
        heapq.heappush(self._heap, (now + quiet, hint.path))

    def _is_old(self, stamp: Stamp, wall: float) -> bool:
        changed = max(stamp.mtime_ns, stamp.ctime_ns) / 1e9
        # A time in the future says nothing about quiet.
        return self.quiet <= wall - changed
