"""The daemon's whole life on one page: start in order, stop in reverse."""

from __future__ import annotations

import asyncio
import contextlib
import gc
import importlib.metadata
import logging
import os
import signal
import sys
from collections.abc import AsyncIterator, Coroutine, Mapping
from pathlib import Path
from typing import Any, Final

from imgq import paths
from imgqd import alone, machine, socketfile, writers
from imgqd.api import Api
from imgqd.bell import Bell
from imgqd.catalog import CatalogDamaged
from imgqd.cluster import Cluster
from imgqd.config import Settings
from imgqd.core import Core
from imgqd.decode import Decoders
from imgqd.freshness import Freshness
from imgqd.inbox import Inbox
from imgqd.intake import Intake
from imgqd.library import Library
from imgqd.models import Models
from imgqd.moving import Leave
from imgqd.notices import Notices
from imgqd.outbox import Outbox
from imgqd.pipeline import Pipeline
from imgqd.power import Courtesy
from imgqd.pulse import Pulse
from imgqd.repertoire import Repertoire
from imgqd.roots import Roots
from imgqd.server import Handler, Problem, Server
from imgqd.session import Session
from imgqd.settle import Settler
from imgqd.status import Status
from imgqd.supervisor import Supervisor
from imgqd.thumbnails import Thumbnails
from imgqd.upkeep import Upkeep
from imgqd.walks import Walks
from imgqd.watch import Watcher

log = logging.getLogger(__name__)

_PROVED: Final = "proved"

_HANDOVER: Final = 0.0005
"""Seconds until a busy thread lets another go on: a query passes through several threads, and
each time would wait Python's usual 5 ms while a long answer is put together in one of them."""

_LAST_WORDS: Final = 2.0
"""Seconds for the writes at the end."""


async def run(settings: Settings, settings_path: Path, supervisor: Supervisor) -> None:
    """Be the daemon until SIGTERM, SIGINT or `shutdown`.

    Raises AlreadyRunning, SocketTrouble, CatalogError or OSError before anything is served,
    and CatalogDamaged at any time: everything is closed then, the damaged file set aside.
    """
    machine.share_one_heap()
    state = alone.state_folder()
    with alone.lock(state / "lock"):
        changed = Bell()
        with contextlib.closing(Library(state / "catalog.sqlite3", changed)) as library:
            try:
                await _live(settings, settings_path, state, changed, library, supervisor)
            except Exception:
                if library.damage is None:
                    raise
                # Whatever else went wrong then came of it.
                raise library.damage from None


async def _live(
    settings: Settings,
    settings_path: Path,
    state: Path,
    changed: Bell,
    library: Library,
    supervisor: Supervisor,
) -> None:
    """Serve until told to end; raises CatalogDamaged, or an error of what else ended it."""
    sys.setswitchinterval(_HANDOVER)
    loop = asyncio.get_running_loop()
    core: Core

    def damaged() -> None:
        loop.call_soon_threadsafe(core.stop_requested.set)

    async with contextlib.AsyncExitStack() as stack:
        core = await _assemble(settings, settings_path, state, changed, library)
        core.is_supervised = supervisor.is_there
        library.on_damage = damaged
        stack.push_async_callback(core.cluster.stop)
        stack.push_async_callback(core.models.stop)
        stack.push_async_callback(core.thumbnails.stop)
        stack.push_async_callback(core.outbox.stop)
        await core.restore_pause()
        api = Api(core, importlib.metadata.version("imgq"))
        table = {method: _answering(handler) for method, handler in api.table().items()}
        _heed_signals(core)
        given = supervisor.given
        place = paths.socket_path() if given is None else socketfile.adopt(given)
        server = Server(place, table, api.closed, lambda: core.settings.server, given)
        await server.start()
        stack.push_async_callback(server.stop)
        supervisor.ready()
        log.info("listening on %s", place)
        core.models.start()
        writers.ignore_breaks()
        await asyncio.to_thread(core.watcher.start)
        stack.callback(core.watcher.stop)
        stack.callback(core.roots.close)
        telling = supervisor.tasks(core.started, changed, core.status.full)
        await stack.enter_async_context(_at_work(core, server, telling))
        # All of this stays for good: to look for garbage in it would keep an answer for 35 ms.
        gc.freeze()
        async with asyncio.TaskGroup() as group:
            # On a full disk it waits: what ends the daemon is heard meanwhile.
            starting = group.create_task(core.start(), name="start")
            await core.stop_requested.wait()
            starting.cancel()
        if library.damage is not None:
            raise library.damage
        supervisor.stopping()
        log.info("stopping")


def _answering(handler: Handler) -> Handler:
    """Tell a client in words that the catalog is damaged: its question is worth another try."""

    async def answer(session: Session, params: dict[str, Any]) -> Any:
        try:
            return await handler(session, params)
        except CatalogDamaged:
            text = "the catalog is damaged and is being built again: ask again in a moment"
            raise Problem("unavailable", text) from None

    return answer


