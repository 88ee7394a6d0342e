"""Which files of another machine can be reached from here: a network folder that both have.

Rules of this file: a mount that hangs costs one thread and nobody's time. While that thread
hangs nothing more is looked at, and no file is said to be reachable.
"""

from __future__ import annotations

import asyncio
import contextlib
import os
import stat
import threading
from collections.abc import Sequence
from typing import Final

from imgqd.records import Found

_PATIENCE: Final = 0.3
"""Seconds: a network folder that answers does so in a few milliseconds a file."""


class Reach:
    """Looks for files, in a thread of its own while it is asked."""

    def __init__(self, patience: float = _PATIENCE) -> None:
        self._patience = patience
        self._looking: threading.Thread | None = None

    async def here(self, files: Sequence[Found]) -> list[bool]:
        """Return of each file whether the same one lies here, False where nobody knows in time."""
        seen = [False] * len(files)
        if not files or (self._looking is not None and self._looking.is_alive()):
            return seen
        loop = asyncio.get_running_loop()
        done = asyncio.Event()

        def look() -> None:
            for place, file in enumerate(files):
                seen[place] = _is_here(file)
            with contextlib.suppress(RuntimeError):  # the loop may be closed by then
                loop.call_soon_threadsafe(done.set)

        # Not of a pool: those are waited for at the end, however long they hang.
        self._looking = threading.Thread(target=look, name="reach", daemon=True)
        self._looking.start()
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(self._patience):
                await done.wait()
        return list(seen)


def _is_here(file: Found) -> bool:
    """Return whether a path leads to a file of the same size and time of change."""
    if not file.path.startswith(b"/"):
        return False
    try:
        status = os.stat(file.path)
    except (OSError, ValueError):
        return False
    same = (status.st_size, status.st_mtime_ns) == (file.size, file.mtime_ns)
    return same and stat.S_ISREG(status.st_mode)
