"""Decoded pictures on their way to a cluster: gathered into batches, sent, or handed back.

Between the decoders and the machines elsewhere, beside the way to the embedder here. Order
does not matter: a batch is stored when it is there.
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Sequence
from typing import Final, Generic, Protocol, TypeVar

from imgqd.cluster import Cluster
from imgqd.records import Model, Vector

_GATHER: Final = 0.25
"""Seconds without another picture after which a batch goes as it is."""


class Seen(Protocol):
    """A picture's pixels."""

    @property
    def pixels(self) -> bytes:
        """As many as the model wants."""
        ...


T = TypeVar("T", bound=Seen)


class Bulk(Generic[T]):
    """The way to a cluster.

    `model` gives the model that a picture was decoded for, None where that one answers no
    more; `finish` stores a batch with its vectors; `back` takes a picture that is to be
    embedded here.
    """

    def __init__(
        self,
        cluster: Cluster,
        model: Callable[[T], Model | None],
        finish: Callable[[Sequence[T], Sequence[Vector]], Awaitable[None]],
        back: Callable[[T], Awaitable[None]],
    ) -> None:
        self._cluster = cluster
        self._model = model
        self._finish = finish
        self._back = back
        self._queue: asyncio.Queue[T] = asyncio.Queue(1)
        self.held = 0
        """Pictures on this way, until they are stored or handed back."""

    async def takes(self, one: T) -> bool:
        """Return whether a picture can go this way."""
        model = self._model(one)
        return model is not None and await self._cluster.helps(model)

    async def put(self, one: T) -> None:
        """Send a picture this way; waits while all batches are full."""
        self.held += 1
        await self._queue.put(one)

    async def run(self) -> None:
        """Work for ever."""
        async with asyncio.TaskGroup() as sending:
            while True:
                batch = await self._gather()
                model = self._model(batch[0])
                if model is not None and await self._cluster.room(model):
                    sending.create_task(self._send(model, batch), name="bulk")
                    await asyncio.sleep(0)  # it is under way before the next asks for room
                else:
                    await self._hand_back(batch)

    async def _gather(self) -> list[T]:
        batch = [await self._queue.get()]
        model = self._model(batch[0])
        while model is not None and len(batch) < self._cluster.batch(model):
            try:
                async with asyncio.timeout(_GATHER):
                    one = await self._queue.get()
            except TimeoutError:
                break
            if self._model(one) is not model:
                await self._hand_back([one])  # another model has just taken over
                continue
            batch.append(one)
        return batch

    async def _send(self, model: Model, batch: Sequence[T]) -> None:
        vectors = await self._cluster.embed(model, [one.pixels for one in batch])
        if vectors is None:
            await self._hand_back(batch)
            return
        try:
            await self._finish(batch, vectors)
        finally:
            self.held -= len(batch)

    async def _hand_back(self, batch: Sequence[T]) -> None:
        for one in batch:
            self.held -= 1
            await self._back(one)
