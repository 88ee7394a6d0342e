"""A store is brought up to what the catalog says: changes in their order, and all that was before.

Whoever runs it reads a `Block`, sends it, and notes the place behind it, in that order. What
was sent and not noted (a kill -9 between the two) is sent again, which changes nothing: a block
says how things are, not what happened to them. While the store is away nothing is noted,
nothing is kept in memory, and what changed waits in the catalog (`catalog/told`).

One at a time for each store: two would overtake each other.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from typing import Final

import numpy as np

from imgqd.catalog import Reader, Told
from imgqd.records import Vector
from imgqd.rows import Key, Row
from imgqd.stores.interface import Store

BLOCK: Final = 256
"""Changes or images of a block: half a megabyte of vectors."""


@dataclass(frozen=True, slots=True)
class Block:
    """What a store is to be told next, and its place afterwards."""

    rows: tuple[Row, ...]
    vectors: Vector
    """Of the rows, shape (n, dim)."""
    gone: tuple[Key, ...]
    after: Told


def block(reader: Reader, told: Told, machine: str, dim: int, most: int = BLOCK) -> Block | None:
    """Return what to send next, None where the store has everything.

    Changes go before what was there already: a person waits for those.
    """
    changes = reader.untold(told, most)
    if changes:
        images = list(dict.fromkeys(image for _, image in changes))
        rows, vectors, gone = described(reader, images, told.model, machine, dim)
        return Block(rows, vectors, gone, replace(told, seq=changes[-1][0]))
    if told.filled is None:
        return None
    found, _ = reader.halves(told.model, dim, told.filled, most)
    images = found.tolist()
    rows, vectors, _gone = described(reader, images, told.model, machine, dim)
    filled = images[-1] if images else None
    return Block(rows, vectors, (), replace(told, filled=filled))


def described(
    reader: Reader, images: Sequence[int], model: int, machine: str, dim: int
) -> tuple[tuple[Row, ...], Vector, tuple[Key, ...]]:
    """Return (rows, their vectors, keys of those that a store should not hold)."""
    known = reader.rows(images, machine)
    rows: list[Row] = []
    vectors: list[Vector] = [np.empty((0, dim), np.float32)]
    shown: set[int] = set()
    for some, block_of in reader.vectors(model, dim, images):
        places = [place for place, image in enumerate(some) if image in known]
        rows += [known[some[place]] for place in places]
        vectors.append(block_of[places])
        shown.update(some[place] for place in places)
    hashes = reader.hashes_of([image for image in images if image not in shown])
    gone = tuple(Key(machine, digest) for digest in hashes.values())
    return tuple(rows), np.concatenate(vectors), gone


def send(store: Store, what: Block) -> None:
    """Send a block; raises StoreError, and then some of it may have arrived."""
    if what.gone:
        store.delete(what.gone)
    if what.rows:
        store.upsert(what.rows, what.vectors)


def deliver(
    store: Store, following: Callable[[], Block | None], note: Callable[[Told], None]
) -> int:
    """Send block after block until the store has everything; return how many were sent.

    Raises StoreError; what was acknowledged before is noted.
    """
    sent = 0
    while (what := following()) is not None:
        send(store, what)
        note(what.after)
        sent += 1
    return sent
