"""Live changes from watchdog, turned into paths to look at. The only home of watchdog.

Rules of this file:

- The handler runs in watchdog's thread, and an exception there ends it for
  ever. So the handler only puts a path into the inbox.
- The inbox is bounded. When it is full the paths are thrown away and the fact
  is kept: whoever drains it must look at everything.
- watchdog reports an overflow of the kernel's queue only in its log; a handler
  on that logger turns the line into the same fact.
- Nothing that an event says is believed, not even its order: it names a path.
"""

from __future__ import annotations

import contextlib
import errno
import logging
import os
import threading
import time
from collections.abc import Callable
from typing import Final

from watchdog.events import (
    DirAttribEvent,
    DirCreatedEvent,
    DirDeletedEvent,
    DirMovedEvent,
    FileAttribEvent,
    FileCreatedEvent,
    FileDeletedEvent,
    FileModifiedEvent,
    FileMovedEvent,
    FileSystemEvent,
    FileSystemEventHandler,
)
from watchdog.observers import Observer
from watchdog.observers.api import BaseObserver, ObservedWatch

log = logging.getLogger(__name__)

_EVENTS: Final[list[type[FileSystemEvent]]] = [
    FileCreatedEvent,
    FileModifiedEvent,
    FileAttribEvent,
    FileMovedEvent,
    FileDeletedEvent,
    DirCreatedEvent,
    DirAttribEvent,
    DirMovedEvent,
    DirDeletedEvent,
]
"""No open and close events: our own reading of pictures would raise them."""

_INBOX: Final = 1 << 16
"""Paths held for the pipeline; beyond that a full look is cheaper than the list."""

HOLD: Final = 0.6
"""Seconds after a cookie for which watchdog may still hold an earlier change.

It keeps the first half of a move back for 0.5 s, root by root; the rest is
for its threads to run.
"""


class Inbox:
    """The bounded, thread-safe meeting place of watchdog's threads and the event loop.

    `wake` is called (in watchdog's thread) when something lies in an inbox that was empty.
    """

    def __init__(self, wake: Callable[[], None], limit: int = _INBOX) -> None:
        self._wake = wake
        self._limit = limit
        self._lock = threading.Lock()
        self._paths: dict[bytes, float] = {}
        self._overflown: float | None = None

    def put(self, path: bytes) -> None:
        """Leave a path; the first time it was noticed is kept."""
        with self._lock:
            was_empty = not self._paths and self._overflown is None
            if len(self._paths) >= self._limit:
                self._overflown = next(iter(self._paths.values()))
                self._paths.clear()
            elif self._overflown is None:
                self._paths.setdefault(path, time.time())
        if was_empty:
            self._wake()

    def overflow(self) -> None:
        """Note that events were lost: everything must be looked at."""
        with self._lock:
            self._overflown = self._overflown or time.time()
        self._wake()

    def take(self) -> tuple[dict[bytes, float], bool]:
        """Return the paths with the time each was noticed, and whether some were lost."""
        with self._lock:
            taken = (self._paths, self._overflown is not None)
            self._paths, self._overflown = {}, None
        return taken

    def oldest(self) -> float | None:
        """Return the earliest time of what lies here, or None."""
        with self._lock:
            return self._overflown or next(iter(self._paths.values()), None)


class Watcher:
    """Watches folders with everything below them.

    Its methods block for as long as the kernel needs to add the watches (tens
    of microseconds a folder): call them outside the event loop.
    """

    def __init__(self, inbox: Inbox, cookies: bytes) -> None:
        self._inbox = inbox
        self._cookies = cookies
        self._seen: dict[bytes, Callable[[], None]] = {}
        self._watches: dict[bytes, ObservedWatch] = {}
        self._handler = _Handler(self._note)
        self._alarm = _Alarm(inbox.overflow)
        self._observer: BaseObserver | None = None
        self._trouble = OSError(errno.ESHUTDOWN, "nothing is watched yet")
        self._serial = 0

    @property
    def works(self) -> bool:
        """Whether anything can be watched; else roots are walked only, and no cookie returns."""
        return self._observer is not None

    def start(self) -> None:
        """Begin to watch; where the system gives no inotify instance, every `add` will say so."""
        logging.getLogger("watchdog.observers.inotify_c").addHandler(self._alarm)
        os.makedirs(self._cookies, mode=0o700, exist_ok=True)
        try:
            observer = Observer()
            observer.start()
            observer.schedule(self._handler, os.fsdecode(self._cookies), event_filter=_EVENTS)
        except OSError as error:
            self._trouble = error
        else:
            self._observer = observer

    def stop(self) -> None:
        """End all of watchdog's threads."""
        logging.getLogger("watchdog.observers.inotify_c").removeHandler(self._alarm)
        if self._observer is not None:
            self._observer.stop()
            self._observer.join()

    def add(self, root: bytes) -> None:
        """Watch a root; raises OSError when it cannot be (gone, unreadable, out of watches)."""
        # watchdog starts without a word, and without a watch, on what it cannot read.
        os.listdir(root)
        if self._observer is None:
            raise self._trouble
        self.remove(root)
        self._watches[root] = self._observer.schedule(
            self._handler, os.fsdecode(root), recursive=True, event_filter=_EVENTS
        )

    def remove(self, root: bytes) -> None:
        """Watch a root no longer."""
        watch = self._watches.pop(root, None)
        if watch is not None and self._observer is not None:
            self._observer.unschedule(watch)

    def cookie(self, seen: Callable[[], None]) -> None:
        """Make a change of our own; `seen` is called in watchdog's thread when it comes back.

        Every change that was complete before this call reaches the inbox at the
        latest HOLD seconds after `seen`.
        """
        self._serial += 1
        path = os.path.join(self._cookies, b"%d-%d" % (os.getpid(), self._serial))
        self._seen[path] = seen
        with open(path, "wb"):
            pass

    def _note(self, path: bytes) -> None:
        if os.path.dirname(path) != self._cookies:
            self._inbox.put(path)
            return
        seen = self._seen.pop(path, None)
        if seen is not None:
            with contextlib.suppress(OSError):  # somebody tidied the folder
                os.unlink(path)
            seen()


class _Handler(FileSystemEventHandler):
    def __init__(self, note: Callable[[bytes], None]) -> None:
        self._note = note

    def dispatch(self, event: FileSystemEvent) -> None:
        # watchdog walks a moved folder and makes up an event for each file in
        # it; the folder's own event already leads to a walk.
        if event.is_synthetic:
            return
        self._note(os.fsencode(event.src_path))
        if event.dest_path:
            self._note(os.fsencode(event.dest_path))


class _Alarm(logging.Handler):
    def __init__(self, alarm: Callable[[], None]) -> None:
        super().__init__(logging.WARNING)
        self._sound = alarm

    def emit(self, record: logging.LogRecord) -> None:
        if "overflow" in record.getMessage():
            self._sound()
