"""The index that answers: a form under one lock, and the sample that scores are judged by.

FAISS crashes when it searches while another thread adds. One lock, here and nowhere
else; every method holds it for its call of the form.
"""

from __future__ import annotations

import contextlib
import threading
from collections import OrderedDict
from collections.abc import Callable, Iterator, Sequence
from typing import Final, Protocol

import numpy as np

from imgqd import judge, machine
from imgqd.index import sample
from imgqd.index.allowed import Allowed, Ids
from imgqd.index.exact import Exact, Scores
from imgqd.index.sample import Sample
from imgqd.judge import Backdrop, Judge
from imgqd.records import Vector

_ASK_AGAIN: Final = 20
"""Background queries are asked anew (tens of milliseconds) once so small a part is new."""


_BEARABLE: Final = 10
"""Part of the library that may be new while the sample is taken anew."""

_LARGE: Final = 50_000
"""To list so many takes memory that is worth a millisecond of giving it back."""

_ANSWERS: Final = 64
"""Answers that are kept until anything changes, 5 KB each: typing goes back to what was asked."""


class Form(Protocol):
    """How vectors are held and searched; `exact` and `stored` are the two."""

    @property
    def kind(self) -> str:
        """Its name."""

    @property
    def unsound(self) -> bool:
        """Whether something of it was lost, and all has to be made anew."""

    @property
    def unmerged(self) -> int:
        """Changes that lie beside it and slow it down."""

    def __len__(self) -> int:
        """Return how many vectors are in."""

    def __contains__(self, image: int) -> bool:
        """Return whether an image is in."""

    def add(self, images: Ids, vectors: Vector) -> None:
        """Add vectors; an id that is in already is replaced."""

    def remove(self, images: Ids) -> int:
        """Remove vectors and return how many; ids that are not in are ignored."""

    def search(self, query: Vector, count: int, allowed: Allowed | None) -> tuple[Ids, Scores]:
        """Return the ids and cosines of the `count` nearest, nearest first."""

    def count(self, images: Ids) -> int:
        """Return how many of these ids are in."""

    def ids(self) -> Ids:
        """Return all ids, ascending."""

    def vectors(self, images: Ids) -> Vector:
        """Return the vectors of ids that are in."""


