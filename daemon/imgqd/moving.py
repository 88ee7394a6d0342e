"""From one model to another: the pictures that one has seen are shown to the next.

All of its state is in the catalog. A picture is done when it has the next model's
vector; whatever interrupts the move, it goes on with those that have none. The
model before it answers all the while, and new pictures are its first: they are
found at once, and shown to the next model when nothing else is to do.

One picture embedder is in memory at a time, as a rule: each gives its process back
when it is the other's turn. Only where new pictures come without an end both are
there for a stint, so that the move does not take for ever.
"""

from __future__ import annotations

import asyncio
import contextlib
import logging
import time
from collections import Counter
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Final

from imgqd.bell import Bell
from imgqd.cluster import Cluster
from imgqd.decode import Decoders, Moved, Undecodable, opened
from imgqd.embed import NoModel, is_sound
from imgqd.library import Library
from imgqd.pictures import PictureEmbedder
from imgqd.records import Lacking, Model, Vector

log = logging.getLogger(__name__)

_BLOCK: Final = 64
"""Pictures that are decoded and stored together, unless the embedder likes more."""

_CALM: Final = 2.0
"""Seconds without a new picture before the embedder that has just seen some gives way."""

_PATIENCE: Final = 60.0
_STINT: Final = 60.0
"""Seconds of waiting for an import to end, after which the move works beside it for so long."""

_TRIES: Final = 3
"""Looks at a picture whose file changes, and starts of the daemon that came no further."""

_AGAIN: Final = 1.0
_NO_MODEL_PAUSE: Final = 30.0
"""Seconds before files that were changing, or an embedder that did not start, are tried again."""

_HONEST: Final = 5.0
"""Seconds of work from which on a rate says something."""

_TRIED: Final = "moving"


@dataclass(frozen=True, slots=True)
class Leave:
    """What the move asks before it works: why bulk work rests, and whether nothing else is to do.

    `changed` rings whenever one of the answers may be another.
    """

    changed: Bell
    rests: Callable[[], str | None]
    is_idle: Callable[[], bool]


