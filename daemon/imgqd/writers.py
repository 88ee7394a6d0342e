"""Whether somebody still has a file open for writing."""

from __future__ import annotations

import fcntl
import os
import signal
import sys


def ignore_breaks() -> None:
    """Let the kernel's SIGIO pass, by which it asks for a lease back: ours are held for no time.

    Call it once, before the first `being_written`: the signal would end the process.
    """
    signal.signal(signal.SIGIO, signal.SIG_IGN)


def being_written(path: bytes) -> bool | None:
    """Return whether a process has the file open for writing, None where nobody can tell.

    Linux grants a read lease on a file only while nobody has it open for writing
    (fcntl(2), F_SETLEASE); it is given back at once. It is granted for one's own
    files only, and not on every network file system.
    """
    if sys.platform != "linux":
        return None
    try:
        fd = os.open(path, os.O_RDONLY | os.O_NONBLOCK | os.O_NOFOLLOW | os.O_CLOEXEC)
    except OSError:
        return None
    try:
        fcntl.fcntl(fd, fcntl.F_SETLEASE, fcntl.F_RDLCK)
        fcntl.fcntl(fd, fcntl.F_SETLEASE, fcntl.F_UNLCK)
    except BlockingIOError:
        return True
    except OSError:
        return None
    else:
        return False
    finally:
        os.close(fd)
