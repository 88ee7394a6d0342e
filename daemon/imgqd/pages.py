"""Pages of memory that count as ours and that we no longer need. Linux; elsewhere nothing happens.

Rules of this file: the standard library only, since the text encoder imports it.
"""

from __future__ import annotations

import contextlib
import ctypes
import re
import sys
from collections.abc import Iterable, Iterator
from typing import Final

_DONTNEED: Final = 4
"""`MADV_DONTNEED` of Linux's mman-common.h."""

_MAPPING: Final = re.compile(r"([0-9a-f]+)-([0-9a-f]+) (\S{4}) \S+ \S+ \d+ *(.*)")
_LIBRARY: Final = re.compile(r"/.*\.so(\.[\w.]+)?")
_WRITTEN: Final = ("Anonymous:", "Swap:")


def let_go_of_libraries() -> None:
    """Let go of the libraries' pages: those that are used again come back from the disk's cache.

    Half of what a process has touched of them once it is ready only made it so (25 MB of the
    text encoder, as much of the core). What comes back costs some milliseconds, once.
    """
    if sys.platform != "linux":
        return
    with contextlib.suppress(AttributeError, OSError):  # no /proc, another C library
        advise = ctypes.CDLL(None).madvise
        with open("/proc/self/smaps", encoding="utf-8", errors="replace") as file:
            lines = file.readlines()
        for start, end in unchanged(lines):
            advise(ctypes.c_void_p(start), ctypes.c_size_t(end - start), _DONTNEED)


def unchanged(smaps: Iterable[str]) -> Iterator[tuple[int, int]]:
    """Yield the parts of memory that are as they are in a library's file, and cannot be written.

    A part of which a page was written over (a relocation, a debugger's mark) would lose that,
    also where the page is swapped out by now.
    """
    part: tuple[int, int] | None = None
    kept: set[str] = set()
    for line in smaps:
        if found := _MAPPING.match(line):
            start, end, mode, path = found.groups()
            is_ours = mode in {"r-xp", "r--p"} and _LIBRARY.fullmatch(path) is not None
            part, kept = (int(start, 16), int(end, 16)) if is_ours else None, set()
        elif part is not None and line.startswith(_WRITTEN):
            name, size, *_ = line.split()
            if size == "0":
                kept.add(name)
            if kept == set(_WRITTEN):
                yield part
                part = None
