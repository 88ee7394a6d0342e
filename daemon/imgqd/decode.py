"""The decoders, seen from the core: give each an open file, survive whatever it does.

A file that kills its decoder, hangs it or fills its memory costs that file and
a restart (a fifth of a second); the others never notice.
"""

from __future__ import annotations

import asyncio
import contextlib
import os
from collections.abc import AsyncIterator, Iterator
from dataclasses import dataclass
from typing import Any

from imgqd import child
from imgqd.child import Child
from imgqd.config import LimitSettings
from imgqd.records import Model, Picture, Stamp, is_regular


class Undecodable(Exception):
    """This file cannot be turned into pixels: `reason` is one word, the text one sentence."""

    def __init__(self, reason: str, detail: str) -> None:
        super().__init__(detail)
        self.reason = reason
        self.detail = detail


class Moved(Exception):
    """The file is no longer the one that was asked for: look at its path again."""


@contextlib.contextmanager
def opened(path: bytes, stamp: Stamp) -> Iterator[int]:
    """Open a picture file that still has the given stamp, following nothing, waiting for nothing.

    Raises Moved or Undecodable.
    """
    try:
        fd = os.open(path, os.O_RDONLY | os.O_NONBLOCK | os.O_NOFOLLOW | os.O_CLOEXEC)
    except FileNotFoundError as error:
        raise Moved from error
    except PermissionError as error:
        raise Undecodable("unreadable", "permission denied") from error
    except OSError as error:
        raise Undecodable("unreadable", error.strerror or str(error)) from error
    try:
        status = os.fstat(fd)
        if not is_regular(status.st_mode) or Stamp.of(status) != stamp:
            raise Moved
        yield fd
        if Stamp.of(os.fstat(fd)) != stamp:
            raise Moved
    finally:
        os.close(fd)


@dataclass(slots=True)
class Session:
    """One file in the hand of one decoder."""

    _decoder: Decoder

    async def identify(self, fd: int) -> Picture:
        """Return what the file is; raises Undecodable."""
        return Picture(**await self._decoder.call("identify", {}, fd))

    async def pixels(self, model: Model) -> bytes:
        """Return the identified picture at the model's size: size * size * 3 bytes."""
        wanted = {
            "size": model.size,
            "resize": model.resize,
            "interpolation": model.interpolation,
            "fill": model.fill,
        }
        answer: bytes = await self._decoder.call("pixels", wanted)
        return answer

    async def look(self) -> None:
        """Decode the identified picture only to know that it can be."""
        await self._decoder.call("look", {})


class Decoder:
    """One decoder process, started at the first file and again after each death."""

    def __init__(self, number: int, limits: LimitSettings) -> None:
        self._name = f"decoder {number}"
        self.limits = limits
        """What the next file is decoded under; the process is started anew for others."""
        self._under = limits
        self._child: Child | None = None

    @property
    def pid(self) -> int | None:
        """The process id while it runs."""
        return self._child.pid if self._child is not None and self._child.alive else None

    async def call(self, method: str, params: dict[str, Any], fd: int | None = None) -> Any:
        """Ask the process, under the deadline; raises Undecodable."""
        try:
            running = self._child
            is_new_file = fd is not None
            if running is None or not running.alive or (is_new_file and self._under != self.limits):
                running = await self._start()
            async with asyncio.timeout(self._under.decode_timeout):
                return await running.call(method, params, fd)
        except TimeoutError as error:
            await self.stop()
            limit = f"{self._under.decode_timeout:g} s"
            raise Undecodable("timeout", f"decoding took longer than {limit}") from error
        except child.Died as error:
            await self.stop()
            raise Undecodable("crash", f"the decoder died on it: {error}") from error
        except child.Refused as error:
            raise Undecodable(error.code, error.text) from error

    async def stop(self) -> None:
        """End the process."""
        running, self._child = self._child, None
        if running is not None:
            await running.stop(at_once=True)

    async def _start(self) -> Child:
        await self.stop()
        self._under = self.limits
        self._child = await child.start(self._name, "imgqd.decoder")
        bounds = {
            "memory": self._under.decode_memory,
            "pixels": self._under.max_megapixels * 1_000_000,
        }
        await self._child.call("limit", bounds)
        return self._child


class Decoders:
    """As many decoders as there are cores, each lent to one file at a time."""

    def __init__(self, count: int, limits: LimitSettings) -> None:
        self.count = count
        self._all = [Decoder(number, limits) for number in range(count)]
        self._free: asyncio.Queue[Decoder] = asyncio.Queue()
        for decoder in self._all:
            self._free.put_nowait(decoder)

    @property
    def pids(self) -> list[int]:
        """The process ids of those that run."""
        return [decoder.pid for decoder in self._all if decoder.pid is not None]

    @contextlib.asynccontextmanager
    async def session(self) -> AsyncIterator[Session]:
        """Borrow a decoder for one file; waits until one is free."""
        decoder = await self._free.get()
        try:
            yield Session(decoder)
        finally:
            self._free.put_nowait(decoder)

    def limit(self, limits: LimitSettings) -> None:
        """Decode the next files under other limits."""
        for decoder in self._all:
            decoder.limits = limits

    async def release(self) -> None:
        """End all processes: there is nothing to decode."""
        for decoder in self._all:
            await decoder.stop()
