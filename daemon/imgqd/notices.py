"""Tells a person on the desktop what needs one, and that the first indexing is done. Once each.

It waits for changes like any client and asks nobody. What was told is kept in the catalog.
The desktop may be missing, or hang: it is spoken to by a process of its own (`herald`),
which is given some seconds.
"""

from __future__ import annotations

import asyncio
import contextlib
import json
import logging
import os
import sys
import time
from collections.abc import Awaitable, Callable, Iterable, Mapping
from typing import Final

from imgqd import matters
from imgqd.core import Core
from imgqd.findings import counted
from imgqd.matters import Matter
from imgqd.records import Totals

log = logging.getLogger(__name__)

Tell = Callable[[str, str, str], Awaitable[bool]]
"""Shows (title, text, icon) and returns whether anybody was there to see it."""

_TOLD: Final = "told"
_DONE: Final = "first indexing"

_BREATH: Final = 1.0
"""Seconds between two looks: a first indexing rings the bell many times a second."""

_AGAIN: Final = 3600.0
"""Seconds until what nobody was there to see is tried again."""

_PATIENCE: Final = 10.0
_ATTENTION: Final = "dialog-warning"
_PICTURES: Final = "folder-pictures"
"""Names of icons that every theme has (Icon Naming Specification)."""


class Book:
    """Which matters stand since when, and which were told; the times are Unix times.

    What ended and comes again within a day is the same matter: a drive that is plugged in
    every morning is told of once.
    """

    def __init__(self, told: Mapping[str, float | None]) -> None:
        self.told = dict(told)
        """When a matter that was told ended, None while it stands."""
        self._since: dict[str, float] = {}
        self._not_before: dict[str, float] = {}

    @classmethod
    def read(cls, text: str | None) -> Book:
        """Return what was written down, nothing where that cannot be understood."""
        try:
            raw = json.loads(text or "{}")
            return cls({str(key): None if end is None else float(end) for key, end in raw.items()})
        except (ValueError, TypeError, AttributeError):
            return cls({})

    def written(self) -> str:
        """Return what was told as text."""
        return json.dumps(self.told)

    def look(self, standing: Iterable[Matter], now: float) -> tuple[list[Matter], float | None]:
        """Return the matters to tell now, and when the next may be due."""
        present = {matter.key: matter for matter in standing}
        self._since = {key: self._since.get(key, now) for key in present}
        self._close(present.keys(), now)
        due, later = [], []
        for key, matter in present.items():
            if key in self.told:
                self.told[key] = None
                continue
            at = max(self._since[key] + matter.patience, self._not_before.get(key, 0.0))
            if at <= now:
                due.append(matter)
            else:
                later.append(at)
        return due, min(later, default=None)

    def note(self, matter: Matter, now: float, *, is_seen: bool) -> None:
        """Take note that a matter was told, or that nobody was there."""
        if is_seen:
            self.told[matter.key] = None
        else:
            self._not_before[matter.key] = now + _AGAIN

    def _close(self, present: Iterable[str], now: float) -> None:
        standing = set(present)
        for key, ended in list(self.told.items()):
            if key in standing:
                continue
            if ended is None:
                self.told[key] = now
            elif ended < matters.recent(now):
                del self.told[key]


class Notices:
    """Looks at the core's parts after each change; `tell` shows what is to be told."""

    def __init__(self, core: Core, tell: Tell | None = None) -> None:
        self._core = core
        self._tell = tell or _herald
        self._book = Book({})
        self._written = ""
        self._is_first = False
        self._damages: list[Matter] = []

    async def run(self) -> None:
        """Tell for ever; without a change it sleeps."""
        core = self._core
        told, done = await core.library.read(
            lambda reader: (reader.setting(_TOLD), reader.setting(_DONE))
        )
        self._book, self._written = Book.read(told), told or ""
        self._is_first = done is None
        self._damages = await asyncio.to_thread(matters.damages, core.state_folder, time.time())
        while True:
            ring = core.changed.next()
            pause = await self._look(time.time())
            with contextlib.suppress(TimeoutError):
                async with asyncio.timeout(pause):
                    await ring.wait()
            await asyncio.sleep(_BREATH)

    async def _look(self, now: float) -> float | None:
        """Tell what is due, and return the seconds until something else may be."""
        core = self._core
        is_wanted = core.settings.desktop.notifications
        if self._is_first:
            await self._tell_of_the_end(is_wanted=is_wanted)
        if not is_wanted:
            return None
        found = matters.standing(core.models, core.roots, core.library, core.pipeline)
        due, at = self._book.look([*self._damages, *found], now)
        for matter in due:
            is_seen = await self._tell(matter.title, matter.text, _ATTENTION)
            self._book.note(matter, now, is_seen=is_seen)
            if not is_seen:
                at = now + _AGAIN if at is None else at
        if (text := self._book.written()) != self._written:
            self._written = text
            await self._remember(_TOLD, text)
        return None if at is None else max(0.0, at - now)

    async def _tell_of_the_end(self, *, is_wanted: bool) -> None:
        core = self._core
        totals = await self._all_in()
        if totals is None:
            return
        self._is_first = False
        # A catalog of an earlier version was finished long ago.
        if is_wanted and core.library.counters["embedded"]:
            failed = sum(totals.failed.values())
            bad = f"; {counted(failed, 'file')} could not be read" if failed else ""
            pictures = counted(totals.pictures, "picture")
            text = f'{pictures} can be found by what they show{bad}. Try: imgq "beach sunset"'
            await self._tell("Your pictures can be searched now", text, _PICTURES)
        await self._remember(_DONE, "done")

    async def _all_in(self) -> Totals | None:
        """Return the catalog's totals if everything is in that there is, and not nothing."""
        core = self._core
        if (
            not core.started.is_set()
            or core.status.paused is not None
            or core.models.state.state != "ready"
            or not core.pipeline.is_idle
            or core.pipeline.bulk_waits
            or any(root.online and not core.roots.is_walked(root) for root in core.roots.all)
        ):
            return None
        number = core.library.model_id
        totals = await core.library.read(lambda reader: reader.totals(number))
        is_in = not totals.pending and not totals.without_vector and not core.intake.unsettled
        return totals if is_in and totals.pictures else None

    async def _remember(self, key: str, value: str) -> None:
        # On a full disk it waits; that the disk is full is told, and other matters are, too.
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(_PATIENCE):
                await self._core.library.write(lambda writer: writer.remember(key, value))


async def _herald(title: str, text: str, icon: str) -> bool:
    """Show a notification by a process of its own, which may hang or fail."""
    words = json.dumps({"title": title, "text": text, "icon": icon}).encode()
    process = await asyncio.create_subprocess_exec(
        sys.executable,
        "-P",
        "-m",
        "imgqd.herald",
        stdin=asyncio.subprocess.PIPE,
        stdout=asyncio.subprocess.DEVNULL,
        stderr=asyncio.subprocess.PIPE,
        process_group=0,
        cwd="/",
    )
    try:
        async with asyncio.timeout(_PATIENCE):
            _, said = await process.communicate(words)
    except TimeoutError:
        log.info("the desktop does not answer: %r was not shown", title)
        return False
    finally:
        if process.returncode is None:
            # Not `Process.kill`: see `child`.
            with contextlib.suppress(ProcessLookupError):
                os.kill(process.pid, 9)
            await process.wait()
    if process.returncode:
        log.info("%r was not shown: %s", title, said.decode(errors="replace").strip())
    return not process.returncode
