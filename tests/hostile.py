"""Hostile clients by the hundred: `python hostile.py KIND COUNT SOCKET`, for fault 29.

One process for each way to be hostile. Each line on standard input is an order: `attack`
makes all its connections, and makes each again a moment after it was lost; `rest` gives
all of them up. Each order is answered with a line once it is carried out: the number of
connections that were made so far.
"""

from __future__ import annotations

import asyncio
import contextlib
import random
import select
import socket
import subprocess
import sys
from collections.abc import Awaitable, Callable, Iterable, Iterator
from pathlib import Path
from typing import Final

from imgq import protocol

_AGAIN: Final = (0.5, 1.5)
"""Seconds until a connection that was lost is made again, each time others: as programs do that
never give up, and that do not know of each other."""

_DRIP: Final = 0.25
_LOOK: Final = 0.25

EVERYTHING: Final = {"query": "png", "limit": 1000, "all": True}


async def hang(connection: socket.socket) -> None:
    """Connect, and say nothing."""
    await _until_dropped(connection)


async def drip(connection: socket.socket) -> None:
    """Send a request a byte at a time (slow-loris)."""
    loop = asyncio.get_running_loop()
    for byte in protocol.pack_request(1, "search", {"query": "x" * 4000}):
        await loop.sock_sendall(connection, bytes([byte]))
        await asyncio.sleep(_DRIP)


async def claim(connection: socket.socket) -> None:
    """Say that 2 GiB of bytes follow, and send some."""
    await asyncio.get_running_loop().sock_sendall(connection, b"\xc6\x7f\xff\xff\xff" + bytes(1000))
    await _until_dropped(connection)


async def nest(connection: socket.socket) -> None:
    """Send arrays in arrays, far deeper than any message."""
    await asyncio.get_running_loop().sock_sendall(connection, b"\xdc\x00\x40" * 20_000)
    await _until_dropped(connection)


async def junk(connection: socket.socket) -> None:
    """Send the one byte that MessagePack never uses."""
    await asyncio.get_running_loop().sock_sendall(connection, b"\xc1")
    await _until_dropped(connection)


async def deaf(connection: socket.socket) -> None:
    """Ask for as much as one may at a time, and read nothing."""
    asked = b"".join(protocol.pack_request(number, "search", EVERYTHING) for number in range(8))
    await asyncio.get_running_loop().sock_sendall(connection, asked)
    look = select.poll()
    look.register(connection, 0)
    while not look.poll(0):  # noqa: ASYNC110 - nothing tells of a hang-up whoever does not read
        await asyncio.sleep(_LOOK)


KINDS: Final[dict[str, Callable[[socket.socket], Awaitable[None]]]] = {
    kind.__name__: kind for kind in (hang, drip, claim, nest, junk, deaf)
}


async def _until_dropped(connection: socket.socket) -> None:
    while await asyncio.get_running_loop().sock_recv(connection, 1 << 16):
        pass


class Crew:
    """Many clients of one kind."""

    def __init__(self, kind: str, count: int, path: str) -> None:
        self._act = KINDS[kind]
        self._count = count
        self._path = path
        self._made = 0
        self._tasks: list[asyncio.Task[None]] = []

    async def attack(self) -> None:
        """Make all connections; return once each was made."""
        ready = [asyncio.Event() for _ in range(self._count)]
        self._tasks = [asyncio.create_task(self._again_and_again(one)) for one in ready]
        for one in ready:
            await one.wait()

    async def rest(self) -> None:
        """Give all connections up."""
        for task in self._tasks:
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)

    async def _again_and_again(self, ready: asyncio.Event) -> None:
        while True:
            with socket.socket(socket.AF_UNIX) as connection, contextlib.suppress(OSError):
                connection.setblocking(False)
                await asyncio.get_running_loop().sock_connect(connection, self._path)
                self._made += 1
                ready.set()
                await self._act(connection)
            await asyncio.sleep(random.uniform(*_AGAIN))

    async def obey(self) -> None:
        """Carry out what standard input says, until it ends."""
        loop = asyncio.get_running_loop()
        while order := await loop.run_in_executor(None, sys.stdin.readline):
            await (self.attack() if order.strip() == "attack" else self.rest())
            print(self._made, flush=True)  # noqa: T201 - the answer to the order


class Mob:
    """A crew of each kind, each in a process of its own, under a test's orders."""

    def __init__(self, path: Path, count: int, kinds: Iterable[str] = KINDS) -> None:
        kinds = list(kinds)
        share, more = divmod(count, len(kinds))
        self.made = 0
        self._crews = [
            subprocess.Popen(
                [sys.executable, __file__, kind, str(share + (place < more)), str(path)],
                stdin=subprocess.PIPE,
                stdout=subprocess.PIPE,
                text=True,
            )
            for place, kind in enumerate(kinds)
        ]

    @contextlib.contextmanager
    def attacking(self) -> Iterator[None]:
        """Attack while the context lasts."""
        self._order("attack")
        yield
        self._order("rest")

    def close(self) -> None:
        """End all processes."""
        for crew in self._crews:
            crew.kill()
            crew.communicate()

    def _order(self, order: str) -> None:
        for crew in self._crews:
            assert crew.stdin is not None
            crew.stdin.write(f"{order}\n")
            crew.stdin.flush()
        self.made = 0
        for crew in self._crews:
            assert crew.stdout is not None
            self.made += int(crew.stdout.readline())


if __name__ == "__main__":
    asyncio.run(Crew(sys.argv[1], int(sys.argv[2]), sys.argv[3]).obey())
