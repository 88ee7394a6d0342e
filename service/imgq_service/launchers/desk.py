"""GNOME's overview and KDE's KRunner, served over the session bus by one process.

The bus starts it when the first of them asks (D-Bus activation), and it ends by itself when
nobody has asked for a while. Rules of this file: the one home of dbus-fast. It owns a name for
each of the two, so that each can be installed without the other; whoever is started for one
takes both, and a second process that finds them taken ends at once.

Sources: org.gnome.Shell.SearchProvider2 (developer.gnome.org, Search provider) and
org.kde.krunner1 (develop.kde.org, Writing a KRunner plugin in D-Bus).
"""

from __future__ import annotations

import asyncio
import sys
from collections.abc import Awaitable, Callable, Iterator
from contextlib import contextmanager, suppress
from typing import Annotated, Any, Final

from dbus_fast import BusType, NameFlag, RequestNameReply, Variant
from dbus_fast.aio import MessageBus
from dbus_fast.annotations import DBusSignature, DBusStr, DBusUInt32
from dbus_fast.service import ServiceInterface, dbus_method

from imgq.errors import ImgqError
from imgq_service.launchers import acting
from imgq_service.launchers.names import GNOME, KRUNNER, PATH
from imgq_service.launchers.rows import Finder, Page, Row, row

IDLE_S: Final = 60.0
"""Seconds without a question after which the process ends; to start again takes a fifth of one."""

_LIMIT: Final = 10
_PLAIN_ICON: Final = "image-x-generic"
_LEAST: Final = 3
"""Letters of a line that is looked for: with fewer, everything is like it."""

# GNOME's own mark of a result that is shown beside the five best.
_SPECIAL: Final = "special:"
# KRunner's QueryMatch::Type for what may be meant: programs of that name come first.
_POSSIBLE: Final = 30

Words = Annotated[list[str], DBusSignature("as")]
Metas = Annotated[list[dict[str, Variant]], DBusSignature("aa{sv}")]
Matches = Annotated[list[list[Any]], DBusSignature("a(sssida{sv})")]
Nothing = Annotated[None, DBusSignature("")]
Actions = Annotated[list[list[str]], DBusSignature("a(sss)")]


class Desk:
    """What both ask: searches, thumbnails, and what is done with a choice.

    `free` is set while nobody waits for an answer, `idle` once that was so for `idle_s` seconds.
    """

    def __init__(self, finder: Finder, idle_s: float = IDLE_S) -> None:
        self._finder = finder
        self._idle_s = idle_s
        self._at_work = 0
        self._timer: asyncio.TimerHandle | None = None
        self.idle = asyncio.Event()
        self.free = asyncio.Event()
        self._rest()

    async def search(self, line: str) -> Page:
        """Return what a line finds, nothing for a line of too few letters."""
        with self._working():
            if line.isascii() and len(line.strip()) < _LEAST:
                return Page()
            return await self._finder.find(line)

    async def illustrated(self, rows: tuple[Row, ...]) -> tuple[Row, ...]:
        """Return the rows with thumbnails."""
        with self._working():
            return await self._finder.illustrated(rows)

    async def act(self, does: Callable[..., None], *words: str) -> None:
        """Do what may take a while; what cannot be done is a line in the log."""
        with self._working():
            try:
                await asyncio.to_thread(does, *words)
            except ImgqError as error:
                sys.stderr.write(f"imgq: {error}\n")

    def _rest(self) -> None:
        self.free.set()
        loop = asyncio.get_running_loop()
        self._timer = loop.call_later(self._idle_s, self.idle.set)

    @contextmanager
    def _working(self) -> Iterator[None]:
        self._at_work += 1
        self.free.clear()
        if self._timer is not None:
            self._timer.cancel()
        try:
            yield
        finally:
            self._at_work -= 1
            if not self._at_work:
                self._rest()