class Move:
    """Makes the vectors of `model` for all pictures that have one of the model `before`."""

    def __init__(
        self,
        library: Library,
        decoders: Decoders,
        leave: Leave,
        before: tuple[int, PictureEmbedder],
        after: tuple[int, Model, PictureEmbedder],
        cluster: Cluster,
    ) -> None:
        self._library = library
        self._decoders = decoders
        self._leave = leave
        self._before, self._others = before
        self.number, self._model, self._pictures = after
        """The number of the model that comes."""
        self._cluster = cluster
        self._tries: Counter[int] = Counter()
        self._is_put_off = False
        self._done = 0
        self._worked = 0.0
        self._stint = 0.0
        self.left_out: set[int] = set()
        """Pictures that cannot be seen now; they keep nobody waiting."""
        self.done, self.total = 0, 0
        """Pictures that have both vectors, and those that have the first."""
        self.waits: str | None = None
        """Why nothing is done at the moment, in words."""

    @property
    def remaining(self) -> float | None:
        """Seconds of work that are left, as far as anybody can tell."""
        if self.waits is not None or self._worked < _HONEST or not self._done:
            return None
        return max(0, self.total - self.done - len(self.left_out)) * self._worked / self._done

    async def run(self) -> None:
        """Return once nothing is left to show but what is left out."""
        await self._count()
        await self._leave_out_what_kills()
        after, ahead = 0, None
        try:
            while True:
                await self._turn()
                began = time.monotonic()
                block = await (ahead or self._decoded(after))
                ahead = None
                if block is None:
                    await self._count()
                    if not after and not self._is_put_off:
                        return
                    if self._is_put_off:
                        await asyncio.sleep(_AGAIN)
                    after, self._is_put_off = 0, False  # what came back lies before
                    continue
                after = block.last
                ahead = asyncio.create_task(self._decoded(after), name="decode for the next model")
                await self._embed(block.pixels)
                self._worked += time.monotonic() - began
        finally:
            if ahead is not None:
                ahead.cancel()
                await asyncio.gather(ahead, return_exceptions=True)
            await self._decoders.release()

    async def _count(self) -> None:
        self.total, self.done = await self._library.read(
            lambda reader: reader.moved(self._before, self.number)
        )
        self._leave.changed.ring()

    async def _leave_out_what_kills(self) -> None:
        """Leave the first block out where several starts of the daemon came no further than it.

        After the switch its pictures are queued, and the queue tries each alone.
        """
        block = await self._lacking(0)
        first = block[0].image if block else 0
        mark = f"{self.number} {first} "
        known = await self._library.read(lambda reader: reader.setting(_TRIED)) or ""
        tries = int(known.removeprefix(mark)) + 1 if known.startswith(mark) else 1
        if tries > _TRIES:
            log.warning("%d starts came no further: %d pictures are left out", tries, len(block))
            self.left_out.update(one.image for one in block)
        await self._library.write(lambda writer: writer.remember(_TRIED, f"{mark}{tries}"))

    async def _lacking(self, after: int) -> list[Lacking]:
        elsewhere = self._cluster.at_once(self._model) * self._cluster.batch(self._model)
        most = max(_BLOCK, self._pictures.batch, elsewhere)
        return await self._library.read(
            lambda reader: reader.lacking(self._before, self.number, after, most)
        )

    async def _turn(self) -> None:
        """Wait until it may work: nothing rests, and new pictures have been seen to."""
        waiting_since = time.monotonic()
        while True:
            ring = self._leave.changed.next()
            why = self._leave.rests()
            now = time.monotonic()
            if why is not None:
                waiting_since = now
            elif now < self._stint:
                break
            elif self._leave.is_idle():
                if self._others.pid is None:
                    break
                if not await _rings(ring, _CALM):
                    await self._others.release()
                    break
                continue
            elif now - waiting_since >= _PATIENCE:
                self._stint = now + _STINT
                break
            self._wait(why or "new pictures come first")
            await self._pictures.release()
            await _rings(ring, _PATIENCE)
        self._wait(None)

    def _wait(self, why: str | None) -> None:
        if why != self.waits:
            self.waits = why
            self._leave.changed.ring()

    async def _decoded(self, after: int) -> _Block | None:
        """Return the next pictures' pixels, None where no more are lacking."""
        while lacking := await self._lacking(after):
            after = lacking[-1].image
            wanted = [one for one in lacking if one.image not in self.left_out]
            seen = await asyncio.gather(*(self._pixels(one) for one in wanted))
            pixels = [
                (one.image, data)
                for one, data in zip(wanted, seen, strict=True)
                if data is not None
            ]
            if pixels:
                return _Block(after, pixels)
        return None

    async def _pixels(self, one: Lacking) -> bytes | None:
        is_changing = False
        for path, stamp in one.files:
            try:
                async with self._decoders.session() as session:
                    with opened(path, stamp) as fd:
                        if (await session.identify(fd)).hash == one.hash:
                            return (await session.pixels(self._model))[0]
            except Moved:
                is_changing = True
            except Undecodable as error:
                is_changing |= error.reason == "unreadable"  # its drive may be back in a moment
            except OSError as error:
                # No decoder can be started (no descriptors, no processes): no file is to blame.
                log.error("pictures cannot be decoded: %s", error)
                is_changing = True
        self._tries[one.image] += 1
        if is_changing and self._tries[one.image] < _TRIES:
            self._is_put_off = True
        else:
            self.left_out.add(one.image)
        return None

    async def _elsewhere(self, pixels: Sequence[tuple[int, bytes]]) -> list[tuple[int, bytes]]:
        """Have as many vectors as possible made by a cluster; return what is left to do here."""
        if not await self._cluster.helps(self._model):
            return list(pixels)
        size = self._cluster.batch(self._model)
        batches = [pixels[start : start + size] for start in range(0, len(pixels), size)]
        left: list[tuple[int, bytes]] = []

        async def send(batch: Sequence[tuple[int, bytes]]) -> None:
            vectors = await self._cluster.embed(self._model, [data for _, data in batch])
            if vectors is None:
                left.extend(batch)
            else:
                await self._store([image for image, _ in batch], vectors)

        async with asyncio.TaskGroup() as sending:
            for batch in batches:
                sending.create_task(send(batch), name="bulk")
        return left

    async def _embed(self, block: Sequence[tuple[int, bytes]]) -> None:
        """Make the vectors, and store them; waits for as long as no embedder can be started."""
        pixels = await self._elsewhere(block)
        start = 0
        while start < len(pixels):
            batch = pixels[start : start + self._pictures.batch]
            try:
                vectors = await self._pictures.embed([data for _, data in batch])
            except NoModel as error:
                log.error("the next model cannot see pictures: %s", error)
                self._wait(str(error))
                await asyncio.sleep(_NO_MODEL_PAUSE)
                continue
            self._wait(None)
            await self._store([image for image, _ in batch], vectors)
            start += len(batch)

    async def _store(self, images: Sequence[int], vectors: Sequence[Vector | None]) -> None:
        sound = [
            (image, vector)
            for image, vector in zip(images, vectors, strict=True)
            if vector is not None and is_sound(vector)
        ]
        self.left_out.update(set(images) - {image for image, _ in sound})
        await self._library.write(lambda writer: writer.put_vectors(self.number, sound))
        for name in ("decoded", "embedded"):
            self._library.counters[name] += len(sound)
        self._done += len(sound)
        self.done += len(sound)
        self._leave.changed.ring()


@dataclass(frozen=True, slots=True)
class _Block:
    """Pixels of some pictures, by their ids; `last` is the largest id that was looked at."""

    last: int
    pixels: Sequence[tuple[int, bytes]]


async def _rings(ring: asyncio.Event, seconds: float) -> bool:
    """Wait for a ring, for so long at most, and return whether it came."""
    with contextlib.suppress(TimeoutError):
        async with asyncio.timeout(seconds):
            await ring.wait()
            return True
    return False
