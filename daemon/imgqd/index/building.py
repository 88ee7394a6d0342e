"""Making a snapshot: from the one before and what changed since, or from everything.

Runs in a process of its own (`builder`), a block at a time: it holds the codes and
a sample, never all vectors. Until `snapshot.write` nothing counts on what it writes.
"""

from __future__ import annotations

import secrets
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Final, Protocol

import numpy as np

from imgqd.index import snapshot
from imgqd.index.allowed import Ids
from imgqd.index.codes import PER_LIST, Codes, lists_for
from imgqd.index.compact import Compact
from imgqd.index.rows import Half, Rows, RowsWriter
from imgqd.index.snapshot import Head, Owner
from imgqd.records import Vector

_ANEW: Final = 2.0
"""Lists are made anew once there are so many times the vectors that they were made for."""

_CODED: Final = 32_768
"""Rows that are coded between two reports."""

Report = Callable[[str, int, int], None]
"""Called with what is done, and how much of how many."""


class Source(Protocol):
    """What the catalog holds for one model; every answer is of the moment of asking."""

    def seq(self) -> int:
        """Return the number of the last change."""

    def count(self) -> int:
        """Return how many vectors there are, more or less."""

    def everything(self) -> Iterator[tuple[Ids, Half]]:
        """Yield all vectors in blocks, by ascending ids."""

    def changed(self, since: int) -> Iterator[tuple[Ids, Ids, Half]]:
        """Yield (ids that changed since, those that are there, ascending, their vectors)."""


@dataclass(frozen=True, slots=True)
class Task:
    """What is to be made, and where; `usual` is a usual query's vector, if it is known.

    Without `lists` all codes are to be compared.
    """

    folder: Path
    owner: Owner
    usual: Vector | None = None
    anew: bool = False
    lists: bool = True


def build(task: Task, source: Source, report: Report) -> Head:
    """Make a snapshot and return its head; raises OSError where the disk does not take it."""
    task.folder.mkdir(mode=0o700, parents=True, exist_ok=True)
    before = snapshot.read(task.folder, task.owner)
    snapshot.tidy(task.folder, before)
    try:
        if not task.lists:
            head = _compacted(task, source, report)
        elif before is not None and not task.anew and _fits(before, source.count()):
            head = _merge(task, before, source, report)
        else:
            head = _make(task, source, report)
    except BaseException:
        # On a full disk most of all: half of it is of no use to anyone.
        snapshot.tidy(task.folder, before)
        raise
    snapshot.tidy(task.folder, head)
    return head


def _fits(before: Head, count: int) -> bool:
    return before.scale is None and before.trained / _ANEW <= count <= before.trained * _ANEW


def _merge(task: Task, before: Head, source: Source, report: Report) -> Head:
    """Take the changes since the snapshot before into its lists, and its rows."""
    seq = source.seq()
    codes = Codes.load(task.folder / before.codes)
    shift = np.asarray(before.shift, np.float32)
    rows = RowsWriter(task.folder / before.rows, task.owner.dim)
    largest, done = before.largest, 0
    try:
        for touched, images, halves in source.changed(before.seq):
            codes.remove(touched)
            rows.put(images, halves)
            codes.add(images, halves.astype(np.float32) + shift)
            largest = max(largest, int(images.max(initial=0)))
            done += len(touched)
            report("merging", done, done)
    finally:
        rows.close(keep=True)
    return _finish(task, codes, before.rows, seq, largest, before.trained, before.shift)


def _make(task: Task, source: Source, report: Report) -> Head:
    """Write all vectors, train lists on a part of them, and code them."""
    seq = source.seq()
    written = _written(task, source, report)
    rows = Rows(task.folder / written.name, task.owner.dim, written.largest)
    report("training", 0, 1)
    codes, shift = _trained(rows, written.ids, task.usual)
    _code(codes, rows, written.ids, shift, report)
    made = len(written.ids), tuple(shift.tolist())
    return _finish(task, codes, written.name, seq, written.largest, *made)