class Gnome(ServiceInterface):
    """A search provider of GNOME Shell; results are known by their URIs."""

    def __init__(self, desk: Desk) -> None:
        super().__init__("org.gnome.Shell.SearchProvider2")
        self._desk = desk
        self._rows: dict[str, Row] = {}

    @dbus_method("GetInitialResultSet")
    async def first(self, terms: Words) -> Words:
        """Return the results of a line."""
        return await self._found(terms)

    @dbus_method("GetSubsearchResultSet")
    async def further(self, _previous: Words, terms: Words) -> Words:
        """Return the results of a longer line: they are not a part of those before."""
        return await self._found(terms)

    @dbus_method("GetResultMetas")
    async def metas(self, results: Words) -> Metas:
        """Return how some results look."""
        known = [self._rows.get(one) or _known(one) for one in results]
        rows = iter(await self._desk.illustrated(tuple(one for one in known if one is not None)))
        return [
            _meta(next(rows)) if one is not None else _noted(result)
            for one, result in zip(known, results, strict=True)
        ]

    @dbus_method("ActivateResult")
    async def activate(self, result: DBusStr, _terms: Words, _when: DBusUInt32) -> Nothing:
        """Open a picture."""
        if not result.startswith(_SPECIAL):
            await self._desk.act(acting.act, "open", result)

    @dbus_method("LaunchSearch")
    async def launch(self, terms: Words, _when: DBusUInt32) -> Nothing:
        """Show all that a line finds."""
        await self._desk.act(acting.search, " ".join(terms))

    async def _found(self, terms: list[str]) -> list[str]:
        page = await self._desk.search(" ".join(terms))
        self._rows = {found.uri: found for found in page.rows}
        # Where nothing is found, other providers may have found something: no word about it.
        said = page.note and (page.rows or not page.answered)
        return [*self._rows, *([_SPECIAL + page.note] if said else [])]


class KRunner(ServiceInterface):
    """A runner of KRunner; matches are known by their URIs."""

    def __init__(self, desk: Desk) -> None:
        super().__init__("org.kde.krunner1")
        self._desk = desk

    @dbus_method("Actions")
    def actions(self) -> Actions:
        """Return what can be done with a match beside opening it."""
        return [["show", "Show in its folder", "document-open-folder"]]

    @dbus_method("Match")
    async def match(self, line: DBusStr) -> Matches:
        """Return the matches of a line."""
        page = await self._desk.search(line)
        rows = await self._desk.illustrated(page.rows)
        found = [_match(one) for one in rows]
        if page.note and (rows or not page.answered):
            found.append(["", page.note, "dialog-information", _POSSIBLE, 0.0, {}])
        return found

    @dbus_method("Run")
    async def run(self, match: DBusStr, action: DBusStr) -> Nothing:
        """Open a match, or show it in its folder."""
        if match:
            await self._desk.act(acting.act, action or "open", match)


def _known(result: str) -> Row | None:
    """Return the row of a result that a process before this one gave; None for a note."""
    if result.startswith(_SPECIAL):
        return None
    try:
        return row(acting.path_of(result))
    except ImgqError:
        return None


def _meta(one: Row) -> dict[str, Variant]:
    return {
        "id": Variant("s", one.uri),
        "name": Variant("s", one.title),
        "description": Variant("s", one.subtitle),
        "gicon": Variant("s", one.icon or _PLAIN_ICON),
    }


def _noted(result: str) -> dict[str, Variant]:
    return {
        "id": Variant("s", result),
        "name": Variant("s", result.removeprefix(_SPECIAL)),
        "gicon": Variant("s", "dialog-information"),
    }


def _match(one: Row) -> list[Any]:
    more = {"subtext": Variant("s", one.subtitle), "urls": Variant("as", [one.uri])}
    icon = one.icon or _PLAIN_ICON
    return [one.uri, one.title, icon, _POSSIBLE, one.relevance, more]


async def serve(idle_s: float = IDLE_S) -> None:
    """Answer on the session bus until nobody has asked for `idle_s` seconds."""
    bus = await MessageBus(bus_type=BusType.SESSION).connect()
    async with Finder(_LIMIT) as finder:
        desk = Desk(finder, idle_s)
        for interface in (Gnome(desk), KRunner(desk)):
            bus.export(PATH, interface)
        names = [name for name in (GNOME, KRUNNER) if await _taken(bus, name)]
        if names:
            await _first_of(desk.idle.wait(), _end_of(bus))
        if bus.connected:
            await _leave(bus, desk, names)
    bus.disconnect()


async def _leave(bus: MessageBus, desk: Desk, names: list[str]) -> None:
    # Without its names nothing new comes, and the bus starts another process for it.
    for name in names:
        await bus.release_name(name)
    # What came before that is still answered; the last call comes back behind the answers.
    await desk.free.wait()
    await bus.release_name(GNOME)


async def _taken(bus: MessageBus, name: str) -> bool:
    reply = await bus.request_name(name, NameFlag.DO_NOT_QUEUE)
    return reply is RequestNameReply.PRIMARY_OWNER


async def _end_of(bus: MessageBus) -> None:
    # The session ends: that is no mistake of anybody's.
    with suppress(EOFError, OSError):
        await bus.wait_for_disconnect()  # type: ignore[no-untyped-call]


async def _first_of(*waits: Awaitable[Any]) -> None:
    tasks = [asyncio.ensure_future(wait) for wait in waits]
    _, rest = await asyncio.wait(tasks, return_when=asyncio.FIRST_COMPLETED)
    for task in rest:
        task.cancel()
    await asyncio.gather(*tasks, return_exceptions=True)


if __name__ == "__main__":
    asyncio.run(serve())