class Index:
    """A set of (image id, unit vector) of one dimension, searched by inner product.

    It begins in the exact form; `exchange` puts another in its place.
    """

    def __init__(self, dim: int, form: Form | None = None) -> None:
        self.dim = dim
        self._lock = threading.Lock()
        self._form: Form = Exact(dim) if form is None else form
        self.doubted = False
        """Whether somebody found that it is not what the catalog says."""
        self._sample = Sample(np.empty(0, np.int64), np.empty((0, dim), np.float32))
        self._since_sample = 0
        self._since_asked = 0
        self._is_asked = False
        self._is_changing = False
        self._phrases = np.empty((0, dim), np.float32)
        self._behind: tuple[Backdrop | None, Backdrop | None] | None = None
        self._answers: OrderedDict[tuple[bytes, int], tuple[Ids, Scores]] = OrderedDict()

    def __len__(self) -> int:
        with self._lock:
            return len(self._form)

    def __contains__(self, image: int) -> bool:
        with self._lock:
            return image in self._form

    @property
    def form(self) -> Form:
        """What holds the vectors now; for its properties, which need no lock."""
        return self._form

    def exchange(self, form: Form) -> None:
        """Let another form answer from now on; it holds the same vectors."""
        with self._lock:
            before, self._form = self._form, form
            self.doubted = False
            self._answers.clear()
        del before  # outside the lock: to free a gigabyte takes a while

    def add(self, images: Sequence[int], vectors: Vector) -> None:
        """Add vectors (shape (n, dim), unit length); an id that is in already is replaced."""
        with self._lock:
            self._form.add(np.asarray(images, np.int64), vectors)
            self._answers.clear()
            self._since_sample += len(images)
            self._since_asked += len(images)

    def remove(self, images: Sequence[int]) -> None:
        """Remove vectors; ids that are not in are ignored."""
        with self._lock:
            gone = self._form.remove(np.asarray(images, np.int64))
            self._answers.clear()
            self._since_sample += gone
            self._since_asked += gone

    def search(
        self, query: Vector, count: int, allowed: Allowed | None = None
    ) -> tuple[list[int], list[float]]:
        """Return the ids and cosines of the `count` nearest vectors, nearest first.

        With `allowed` only of these images; the work is then in proportion to their number.
        """
        key = (query.tobytes(), count)
        with self._lock:
            known = self._answers.get(key) if allowed is None else None
            ids, scores = known or self._form.search(query, count, allowed)
            # What a form finds lost it says to whoever asks next: such answers are not kept.
            if allowed is None and not self._form.unsound:
                self._answers[key] = ids, scores
                self._answers.move_to_end(key)
                if len(self._answers) > _ANSWERS:
                    self._answers.popitem(last=False)
        return ids.tolist(), scores.tolist()

    def some(self, query: Vector, count: int) -> list[int]:
        """Return the ids of so many pictures, or all, that stand for those near a query."""
        with self._lock:
            self._refresh_sample()
            taken = self._sample
        return taken.near(query, count)

    def count(self, images: Ids) -> int:
        """Return how many of these ids are in."""
        with self._lock:
            return self._form.count(images)

    def learn(self, phrases: Vector) -> None:
        """Take the vectors of the everyday phrases that words are judged by (shape (n, dim))."""
        with self._lock:
            self._phrases = judge.distinct(np.asarray(phrases, np.float32))
            self._behind = None

    @property
    def usual(self) -> Vector | None:
        """The middle of the everyday phrases, which is where queries are; None without them."""
        phrases = self._phrases
        return phrases.mean(axis=0) if len(phrases) else None

    def judge(
        self, query: Vector, best: Sequence[float], count: int | None = None, pictured: float = 0.0
    ) -> Judge:
        """Return who judges a query's scores, by its best ones (`judge.BEST` or more, falling).

        `count` is the number of pictures that were searched, if not all; `pictured`
        says how much of the query is a picture, the rest being words. Costs the same
        for ten thousand pictures and for a million.
        """
        with self._lock:
            self._refresh_sample()
            self._is_asked = True
            taken, phrases, behind = self._sample, self._phrases, self._behind
            total = len(self._form)
        if behind is None:
            # Outside the lock: two that come here at once do the same work twice, no more.
            behind = taken.behind(phrases)
            with self._lock:
                if self._sample is taken and self._phrases is phrases:
                    self._behind, self._since_asked = behind, 0
        scores = (taken.vectors @ query).astype(np.float32)
        found = total if count is None else count
        return judge.judge(scores, best, found, judge.blend(*behind, pictured))

    @contextlib.contextmanager
    def changing(self) -> Iterator[None]:
        """Let the thread that makes all changes make some; a question need not look after them.

        Where somebody asks, the sample is taken anew at their end, in that thread and mostly
        without the lock: nobody else changes the form. Questions are judged by the one before.
        """
        self._is_changing = True
        try:
            yield
            self._renew()
        finally:
            self._is_changing = False

    def _renew(self) -> None:
        with self._lock:
            if not (self._is_asked and self._is_stale()):
                return
            self._is_asked = False
            form, before, phrases = self._form, self._sample, self._phrases
            is_other = self._since_asked > len(form) // _ASK_AGAIN
        taken = self._taken(form.ids(), before)
        behind = taken.behind(phrases) if is_other else None
        with self._lock:
            self._sample, self._since_sample = taken, 0
            if behind is not None and self._phrases is phrases:
                self._behind, self._since_asked = behind, 0

    def _refresh_sample(self) -> None:
        """Do the same for a question, with the lock, where nobody has done it or is about to."""
        is_near = self._is_changing and self._since_sample <= len(self._form) // _BEARABLE
        if len(self._sample.ids) and (is_near or not self._is_stale()):
            return
        self._sample = self._taken(self._form.ids(), self._sample, self._form.vectors)
        self._since_sample = 0
        if self._since_asked > len(self._form) // _ASK_AGAIN:
            self._behind = None

    def _is_stale(self) -> bool:
        """Return whether more than a hundredth of the library is not in the sample."""
        return self._since_sample > len(self._form) // 100

    def _taken(
        self, ids: Ids, before: Sample, vectors: Callable[[Ids], Vector] | None = None
    ) -> Sample:
        taken = sample.taken(ids, vectors or self._vectors, before)
        if len(ids) > _LARGE:
            machine.give_memory_back()
        return taken

    def _vectors(self, images: Ids) -> Vector:
        with self._lock:
            return self._form.vectors(images)
