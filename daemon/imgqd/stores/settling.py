"""Who has told everything as which model sees it, and when all of them change to another model.

While machines change one after the other each one asks the rows of its own model: those that
have not changed are lacking there until they have. The alias moves once all have.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Protocol

from imgqd.stores.interface import Member


class Roll(Protocol):
    """The machines of a store."""

    def all(self) -> list[Member]:
        """Return every machine with every model."""

    def put(self, member: Member) -> None:
        """Note how a machine is."""

    def drop_rows(self, member: Member) -> None:
        """Remove what a machine told of a model's pictures, and forget that it did."""

    def drop_collection(self, name: str) -> None:
        """Drop a collection with all that is in it."""


class Place(Protocol):
    """What is needed of a store for one model."""

    @property
    def members(self) -> Roll:
        """Its machines."""

    @property
    def answering(self) -> str | None:
        """The collection that answers."""

    def take_over(self) -> None:
        """Let this model's collection be the one that answers."""


def settle(store: Place, mine: Member) -> list[str]:
    """Note that a machine has told everything; return the machines that are waited for.

    If none is, this model's collection answers from now on, and what this machine told
    as other models see it is removed.
    """
    store.members.put(mine)
    everyone = store.members.all()
    answering = store.answering
    if answering != mine.collection:
        waited_for = lacking(everyone, answering, mine.collection)
        if waited_for:
            return waited_for
        store.take_over()
    others = [one for one in everyone if one.collection != mine.collection]
    own = [one for one in others if one.machine == mine.machine]
    for one in own:
        store.members.drop_rows(one)
    left = {one.collection for one in others if one not in own}
    for name in sorted({one.collection for one in own} - left):
        store.members.drop_collection(name)
    return []


def lacking(everyone: Sequence[Member], before: str | None, collection: str) -> list[str]:
    """Return the machines with rows in the collection before that are not complete in another."""
    complete = {one.machine for one in everyone if one.collection == collection and one.is_complete}
    return sorted({one.machine for one in everyone if one.collection == before} - complete)
