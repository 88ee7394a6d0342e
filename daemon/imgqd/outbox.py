"""Brings a store that several machines share up to what the catalog says, and knows how it is.

What is to be told lies in the catalog (`catalog.told`); here is who does it, when, and
what is done where it cannot be: try again after growing pauses, at once when somebody asks.
Nothing else in the daemon waits for it. While nothing changes it waits, too, without a timer.
"""

from __future__ import annotations

import asyncio
import contextlib
import logging
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any, Final
from urllib.parse import urlsplit

from imgqd import machine
from imgqd.bell import Bell
from imgqd.carrier import Carrier, Trouble
from imgqd.catalog import Told
from imgqd.config import StoreSettings
from imgqd.library import Library, Sight
from imgqd.telling import Telling

log = logging.getLogger(__name__)

_COALESCE: Final = 1.0
"""Seconds in which changes gather before they are told."""

_SETTLE: Final = 10.0
"""Seconds at least between two looks at how the store is."""

_MANY: Final = 10_000
"""Waiting pictures from which on a count (a few milliseconds) is not made for every question."""

_MOMENT: Final = 10.0

_LONGEST: Final = 300.0
"""Seconds of the longest pause after a failure; the first is one."""

OFF: Final = "no store is set: write [store] with a url into the settings (docs/stores.md)"


