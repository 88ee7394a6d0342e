"""The tray's menu as data: a pure function of what the tray knows."""

from __future__ import annotations

import os
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Final, Literal

from imgq.text import clip, counted, readable
from imgq_service.tray import scene
from imgq_service.tray.scene import Scene

Verb = Literal[
    "search", "open", "show", "again", "forget", "pause", "resume", "add", "remove", "why",
    "settings", "login", "start", "quit",
]  # fmt: skip

_RECENT: Final = 8
_NAME: Final = 40
_MORNING: Final = 6
_NIGHT_H: Final = 3


@dataclass(frozen=True, slots=True)
class Act:
    """What a click does: a verb, and what it is done to (a path, a query, `hour`, `tomorrow`)."""

    verb: Verb
    what: bytes | str = ""


@dataclass(frozen=True, slots=True)
class Item:
    """A line of a menu: with an `act` to be clicked, with `items` a menu below, else to be read.

    `ticked` is None where there is nothing to tick. `main` is what a click at the icon does.
    """

    label: str
    act: Act | None = None
    items: tuple[Item, ...] = ()
    ticked: bool | None = None
    main: bool = False


BREAK: Final = Item("")
"""The line between two groups."""


def menu(known: Scene, home: bytes = b"") -> tuple[Item, ...]:
    """Return the whole menu."""
    return (
        *(Item(line) for line in scene.lines(known)),
        BREAK,
        Item("Search…", Act("search"), main=True),
        *_news(known),
        *_steering(known, home),
        BREAK,
        Item("Settings file", Act("settings")),
        Item("Start at login", Act("login"), ticked=known.at_login),
        Item("Quit", Act("quit")),
    )


def until_tomorrow(now: datetime) -> float:
    """Return the seconds to the next morning at six, of the clock on the wall.

    A night is at least three hours long: at half past four, tomorrow is the day after.
    """
    morning = now.replace(hour=_MORNING, minute=0, second=0, microsecond=0, tzinfo=None)
    while morning - now.replace(tzinfo=None) < timedelta(hours=_NIGHT_H):
        morning += timedelta(days=1)
    # Both by the zone's own rules: a night may be an hour longer or shorter.
    return morning.astimezone().timestamp() - now.timestamp()


def _news(known: Scene) -> tuple[Item, ...]:
    found: list[Item] = []
    if known.hits:
        hits = tuple(
            Item(f"{_name(hit.path)}  ({_short(hit.query)})", Act("open", hit.path))
            for hit in known.hits[:_RECENT]
        )
        found.append(Item(f"New: {counted(len(known.hits), 'picture')}", items=hits))
    if known.standing:
        standing = tuple(
            Item(_short(query), items=(
                Item("Search for it now", Act("again", query)),
                Item("Tell me no longer", Act("forget", query)),
            ))
            for query in known.standing
        )  # fmt: skip
        found.append(Item("Standing searches", items=standing))
    return tuple(found)


def _steering(known: Scene, home: bytes) -> tuple[Item, ...]:
    status = known.status
    if status is None:
        return (BREAK, Item("Start the daemon", Act("start")))
    if status.paused:
        pause = Item("Resume", Act("resume"))
    else:
        hour = Item("For an hour", Act("pause", "hour"))
        pause = Item("Pause", items=(hour, Item("Until tomorrow", Act("pause", "tomorrow"))))
    folders = tuple(
        Item(scene.folder_label(root, home), items=(
            Item("Open", Act("show", root.path)),
            Item("Watch no longer", Act("remove", root.path)),
        ))
        for root in status.roots
    )  # fmt: skip
    add = Item("Add a folder…", Act("add"))
    return (
        BREAK,
        pause,
        Item("Folders", items=(*folders, BREAK, add) if folders else (add,)),
        Item("Why not found…", Act("why")),
    )


def _name(path: bytes) -> str:
    return clip(readable(os.fsdecode(os.path.basename(path))), _NAME)


def _short(query: str) -> str:
    return clip(readable(query), _NAME)
