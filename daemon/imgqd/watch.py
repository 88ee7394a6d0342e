"""Live changes from watchdog, turned into paths to look at. The only home of watchdog.

Rules of this file:

- The handler runs in watchdog's thread, and an exception there ends it for
  ever. So the handler only puts a path into the inbox.
- watchdog reports an overflow of the kernel's queue only in its log; a handler
  on that logger turns the line into a fact.
- An exception in one of watchdog's own threads leaves an observer that says it
  lives and hears nothing. `threading.excepthook` is told of it, and so are we.
- Nothing that an event says is believed, not even its order: it names a path.
"""

from __future__ import annotations

import contextlib
import errno
import itertools
import logging
import os
import sys
import threading
import time
import warnings
from collections.abc import Callable, Iterable
from functools import partial
from typing import Any, Final

from watchdog.events import (
    DirAttribEvent,
    DirCreatedEvent,
    DirDeletedEvent,
    DirMovedEvent,
    FileAttribEvent,
    FileClosedEvent,
    FileCreatedEvent,
    FileDeletedEvent,
    FileModifiedEvent,
    FileMovedEvent,
    FileSystemEvent,
    FileSystemEventHandler,
)
from watchdog.observers import Observer
from watchdog.observers.api import BaseObserver, EventEmitter, ObservedWatch

from imgqd import inotify
from imgqd.inbox import Inbox
from imgqd.inotify import Covered

if sys.platform == "linux":
    from watchdog.observers.inotify_c import InotifyConstants, InotifyEvent, Mask, WatchDescriptor
    from watchdog.observers.inotify_move_event_grouper import PathedInotifyEvent

log = logging.getLogger(__name__)

_EVENTS: Final[list[type[FileSystemEvent]]] = [
    FileCreatedEvent,
    FileModifiedEvent,
    FileAttribEvent,
    FileClosedEvent,
    FileMovedEvent,
    FileDeletedEvent,
    DirCreatedEvent,
    DirAttribEvent,
    DirMovedEvent,
    DirDeletedEvent,
]
"""No opening and no closing of what was only read: our own reading would raise them."""

_HOLD: Final = 0.6
"""Seconds for which watchdog may hold a change back where its queues cannot be asked.

It keeps the first half of a move for 0.5 s, root by root; the rest is for its threads to run.
"""

_JOIN: Final = 5.0
"""Seconds for the threads of a broken observer to end; then they are left alone."""


