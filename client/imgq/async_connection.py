"""One connection to the daemon for asyncio: any number of calls, each answered by its number.

Rules of this file: one task reads, and gives to each call its answer and to each
subscription its events; nobody else touches the stream. When the connection ends,
everyone who waits is told why. A call that is given up leaves the connection as it
is: its answer is known by its number, and dropped.
"""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import AsyncIterator, Mapping
from typing import Any

from imgq import protocol
from imgq.connection import CHUNK, GOODBYE, gone, kept, packed, silent, strange, unreachable
from imgq.errors import ImgqError, Refused

Event = Mapping[str, Any]


class AsyncConnection:
    """A connected stream, and who waits for what comes through it; made by `opened`."""

    def __init__(
        self, path: str, reader: asyncio.StreamReader, writer: asyncio.StreamWriter
    ) -> None:
        self.path = path
        self._reader = reader
        self._writer = writer
        self._last_id = 0
        self._waiting: dict[int, asyncio.Future[Any]] = {}
        self._events: dict[int, deque[Event]] = {}
        # Set whenever there is something new for those who wait for events, the end included.
        self._news = asyncio.Event()
        self._end: ImgqError | None = None
        self._listening = asyncio.create_task(self._listen())

    async def close(self) -> None:
        """Hang up; whoever still waits is told that the connection was closed."""
        self._listening.cancel()
        await asyncio.gather(self._listening, return_exceptions=True)
        self._writer.close()
        await asyncio.gather(self._writer.wait_closed(), return_exceptions=True)

    async def call(self, method: str, params: Mapping[str, Any], timeout_s: float | None) -> Any:
        """Return the method's result; raises Refused for an error, Unreachable for silence."""
        if self._end is not None:
            raise self._end
        self._last_id += 1
        msgid = self._last_id
        data = packed(msgid, method, params)
        answer = asyncio.get_running_loop().create_future()
        self._waiting[msgid] = answer
        try:
            async with asyncio.timeout(timeout_s):
                self._writer.write(data)
                # No drain: what the daemon says before it hangs up comes as the answer.
                return await answer
        except TimeoutError:
            raise silent(self.path, method) from None
        finally:
            del self._waiting[msgid]

    async def events(self, subscription: int) -> AsyncIterator[Event]:
        """Yield the events of a subscription as they come, until the connection ends."""
        while True:
            waiting = self._events.get(subscription)
            if waiting:
                yield waiting.popleft()
                continue
            if self._end is not None:
                raise self._end
            self._news.clear()
            await self._news.wait()

    async def closed(self, timeout_s: float) -> None:
        """Wait until the daemon has hung up; raises Unreachable if it does not in time."""
        done, _ = await asyncio.wait([self._listening], timeout=timeout_s)
        if not done:
            raise silent(self.path, "shutdown")

    async def _listen(self) -> None:
        incoming = protocol.Reader(protocol.FROM_DAEMON)
        end: ImgqError = gone(self.path, "a call")
        try:
            while data := await self._reader.read(CHUNK):
                for message in incoming.feed(data):
                    self._take(message)
        except Refused as goodbye:
            end = goodbye
        except protocol.ProtocolError as error:
            end = strange(self.path, error)
        except OSError:
            pass  # reset is closed, too
        finally:
            self._end = end
            self._writer.close()
            self._news.set()
            for answer in self._waiting.values():
                if not answer.done():
                    answer.set_exception(end)

    def _take(self, message: protocol.Message) -> None:
        match message:
            case protocol.Response(msgid, (code, text), _) if msgid == GOODBYE:
                raise Refused(code, text)
            case protocol.Response(msgid, error, result):
                answer = self._waiting.get(msgid)
                if answer is None or answer.done():
                    return  # it was given up
                if error is None:
                    answer.set_result(result)
                else:
                    answer.set_exception(Refused(*error))
            case protocol.Notification("event", {"subscription": int(subscription), **_rest}):
                waiting = deque[Event](maxlen=kept(message.params))
                self._events.setdefault(subscription, waiting).append(message.params)
                self._news.set()


async def opened(path: str, timeout_s: float) -> AsyncConnection:
    """Connect to the daemon at a path; raises Unreachable."""
    try:
        async with asyncio.timeout(timeout_s):
            reader, writer = await asyncio.open_unix_connection(path)
    except OSError as error:
        raise unreachable(path, error) from error
    return AsyncConnection(path, reader, writer)
