"""The running parts together, and what is asked of all of them: sync, why, pause, settings."""

from __future__ import annotations

import asyncio
import logging
import os
import time
from collections.abc import Coroutine, Sequence
from pathlib import Path
from typing import Any, Final

from imgqd import config
from imgqd.bell import Bell
from imgqd.cluster import Cluster
from imgqd.config import Settings
from imgqd.freshness import Freshness, earliest
from imgqd.intake import Intake
from imgqd.library import Library
from imgqd.models import Models
from imgqd.outbox import Outbox
from imgqd.pipeline import Pipeline
from imgqd.power import Courtesy
from imgqd.pulse import NotInSync, Pulse
from imgqd.records import Hint
from imgqd.repertoire import Repertoire
from imgqd.roots import Roots
from imgqd.scope import Scope
from imgqd.settle import Settler
from imgqd.status import Status
from imgqd.thumbnails import Thumbnails
from imgqd.upkeep import Upkeep
from imgqd.walks import Walks
from imgqd.watch import Watcher

log = logging.getLogger(__name__)

_PAUSED: Final = "paused_until"


class Core:
    """Everything between the socket and the stages. Made by `app`, in order."""

    def __init__(
        self,
        settings: Settings,
        settings_path: Path,
        state: bytes,
        changed: Bell,
        library: Library,
        watcher: Watcher,
        settler: Settler,
        freshness: Freshness,
    ) -> None:
        self.settings = settings
        self.settings_path = settings_path
        self._state = state
        self.changed = changed
        self.library = library
        self.watcher = watcher
        self.settler = settler
        self.freshness = freshness
        self.scope = self._scope(settings)
        # Until the roots are looked at, nothing is claimed beyond what an earlier run proved.
        self._starting = freshness.hold(freshness.proved())
        self.started = asyncio.Event()
        """Set once every root is watched, or known to be offline, and its first walk is queued."""
        self.stop_requested = asyncio.Event()
        self.is_supervised = False
        """Whether a service manager is told how it goes."""
        self._resume: asyncio.TimerHandle | None = None
        self._tasks: set[asyncio.Task[None]] = set()
        # Set by `app` once they exist.
        self.roots: Roots
        self.intake: Intake
        self.walks: Walks
        self.pulse: Pulse
        self.pipeline: Pipeline
        self.thumbnails: Thumbnails
        self.repertoire: Repertoire
        self.models: Models
        self.cluster: Cluster
        self.status: Status
        self.courtesy: Courtesy
        self.upkeep: Upkeep
        self.outbox: Outbox

    @property
    def state_folder(self) -> Path:
        """Where the catalog lies."""
        return Path(os.fsdecode(self._state))

    def at_rest(self) -> str | None:
        """Return why bulk work rests, in words; None while it may go on."""
        return self.status.paused or self.status.resting

    def _scope(self, settings: Settings) -> Scope:
        return Scope(settings.roots, settings.exclude, (self._state,))

    async def sync(self, timeout: float) -> float:
        """Return the time up to which all changes are in, once those before the call are.

        Raises NotInSync at the deadline, or at once when work is paused.
        """
        asked = time.time()
        try:
            async with asyncio.timeout(timeout):
                await self.started.wait()
                await self.pulse.round_trip()
                # A rename of a root sends no event.
                await self.roots.look()
                await self._until_done(time.time())
                # Only now it is known which of the folders that came in have no watch.
                if self.roots.walk_blind(asked):
                    await self._until_done(time.time())
                return asked
        except TimeoutError:
            raise NotInSync(
                f"not in sync after {timeout:g} s: {await self._outstanding()}"
            ) from None

    async def _until_done(self, mark: float) -> None:
        while True:
            ring = self.changed.next()
            if await self._is_done(mark):
                return
            await ring.wait()

    async def _is_done(self, mark: float) -> bool:
        # First what is under way, then the catalog, where it ends: the other way round something
        # could pass between the two looks.
        under_way = self.freshness.oldest(None)
        oldest = await self.library.read(lambda reader: reader.oldest_pending())
        outstanding = earliest(under_way, oldest)
        if outstanding is None or outstanding > mark:
            return True
        if oldest is not None and oldest <= mark:
            await self._can_be_done()
        return False

    async def _can_be_done(self) -> None:
        """Raise NotInSync where what is pending will stay so until somebody does something."""
        if self.status.paused is None and not (self.status.waiting and self.pipeline.is_idle):
            return
        _, pending = await self.status.as_of()
        paused, many = self.status.paused, _files(pending, "waits", "wait")
        if paused is not None:
            raise NotInSync(f"{many}: {paused}: imgqctl resume")
        raise NotInSync(f"{many}: {self.status.waiting}")

    async def _outstanding(self) -> str:
        """Say what keeps the answers from being complete, in words."""
        _, pending = await self.status.as_of()
        if trouble := self.library.trouble or self.pipeline.trouble:
            return f"{_files(pending, 'is', 'are')} pending: {trouble}"
        unquiet = self.intake.unsettled
        if unquiet == pending > 0:
            return f"{_files(unquiet, 'is', 'are')} being written, or changed a moment ago"
        return f"{_files(pending, 'is', 'are')} still pending"

    # Work and rest

    async def start(self) -> None:
        """Take over the roots, and queue the first walk of each."""
        await self.repertoire.look()
        await self.roots.start(self.settings.roots)
        self.freshness.release(self._starting)
        self.started.set()

    async def pause(self, duration: float | None) -> None:
        """Let decoding and embedding rest, for so many seconds or until `resume`."""
        until = None if duration is None else time.time() + duration
        await self.library.write(lambda w: w.remember(_PAUSED, "" if until is None else str(until)))
        self._rest(until)

    async def resume(self) -> None:
        """Let the work go on, on battery and the like, too."""
        self.courtesy.overrule()
        await self.library.write(lambda writer: writer.remember(_PAUSED, "0"))
        self._go_on()

    async def restore_pause(self) -> None:
        """Go on resting, if the daemon ended while it did."""
        value = await self.library.read(lambda reader: reader.setting(_PAUSED))
        if value is None or value == "0":
            return
        until = float(value) if value else None
        if until is None or until > time.time():
            self._rest(until)

    async def heed_power(self) -> None:
        """Look whether bulk work that waits may go on, or what is at work should rest."""
        at_work = self.models.migrating is not None or not self.pipeline.is_idle
        if self.status.paused is None and (at_work or self.pipeline.bulk_waits):
            await self.courtesy.allows_bulk()

    def let_work(self) -> None:
        """Start or stop the pipeline, by pause and by the model's state."""
        loading = self.models.state.state == "loading"
        self.pipeline.set_running(running=self.status.paused is None and not loading)
        self.pipeline.wake()
        self.changed.ring()

    def _rest(self, until: float | None) -> None:
        self._cancel_resume()
        if until is None:
            self.status.paused = "paused"
        else:
            self.status.paused = f"paused until {time.strftime('%H:%M', time.localtime(until))}"
            delay = until - time.time()
            self._resume = asyncio.get_running_loop().call_later(delay, self._go_on)
        log.info("%s", self.status.paused)
        self.let_work()

    def _go_on(self) -> None:
        self._cancel_resume()
        self.status.paused = None
        self.let_work()

    def _cancel_resume(self) -> None:
        if self._resume is not None:
            self._resume.cancel()
            self._resume = None

    async def rescan(self, only: bytes | None) -> None:
        """Walk all folders, or one, and try anew to watch what has no watch."""
        await self.repertoire.look()
        if only is None:
            await self.roots.walk_all(time.time())
        else:
            self.walks.walk(only, time.time())

    # Settings

    async def add_root(self, path: bytes) -> None:
        """Write a folder into the settings and watch it; raises SettingsError."""
        try:
            text = path.decode()
        except UnicodeDecodeError:
            raise config.SettingsError(
                "a settings file is UTF-8, and this folder's name is not: rename it, "
                "or add the folder above it"
            ) from None
        await self._take(await asyncio.to_thread(config.add_folder, self.settings_path, text))

    async def remove_root(self, path: bytes) -> bool:
        """Take a folder out of the settings; return whether it was in."""
        if path not in self.settings.roots:
            return False
        name = os.fsdecode(path)
        await self._take(await asyncio.to_thread(config.remove_folder, self.settings_path, name))
        return True

    async def use_model(self, name: str) -> None:
        """Write a model into the settings and let it take over; raises ValueError."""
        before = self.settings.model
        await self._take(await asyncio.to_thread(config.set_model, self.settings_path, name))
        if self.settings.model == before:
            await self.models.arrived(name)  # its weights may be there by now
            self.let_work()

    async def leave_store(self) -> None:
        """Take the shared store out of the settings, and tell it no more."""
        await self._take(await asyncio.to_thread(config.leave_store, self.settings_path))
        await self.outbox.adopt()

    async def reload(self) -> None:
        """Read the settings again; a mistake in them leaves the old ones in force."""
        try:
            fresh = await asyncio.to_thread(config.load, self.settings_path)
        except config.SettingsError as error:
            log.error("the settings stay as they were: %s", error)
            return
        await self._take(fresh)
        log.info("settings read again")

    async def _take(self, fresh: Settings) -> None:
        await self.started.wait()
        before, self.settings = self.settings, fresh
        self.settler.quiet = fresh.watch.settle
        self.roots.rescan = fresh.watch.rescan
        self.scope = self._scope(fresh)
        if fresh.roots != before.roots:
            await self.roots.use(fresh.roots)
        if fresh.exclude != before.exclude or fresh.roots != before.roots:
            await self.roots.walk_all(time.time())
        self.courtesy.use(fresh.power)
        self.cluster.use(fresh.cluster)
        await self.heed_power()
        self.pipeline.limit(fresh.limits)
        self.thumbnails.limit(fresh.limits)
        self.changed.ring()  # upkeep asks anew what holds
        self.outbox.urge()
        if fresh.model != before.model:
            await self.models.use(fresh.model)
            self.let_work()

    def follow_later(self, hints: Sequence[Hint]) -> None:
        """Follow hints that the pipeline gives back, in a task of their own."""
        self._start_task(self.intake.follow(hints))

    def _start_task(self, work: Coroutine[Any, Any, None]) -> None:
        task = asyncio.create_task(work)
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)


def _files(count: int, one: str, many: str) -> str:
    return f"1 file {one}" if count == 1 else f"{count} files {many}"
