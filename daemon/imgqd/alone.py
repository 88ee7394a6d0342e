"""One daemon for a state folder: the folder, and the lock that its daemon holds for life."""

from __future__ import annotations

import contextlib
import fcntl
import os
from collections.abc import Iterator
from pathlib import Path

from imgq import paths


class AlreadyRunning(Exception):
    """Another daemon holds the lock; the text says which."""


def state_folder() -> Path:
    """Return the state folder, made if need be, without any link in its path."""
    state = paths.state_folder()
    state.mkdir(mode=0o700, parents=True, exist_ok=True)
    return state.resolve()


@contextlib.contextmanager
def lock(path: Path) -> Iterator[None]:
    """Hold the lock for life; the system lets go of it however the daemon ends.

    Raises AlreadyRunning.
    """
    with path.open("a+", encoding="ascii") as file:
        try:
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            file.seek(0)
            pid = file.read().strip() or "unknown"
            raise AlreadyRunning(
                f"imgqd is running already (pid {pid}, {path.parent}): imgqctl stop ends it"
            ) from None
        file.truncate(0)
        file.write(f"{os.getpid()}\n")
        file.flush()
        yield
