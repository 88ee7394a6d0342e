"""`doctor`: what a person cannot see, checked one after the other. The table below is all of it.

Rules of this file: a check changes nothing, and one that fails is a finding, too:
whoever asks the doctor has trouble already. What blocks runs in a thread.
"""

from __future__ import annotations

import asyncio
import logging
import os
import time
from collections.abc import Awaitable, Callable, Sequence
from typing import Any, Final

from imgq import paths
from imgq.durations import spoken
from imgq.protocol import path_bytes
from imgqd import audit, credentials, formats, inotify, mounts, premises, verdicts
from imgqd.core import Core
from imgqd.credentials import Credentials, Unreachable
from imgqd.decode import Undecodable
from imgqd.findings import Finding, bad, fine, size, warning
from imgqd.pulse import NotInSync

log = logging.getLogger(__name__)

_LIMITS: Final = ("max_user_watches", "max_user_instances", "max_queued_events")


class Doctor:
    """Examines the running parts; make it when the daemon starts."""

    def __init__(self, core: Core, version: str) -> None:
        self._core = core
        self._version = version
        self._began = time.monotonic()
        self._checks: Sequence[tuple[str, Callable[[], Awaitable[Sequence[Finding]]]]] = (
            ("daemon", self._daemon),
            ("service", self._service),
            ("settings", self._settings),
            ("socket", self._socket),
            ("state", self._state),
            ("catalog", self._catalog),
            ("folder", self._folders),
            ("watches", self._watches),
            ("changes", self._changes),
            ("model", self._model),
            ("accelerator", self._accelerator),
            ("cluster", self._cluster),
            ("decoders", self._decoders),
            ("sandbox", self._sandbox),
            ("memory", self._memory),
            ("index", self._index),
            ("store", self._store),
            ("audit", self._audit),
        )

    async def examine(self) -> list[dict[str, Any]]:
        """Return what each check found, in the order of the table."""
        rows = []
        for name, check in self._checks:
            try:
                found = await check()
            except Exception as error:
                log.exception("checking %s", name)
                words = str(error) or type(error).__name__
                found = [bad(f"cannot be checked: {words}", "see imgqd's log, and report it")]
            rows += [finding.row(name) for finding in found]
        return rows

    async def _daemon(self) -> Sequence[Finding]:
        up = spoken(time.monotonic() - self._began)
        return [fine(f"imgqd {self._version}, pid {os.getpid()}, running for {up}")]

    async def _service(self) -> Sequence[Finding]:
        if self._core.is_supervised:
            return [fine("a service manager runs the daemon: imgq-service status")]
        return [fine("by no service manager: imgq-service install starts it at every login")]

    async def _settings(self) -> Sequence[Finding]:
        core = self._core
        return [
            await asyncio.to_thread(
                premises.settings, core.settings_path, core.settings, os.getpid()
            )
        ]

    async def _socket(self) -> Sequence[Finding]:
        return [await asyncio.to_thread(premises.socket, paths.socket_path().absolute())]

    async def _state(self) -> Sequence[Finding]:
        trouble = self._core.library.trouble
        return [await asyncio.to_thread(premises.state, paths.state_folder().resolve(), trouble)]

    async def _catalog(self) -> Sequence[Finding]:
        status = await self._core.status.full()
        path = paths.state_folder().resolve() / "catalog.sqlite3"
        return [
            await asyncio.to_thread(premises.catalog, path, status["files"], status["pictures"])
        ]

    async def _folders(self) -> Sequence[Finding]:
        await self._core.roots.look()  # one that was renamed or unmounted sends no event
        rows = (await self._core.status.full())["roots"]
        if not rows:
            return [warning("no folder is watched", "imgqctl add DIR")]
        known = await asyncio.to_thread(mounts.table)
        found = []
        for row in rows:
            path = path_bytes(row["path"])
            cover = self._core.roots.cover.get(path)
            unreadable = sorted(cover.unreadable) if cover is not None else []
            found.append(verdicts.folder(row, mounts.kind_of(path, known), unreadable))
        return found

    async def _watches(self) -> Sequence[Finding]:
        watched = await asyncio.to_thread(self._core.watcher.watched)
        return [verdicts.watches(watched, {name: inotify.limit(name) for name in _LIMITS})]

    async def _changes(self) -> Sequence[Finding]:
        if not self._core.watcher.works:
            return [verdicts.deaf()]
        try:
            seconds = await self._core.pulse.round_trip()
        except NotInSync as error:
            return [bad(str(error).partition(": imgqctl")[0], "imgqctl stop, then: imgqctl start")]
        return [fine(f"noticed: a change of our own came back after {seconds * 1000:.0f} ms")]

    async def _model(self) -> Sequence[Finding]:
        return [verdicts.model((await self._core.status.full())["model"])]

    async def _accelerator(self) -> Sequence[Finding]:
        return [
            verdicts.accelerator(
                (await self._core.status.full())["embedder"],
                self._core.settings.model.device,
                self._core.settings.model.precision,
                is_text_awake="text encoder" in self._core.models.pids,
            )
        ]

    async def _cluster(self) -> Sequence[Finding]:
        wanted, row = self._core.settings.cluster, self._core.cluster.row()
        if row is None:
            return [fine("none in the settings: all is embedded here")]
        found = await asyncio.to_thread(premises.cluster, wanted)
        if found is not None:
            return [found]
        trouble = None
        if not row["connected"]:
            try:
                await credentials.probe(wanted.scheduler, Credentials(*wanted.files))
            except Unreachable as error:
                trouble = str(error)
        return [verdicts.cluster(row, trouble)]

    async def _sandbox(self) -> Sequence[Finding]:
        limits = self._core.settings.limits
        bounds = (
            f"{size(limits.decode_memory)}, {spoken(limits.decode_timeout)} and "
            f"{limits.max_megapixels} megapixels a picture"
        )
        try:
            held = await self._core.pipeline.sandbox()
        except Undecodable as error:
            return [bad(error.detail, "raise limits.decode_memory, or see imgqd's log")]
        return [verdicts.sandbox(bounds, held)]

    async def _decoders(self) -> Sequence[Finding]:
        return [verdicts.decoders(await asyncio.to_thread(formats.installed))]

    async def _memory(self) -> Sequence[Finding]:
        return [verdicts.memory((await self._core.status.full())["memory"])]

    async def _index(self) -> Sequence[Finding]:
        return [await audit.vectors(self._core)]

    async def _store(self) -> Sequence[Finding]:
        row = (await self._core.status.full())["store"]
        return [] if row is None else [verdicts.store(row)]

    async def _audit(self) -> Sequence[Finding]:
        return [await audit.files(self._core)]
