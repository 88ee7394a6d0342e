"""Tells a store that several machines share what it was not told of, block after block.

Each block is read and sent by the courier; its place is noted here once the store has acknowledged
it. Nothing here waits or tries again: that is the outbox's.
"""

from __future__ import annotations

import os
import time
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any, Final

from imgqd import machine
from imgqd.bell import Bell
from imgqd.carrier import Carrier, Trouble
from imgqd.catalog import Reader, Told
from imgqd.config import StoreSettings
from imgqd.library import Library, Sight
from imgqd.records import Model

_BLOCK: Final = 256
"""Changes or pictures that are told at a time."""

_STRIDE: Final = 1000
"""Changes that do not concern a store and are looked through time and again."""


class Telling:
    """How far a store is told, and how it is; `between` are seconds between two looks at it."""

    def __init__(
        self,
        library: Library,
        catalog: Path,
        changed: Bell,
        carrier: Carrier,
        settings: Callable[[], StoreSettings],
        between: float,
    ) -> None:
        self._library = library
        self._catalog = catalog
        self._changed = changed
        self.carrier = carrier
        self._settings = settings
        self._between = between
        self._is_next = False
        self._seen = 0.0
        self.adopted: StoreSettings | None = None
        """The settings that it goes by."""
        self.owner = ""
        """What tells this daemon from others of its machine's name."""
        self.is_held = False
        """Whether nothing is to be told for a while."""
        self.begins = False
        """Whether everything is to be told anew, and nothing of it was yet."""
        self.claims = False
        """Whether the machine's name is taken from whoever has it."""
        self.looked: dict[str, Any] | None = None
        """What was last seen of the store: rows, unindexed, answers, waits_for."""
        self.is_to_look = True
        """Whether it is to be looked at, soon."""
        self.filling: tuple[int, int] | None = None
        """How many of how many pictures were told, while all of them are."""

    @property
    def machine(self) -> str:
        """What this machine is called in the store."""
        return self._settings().machine or machine.host_name()

    @property
    def store(self) -> str:
        """What the catalog calls the store; empty where there is none."""
        settings = self._settings()
        return f"{settings.url} {settings.collection} {self.machine}" if settings.url else ""

    def adopt(self, settings: StoreSettings) -> None:
        """Go by other settings: nothing is known of the store that they name."""
        self.adopted = settings
        self.looked, self.filling = None, None
        self.is_to_look, self.begins = True, False

    async def bring_up(self, sight: Sight, *, is_forced: bool) -> bool:
        """Tell all there is to tell, and return whether that came to its end; raises Trouble.

        `is_forced`: the store is looked at, too, however long the last look is ago.
        """
        if not self.machine:
            raise Trouble("refused", "this machine has no name: set store.machine")
        store, number = self.store, sight.number
        others = await self.others(sight)
        mine = await self._library.read(lambda reader: reader.told(store, number))
        if mine is None or self.begins:
            # Here alone: whoever is telling would note its place over the new beginning.
            mine = await self._library.write(lambda w: w.begin_telling(store, number))
            self.begins, self.is_to_look, self.filling = False, True, None
        if await self._deliver(sight, sight.model, mine):
            self.is_to_look = True
        for other in others:
            await self._deliver_other(sight, other)
        if not self._goes_on(sight):
            return False
        is_due = time.monotonic() - self._seen >= self._between
        if self.is_to_look and (
            is_forced or self.looked is None or mine.filled is not None or is_due
        ):
            await self._settle(sight, others)
        return True

    async def others(self, sight: Sight) -> list[Told]:
        """Return how far the store was told as other models see the pictures."""
        places = await self._library.read(lambda reader: reader.tellings())
        store = self.store
        others = [one for one in places if one.store == store and one.model != sight.number]
        self._is_next = bool(others)
        return others

    def _goes_on(self, sight: Sight) -> bool:
        """Return whether what was begun is still wanted."""
        is_same = self._settings() == self.adopted and self._library.sight is sight
        return is_same and not self.is_held and not self.begins

    async def _deliver(self, sight: Sight, model: Model, place: Told) -> bool:
        """Tell block after block; return whether there was anything. Raises Trouble."""
        was_told = False
        while self._goes_on(sight):
            if place.filled is None and not await self.lacks(place, None):
                await self._pass(place)
                break
            await self._count(place)
            params = self.params(place.model, model)
            params["place"] = [place.seq, place.filled]
            answer = await self.carrier.ask("deliver", params)
            if answer["place"] is None:
                break
            was_told = True
            seq, filled = answer["place"]
            place = Told(place.store, place.model, seq, filled)
            noted = place
            await self._library.write(lambda writer: writer.note_told(noted))  # noqa: B023 - at once
            self._changed.ring()
        return was_told

    async def _pass(self, place: Told) -> None:
        """Pass by what does not concern a store, as the vectors of a model that comes next."""

        def passed(reader: Reader) -> int:
            last = reader.touched()  # first: what comes after it is not passed by
            return place.seq if reader.untold(place, 1) else last

        seq = await self._library.read(passed)
        # Not each: a place that moves is written to the disk.
        if seq > place.seq + _STRIDE:
            await self._library.write(lambda writer: writer.note_told(replace(place, seq=seq)))

    async def _deliver_other(self, sight: Sight, place: Told) -> None:
        """Tell what changed to those who ask the model before, while some of them do."""
        sets = await self._library.read(lambda reader: reader.sets())
        seen = next((one for one in sets if one.number == place.model), None)
        try:
            if seen is not None:
                model = Model(seen.name, seen.key, seen.dim, 0, "", "", 0)
                await self._deliver(sight, model, place)
                return
        except Trouble as error:
            if error.state not in {"other_model", "forgotten"}:
                raise
        await self._library.write(lambda w: w.stop_telling(place.store, place.model))

    async def _settle(self, sight: Sight, others: list[Told]) -> None:
        """Let the store know that it has everything, and see how it is."""
        params = self.params(sight.number, sight.model)
        self.looked = await self.carrier.ask("settle", params)
        self._seen = time.monotonic()
        self.is_to_look = self.claims = False
        self.filling = None
        if self.looked["answers"]:
            for other in others:
                await self._library.write(lambda w: w.stop_telling(other.store, other.model))  # noqa: B023
        self._changed.ring()

    async def lacks(self, place: Told, upto: int | None) -> bool:
        """Return whether there are changes, up to one by its number, that a store has not."""
        found = await self._library.read(lambda reader: reader.untold(place, 1))
        return bool(found) and (upto is None or found[0][0] <= upto)

    async def _count(self, place: Told) -> None:
        if place.filled is None:
            return
        upto, number = place.filled, place.model
        if self.filling is None or upto == 0:
            self.filling = await self._library.read(
                lambda reader: (reader.filled(number, upto), reader.counted(number))
            )
        else:
            done, total = self.filling
            self.filling = min(total, done + _BLOCK), total

    def params(self, number: int, model: Model) -> dict[str, Any]:
        """Return what the courier has to know for whatever it is asked."""
        settings = self._settings()
        return {
            "store": {
                "url": settings.url,
                "token_file": settings.token_file,
                "token_variable": settings.token_variable,
                "ca_file": settings.ca_file,
                "prefix": settings.collection,
                "machine": self.machine,
                "owner": self.owner,
                "claims": self.claims,
                "is_next": self._is_next,
                "model": {"name": model.name, "key": model.key, "dim": model.dim},
            },
            "catalog": os.fsencode(self._catalog),
            "number": number,
        }
