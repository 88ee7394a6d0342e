"""A store compared with the catalog, key by key, and mended where they differ.

Needed after a catalog was lost, a store was restored from an older copy, or the list of changes
no longer reaches back to where the store was left (`Reader.untouched`). Both sides list
their keys in order, so two millions are compared in the memory of a few.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from typing import Final, Protocol

from imgqd.catalog import Reader
from imgqd.rows import Key
from imgqd.stores.delivery import described
from imgqd.stores.interface import Store

_BLOCK: Final = 256
"""Keys that are mended at a time."""

_LISTED: Final = 1000
"""Keys that the catalog is asked for at a time."""

_NAMED: Final = 20
"""Differences that are named."""

_TELL: Final = 2000
"""Keys after which it is told how far a comparison is."""


class Listing(Protocol):
    """What is needed of either side."""

    def keys(self, machine: str) -> Iterator[Key]:
        """Yield the keys of one machine, ascending."""


@dataclass(frozen=True, slots=True)
class Difference:
    """A key that only one of two stores has."""

    key: Key
    is_missing: bool
    """The store lacks it; else it holds it in vain."""


class Shelf:
    """What a catalog says, without an index: pictures that a model has seen and that are there."""

    def __init__(self, reader: Reader, model: int) -> None:
        self._reader = reader
        self._model = model

    def keys(self, machine: str) -> Iterator[Key]:
        """Yield the keys of its pictures, which are one machine's, ascending."""
        after = b""
        while block := self._reader.hashes(self._model, after, _LISTED):
            yield from (Key(machine, digest) for digest in block)
            after = block[-1]


@dataclass(frozen=True, slots=True)
class Comparison:
    """What a store holds, compared with a catalog."""

    checked: int
    missing: int
    vain: int
    named: tuple[tuple[Difference, bytes | None], ...]
    """Some of the differences, with the path of what the store lacks."""


def compared(
    reader: Reader,
    store: Store,
    machine: str,
    model: int,
    dim: int,
    report: Callable[[int, int], None],
    *,
    is_mended: bool,
) -> Comparison:
    """Compare a machine's pictures on both sides; `report` is told how many of how many."""
    total = reader.counted(model)
    counted = [0, 0]
    named: list[Difference] = []
    some: list[Difference] = []
    shelf = _Told(Shelf(reader, model), lambda done: report(done, total))
    for one in differences(shelf, store, machine):
        counted[one.is_missing] += 1
        if len(named) < _NAMED:
            named.append(one)
        some.append(one)
        if is_mended and len(some) == _BLOCK:
            mend(reader, store, some, model, dim)
            some = []
    if is_mended and some:
        mend(reader, store, some, model, dim)
    hashes = [one.key.hash for one in named if one.is_missing]
    rows = reader.rows(reader.images_of(hashes, model), machine).values()
    paths = {row.key: row.files[0].path for row in rows}
    vain, missing = counted
    return Comparison(shelf.done, missing, vain, tuple((one, paths.get(one.key)) for one in named))


class _Told:
    """A listing that tells how far it is."""

    def __init__(self, shelf: Shelf, tell: Callable[[int], None]) -> None:
        self._shelf = shelf
        self._tell = tell
        self.done = 0

    def keys(self, machine: str) -> Iterator[Key]:
        """Yield the keys."""
        for key in self._shelf.keys(machine):
            self.done += 1
            if self.done % _TELL == 1:
                self._tell(self.done)
            yield key


def differences(here: Listing, there: Listing, machine: str) -> Iterator[Difference]:
    """Yield what `there` lacks or holds in vain of a machine's pictures, by their keys."""
    mine, theirs = here.keys(machine), there.keys(machine)
    one, other = next(mine, None), next(theirs, None)
    while one is not None or other is not None:
        if other is None or (one is not None and one < other):
            assert one is not None
            yield Difference(one, is_missing=True)
            one = next(mine, None)
        elif one is None or other < one:
            yield Difference(other, is_missing=False)
            other = next(theirs, None)
        else:
            one, other = next(mine, None), next(theirs, None)


def mend(reader: Reader, store: Store, found: Sequence[Difference], model: int, dim: int) -> None:
    """Send what the store lacks, and remove what it holds in vain, as the catalog says now."""
    for start in range(0, len(found), _BLOCK):
        some = found[start : start + _BLOCK]
        hashes = [one.key.hash for one in some]
        images = reader.images_of(hashes, model)
        machine = some[0].key.machine
        rows, vectors, _ = described(reader, images, model, machine, dim)
        there = {row.key for row in rows}
        store.delete([one.key for one in some if one.key not in there])
        if rows:
            store.upsert(rows, vectors)
