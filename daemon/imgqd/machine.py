"""The machine that we live on: power, memory, mounts. The only home of psutil."""

from __future__ import annotations

import contextlib
import ctypes
import os
import re
import secrets
import socket
import sys
from pathlib import Path
from typing import Final

import psutil

_ARENAS: Final = -8
"""`M_ARENA_MAX` of glibc's malloc.h."""


def on_battery() -> bool:
    """Return whether a battery is being emptied; a machine without one says no."""
    battery = psutil.sensors_battery()
    return battery is not None and battery.power_plugged is False


def memory_of(pid: int) -> int | None:
    """Return a process's share of memory in bytes, None when it has gone.

    On Linux pages that processes share count in part (PSS); elsewhere only its own count.
    """
    try:
        memory = psutil.Process(pid).memory_full_info()
    except psutil.Error:
        return None
    return int(getattr(memory, "pss", memory.uss))


def cpu_of(pid: int) -> float:
    """Return the CPU seconds that a process has taken, 0 when it has gone."""
    try:
        times = psutil.Process(pid).cpu_times()
    except psutil.Error:
        return 0.0
    return float(times.user + times.system)


def yield_disk(pid: int) -> None:
    """Let a process read only while nobody else does, where the system knows such a thing."""
    if sys.platform == "linux":
        with contextlib.suppress(psutil.Error, OSError):
            psutil.Process(pid).ionice(psutil.IOPRIO_CLASS_IDLE)


def share_one_heap() -> None:
    """Let all threads of this process take memory from one heap, where glibc has several.

    What one thread has freed is then there for the next: 47 MB less after a start with
    100,000 pictures (`benchmarks/queries.py`). To be called before there are threads.
    """
    if sys.platform == "linux":
        with contextlib.suppress(AttributeError, OSError):  # another C library
            ctypes.CDLL(None).mallopt(_ARENAS, 1)


def give_memory_back() -> None:
    """Give memory that is free inside this process back to the system, where libc knows how.

    glibc keeps what was freed in the middle: after a million rows went through, tens of MB.
    """
    if sys.platform == "linux":
        with contextlib.suppress(AttributeError, OSError):  # another C library
            ctypes.CDLL(None).malloc_trim(0)


def mounts() -> list[tuple[bytes, str]]:
    """Return (mount point, name of the file system type) of every mount, later ones on top."""
    return [(os.fsencode(one.mountpoint), one.fstype) for one in psutil.disk_partitions(all=True)]


def host_name() -> str:
    """Return what this machine is called, in letters that any store takes; may be empty."""
    # As rows.MACHINE has it: letters, digits, dots and dashes, a letter or digit first.
    plain = re.sub(r"[^A-Za-z0-9._-]+", "-", socket.gethostname(), flags=re.ASCII)
    return plain.lstrip("._-")[:63]


def own_id(path: Path) -> str:
    """Return what tells this daemon from all others, kept in a file from the first time on."""
    with contextlib.suppress(OSError):
        if known := path.read_text(encoding="ascii", errors="replace").strip():
            return known
    made = secrets.token_hex(16)
    draft = path.with_name(f"{path.name}.{os.getpid()}")
    draft.write_text(made + "\n", encoding="ascii")
    draft.replace(path)
    return made
