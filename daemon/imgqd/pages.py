"""Pages of memory that count as ours and that we no longer need. Linux; elsewhere nothing happens.

Rules of this file: the standard library only, since the text encoder imports it.
"""

from __future__ import annotations

import contextlib
import ctypes
import re
import sys
from collections.abc import Iterator
from typing import Final

_DONTNEED: Final = 4
"""`MADV_DONTNEED` of Linux's mman-common.h."""

_MAPPING: Final = re.compile(r"([0-9a-f]+)-([0-9a-f]+) (\S{4}) \S+ \S+ (\d+)")


def let_go_of_code() -> None:
    """Let go of the code that has run: what runs again comes back from the system's cache.

    Half of the code that a process has touched once it is ready only made it so (ONNX Runtime
    10 MB, all libraries of the core 14 MB). What comes back costs some milliseconds, once.
    """
    if sys.platform != "linux":
        return
    with contextlib.suppress(AttributeError, OSError):  # no /proc, another C library
        advise = ctypes.CDLL(None).madvise
        for start, end in _code():
            advise(ctypes.c_void_p(start), ctypes.c_size_t(end - start), _DONTNEED)


def _code() -> Iterator[tuple[int, int]]:
    """Yield the parts of memory that are files' code, and as it is in the file."""
    with open("/proc/self/smaps", encoding="utf-8", errors="replace") as file:
        lines = file.readlines()
    part: tuple[int, int] | None = None
    for line in lines:
        if found := _MAPPING.match(line):
            start, end, mode, inode = found.groups()
            is_code = mode == "r-xp" and inode != "0"
            part = (int(start, 16), int(end, 16)) if is_code else None
        # What was written over (a relocation, a debugger's mark) would be lost.
        elif part is not None and line.startswith("Anonymous:") and line.split()[1] == "0":
            yield part