class Watcher:
    """Watches folders with everything below them.

    `broken` is called, in any thread, when events may have been lost for good:
    `restart` and a full look mend it. The methods block for as long as the
    kernel needs to add the watches (tens of microseconds a folder): call them
    outside the event loop.
    """

    def __init__(self, inbox: Inbox, cookies: bytes, broken: Callable[[], None]) -> None:
        self._inbox = inbox
        self._cookies = cookies
        self._broken = broken
        self._seen: dict[bytes, Callable[[], None]] = {}
        self._deleted: set[bytes] = set()
        self._watches: dict[bytes, ObservedWatch] = {}
        self._marks: dict[bytes, bytes] = {}
        self._handler = _Handler(self._note, self._note_deletion)
        self._alarm = _Alarm(inbox.overflow)
        self._observer: BaseObserver | None = None
        self._instances: tuple[int, ...] = ()
        self._trouble = OSError(errno.ESHUTDOWN, "nothing is watched yet")
        self._serial = itertools.count(1)
        self._clear = 0.0
        self._died = False
        self._other_hook = threading.excepthook

    @property
    def works(self) -> bool:
        """Whether anything can be watched; else roots are walked only, and no cookie returns."""
        return self._observer is not None

    @property
    def is_deaf(self) -> bool:
        """Whether one of watchdog's threads has ended by a mistake."""
        observer = self._observer
        return observer is not None and (self._died or not observer.is_alive())

    def lost(self) -> set[bytes]:
        """Return the roots that are watched no longer: they were deleted, if only for a moment."""
        emitters = () if self._observer is None else list(self._observer.emitters)
        gone = {os.fsencode(one.watch.path) for one in emitters if not one.is_alive()}
        return (gone | self._deleted) & self._watches.keys()

    def start(self) -> None:
        """Begin to watch; where the system gives no inotify instance, every `add` will say so."""
        # It comes with a list of all watches each time, and means nothing to a person.
        warnings.filterwarnings("ignore", "Callback with id", RuntimeWarning)
        self._other_hook = threading.excepthook
        threading.excepthook = self._on_death
        logging.getLogger("watchdog.observers.inotify_c").addHandler(self._alarm)
        self._begin()

    def stop(self) -> None:
        """End all of watchdog's threads."""
        logging.getLogger("watchdog.observers.inotify_c").removeHandler(self._alarm)
        self._end()
        threading.excepthook = self._other_hook

    def give_up(self) -> None:
        """Count the observer as deaf: a change of our own did not come back."""
        self._died = True

    def restart(self) -> None:
        """Begin all over; every root must be added again."""
        self._end()
        self._begin()

    def add(self, root: bytes) -> None:
        """Watch a root; raises OSError when it cannot be (gone, unreadable, out of watches)."""
        # watchdog starts without a word, and without a watch, on what it cannot read.
        os.listdir(root)
        if self._observer is None:
            self._begin()  # there may be an instance by now
        if self._observer is None:
            raise self._trouble
        self.remove(root)
        self._deleted.discard(root)
        self._watches[root] = self._observer.schedule(
            self._handler, os.fsdecode(root), recursive=True, event_filter=_EVENTS
        )

    def remove(self, root: bytes) -> None:
        """Watch a root no longer."""
        watch = self._watches.pop(root, None)
        if watch is not None and self._observer is not None:
            with contextlib.suppress(KeyError):  # a broken observer may have lost it
                self._observer.unschedule(watch)
        self._release(root)

    def covered(self) -> Covered | None:
        """Return the folders that have a watch, None where the system does not tell."""
        return inotify.covered(self._instances)

    def watched(self) -> int | None:
        """Return how many folders have a watch, None where the system does not tell."""
        covered = self.covered()
        return None if covered is None else len(covered)

    def behind_since(self) -> float | None:
        """Return up to when all events have come in, None when no older one is on its way.

        The kernel's queue and watchdog's own are looked at; what a thread of watchdog's is
        carrying from one to the next in this very moment is not seen.
        """
        now = time.time()
        if self._observer is None:
            return None
        if not (inotify.has_unread(self._instances) or _holds_some(self._observer)):
            self._clear = now
            return None
        return self._clear

    def cookie(self, seen: Callable[[], None]) -> None:
        """Make a change of our own; `seen` is called once all earlier ones are in the inbox.

        It is called in a thread of watchdog's, and never where that has died.
        Raises OSError when the change cannot be made: the disk is full, the folder gone.
        """
        path = self._new_path()
        self._seen[path] = lambda: self._mark(seen)
        with open(path, "wb"):
            pass

    def _begin(self) -> None:
        try:
            os.makedirs(self._cookies, mode=0o700, exist_ok=True)
            observer = Observer()
            observer.start()
            observer.schedule(self._handler, os.fsdecode(self._cookies), event_filter=_EVENTS)
        except OSError as error:
            self._trouble = error
            return
        self._died = False
        self._observer = observer
        self._instances = inotify.instances()
        self._clear = time.time()

    def _end(self) -> None:
        observer, self._observer = self._observer, None
        self._watches.clear()
        self._seen.clear()
        self._marks.clear()
        self._deleted.clear()
        if observer is not None:
            # A thread that died in the middle of its work leaves its books in disorder.
            with contextlib.suppress(KeyError, RuntimeError, OSError):
                observer.stop()
            observer.join(_JOIN)

    def _on_death(self, arguments: threading.ExceptHookArgs) -> None:
        self._other_hook(arguments)
        if type(arguments.thread).__module__.startswith("watchdog."):
            self._died = True
            log.error("a thread of the watcher died: beginning again")
            self._inbox.overflow()
            self._broken()

    def _new_path(self) -> bytes:
        return os.path.join(self._cookies, b"%d-%d" % (os.getpid(), next(self._serial)))

    def _note(self, path: bytes) -> None:
        if os.path.dirname(path) != self._cookies:
            self._inbox.put(path)
            return
        seen = self._seen.pop(path, None)
        if seen is not None:
            with contextlib.suppress(OSError):  # only made up, or somebody tidied the folder
                os.unlink(path)
            seen()

    def _note_deletion(self, path: bytes) -> None:
        if path in self._watches:
            # Its queue ends here: no mark will come out of it any more.
            self._deleted.add(path)
            self._release(path)
            self._broken()

    def _release(self, root: bytes) -> None:
        for path in [path for path, at in list(self._marks.items()) if at == root]:
            self._note(path)

    def _mark(self, seen: Callable[[], None]) -> None:
        """Call `seen` once each root's own queue, too, is through with what came before.

        The kernel's events are read in one order by one thread, and then wait root by root.
        """
        observer = self._observer
        queues = None if observer is None else _queues(observer.emitters)
        if queues is None:
            threading.Timer(_HOLD, seen).start()
            return
        open_ones = [(root, queue) for root, queue in queues if root not in self._deleted]
        waiting = {self._new_path() for _ in open_ones}
        if not waiting:
            seen()
            return

        def passed(path: bytes) -> None:
            self._marks.pop(path, None)
            waiting.discard(path)
            if not waiting:
                seen()

        # All of this runs in the one thread that calls the handler.
        for path, (root, queue) in zip(list(waiting), open_ones, strict=True):
            self._seen[path] = partial(passed, path)
            self._marks[path] = root
            queue.put_event(_event(path))