class Outbox:
    """Tells the store of the settings; `settings` returns those that hold now."""

    def __init__(
        self,
        library: Library,
        catalog: Path,
        changed: Bell,
        settings: Callable[[], StoreSettings],
        carrier: Carrier | None = None,
        coalesce: float = _COALESCE,
        settle: float = _SETTLE,
    ) -> None:
        self._library = library
        self._catalog = catalog
        self._changed = changed
        self._settings = settings
        self._coalesce = coalesce
        self._between = settle
        self.carrier = Carrier(changed.ring, self._show) if carrier is None else carrier
        self.telling = Telling(library, catalog, changed, self.carrier, settings, settle)
        self._urged = asyncio.Event()
        self._failures = 0
        self._counted = 0, 0.0
        self.trouble: Trouble | None = None
        """Why the store cannot be told, or asked; None where it can, or nobody has tried."""
        self.since = 0.0
        """Unix time from which on that is so."""
        self.due: float | None = None
        """Unix time of the next try."""
        self.work: dict[str, Any] | None = None
        """What long work is done, and how much of it."""

    @property
    def is_on(self) -> bool:
        """Whether the settings name a store."""
        return bool(self._settings().url)

    @property
    def machine(self) -> str:
        """What this machine is called in the store."""
        return self.telling.machine

    @property
    def host(self) -> str:
        """Where the store is, without anything secret."""
        return urlsplit(self._settings().url).netloc.rpartition("@")[2]

    @property
    def looked(self) -> dict[str, Any]:
        """What was last seen of the store: rows, unindexed, answers, waits_for."""
        return self.telling.looked or {}

    async def run(self) -> None:
        """Tell the store after each change; ends by being cancelled."""
        while True:
            ring = self._changed.next()
            try:
                await self.adopt()
                sight = self._library.sight
                if sight is None or not self.is_on or self.telling.is_held:
                    await self._wait(ring, None)
                    continue
                if await self.telling.bring_up(sight, is_forced=self.trouble is not None):
                    self._recover()
            except Trouble as error:
                if error.state == "forgotten":
                    self.telling.begins = True
                else:
                    await self._rest(error)
                continue
            if not await self._wait(ring, self._between if self.telling.is_to_look else None):
                continue
            # What comes together is told together; who waits for it does not wait for that.
            with contextlib.suppress(TimeoutError):
                async with asyncio.timeout(self._coalesce):
                    await self._urged.wait()

    def urge(self) -> None:
        """Let it be tried now, whatever pause it is in."""
        self._urged.set()

    def counted(self, rows: int) -> None:
        """Note how many rows the store has, from whoever has just seen it."""
        if self.telling.looked is not None:
            self.telling.looked["rows"] = rows

    def look_again(self) -> None:
        """Let the store be looked at anew."""
        self.telling.looked = None
        self.telling.is_to_look = True
        self.urge()

    def hold(self, *, is_held: bool) -> None:
        """Let nothing be told for a while, or again."""
        self.telling.is_held = is_held
        self._changed.ring()
        self.urge()

    async def stop(self) -> None:
        """End the process for good."""
        await self.carrier.stop()

    async def place(self) -> Told | None:
        """Return how far the store was told as the model that answers sees the pictures."""
        sight, store = self._library.sight, self.telling.store
        if sight is None or not store:
            return None
        return await self._library.read(lambda reader: reader.told(store, sight.number))

    async def behind(self, place: Told) -> int:
        """Return how many pictures have changes that wait; of very many it was so a moment ago."""
        count, at = self._counted
        if count < _MANY or time.monotonic() - at > _MOMENT:
            count = await self._library.read(lambda reader: reader.waiting(place))
            self._counted = count, time.monotonic()
        return count

    async def told_all(self) -> None:
        """Wait until the store has every change that is in the catalog now; raises Trouble."""
        mark = await self._library.read(lambda reader: reader.touched())
        tried = self._failures
        self.urge()
        while True:
            ring = self._changed.next()
            if self.trouble is not None and self._failures != tried:
                raise self.trouble
            place = await self.place()
            if place is not None and not await self.telling.lacks(place, mark):
                return
            await ring.wait()

    async def begin_anew(self, *, claims: bool) -> None:
        """Tell everything once more; `claims`: whoever had this machine's name before."""
        self._ensure()
        self.telling.claims = self.telling.claims or claims
        self.telling.begins = True
        self._changed.ring()
        self.urge()

    async def ask(self, method: str, sight: Sight | None = None, **more: Any) -> Any:
        """Ask the store something, as the model that answers sees it, or another one.

        What is found out so about the store holds for the deliveries, too. Raises Trouble,
        or NotThere.
        """
        sight = sight or self._ensure()
        if not self.telling.owner:
            await self.adopt()
        await self.telling.others(sight)
        try:
            answer = await self.carrier.ask(
                method, self.telling.params(sight.number, sight.model) | more
            )
        except Trouble as error:
            if error.state == "forgotten":
                self.telling.begins = True
                self.urge()
            elif self.trouble is None:
                self._fail(error)
                self.telling.is_to_look = True
                self.urge()
            raise
        if self.trouble is not None:
            self.urge()
        elif method == "search" and self.telling.looked is not None:
            self.telling.looked |= {name: answer[name] for name in ("rows", "unindexed")}
            if self.telling.looked["waits_for"]:  # perhaps not any more
                self.telling.is_to_look = True
                self.urge()
        return answer

    def _ensure(self) -> Sight:
        if not self.is_on:
            raise Trouble("off", OFF)
        sight = self._library.sight
        if sight is None:
            raise Trouble("away", "no model is ready: imgqctl status says more")
        return sight

    async def adopt(self) -> None:
        """Take over other settings: what they do not name is told no more."""
        settings = self._settings()
        if settings == self.telling.adopted:
            return
        if settings.url:
            try:
                path = self._catalog.parent / "store-id"
                self.telling.owner = await asyncio.to_thread(machine.own_id, path)
            except OSError as error:
                raise Trouble("refused", f"{path}: {error.strerror}") from error
        store = self.telling.store
        for place in await self._library.read(lambda reader: reader.tellings()):
            if place.store != store:
                other = place.store
                await self._library.write(lambda w: w.stop_telling(other))  # noqa: B023 - at once
        self.telling.adopt(settings)
        self._failures, self.trouble, self.due = 0, None, None
        self.since = time.time()
        self._changed.ring()

    async def _rest(self, error: Trouble) -> None:
        """Wait before the next try, longer each time, or until somebody asks for one."""
        pause = _LONGEST if error.state != "away" else min(_LONGEST, 2.0**self._failures)
        self._failures += 1
        self.due = time.time() + pause
        self._fail(error)
        self._urged.clear()
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(pause):
                await self._urged.wait()

    async def _wait(self, ring: asyncio.Event, patience: float | None) -> bool:
        """Return once the bell rings or somebody asks; False where that took too long."""
        self._urged.clear()
        waits = [asyncio.ensure_future(one.wait()) for one in (ring, self._urged)]
        try:
            done, _ = await asyncio.wait(
                waits, timeout=patience, return_when=asyncio.FIRST_COMPLETED
            )
        finally:
            for one in waits:
                one.cancel()
        return bool(done)

    def _fail(self, error: Trouble) -> None:
        if self.trouble is None or str(self.trouble) != str(error):
            log.warning("the store is not told: %s", error)
        if self.trouble is None:
            self.since = time.time()
        self.trouble = error
        self.telling.is_to_look = True
        self._changed.ring()

    def _recover(self) -> None:
        self._failures, self.due = 0, None
        if self.trouble is not None:
            log.info("the store is told again")
            self.trouble, self.since = None, time.time()
            self._changed.ring()

    def _show(self, work: dict[str, Any]) -> None:
        self.work = work
        self._changed.ring()
