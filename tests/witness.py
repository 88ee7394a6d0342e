"""A witness of a test: asks the daemon all through it, and holds each answer against the book.

The book says what was done to each path, and when. An answer with `as_of` A claims
to know everything that was done before A: whatever lies behind and was not touched
since must be in it, or must not be. There are no exceptions.
"""

from __future__ import annotations

import contextlib
import math
import os
import threading
import time
from collections.abc import Callable, Collection, Iterator
from pathlib import Path
from types import TracebackType
from typing import NamedTuple, Self

from house import House, picture
from imgq import Client
from imgq.answers import SearchAnswer
from imgq.errors import ImgqError

_PACE = 0.02
"""Seconds between two questions at least; a slow answer leaves the daemon as long again."""

_LAST_LOOK = 30.0
"""Seconds after a test within which an answer must know of all that was done in it."""

_SHOWN = 8
"""Faults that are shown; the first tell most."""


class Deed(NamedTuple):
    """The last that was done to a path; `done` is infinite while it is being done."""

    present: bool
    began: float
    done: float


class Book:
    """What was done to each path; changes are made through it, or told to it."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._deeds: dict[bytes, Deed] = {}

    def deeds(self) -> dict[bytes, Deed]:
        """Return the last deed of each path, as of now."""
        with self._lock:
            return dict(self._deeds)

    def below(self, folder: Path) -> list[Path]:
        """Return the paths below a folder that are there."""
        return [
            path
            for path in (
                Path(os.fsdecode(one)) for one, deed in self.deeds().items() if deed.present
            )
            if path.is_relative_to(folder)
        ]

    def create(self, path: Path, seed: int) -> None:
        """Make a picture."""
        with self.changing(came=[path]):
            picture(path, seed)

    def replace(self, path: Path, seed: int) -> None:
        """Exchange a picture for another one at once."""
        twin = picture(path.with_name(f".twin-of-{path.name}"), seed)
        with self.changing(came=[path]):
            os.replace(twin, path)

    def unlink(self, path: Path) -> None:
        """Delete a picture."""
        with self.changing(gone=[path]):
            path.unlink()

    def rename(self, before: Path, after: Path) -> None:
        """Rename a picture, or a folder with all that the book has below it."""
        moved = self.below(before)
        come = [after / path.relative_to(before) for path in moved]
        with self.changing(came=come, gone=moved):
            before.rename(after)

    def note(self, path: Path, *, present: bool) -> None:
        """Note what has been done already."""
        came, gone = ([path], []) if present else ([], [path])
        with self.changing(came=came, gone=gone):
            pass

    @contextlib.contextmanager
    def changing(
        self, *, came: Collection[Path] = (), gone: Collection[Path] = ()
    ) -> Iterator[None]:
        """Note that paths come and go somewhere in this block, and are there, or gone, after it."""
        began = time.time()
        self._enter(came, gone, began, math.inf)
        yield
        self._enter(came, gone, began, time.time())

    def _enter(
        self, came: Collection[Path], gone: Collection[Path], began: float, done: float
    ) -> None:
        with self._lock:
            for paths, present in ((gone, False), (came, True)):
                self._deeds.update((os.fsencode(one), Deed(present, began, done)) for one in paths)


class Witness:
    """Asks all the time, from a thread with a connection of its own; use it with `with`.

    Every question must be answered, but within `absent`. Only names that hold the
    word `query` are asked for: files of other names, however many, are not its concern.
    """

    def __init__(self, house: House, query: str = "png") -> None:
        self.book = Book()
        self.slowest = 0.0
        """Seconds of the slowest answer."""
        self.answers = 0
        self.failed: set[str] = set()
        """Every reason for which a file was ever said to have failed."""
        self._house = house
        self._query = query
        self._began = time.time()
        self._client: Client | None = None
        self._there = threading.Lock()
        self._over = threading.Event()
        self._news = threading.Condition()
        self._last: tuple[SearchAnswer, set[bytes]] | None = None
        self._faults: list[str] = []
        self._known: set[tuple[bytes, Deed]] = set()
        self._thread = threading.Thread(target=self._look_on, name="witness")

    def __enter__(self) -> Self:
        self._thread.start()
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        if error is None:
            self._look_a_last_time()
        self._over.set()
        self._thread.join()
        if self._client is not None:
            self._client.close()
        if not self._faults:
            return
        more = f"... and {len(self._faults) - _SHOWN} more" if len(self._faults) > _SHOWN else ""
        text = "\n".join(["the witness saw:", *self._faults[:_SHOWN], more])
        if error is None:
            raise AssertionError(text)
        error.add_note(text)

    @contextlib.contextmanager
    def absent(self) -> Iterator[None]:
        """Ask nothing in this block, and come back with a new connection."""
        with self._there:
            yield
            if self._client is not None:
                self._client.close()
                self._client = None

    def sees(self, *paths: Path, within: float) -> None:
        """Wait until all these are in an answer."""
        wanted = set(map(os.fsencode, paths))
        self._until(lambda _, told: wanted <= told, within, f"{len(wanted)} paths are not found")

    def misses(self, *paths: Path, within: float) -> None:
        """Wait until none of these is in an answer."""
        unwanted = set(map(os.fsencode, paths))
        self._until(lambda _, told: not unwanted & told, within, "gone paths are still found")

    def _until(
        self, condition: Callable[[SearchAnswer, set[bytes]], bool], within: float, lack: str
    ) -> None:
        def so() -> bool:
            return self._last is not None and condition(*self._last)

        with self._news:
            self._news.wait_for(lambda: so() or not self._thread.is_alive(), within)
            assert so(), f"{lack} after {within:g} s"

    def _look_a_last_time(self) -> None:
        last = max((deed.done for deed in self.book.deeds().values()), default=0.0)
        try:
            self._until(lambda answer, _: answer.as_of > last, _LAST_LOOK, "as_of is too old")
        except AssertionError as error:
            as_of = "never" if self._last is None else self._at(self._last[0].as_of)
            self._faults.append(f"{error}: {as_of}; the last change was at {self._at(last)}")

    def _look_on(self) -> None:
        took = 0.0
        while not self._over.wait(max(_PACE, took)):
            with self._there:
                asked = time.monotonic()
                try:
                    if self._client is None:
                        self._client = self._house.client()
                    self._ask(self._client)
                except ImgqError as error:
                    self._faults.append(f"{self._at(time.time())}: no answer: {error}")
                    break
                took = time.monotonic() - asked
        with self._news:
            self._news.notify_all()

    def _ask(self, client: Client) -> None:
        asked = time.monotonic()
        answer = client.search(self._query, limit=1000, weak=True)
        self.slowest = max(self.slowest, time.monotonic() - asked)
        self.answers += 1
        told = [path for match in answer.results for path in (match.path, *match.also)]
        self._judge(answer, told)
        self.failed.update(client.status().failed)
        with self._news:
            self._last = (answer, set(told))
            self._news.notify_all()

    def _judge(self, answer: SearchAnswer, told: list[bytes]) -> None:
        now = time.time()
        found = set(told)
        facts = (
            f"the answer of {self._at(now)} (as_of {self._at(answer.as_of)}, "
            f"{answer.pending} pending, degraded: {'; '.join(answer.degraded) or 'not'})"
        )
        if answer.as_of > now:
            self._faults.append(f"{facts}: as_of lies in the future")
        if len(found) < len(told):
            self._faults.append(f"{facts}: {len(told) - len(found)} paths twice")
        if len(answer.results) == 1000:
            self._faults.append(f"{facts}: too many results to know that there are no more")
        for path, deed in self.book.deeds().items():
            if deed.done < answer.as_of and deed.present != (path in found):
                self._note_fault(path, deed, facts)

    def _note_fault(self, path: bytes, deed: Deed, facts: str) -> None:
        if (path, deed) in self._known:
            return
        self._known.add((path, deed))
        name = os.path.relpath(os.fsdecode(path), self._house.base)
        state, wrong = ("there", "missing from") if deed.present else ("gone", "still in")
        when = f"begun {self._at(deed.began)}, done {self._at(deed.done)}"
        self._faults.append(f"{name} is {state} ({when}) and {wrong} {facts}")

    def _at(self, moment: float) -> str:
        return f"{moment - self._began:+.3f} s"