class _Handler(FileSystemEventHandler):
    def __init__(self, note: Callable[[bytes], None], deleted: Callable[[bytes], None]) -> None:
        self._note = note
        self._deleted = deleted

    def dispatch(self, event: FileSystemEvent) -> None:
        # watchdog walks a moved folder and makes up an event for each file in
        # it; the folder's own event already leads to a walk.
        if event.is_synthetic:
            return
        self._note(os.fsencode(event.src_path))
        if event.dest_path:
            self._note(os.fsencode(event.dest_path))
        if isinstance(event, DirDeletedEvent):
            self._deleted(os.fsencode(event.src_path))


class _Alarm(logging.Handler):
    def __init__(self, alarm: Callable[[], None]) -> None:
        super().__init__(logging.WARNING)
        self._sound = alarm

    def emit(self, record: logging.LogRecord) -> None:
        if "overflow" in record.getMessage():
            self._sound()


# watchdog's own queues, which it does not show. Where a version of it has none by these names,
# the answers are "unknown", and the watcher waits `_HOLD` instead.


def _queues(emitters: Iterable[EventEmitter]) -> list[tuple[bytes, Any]] | None:
    """Return (root, its queue) of each root that is watched, None where they are not known."""
    queues = []
    for emitter in list(emitters):
        if emitter.is_alive():
            group = getattr(emitter, "_inotify", None)
            queue = getattr(group, "_move_event_grouper", None)
            if queue is None:
                return None
            queues.append((os.fsencode(emitter.watch.path), queue))
    return queues


def _holds_some(observer: BaseObserver) -> bool:
    if not observer.event_queue.empty():
        return True
    for _, queue in _queues(observer.emitters) or ():
        delayed = getattr(queue, "_queue", None)
        if len(getattr(delayed, "_queue", ())):
            return True
    return False


def _event(path: bytes) -> Any:
    """Return what the kernel would have said of a new file."""
    creation = InotifyEvent(WatchDescriptor(-1), Mask(InotifyConstants.IN_CREATE), 0, b"")
    return PathedInotifyEvent(creation, path)
