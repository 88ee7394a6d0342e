"""Which of several ways is the quickest on this machine: measured once, and remembered.

Rules of this file: the standard library only; whoever knows the ways brings them as functions.
"""

from __future__ import annotations

import contextlib
import hashlib
import os
import platform
import tempfile
import time
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Final

from imgq import paths

BUDGET: Final = 1.0
"""Seconds that a measurement may take, after one round that warms up."""

WORTH: Final = 1.15
"""Times by which another way must be quicker than the first, to be worth what it costs."""


def quickest(
    ways: Mapping[str, Callable[[], None]],
    budget: float = BUDGET,
    clock: Callable[[], float] = time.perf_counter,
) -> str:
    """Return the name of the quickest way; the first one, unless another is clearly quicker.

    They take turns, and each counts with its best time: whatever else the machine does
    only ever makes one slower. At least one round counts, however long it takes.
    """
    for way in ways.values():
        way()
    best = dict.fromkeys(ways, float("inf"))
    began = clock()
    while True:
        for name, way in ways.items():
            start = clock()
            way()
            best[name] = min(best[name], clock() - start)
        if clock() - began >= budget:
            break
    first = next(iter(ways))
    return min(ways, key=lambda name: best[name] * (1.0 if name == first else WORTH))


def remembered(of: str) -> str | None:
    """Return what was found to be the quickest for `of` on this machine, None if nothing was."""
    with contextlib.suppress(OSError, ValueError):
        return _note(of).read_text("ascii").strip() or None
    return None


def remember(of: str, name: str) -> None:
    """Keep what was found; a cache that cannot be written costs a second at the next start."""
    note = _note(of)
    with contextlib.suppress(OSError):
        note.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
        with tempfile.NamedTemporaryFile("w", dir=note.parent, delete=False) as file:
            file.write(f"{name}\n")
        Path(file.name).replace(note)


def flags() -> str:
    """Return what the processor says that it can do, as Linux writes it; empty elsewhere."""
    try:
        return Path("/proc/cpuinfo").read_text(encoding="ascii", errors="replace")
    except OSError:
        return ""


def _note(of: str) -> Path:
    # A home folder may be shared by machines, and a virtual one may change under us.
    able = [line for line in flags().splitlines() if line.startswith(("model name", "flags"))][:2]
    machine = "\n".join((platform.machine(), str(os.cpu_count()), *able, of))
    return paths.cache_folder() / "pace" / hashlib.sha256(machine.encode()).hexdigest()