def _compacted(task: Task, source: Source, report: Report) -> Head:
    """Write all vectors, and code them: in little more time than a merge would take.

    So the codes always reach as far as the vectors do, and no farther.
    """
    seq = source.seq()
    written = _written(task, source, report)
    rows = Rows(task.folder / written.name, task.owner.dim, written.largest)
    codes = Compact.between(written.least, written.most, len(written.ids))
    _code(codes, rows, written.ids, np.float32(0), report)
    return _finish(task, codes, written.name, seq, written.largest, len(written.ids), ())


@dataclass(frozen=True, slots=True)
class _Written:
    """A file of vectors: whose they are, and the least and the largest number at each place."""

    name: str
    ids: Ids
    least: Vector
    most: Vector

    @property
    def largest(self) -> int:
        return int(self.ids.max(initial=0))


def _written(task: Task, source: Source, report: Report) -> _Written:
    """Write all vectors; raises ValueError where there are none."""
    expected, done = source.count(), 0
    name = f"vectors-{secrets.token_hex(4)}.f16"
    writer = RowsWriter(task.folder / name, task.owner.dim)
    blocks: list[Ids] = []
    least = np.full(task.owner.dim, np.inf, np.float32)
    most = -least
    try:
        for images, halves in source.everything():
            writer.put(images, halves)
            blocks.append(images)
            wide = halves.astype(np.float32)
            least, most = np.minimum(least, wide.min(axis=0)), np.maximum(most, wide.max(axis=0))
            done += len(images)
            report("writing", done, max(done, expected))
    finally:
        writer.close(keep=True)
    if not blocks:
        raise ValueError("there are no vectors to make an index of")
    return _Written(name, np.concatenate(blocks), least, most)


def _code(
    codes: Codes | Compact, rows: Rows, ids: Ids, shift: Vector | np.float32, report: Report
) -> None:
    for start in range(0, len(ids), _CODED):
        block = ids[start : start + _CODED]
        codes.add(block, rows.vectors(block) + shift)
        report("coding", start + len(block), len(ids))


def _trained(rows: Rows, ids: Ids, usual: Vector | None) -> tuple[Codes, Vector]:
    """Return codes that hold nothing yet, and what is added to vectors before they are coded."""
    lists = lists_for(len(ids))
    sample = rows.vectors(_sampled(ids, PER_LIST * lists))
    shift = _shift(sample, usual)
    sample += shift
    return Codes.trained(sample, lists), shift


def _shift(sample: Vector, usual: Vector | None) -> Vector:
    """Return what is added to every vector before it is coded.

    It leaves the order of inner products as it is. RaBitQ errs in proportion to the distance
    between a query and the list's centre, and a text lies far from all pictures (the gap
    between CLIP's two kinds): so pictures are moved to where queries are.
    """
    if usual is None:
        return np.zeros(sample.shape[1], np.float32)
    moved: Vector = (usual - sample.mean(axis=0)).astype(np.float32)
    return moved


def _sampled(ids: Ids, most: int) -> Ids:
    if len(ids) <= most:
        return ids
    chosen = np.random.default_rng(len(ids)).choice(len(ids), most, replace=False)
    return ids[np.sort(chosen)]


def _finish(
    task: Task,
    codes: Codes | Compact,
    rows: str,
    seq: int,
    largest: int,
    trained: int,
    shift: tuple[float, ...],
) -> Head:
    name = f"codes-{secrets.token_hex(4)}.faiss"
    path = task.folder / name
    codes.save(path)
    with path.open("rb+") as file:
        snapshot.flush(file)
    scale = codes.scale if isinstance(codes, Compact) else None
    # FAISS may write to a full disk without a word: what lies there is read once more.
    if len(Codes.load(path) if scale is None else Compact.load(path, scale)) != len(codes):
        raise OSError(f"{name} was not written whole")
    head = Head(
        task.owner,
        seq,
        len(codes),
        largest,
        trained,
        name,
        snapshot.file_sum(path),
        rows,
        shift,
        scale,
    )
    snapshot.write(task.folder, head)
    return head
