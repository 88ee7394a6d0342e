"""What the daemon says of itself: one picture for status, and the words for what is amiss."""

from __future__ import annotations

import asyncio
import os
import time
from collections.abc import Iterator
from typing import Any, Final

from imgq.protocol import wire_path
from imgqd import storerow
from imgqd.cluster import Cluster
from imgqd.freshness import Freshness, earliest
from imgqd.intake import Intake
from imgqd.library import Library
from imgqd.machine import memory_of
from imgqd.models import Models
from imgqd.outbox import Outbox
from imgqd.pipeline import Pipeline
from imgqd.power import Courtesy
from imgqd.records import Root, Totals, shown
from imgqd.roots import Roots
from imgqd.thumbnails import Thumbnails
from imgqd.upkeep import Upkeep

_MANY: Final = 10_000
"""Pending files from which on a count (a few milliseconds) is not made for every question."""

_MOMENT: Final = 2.0


class Status:
    """Puts together what the parts know."""

    def __init__(
        self,
        version: str,
        library: Library,
        models: Models,
        roots: Roots,
        intake: Intake,
        pipeline: Pipeline,
        thumbnails: Thumbnails,
        freshness: Freshness,
        courtesy: Courtesy,
        upkeep: Upkeep,
        cluster: Cluster,
        outbox: Outbox,
    ) -> None:
        self._version = version
        self._library = library
        self._models = models
        self._roots = roots
        self._intake = intake
        self._pipeline = pipeline
        self._thumbnails = thumbnails
        self._freshness = freshness
        self._counted = (0, 0.0)
        self.paused: str | None = None
        """Why decoding and embedding rest, in words."""
        self._courtesy = courtesy
        self._upkeep = upkeep
        self._cluster = cluster
        self._outbox = outbox

    @property
    def resting(self) -> str | None:
        """Why bulk work rests while single new files get in, in words."""
        return self._courtesy.reason

    @property
    def waiting(self) -> str | None:
        """Why the files that are pending are not taken, in words; None where they are."""
        return self.paused or (self.resting if self._pipeline.bulk_waits else None)

    async def as_of(self) -> tuple[float, int]:
        """Return (time up to which the answers are complete, files that wait)."""
        under_way = self._freshness.oldest(None)
        oldest = await self._library.oldest_pending()
        pending = 0 if oldest is None else await self._pending()
        unsettled = self._intake.unsettled
        # What was under way a moment ago may be in the catalog by now, unseen by that question.
        claim = self._freshness.as_of(earliest(under_way, oldest), self._roots.blind_since())
        return claim, pending + unsettled

    async def _pending(self) -> int:
        """Count what waits; a count of very many is good for a moment, as it takes a while."""
        counted, at = self._counted
        if counted < _MANY or time.monotonic() - at > _MOMENT:
            counted = await self._library.read(lambda reader: reader.pending())
            self._counted = (counted, time.monotonic())
        return counted

    def degraded(self) -> list[str]:
        """Return what is amiss, each in words that end with the remedy where there is one."""
        reasons = []
        state = self._models.state
        if state.state != "ready":
            reasons.append(f"searching names only: {state.detail}")
        for root in self._roots.all:
            reasons += self._amiss(root)
        if self._pipeline.bulk_waits and self.resting is not None:
            reasons.append(f"bulk work waits: {self.resting}")
        if detail := self._models.pictures.detail:
            reasons.append(f"pictures are embedded {detail}")
        reasons += [one for one in self._troubles() if one]
        return reasons

    def _troubles(self) -> tuple[str | None, ...]:
        return self._library.trouble, self._pipeline.trouble, self._upkeep.trouble

    def _amiss(self, root: Root) -> Iterator[str]:
        name = shown(root.path)
        if not root.online:
            why = self._roots.offline.get(root.path)
            if why is not None:
                yield f"{name} is offline ({why}): its pictures are hidden"
        elif (cover := self._roots.cover.get(root.path)) is not None:
            if cover.watch == "scan_only":
                yield f"{name} is not watched but walked from time to time: {cover.why}"
            elif cover.why is not None:
                yield f"{name} is watched in part, the rest walked from time to time: {cover.why}"
            if cover.closed:
                first = shown(min(cover.closed))
                more = f" and {len(cover.closed) - 1} more" if len(cover.closed) > 1 else ""
                yield f"{first}{more} cannot be read: its pictures stay as they were last seen"

    async def full(self) -> dict[str, Any]:
        """Return the result of the `status` method."""
        number = self._library.model_id
        totals = await self._library.read(lambda reader: reader.totals(number))
        as_of, pending = await self.as_of()
        degraded = self.degraded()
        return {
            "version": self._version,
            "pid": os.getpid(),
            "state": self._state(pending, degraded),
            "paused": self.paused,
            "pictures": totals.pictures,
            "files": totals.files,
            "pending": pending,
            "failed": totals.failed,
            "roots": self._root_rows(totals),
            "model": self._model_row(totals),
            "embedder": self._embedder_row(),
            "cluster": self._cluster.row(),
            "counters": dict(self._library.counters),
            "as_of": as_of,
            "degraded": degraded,
            "memory": await asyncio.to_thread(self._memory),
            "store": await storerow.row(self._outbox),
            **self._estimate(pending),
        }

    def _state(self, pending: int, degraded: list[str]) -> str:
        if self.paused is not None:
            return "paused"
        if any(root.online and not self._roots.is_walked(root) for root in self._roots.all):
            return "starting"
        migrating = self._models.migrating
        if self.waiting is not None and self._pipeline.is_idle:
            return "paused"
        if pending or (migrating is not None and migrating["waits"] is None):
            return "indexing"
        return "degraded" if degraded else "idle"

    def _root_rows(self, totals: Totals) -> list[dict[str, Any]]:
        return [
            {
                "path": wire_path(root.path),
                "state": "online" if root.online else "offline",
                "files": totals.files_of_root.get(root.id, 0),
                **self._watch_row(root),
            }
            for root in self._roots.all
        ]

    def _watch_row(self, root: Root) -> dict[str, Any]:
        cover = self._roots.cover.get(root.path)
        if cover is None:
            why = self._roots.offline.get(root.path)
            return {"watch": "scan_only", "reason": why, "uncovered": 0}
        return {"watch": cover.watch, "reason": cover.why, "uncovered": len(cover.uncovered)}

    def _model_row(self, totals: Totals) -> dict[str, Any]:
        model, state = self._library.model, self._models.state
        index = self._library.index
        return {
            "name": self._models.name,
            "key": model.key if model else None,
            "dim": model.dim if model else None,
            "state": state.state,
            "detail": state.detail,
            "vectors": len(index) if index is not None else 0,
            "index": self._upkeep.row(),
            "waiting": totals.without_vector,
            "download": self._models.stock.download,
            "migrating": self._models.migrating,
            "text": self._text_row(),
        }

    def _text_row(self) -> dict[str, str] | None:
        runtime = self._models.runtime
        if runtime is None:
            return None
        return {"by": runtime.by, "precision": runtime.precision, "why": runtime.why}

    def _embedder_row(self) -> dict[str, Any]:
        pictures = self._models.pictures
        return {
            "running": pictures.pid is not None,
            "device": pictures.device,
            "precision": pictures.precision,
            "batch": pictures.batch,
            "detail": pictures.detail,
        }

    def _estimate(self, pending: int) -> dict[str, Any]:
        """Return how fast pictures are embedded here, and for how long there is work."""
        can_work = self._models.state.state == "ready" and self.waiting is None
        measured = self._pipeline.tempo.measured() if pending and can_work else None
        if measured is None:
            return {"rate": 0.0, "remaining": None, "measured": None}
        return {
            "rate": measured.rate,
            "remaining": pending / measured.rate,
            "measured": {"pictures": measured.pictures, "seconds": measured.seconds},
        }

    def _memory(self) -> dict[str, int]:
        pids = {"imgqd": os.getpid(), **self._models.pids, **self._upkeep.pids}
        if self._cluster.pid is not None:
            pids["envoy"] = self._cluster.pid
        pids |= self._outbox.carrier.pids
        pids |= {f"decoder {n}": pid for n, pid in enumerate(self._pipeline.decoder_pids)}
        pids |= {f"thumbnailer {n}": pid for n, pid in enumerate(self._thumbnails.pids)}
        return {name: size for name, pid in pids.items() if (size := memory_of(pid)) is not None}
