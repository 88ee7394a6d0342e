"""Pending files become searchable: take, decode, embed, commit.

One task a decoder, two for the embedder: one batch is on its way while another is
computed; and one for other machines, where there are any (`bulk`). Between them bounded
queues, so that a million pending files cost no more memory than a hundred. All state is
in the catalog; what is in flight here is repeated after a crash.
"""

from __future__ import annotations

import asyncio
import logging
import time
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass, field, replace
from typing import Any, Final

from imgqd import sidecar
from imgqd.bell import Bell
from imgqd.bulk import Bulk
from imgqd.catalog import Writer
from imgqd.cluster import Cluster
from imgqd.config import LimitSettings
from imgqd.decode import Decoders, Moved, Session, Undecodable, opened
from imgqd.embed import NoModel, is_sound
from imgqd.library import Library, Sight
from imgqd.pictures import PictureEmbedder
from imgqd.records import (
    Change,
    Failed,
    Hint,
    Indexed,
    Model,
    Picture,
    Stamp,
    Vector,
    Work,
    shown,
)
from imgqd.tempo import Tempo

log = logging.getLogger(__name__)

_AHEAD: Final = 64
"""Files taken from the catalog at once; each counts an attempt, so not too many."""

_GIVE_UP: Final = 8
"""Attempts that ended with the death of the whole daemon, after which a file is the suspect."""

_GATHER: Final = 0.1
"""Seconds that a batch waits for more pictures while decoders are at work."""

_BATCHES: Final = 2
"""Batches in the embedder's hands: one that is computed, one that is ready when it is done."""

_BULK: Final = 16
"""Pictures that wait for the embedder here from which on others are bulk work, however noticed."""

_AGAIN: Final = 1.0
"""Seconds before a file that changed under our hands may be taken again."""

_NO_MODEL_PAUSE: Final = 30.0
"""Seconds before an embedder that could not be started is tried again."""

_CRASHED: Final = ("embedder_crash", "the embedder died on this picture")
_UNSOUND: Final = ("no_vector", "the model gives no vector for it")
"""Why a picture has no vector: a reason, and what it says."""

_IDLE: Final = 30.0
"""Seconds without work after which the decoders end."""


@dataclass(frozen=True, slots=True)
class _Decoded:
    """`model` is the number of the model that the pixels were made for."""

    work: Work
    picture: Picture
    sidecar: str | None
    pixels: bytes
    model: int


@dataclass(frozen=True, slots=True)
class _Shared:
    """Files of one content: the first is decoded and embedded for all of them."""

    leader: int
    others: list[Indexed] = field(default_factory=list)