async def _assemble(
    settings: Settings, settings_path: Path, state: Path, changed: Bell, library: Library
) -> Core:
    """Make the parts and join them; nothing runs yet."""
    loop = asyncio.get_running_loop()
    core: Core

    def arrived() -> None:
        # watchdog's thread may outlive the loop by a moment.
        with contextlib.suppress(RuntimeError):
            loop.call_soon_threadsafe(core.intake.arrived)

    inbox = Inbox(arrived)
    folder = os.fsencode(state)

    def broken() -> None:
        with contextlib.suppress(RuntimeError):
            loop.call_soon_threadsafe(core.roots.call)

    watcher = Watcher(inbox, os.path.join(folder, b"cookies"), broken)
    proved = await library.read(lambda reader: reader.setting(_PROVED))
    freshness = Freshness(float(proved or 0))
    settler = Settler(settings.watch.settle)
    core = Core(settings, settings_path, folder, changed, library, watcher, settler, freshness)
    core.pulse = Pulse(
        watcher,
        lambda: core.roots,
        freshness,
        changed,
        lambda: core.intake.arrived(),  # noqa: PLW0108 - made later
    )
    core.roots = Roots(
        library,
        watcher,
        changed,
        settings.watch.rescan,
        freshness.proved,
        lambda top, noticed: core.walks.walk(top, noticed),  # noqa: PLW0108 - made later
        core.pulse.rest,
    )
    core.intake = Intake(
        library,
        inbox,
        settler,
        freshness,
        changed,
        lambda: core.scope,
        lambda: core.roots.all,
        core.roots.holds,
        lambda top, noticed: core.walks.walk(top, noticed),  # noqa: PLW0108 - made later
        lambda: core.pipeline.wake(),  # noqa: PLW0108 - made later
        core.roots.doubt,
    )
    core.walks = Walks(
        library,
        core.intake,
        freshness,
        changed,
        lambda: core.scope,
        lambda: core.roots.all,
        core.roots.holds,
        core.roots.doubt,
        core.roots.walked,
        core.roots.judge,
    )
    decoders = Decoders(os.cpu_count() or 1, settings.limits)
    leave = Leave(changed, core.at_rest, lambda: core.pipeline.is_idle)
    core.cluster = Cluster(
        settings.cluster, lambda: core.settings.model.release_after, changed.ring
    )
    core.models = Models(settings.model, library, decoders, leave, core.let_work, core.cluster)
    core.courtesy = Courtesy(
        settings.power,
        lambda: core.models.pictures.is_scarce,
        lambda: core.let_work(),  # noqa: PLW0108 - it needs the pipeline, made later
    )
    core.pipeline = Pipeline(
        library,
        decoders,
        core.models.pictures_of,
        changed,
        core.follow_later,
        core.courtesy.allows_bulk,
        core.cluster,
    )
    core.thumbnails = Thumbnails(settings.limits, paths.thumbnail_folder())
    core.repertoire = Repertoire(library, core.pipeline, core.thumbnails)
    core.upkeep = Upkeep(
        library,
        state / "catalog.sqlite3",
        changed,
        lambda: core.settings.index.exact_up_to,
        core.at_rest,
    )
    library.prepare = core.upkeep.prepare
    core.outbox = Outbox(library, state / "catalog.sqlite3", changed, lambda: core.settings.store)
    core.status = Status(
        importlib.metadata.version("imgq"),
        library,
        core.models,
        core.roots,
        core.intake,
        core.pipeline,
        core.thumbnails,
        freshness,
        core.courtesy,
        core.upkeep,
        core.cluster,
        core.outbox,
    )
    return core


@contextlib.asynccontextmanager
async def _at_work(
    core: Core, server: Server, telling: Mapping[str, Coroutine[Any, Any, None]]
) -> AsyncIterator[None]:
    """Run the stages; if one of them ends by a mistake, the daemon ends, loudly."""

    async def look_after() -> None:
        await core.heed_power()
        await core.repertoire.look_again()
        await server.keep()

    runs = {
        "intake": core.intake.run(),
        "walks": core.walks.run(),
        "roots": core.roots.run(look_after),
        "pipeline": core.pipeline.run(),
        **telling,
        "notices": Notices(core).run(),
        "upkeep": core.upkeep.run(),
        "outbox": core.outbox.run(),
    }
    tasks = [asyncio.create_task(run, name=name) for name, run in runs.items()]
    for task in tasks:
        task.add_done_callback(lambda _: core.stop_requested.set())
    try:
        yield
    finally:
        for task in tasks:
            task.cancel()
        outcomes = await asyncio.gather(*tasks, return_exceptions=True)
        # A full disk must not keep the daemon from ending; what is lost here is not needed.
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(_LAST_WORDS):
                await core.pipeline.stop()
                proved = str(core.freshness.proved())
                await core.library.write(lambda writer: writer.remember(_PROVED, proved))
        for outcome in outcomes:
            if isinstance(outcome, Exception):
                raise outcome


def _heed_signals(core: Core) -> None:
    loop = asyncio.get_running_loop()
    for number in (signal.SIGTERM, signal.SIGINT):
        loop.add_signal_handler(number, core.stop_requested.set)
    reloads: set[asyncio.Task[None]] = set()

    def reload() -> None:
        task = asyncio.create_task(core.reload())
        reloads.add(task)
        task.add_done_callback(reloads.discard)

    loop.add_signal_handler(signal.SIGHUP, reload)
    # Not by the loop: it would be told only after it has answered whoever waits already.
    signal.signal(signal.SIGCONT, lambda *_: core.pulse.resumed())
