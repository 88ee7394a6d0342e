"""Every vector of a form with codes, on the disk, as float16: the row of image n is the n-th.

Rules of this file:

- A file is an array and nothing else. Rows of ids that have no vector are never
  written: a file system that knows holes gives them no room.
- A row is written before the snapshot that counts on it, and is not changed while
  one does, but for an image whose code there is dead.
- Rows are read, not mapped: through a map each would take 16 pages of the system's
  memory into our own, and a disk that fails would end the process.
- A row of zeros is no unit vector: it was lost, whatever the snapshot says.
"""

from __future__ import annotations

import contextlib
import os
import time
import weakref
from pathlib import Path
from typing import Final

import faiss
import numpy as np
from numpy.typing import NDArray

from imgqd.index.allowed import Ids
from imgqd.index.exact import Scores
from imgqd.records import Vector

_TRIED: Final = 16
_SLOW: Final = 0.0003
"""Where so many reads take so many seconds, the disk is asked: memory takes a tenth of that."""

_BLOCK: Final = 2048
"""Rows that are read and compared at a time: 2 MB of 512 numbers."""

Half = NDArray[np.float16]


class RowsWriter:
    """Writes rows into a file that may hold some already; raises OSError."""

    def __init__(self, path: Path, dim: int) -> None:
        self._width = 2 * dim
        self._file = os.open(path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)

    def put(self, images: Ids, vectors: Half) -> None:
        """Write the vectors of ascending ids."""
        if len(images) == 0:
            return
        rows = np.ascontiguousarray(vectors, np.float16)
        ends = np.flatnonzero(np.diff(images) != 1) + 1
        for start, end in zip([0, *ends], [*ends, len(images)], strict=True):
            self._write(rows[start:end].tobytes(), int(images[start]) * self._width)

    def _write(self, data: bytes, place: int) -> None:
        view = memoryview(data)
        while view:
            done = os.pwrite(self._file, view, place)
            view, place = view[done:], place + done

    def close(self, *, keep: bool) -> None:
        """Let go of the file; `keep` waits until the disk has it."""
        try:
            if keep:
                os.fsync(self._file)
        finally:
            os.close(self._file)


class Rows:
    """The rows of a file that was written; raises OSError, or ValueError where it is too short."""

    def __init__(self, path: Path, dim: int, largest: int) -> None:
        self.dim = dim
        self._width = 2 * dim
        self._file = os.open(path, os.O_RDONLY | os.O_CLOEXEC)
        weakref.finalize(self, os.close, self._file)
        if os.fstat(self._file).st_size < (largest + 1) * self._width:
            raise ValueError(f"{path.name} ends before the row of image {largest}")
        self._buffer: Half = np.empty((_BLOCK, dim), np.float16)
        self._bytes = memoryview(self._buffer.data).cast("B")
        # Most rows are read alone, and to make these takes as long as to read.
        self._slots = [[self._between(row, row + 1)] for row in range(_BLOCK)]
        self.lost = False
        """Whether a row was met that is not what was written."""

    def foresee(self) -> None:
        """Let the system read all of it beforehand, in one go and while we do something else."""
        if hasattr(os, "posix_fadvise"):  # macOS has none
            with contextlib.suppress(OSError):
                os.posix_fadvise(self._file, 0, 0, os.POSIX_FADV_WILLNEED)

    def vectors(self, images: Ids) -> Vector:
        """Return the vectors of images that have one, shape (n, dim), as float32."""
        order = np.argsort(images)
        found = np.empty((len(images), self.dim), np.float32)
        for start in range(0, len(images), _BLOCK):
            block = order[start : start + _BLOCK]
            found[block] = self._read(images[block])
        return found

    def _read(self, images: Ids) -> Half:
        """Return the rows of a block of ascending ids, until the next call; zeros where it fails.

        Rows that lie side by side are read as one.
        """
        rows = self._buffer[: len(images)]
        rows.fill(0)
        places = (images * self._width).tolist()
        ends = [*(np.flatnonzero(np.diff(images) != 1) + 1).tolist(), len(images)]
        start, began = 0, time.perf_counter()
        with contextlib.suppress(OSError):  # a disk that fails: what is not read is lost
            for number, end in enumerate(ends):
                if number == _TRIED and time.perf_counter() - began > _SLOW:
                    self._announce(places, ends[number:], start)
                into = self._slots[start] if end - start == 1 else [self._between(start, end)]
                os.preadv(self._file, into, places[start])
                start = end
        return rows

    def _announce(self, places: list[int], ends: list[int], start: int) -> None:
        """Let a disk begin with all that comes: one by one 768 rows take it six times as long."""
        if hasattr(os, "posix_fadvise"):  # macOS has none
            for end in ends:
                length = (end - start) * self._width
                os.posix_fadvise(self._file, places[start], length, os.POSIX_FADV_WILLNEED)
                start = end

    def _between(self, start: int, end: int) -> memoryview:
        return self._bytes[start * self._width : end * self._width]

    def nearest(self, query: Vector, images: Ids, count: int) -> tuple[Ids, Scores]:
        """Compare the query with each of these; return the `count` nearest, nearest first."""
        asked = query.reshape(1, -1).astype(np.float32)
        images = np.sort(images)
        best: list[tuple[Ids, Scores]] = []
        for start in range(0, len(images), _BLOCK):
            block = images[start : start + _BLOCK]
            rows = self._read(block)
            there = rows.view(np.uint16).any(axis=1)
            if not there.all():
                self.lost = True
                block, rows = block[there], np.ascontiguousarray(rows[there])
            if len(block) == 0:
                continue
            # FAISS compares float16 as it is: widening it first would take twice as long.
            exact = faiss.IndexScalarQuantizer(
                self.dim, faiss.ScalarQuantizer.QT_fp16, faiss.METRIC_INNER_PRODUCT
            )
            exact.add_sa_codes(rows.view(np.uint8))
            scores, places = exact.search(asked, min(count, len(block)))
            best.append((block[places[0]], scores[0]))
        return merged(best, count)


def merged(parts: list[tuple[Ids, Scores]], count: int) -> tuple[Ids, Scores]:
    """Return the `count` nearest of several answers, nearest first."""
    if not parts:
        return np.empty(0, np.int64), np.empty(0, np.float32)
    ids = np.concatenate([ids for ids, _ in parts])
    scores = np.concatenate([scores for _, scores in parts])
    order = np.argsort(-scores, kind="stable")[:count]
    return ids[order], scores[order]
