"""New pictures that match a standing query, over restarts of the daemon.

At least once: a cursor says what was handed over. What came after it is handed
over when somebody comes back with it, so after a crash some of it once more.
"""

from __future__ import annotations

import os
import time
from collections.abc import Callable, Iterator

from imgq.answers import Matches
from imgq.asking import AnyPath
from imgq.client import Client
from imgq.errors import HungUp, ImgqError, NotRunning, Refused

# Between two looks at a socket that is not there; nobody can wait for it to listen.
_PAUSES_S = (0.05, 0.1, 0.2, 0.5, 1.0)
# What a daemon says that is about to be there, or about to have room.
_PASSING = frozenset({"busy", "unavailable"})
_LONGEST = 4096


def follow(
    query: str,
    *,
    like: AnyPath | None = None,
    cursor: str | None = None,
    news: Callable[[str], None] = lambda _: None,
    pause: Callable[[float], None] = time.sleep,
) -> Iterator[Matches]:
    """Yield matches without an end: a daemon that went away is waited for, and `news` told so.

    Raises what `Client` raises while none has answered yet.
    """
    connected = False
    missed = 0
    while True:
        try:
            with Client() as client:
                for event in client.follow(query, like=like, cursor=cursor):
                    if missed:
                        news("the daemon is back")
                    connected, missed = True, 0
                    cursor = event.cursor
                    yield event
        except (HungUp, NotRunning, Refused) as error:
            if not connected or (isinstance(error, Refused) and error.code not in _PASSING):
                raise
            if not missed:
                news("the daemon went away: waiting for it")
        pause(_PAUSES_S[min(missed, len(_PAUSES_S) - 1)])
        missed += 1


class CursorFile:
    """A cursor that is kept in a file, old or new, never half of it."""

    def __init__(self, path: str) -> None:
        # A link stays one: what it leads to is replaced.
        self._path = os.path.realpath(path)
        self._name = path

    def read(self) -> str | None:
        """Return the cursor that was kept, None where there is none yet."""
        try:
            with open(self._path, encoding="ascii", errors="replace") as file:
                return file.read(_LONGEST).strip() or None
        except FileNotFoundError:
            return None
        except OSError as error:
            raise self._trouble("read", error) from error

    def write(self, cursor: str) -> None:
        """Keep a cursor."""
        draft = f"{self._path}.{os.getpid()}"
        try:
            with open(draft, "w", encoding="ascii") as file:
                file.write(cursor + "\n")
                file.flush()
                os.fsync(file.fileno())
            os.replace(draft, self._path)
        except OSError as error:
            raise self._trouble("written", error) from error

    def _trouble(self, what: str, error: OSError) -> ImgqError:
        return ImgqError(f"the cursor cannot be {what}: {self._name}: {error.strerror}")
