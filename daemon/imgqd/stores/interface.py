"""What every store of pictures answers, and how it fails.

Two halves: `Answers` is what is asked, and `Store` takes changes as well. This machine's own
catalog and index are the first half only: what they hold is decided by the disk, through the
pipeline, and by nobody else.

All methods block, and may be called from any thread, one at a time. They raise StoreAway for
what passes (no connection, a server that starts), and StoreRefused for what a person has to
mend (a wrong token, another model); both texts are one line and hold no secret.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from enum import Enum
from typing import Protocol

from imgqd.query.truth import Within
from imgqd.records import Vector
from imgqd.rows import Key, Row


class StoreError(Exception):
    """A store did not do what it was asked for; the text is one line for a person."""


class StoreAway(StoreError):
    """It cannot be reached, or is not ready: nothing is known of what was asked. Try again."""


class StoreRefused(StoreError):
    """It will not do this however often it is asked; the text says what to do."""


class StoreOther(StoreRefused):
    """It holds pictures as another model sees them."""


class Freshness(Enum):
    """How much of what was acknowledged before has to be in an answer."""

    USUAL = "usual"
    """What was written seconds ago may be missing, what was deleted may still be there."""
    EVERYTHING = "everything"
    """All of it: slower, as the store waits until it knows."""


@dataclass(frozen=True, slots=True)
class Hit:
    """A row near a query; `score` is the cosine."""

    row: Row
    score: float


@dataclass(frozen=True, slots=True)
class Health:
    """How a store is; of one that is away only `trouble` is known."""

    trouble: str | None
    """Why it cannot be used, None where it can."""
    rows: int = 0
    unindexed: int = 0
    """Rows that its index does not hold yet: until there are none, searches may miss some."""


@dataclass(frozen=True, slots=True)
class Member:
    """A machine that tells a store of its pictures as one model sees them."""

    machine: str
    collection: str
    owner: str
    """Random, of the daemon that tells: two of one name have two."""
    model: str
    """What the machine calls its model."""
    is_complete: bool
    """Whether it has told all it had at some time."""
    seen: float
    """Unix time at which it said so last."""


class Answers(Protocol):
    """What can be asked of pictures, their own machine's or all machines'."""

    def get(self, keys: Sequence[Key]) -> list[Row]:
        """Return the rows of these keys in any order; unknown keys are left out."""

    def count(self, machine: str | None = None) -> int:
        """Return the number of rows, of one machine or of all."""

    def search(
        self,
        query: Vector,
        limit: int,
        within: Within | None = None,
        freshness: Freshness = Freshness.USUAL,
        beyond: str | None = None,
    ) -> list[Hit]:
        """Return the rows nearest to a unit vector (shape (dim,)), nearest first.

        `limit` of them at most, and only such as meet the filters; none of the machine `beyond`.
        """

    def keys(self, machine: str) -> Iterator[Key]:
        """Yield the keys of one machine, ascending; what changes meanwhile may be in or not."""

    def health(self) -> Health:
        """Return how it is; raises nothing."""

    def close(self) -> None:
        """Let go of everything; nothing may be called afterwards."""


class Store(Answers, Protocol):
    """A store that takes what the catalogs of several machines say.

    Both changes may be repeated any number of times: the last one for a key holds. What
    they acknowledge survives the store's end.
    """

    def upsert(self, rows: Sequence[Row], vectors: Vector) -> None:
        """Put rows with their unit vectors (shape (n, dim)) in place of earlier ones.

        Each key at most once.
        """

    def delete(self, keys: Sequence[Key]) -> None:
        """Remove rows; unknown keys are ignored."""

    def flush(self) -> None:
        """Return once all that was acknowledged lies on the store's own disk."""
