"""The envoy process: takes batches of the core to a Dask scheduler, and brings vectors back.

Dask unpickles what a scheduler sends, so whoever has taken the scheduler has this process, too:
that is why it is one of its own, which knows nothing but the pixels in its hands, and why it
speaks to nobody but a scheduler that has shown a certificate for its name.
"""

from __future__ import annotations

import asyncio
import contextlib
import logging
import os
import socket
import sys
from collections import Counter
from collections.abc import Awaitable, Callable
from typing import Any, Final

from imgq import protocol
from imgqd import chore
from imgqd.credentials import Credentials, Unreachable, probe
from imgqd.serving import Fault

log = logging.getLogger(__name__)

_READ: Final = 1 << 20

_PATIENCE: Final = 10
_FAREWELL: Final = 1
"""Seconds for a scheduler to take us in, and to let us go."""

_GONE: Final = "the scheduler has gone"

Answer = Callable[[dict[str, Any]], Awaitable[Any]]


class Envoy:
    """Answers `connect`, then any number of `images` at once, in any order.

    `tell` gets the number of workers by the key of the model that they hold, when it changes.
    """

    def __init__(self, tell: Callable[[dict[str, int]], None]) -> None:
        self._tell = tell
        self._client: Any = None
        self._workers: dict[str, int] = {}
        self._counting: set[asyncio.Task[None]] = set()

    async def connect(self, params: dict[str, Any]) -> dict[str, int]:
        """Go to a `scheduler` with the files `ca`, `cert` and `key`; return who is there."""
        try:
            from imgqd.dasklink import client  # noqa: PLC0415 - an extra that may be missing
        except ImportError as error:
            raise Fault("missing", "Dask is not installed: pip install 'imgq[cluster]'") from error
        credentials = Credentials(params["ca"], params["cert"], params["key"])
        try:
            await probe(params["scheduler"], credentials)
            self._client = await client(params["scheduler"], credentials, _PATIENCE)
        except Unreachable as error:
            raise Fault("away", str(error)) from error
        except (OSError, TimeoutError) as error:
            raise Fault("away", f"the scheduler does not take us in: {error}") from error
        self._client.subscribe_topic("all", self._happened)
        self._workers = await self._count()
        return self._workers

    async def images(self, params: dict[str, Any]) -> dict[str, bytes]:
        """Return the `vectors` of `pixels`, by a worker that holds the model `key`."""
        if not self._is_there:
            raise Fault("away", _GONE)  # else Dask would keep it until the scheduler is back
        future = self._client.submit(
            chore.embed,
            params["key"],
            params["pixels"],
            resources={chore.tag(params["key"]): 1},
            pure=False,
        )
        try:
            return {"vectors": await future}
        except chore.Unable as error:
            raise Fault("unable", f"a worker says: {error.text}") from error
        except (Exception, asyncio.CancelledError) as error:
            # Workers that died of it, a scheduler that went away, code that is not ours.
            if not self._is_there:
                raise Fault("away", _GONE) from error
            raise Fault("unable", f"{type(error).__name__}: {error}"[:200]) from error
        finally:
            future.release()

    async def close(self) -> None:
        """Take leave of the scheduler: it gives up what was asked of it."""
        if self._client is not None:
            with contextlib.suppress(Exception):
                await self._client.close(timeout=_FAREWELL)

    @property
    def _is_there(self) -> bool:
        return self._client is not None and self._client.status == "running"

    def _happened(self, event: tuple[float, Any]) -> None:
        if isinstance(event[1], dict) and event[1].get("action") in {"add-worker", "remove-worker"}:
            task = asyncio.create_task(self._count_again())
            self._counting.add(task)
            task.add_done_callback(self._counting.discard)

    async def _count_again(self) -> None:
        try:
            workers = await self._count()
        except OSError:
            return  # the scheduler has gone: batches tell it
        if workers != self._workers:
            self._workers = workers
            self._tell(workers)

    async def _count(self) -> dict[str, int]:
        identity = await self._client.scheduler.identity(n_workers=-1)
        keys = (
            chore.key_of(name)
            for worker in identity["workers"].values()
            for name in worker["resources"]
        )
        return dict(Counter(key for key in keys if key is not None))


class Line:
    """Our end of the socket to the core: requests in, answers out as they come."""

    def __init__(self, connection: socket.socket) -> None:
        self._socket = connection
        self._tasks: set[asyncio.Task[None]] = set()
        self._writer: asyncio.StreamWriter

    async def serve(self, answers: dict[str, Answer]) -> None:
        """Answer until the core hangs up."""
        reader, self._writer = await asyncio.open_connection(sock=self._socket, limit=_READ)
        parser = protocol.Reader(protocol.FROM_DAEMON)
        with contextlib.suppress(ConnectionError):
            while data := await reader.read(_READ):
                for message in parser.feed(data):
                    if isinstance(message, protocol.Request):
                        self._begin(answers[message.method], message)
        left = list(self._tasks)
        for task in left:
            task.cancel()
        await asyncio.gather(*left, return_exceptions=True)
        self._writer.close()
        with contextlib.suppress(ConnectionError):
            await self._writer.wait_closed()

    def tell(self, workers: dict[str, int]) -> None:
        """Tell the core who is there."""
        self._writer.write(protocol.pack_notification("workers", {"workers": workers}))

    def _begin(self, answer: Answer, request: protocol.Request) -> None:
        task = asyncio.create_task(self._answer(answer, request))
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)

    async def _answer(self, answer: Answer, request: protocol.Request) -> None:
        try:
            packed = protocol.pack_result(request.msgid, await answer(request.params))
        except Fault as fault:
            packed = protocol.pack_error(request.msgid, fault.code, fault.text)
        except Exception as error:
            # Dask raises whatever its layers do; the core waits for an answer in any case.
            log.exception("%s", request.method)
            words = f"{type(error).__name__}: {error}"[:200]
            packed = protocol.pack_error(request.msgid, "internal", words)
        self._writer.write(packed)


async def _main(connection: socket.socket) -> None:
    line = Line(connection)
    envoy = Envoy(line.tell)
    try:
        await line.serve({"connect": envoy.connect, "images": envoy.images})
    finally:
        await envoy.close()


def main() -> None:
    """Serve the core on the inherited socket whose number is the first argument."""
    logging.basicConfig(format="envoy: %(message)s")
    os.nice(19)
    connection = socket.socket(fileno=int(sys.argv[1]))
    connection.setblocking(False)
    asyncio.run(_main(connection))


if __name__ == "__main__":
    main()
