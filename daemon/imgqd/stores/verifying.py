"""A store compared with the catalog, key by key, and mended where they differ.

Needed after a catalog was lost, a store was restored from an older copy, or the list of changes
no longer reaches back to where the store was left (`Reader.untouched`). Both sides list
their keys in order, so two millions are compared in the memory of a few.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Final

from imgqd.catalog import Reader
from imgqd.rows import Key
from imgqd.stores.delivery import described
from imgqd.stores.interface import Answers, Store

_BLOCK: Final = 256
"""Keys that are mended at a time."""


@dataclass(frozen=True, slots=True)
class Difference:
    """A key that only one of two stores has."""

    key: Key
    is_missing: bool
    """The store lacks it; else it holds it in vain."""


def differences(here: Answers, there: Answers, machine: str) -> Iterator[Difference]:
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
