"""The core's end: its own processes, started on demand, called, and let go.

Core and children speak the same MessagePack-RPC as the daemon's clients, over
a socketpair. A child may die at any moment; every call then ends with `Died`,
and whoever called decides what to do about it.
"""

from __future__ import annotations

import asyncio
import contextlib
import logging
import os
import signal
import socket
import sys
from collections.abc import Callable, Mapping, Sequence
from typing import Any, Final

from imgq import protocol

log = logging.getLogger(__name__)

_READ: Final = 1 << 20
_FAREWELL: Final = 3.0
"""Seconds that a child gets to end by itself once its socket is closed."""


class Died(Exception):
    """The child ended before it answered; the text says how, `signal` by which, if by one."""

    def __init__(self, text: str, number: int | None = None) -> None:
        super().__init__(text)
        self.signal = number


class Refused(Exception):
    """The child answered with an error."""

    def __init__(self, code: str, text: str) -> None:
        super().__init__(text)
        self.code = code
        self.text = text


class Child:
    """One process of the daemon's own, running `python -m MODULE FD ARGS…`.

    Use `start` to make one. `on_event` gets the notifications it sends.
    """

    def __init__(
        self,
        name: str,
        process: asyncio.subprocess.Process,
        connection: socket.socket,
        streams: tuple[asyncio.StreamReader, asyncio.StreamWriter],
        on_event: Callable[[str, dict[str, Any]], None] | None,
    ) -> None:
        self.name = name
        self._process = process
        self._socket = connection
        self._stream, self._writer = streams
        self._on_event = on_event
        self._waiting: dict[int, asyncio.Future[Any]] = {}
        self._next = 0
        self._is_gone = False
        self._listener = asyncio.create_task(self._listen(), name=f"{name} listener")

    @property
    def pid(self) -> int:
        """The process id."""
        return self._process.pid

    @property
    def alive(self) -> bool:
        """Whether calls can still succeed."""
        return not (self._is_gone or self._listener.done())

    async def call(self, method: str, params: dict[str, Any], fds: Sequence[int] = ()) -> Any:
        """Ask the child and return its result; descriptors are lent to it with the request.

        Raises Died when it ends first, Refused when it answers with an error.
        """
        if not self.alive:
            raise Died(f"{self.name} is gone")
        self._next += 1
        msgid = self._next
        answer: asyncio.Future[Any] = asyncio.get_running_loop().create_future()
        self._waiting[msgid] = answer
        packed = protocol.pack_request(msgid, method, params)
        try:
            if not fds:
                self._writer.write(packed)
                await self._writer.drain()
            else:
                # Requests with a descriptor are short and come one at a time: the
                # socket's buffer is empty, so this neither blocks nor cuts.
                socket.send_fds(self._socket, [packed], list(fds))
            return await answer
        except (ConnectionError, BlockingIOError) as error:
            # Its end is noticed in a moment; whoever tries again must have another one by then.
            self._is_gone = True
            raise Died(f"{self.name} is gone: {error}") from error
        finally:
            self._waiting.pop(msgid, None)

    async def stop(self, *, at_once: bool = False) -> None:
        """End the process and wait for its end; `at_once` does not let it finish."""
        self._writer.close()
        if at_once:
            self._kill()
        try:
            async with asyncio.timeout(_FAREWELL):
                await self._process.wait()
        except TimeoutError:
            self._kill()
            await self._process.wait()
        # It ends with the process, and lets go of those who still wait.
        await asyncio.gather(self._listener, return_exceptions=True)

    def _kill(self) -> None:
        # Not `Process.kill`: it first asks whether the process has ended, and may so take
        # away the exit status that the event loop waits for.
        if self._process.returncode is None:
            with contextlib.suppress(ProcessLookupError):
                os.kill(self._process.pid, signal.SIGKILL)

    async def _listen(self) -> None:
        reader = protocol.Reader(protocol.FROM_DAEMON)
        try:
            while data := await self._stream.read(_READ):
                for message in reader.feed(data):
                    self._take(message)
        except (ConnectionError, protocol.ProtocolError) as error:
            log.warning("%s: %s", self.name, error)
            self._kill()
        finally:
            self._is_gone = True
            await self._bury()

    async def _bury(self) -> None:
        try:
            async with asyncio.timeout(_FAREWELL):
                code = await self._process.wait()
        except TimeoutError:
            self._kill()
            code = await self._process.wait()
        for answer in self._waiting.values():
            if not answer.done():
                words = f"{self.name} ended with {_ending(code)}"
                answer.set_exception(Died(words, -code if code < 0 else None))

    def _take(self, message: protocol.Message) -> None:
        if isinstance(message, protocol.Notification):
            if self._on_event is not None:
                self._on_event(message.method, message.params)
        elif isinstance(message, protocol.Response):
            answer = self._waiting.get(message.msgid)
            if answer is None or answer.done():
                return
            if message.error is None:
                answer.set_result(message.result)
            else:
                answer.set_exception(Refused(*message.error))


async def start(
    name: str,
    module: str,
    arguments: Sequence[str] = (),
    *,
    environment: Mapping[str, str] | None = None,
    on_event: Callable[[str, dict[str, Any]], None] | None = None,
) -> Child:
    """Start `python -m module FD arguments…` and return its handle.

    It gets no standard input or output, our standard error, and a process group of its
    own so that Ctrl-C in a terminal reaches the core alone.
    """
    ours, theirs = socket.socketpair()
    with contextlib.ExitStack() as at_failure, theirs:
        at_failure.callback(ours.close)
        process = await asyncio.create_subprocess_exec(
            sys.executable,
            "-P",
            "-m",
            module,
            str(theirs.fileno()),
            *arguments,
            stdin=asyncio.subprocess.DEVNULL,
            stdout=asyncio.subprocess.DEVNULL,  # it may be a terminal, and readable
            pass_fds=(theirs.fileno(),),
            process_group=0,
            cwd="/",
            env={**os.environ, **(environment or {})},
        )
        at_failure.pop_all()
    ours.setblocking(False)
    streams = await asyncio.open_connection(sock=ours, limit=_READ)
    return Child(name, process, ours, streams, on_event)


def _ending(code: int) -> str:
    if code < 0:
        with contextlib.suppress(ValueError):
            return signal.Signals(-code).name
    return f"exit status {code}"
