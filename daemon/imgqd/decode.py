"""The decoders, seen from the core: give each an open file, survive whatever it does.

A file that kills its decoder, hangs it or fills its memory costs that file and
a restart (a fifth of a second); the others never notice.
"""

from __future__ import annotations

import asyncio
import contextlib
import os
import signal
from collections.abc import AsyncIterator, Callable, Coroutine, Iterator, Sequence
from dataclasses import dataclass
from typing import Any, Final, TypeVar

from imgqd import child, machine, verdict
from imgqd.child import Child
from imgqd.config import LimitSettings
from imgqd.records import Model, Picture, Stamp, is_regular

T = TypeVar("T")

_SERVES: Final = 5_000
"""Files after which a decoder is exchanged for a new one: what a codec leaks ends with it."""

_PATIENCE: Final = 10
"""Deadlines after which a decoder is too slow, however busy the machine is."""

_PROGRESS: Final = 0.02
"""CPU seconds within a deadline from which on a decoder is at work: two of the kernel's ticks."""

_FRUGAL: Final = {"OPENBLAS_NUM_THREADS": "1", "OMP_NUM_THREADS": "1", "MALLOC_ARENA_MAX": "2"}
"""Threads and arenas that a decoder has no use for, each of which takes address space."""


_NICE: Final = 19
"""How far bulk work steps back behind every other program."""

_NICE_TO_PEOPLE: Final = 5
"""The same while a person waits for it: behind what they see, before what they do not."""


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

    async def identify(self, fd: int, sidecar: int | None = None) -> Picture:
        """Return what the file is, and what it and its sidecar say of it; raises Undecodable."""
        lent = (fd,) if sidecar is None else (fd, sidecar)
        said = await self._decoder.call("identify", {}, lent)
        return await self._decoder.believed(lambda: verdict.picture(said))

    async def pixels(self, model: Model) -> tuple[bytes, bytes]:
        """Return the identified picture at the model's size (size * size * 3 bytes), its print."""
        wanted = {
            "size": model.size,
            "resize": model.resize,
            "interpolation": model.interpolation,
            "fill": model.fill,
        }
        answer = await self._decoder.call("pixels", wanted)
        return await self._decoder.believed(lambda: verdict.pixels(answer, model.size))

    async def sandbox(self) -> dict[str, Any]:
        """Return what holds the decoder back; starts it if need be. Raises Undecodable."""
        return await self._decoder.confined()

    async def look(self) -> bytes:
        """Decode the identified picture without a model, and return its print."""
        answer = await self._decoder.call("look", {})
        return await self._decoder.believed(lambda: verdict.print_of(answer))

    async def small(self, size: int) -> tuple[int, int, bytes]:
        """Return (width, height, RGB) of the identified picture, no side longer than `size`."""
        answer = await self._decoder.call("small", {"size": size})
        return await self._decoder.believed(lambda: verdict.small(answer, size))