class Pipeline:
    """Works off the pending files.

    `again` is called with paths that changed under our hands; `allows_bulk` is asked
    whether files that a scan found may be taken, too, or only single new ones.
    """

    def __init__(
        self,
        library: Library,
        decoders: Decoders,
        embedder: Callable[[int], PictureEmbedder | None],
        changed: Bell,
        again: Callable[[Sequence[Hint]], None],
        allows_bulk: Callable[[], Awaitable[bool]],
        cluster: Cluster,
    ) -> None:
        self._library = library
        self._decoders = decoders
        self._embedder = embedder
        self._changed = changed
        self._again = again
        self._allows_bulk = allows_bulk
        self._todo: asyncio.Queue[Work] = asyncio.Queue(_AHEAD)
        self._decoded: asyncio.Queue[_Decoded] = asyncio.Queue(2 * _AHEAD)
        self._busy: dict[int, Work] = {}
        self._twins: dict[bytes, _Shared] = {}
        self._gathering = asyncio.Lock()
        self._embedding = 0
        self._bulk: Bulk[_Decoded] = Bulk(cluster, self._model_of, self._finish, self._decoded.put)
        self._wake = asyncio.Event()
        self._running = asyncio.Event()
        self._is_last = False
        self.tempo = Tempo()
        self.is_idle = False
        """Whether nothing is at work and nothing waits that may be taken."""
        self.bulk_waits = False
        """Whether files that a scan found are pending and not taken: only single new ones are."""
        self.trouble: str | None = None
        """Why nothing can be stored at the moment, in words."""

    @property
    def decoder_pids(self) -> list[int]:
        """The processes that decode at the moment."""
        return self._decoders.pids

    def limit(self, limits: LimitSettings) -> None:
        """Decode the next files under other limits."""
        self._decoders.limit(limits)

    async def glance(self, path: bytes, stamp: Stamp, model: Model) -> bytes:
        """Return the pixels of any picture on the disk, which is not kept; raises Undecodable."""
        async with self._decoders.session() as session:
            with opened(path, stamp) as fd:
                await session.identify(fd)
                return (await session.pixels(model))[0]

    def renew_decoders(self) -> None:
        """Decode the next files by new processes: other packages are installed now."""
        self._decoders.renew()

    async def sandbox(self) -> dict[str, Any]:
        """Return what holds the decoders back; raises Undecodable where none can be started."""
        return await self._decoders.sandbox()

    def wake(self) -> None:
        """Note that there may be pending files."""
        self._wake.set()

    def set_running(self, *, running: bool) -> None:
        """Let the work go on, or stop before the next file."""
        if running != self._running.is_set():
            self.tempo.skip()
        if running:
            self._running.set()
        else:
            self._running.clear()

    async def run(self) -> None:
        """Work for ever."""
        async with asyncio.TaskGroup() as group:
            group.create_task(self._feed(), name="feed")
            for number in range(_BATCHES):
                group.create_task(self._embed(), name=f"embed {number}")
            for number in range(self._decoders.count):
                group.create_task(self._work(), name=f"work {number}")
            group.create_task(self._bulk.run(), name="bulk")

    async def stop(self) -> None:
        """End the decoders and give back what is in flight, once `run` is cancelled."""
        await self._decoders.release()
        await self._give_back(list(self._busy))

    async def _give_back(self, files: list[int]) -> None:
        await self._library.write(lambda writer: writer.give_back(files))

    async def _feed(self) -> None:
        while True:
            await self._running.wait()
            self._wake.clear()
            self._be_idle(idle=False)
            works = await self._take()
            self._is_last = len(works) < _AHEAD
            self._be_idle(idle=not works and not self._busy)
            for work in works:
                self._busy[work.file] = work
            for work in works:
                await self._running.wait()
                await self._todo.put(work)
            if not works:
                await self._rest()

    def _be_idle(self, *, idle: bool) -> None:
        if idle != self.is_idle:
            self.is_idle = idle
            self.tempo.skip()
            self._changed.ring()

    async def _take(self) -> list[Work]:
        busy, bulk = list(self._busy), await self._allows_bulk()
        works = await self._library.write(lambda writer: writer.take(_AHEAD, busy, bulk=bulk))
        bulk_waits = not works and not bulk and await self._any_pending()
        if bulk_waits != self.bulk_waits:
            self.bulk_waits = bulk_waits
            self._changed.ring()
        return works

    async def _any_pending(self) -> bool:
        return await self._library.read(lambda reader: reader.oldest_pending()) is not None

    async def _rest(self) -> None:
        """Wait for work; after a while without any, end the decoders."""
        try:
            async with asyncio.timeout(_IDLE):
                await self._wake.wait()
        except TimeoutError:
            if not self._busy:
                await self._decoders.release()
            await self._wake.wait()

    async def _work(self) -> None:
        while True:
            work = await self._todo.get()
            if work.attempts >= _GIVE_UP:
                detail = f"the daemon died {work.attempts} times while it was at work on this file"
                await self._store([], [Failed(work, "crash", detail)])
                continue
            try:
                decoded = await self._decoded_or_done(work)
            except Undecodable as error:
                await self._store([], [Failed(work, error.reason, error.detail)])
            except Moved:
                await self._give_back([work.file])
                self._again([Hint(work.path, work.noticed, live=True)])
                # Its row is pending still: at once it would be taken in a circle.
                asyncio.get_running_loop().call_later(_AGAIN, self._drop, work)
            except OSError as error:
                # No decoder can be started (no descriptors, no processes): no file is to blame.
                self.trouble = f"pictures cannot be decoded: {error.strerror}"
                log.error("%s", self.trouble)
                await self._give_back([work.file])
                asyncio.get_running_loop().call_later(_NO_MODEL_PAUSE, self._drop, work)
            else:
                if decoded is not None:
                    await self._send(decoded)

    async def _send(self, one: _Decoded) -> None:
        """Let a picture be embedded elsewhere, if it is one of many, else here."""
        # The watcher tells of a card that is copied, too: more than the embedder takes at once.
        is_bulk = not one.work.live or self._decoded.qsize() >= _BULK
        if is_bulk and await self._bulk.takes(one):
            await self._bulk.put(one)
        else:
            await self._decoded.put(one)

    def _model_of(self, one: _Decoded) -> Model | None:
        sight = self._library.sight
        return sight.model if sight is not None and sight.number == one.model else None

    async def _decoded_or_done(self, work: Work) -> _Decoded | None:
        try:
            return await self._decode(work)
        except (Moved, OSError):
            # Files of the same content wait for this one no longer.
            led = [one for one, shared in self._twins.items() if shared.leader == work.file]
            for content in led:
                await self._undo([twin.work for twin in self._twins.pop(content).others])
            raise

    async def _decode(self, work: Work) -> _Decoded | None:
        """Return the pixels to embed, or None when nothing is left to do for the file."""
        library = self._library
        async with self._decoders.session() as session:
            with opened(work.path, work.stamp) as fd, sidecar.lent(work.path) as (beside, key):
                picture = await session.identify(fd, beside)
                sight = library.sight
                number = sight.number if sight is not None else None
                known = await library.read(lambda r: r.image_by_hash(picture.hash, number))
                if known is not None and (known[1] or number is None):
                    picture = await self._with_print(session, picture, known[0])
                    done = Indexed(work, picture, None, key)
                elif sight is None:
                    picture = replace(picture, print=await session.look())
                    done = Indexed(work, picture, None, key)
                elif picture.hash in self._twins:
                    # The same bytes are on their way already: share that one's fate.
                    self._twins[picture.hash].others.append(Indexed(work, picture, None, key))
                    return None
                else:
                    return await self._pixels(session, work, picture, key, sight)
        library.counters["reused"] += known is not None
        library.counters["decoded"] += known is None
        await self._store([done], [])
        return None

    async def _with_print(self, session: Session, picture: Picture, image: int) -> Picture:
        """Return a known picture, decoded once more where an earlier version made no print."""
        if await self._library.read(lambda reader: reader.prints([image])):
            return picture
        try:
            return replace(picture, print=await session.look())
        except Undecodable:
            return picture  # it was decoded before: it only folds with nothing

    async def _pixels(
        self, session: Session, work: Work, picture: Picture, beside: str | None, sight: Sight
    ) -> _Decoded:
        self._twins[picture.hash] = _Shared(work.file)
        try:
            pixels, print_ = await session.pixels(sight.model)
        except Undecodable as error:
            twins = [twin.work for twin in self._twins.pop(picture.hash).others]
            await self._store([], [Failed(twin, error.reason, error.detail) for twin in twins])
            raise
        self._library.counters["decoded"] += 1
        return _Decoded(work, replace(picture, print=print_), beside, pixels, sight.number)

    async def _embed(self) -> None:
        while True:
            async with self._gathering:
                batch = await self._gather()
                self._embedding += len(batch)
            try:
                await self._finish(batch, await self._vectors(batch))
            finally:
                self._embedding -= len(batch)

    async def _finish(
        self, batch: Sequence[_Decoded], vectors: Sequence[Vector | None] | None
    ) -> None:
        """Store what a batch came to, or give it back where its pixels are another model's."""
        if vectors is None:
            for one in batch:
                twins = self._twins.pop(one.picture.hash).others
                await self._undo([one.work, *(twin.work for twin in twins)])
            return
        ahead = self._decoded.qsize() + self._embedding + self._bulk.held - len(batch)
        self.tempo.note(batch[0].model, len(batch), ahead, is_last=self._is_last)
        indexed: list[Indexed] = []
        failed: list[Failed] = []
        for one, vector in zip(batch, vectors, strict=True):
            twins = self._twins.pop(one.picture.hash).others
            if vector is not None and is_sound(vector):
                indexed += [Indexed(one.work, one.picture, vector, one.sidecar), *twins]
                self._library.counters["embedded"] += 1
                self._library.counters["reused"] += len(twins)
                continue
            why = _CRASHED if vector is None else _UNSOUND
            failed += [Failed(work, *why) for work in (one.work, *(twin.work for twin in twins))]
        await self._store(indexed, failed, batch[0].model)

    async def _undo(self, works: Sequence[Work]) -> None:
        """Let files be taken again as if they never had been."""
        await self._give_back([work.file for work in works])
        for work in works:
            self._drop(work)

    async def _vectors(self, batch: Sequence[_Decoded]) -> list[Vector | None] | None:
        """Return the batch's vectors, or None when its pixels are another model's.

        Waits for as long as no embedder can be started.
        """
        while (embedder := self._of_all(batch)) is not None:
            try:
                vectors = await embedder.embed([one.pixels for one in batch])
            except NoModel as error:
                if self._of_all(batch) is not embedder:
                    continue  # its model has just given way to another
                log.error("pictures cannot be embedded: %s", error)
                self.trouble = f"pictures cannot be embedded: {error}"
                self._changed.ring()
                await asyncio.sleep(_NO_MODEL_PAUSE)
            else:
                self.trouble = None
                return vectors
        return None

    def _of_all(self, batch: Sequence[_Decoded]) -> PictureEmbedder | None:
        """Return the embedder that all of a batch was decoded for, if it is the one in use."""
        number = self._library.model_id
        if number is None or any(one.model != number for one in batch):
            return None
        return self._embedder(number)

    async def _gather(self) -> list[_Decoded]:
        """Return the next batch: full, or all there is once nothing more can come.

        While the embedder is at work on another, time is on our side.
        """
        batch = [await self._decoded.get()]
        deadline = time.monotonic() + _GATHER
        embedder = self._of_all(batch)
        while embedder is not None and len(batch) < embedder.batch:
            coming = len(self._busy) - self._embedding - self._bulk.held
            if self._decoded.empty() and coming <= len(batch):
                break
            try:
                async with asyncio.timeout(max(0.0, deadline - time.monotonic())):
                    batch.append(await self._decoded.get())
            except TimeoutError:
                if not self._embedding:
                    break
                deadline = time.monotonic() + _GATHER
        return batch

    async def _store(
        self, indexed: Sequence[Indexed], failed: Sequence[Failed], model: int | None = None
    ) -> None:
        for bad in failed:
            log.info("%s: %s (%s)", shown(bad.work.path), bad.detail, bad.reason)

        def commit(writer: Writer) -> Change:
            # The model that answers now, when it is written: another may have taken over.
            active = self._library.model_id
            made_with = active if model is None else model
            return writer.commit(indexed, failed, made_with, active, time.time())

        await self._library.change(commit)
        for done in indexed:
            self._drop(done.work)
        for bad in failed:
            self._drop(bad.work)

    def _drop(self, work: Work) -> None:
        self._busy.pop(work.file, None)
        if not self._busy or len(self._busy) < _AHEAD // 2:
            self.wake()
        self._changed.ring()