class Decoder:
    """One decoder process, started at the first file and again after each death."""

    def __init__(self, name: str, limits: LimitSettings, *, urgent: bool) -> None:
        self._name = name
        self._urgent = urgent
        self.limits = limits
        """What the next file is decoded under; the process is started anew for others."""
        self._under = limits
        self._served = 0
        self.is_outdated = False
        """Whether the process is to be exchanged at the next file."""
        self._child: Child | None = None
        self.sandbox: dict[str, Any] | None = None
        """What the process said holds it back, None before the first."""

    @property
    def pid(self) -> int | None:
        """The process id while it runs."""
        return self._child.pid if self._child is not None and self._child.alive else None

    async def call(self, method: str, params: dict[str, Any], fds: Sequence[int] = ()) -> Any:
        """Ask the process, under the deadline; raises Undecodable.

        With descriptors it is a new file's turn: then the process may be exchanged.
        """
        try:
            running = self._child
            if running is None or not running.alive or (fds and self._is_to_be_exchanged()):
                running = await self._start()
            self._served += bool(fds)
            return await self._within_time(running, running.call(method, params, fds))
        except TimeoutError as error:
            await self.stop()
            raise self._too_slow() from error
        except child.Died as error:
            await self.stop()
            if error.signal == signal.SIGXCPU:
                raise self._too_slow() from error
            raise Undecodable("crash", f"the decoder died on it: {error}") from error
        except child.Refused as error:
            raise Undecodable(*verdict.refusal(error.code, error.text)) from error

    async def believed(self, check: Callable[[], T]) -> T:
        """Return what a check makes of an answer; one that makes no sense ends the process."""
        try:
            return check()
        except verdict.Nonsense as error:
            await self.stop()
            raise Undecodable("crash", f"the decoder answered nonsense: {error}") from error

    async def _within_time(self, running: Child, answering: Coroutine[Any, Any, Any]) -> Any:
        """Wait for an answer until the deadline, or as long as the process is kept from its work.

        It has the lowest priority: on a busy machine its time may pass without its turn. One that
        works, if slowly, is given more; what it may compute is limited by its own CPU budget.
        Raises TimeoutError.
        """
        answer = asyncio.ensure_future(answering)
        try:
            began = spent = machine.cpu_of(running.pid)
            for _ in range(_PATIENCE):
                done, _ = await asyncio.wait({answer}, timeout=self._under.decode_timeout)
                before, spent = spent, machine.cpu_of(running.pid)
                if done:
                    return answer.result()
                if spent - before < _PROGRESS or spent - began > 2 * self._under.decode_timeout:
                    break
            raise TimeoutError
        finally:
            answer.cancel()

    async def confined(self) -> dict[str, Any]:
        """Return what holds the process back; starts it if need be. Raises Undecodable."""
        if self.sandbox is None:
            try:
                await self._start()
            except (child.Died, child.Refused) as error:
                raise Undecodable("crash", f"no decoder can be started: {error}") from error
            await self.stop()  # nobody has work for it
        assert self.sandbox is not None
        return self.sandbox

    def _is_to_be_exchanged(self) -> bool:
        return self.is_outdated or self._under != self.limits or self._served >= _SERVES

    def _too_slow(self) -> Undecodable:
        limit = f"{self._under.decode_timeout:g} s"
        return Undecodable("timeout", f"decoding took longer than {limit}")

    async def stop(self) -> None:
        """End the process."""
        running, self._child = self._child, None
        if running is not None:
            await running.stop(at_once=True)

    async def _start(self) -> Child:
        await self.stop()
        self._under, self._served, self.is_outdated = self.limits, 0, False
        nice = [str(_NICE_TO_PEOPLE if self._urgent else _NICE)]
        self._child = await child.start(self._name, "imgqd.decoder", nice, environment=_FRUGAL)
        if not self._urgent:
            machine.yield_disk(self._child.pid)
        bounds = {
            "memory": self._under.decode_memory,
            "pixels": self._under.max_megapixels * 1_000_000,
            "seconds": self._under.decode_timeout,
        }
        self.sandbox = await self._child.call("limit", bounds)
        return self._child


class Decoders:
    """Some decoders, each lent to one file at a time; a person waits for `urgent` ones."""

    def __init__(self, count: int, limits: LimitSettings, *, urgent: bool = False) -> None:
        self.count = count
        name = "thumbnailer" if urgent else "decoder"
        self._all = [Decoder(f"{name} {n}", limits, urgent=urgent) for n in range(count)]
        # The last one that was given back is lent first: it runs, and where files come one at
        # a time no second one is started.
        self._free: asyncio.Queue[Decoder] = asyncio.LifoQueue()
        for decoder in reversed(self._all):
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

    async def sandbox(self) -> dict[str, Any]:
        """Return what holds the decoders back, by what one of them says; starts one if need be.

        Raises Undecodable where none can be started.
        """
        known = next((one.sandbox for one in self._all if one.sandbox is not None), None)
        if known is not None:
            return known
        async with self.session() as session:
            return await session.sandbox()

    def renew(self) -> None:
        """Exchange all processes at their next file: there are other packages now."""
        for decoder in self._all:
            decoder.is_outdated = True

    async def release(self) -> None:
        """End all processes that have no file in hand."""
        idle = [self._free.get_nowait() for _ in range(self._free.qsize())]
        try:
            for decoder in idle:
                await decoder.stop()
        finally:
            for decoder in reversed(idle):
                self._free.put_nowait(decoder)
