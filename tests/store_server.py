"""A store for tests: milvus-lite in a process of its own, or a real server."""

from __future__ import annotations

import contextlib
import os
import signal
import socket
import subprocess
import sys
import time
import uuid
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

SERVER = "IMGQ_TEST_MILVUS"
"""The variable that holds the address of a real server."""

_PATIENCE = 60.0


class Server:
    """A store that daemons reach at `url`; their collections begin with `prefix`."""

    def __init__(self, base: Path) -> None:
        self.prefix = f"imgq_test_{uuid.uuid4().hex[:8]}"
        self.is_ours = SERVER not in os.environ
        self.url = os.environ.get(SERVER, "")
        self._base = base
        self._process: subprocess.Popen[bytes] | None = None
        if self.is_ours:
            with socket.socket() as free:
                free.bind(("127.0.0.1", 0))
                self._port = free.getsockname()[1]
            self.url = f"http://127.0.0.1:{self._port}"

    def start(self) -> None:
        """Start it, with what it held before, and wait until it listens."""
        if not self.is_ours:
            return
        data, port = str(self._base / "store"), str(self._port)
        command = [sys.executable, "-m", "milvus_lite", "server", "--host", "127.0.0.1"]
        with (self._base / "store.log").open("ab") as log:
            self._process = subprocess.Popen(
                [*command, "--data-dir", data, "--port", port],
                stdout=log,
                stderr=log,
                stdin=subprocess.DEVNULL,
            )
        deadline = time.monotonic() + _PATIENCE
        while True:
            with contextlib.suppress(OSError):
                socket.create_connection(("127.0.0.1", self._port)).close()
                return
            assert self._process.poll() is None, (self._base / "store.log").read_text()
            assert time.monotonic() < deadline
            # Nothing tells that it listens.
            time.sleep(0.02)

    def signal(self, number: int) -> None:
        """Send it a signal."""
        assert self._process is not None
        self._process.send_signal(number)

    def kill(self) -> None:
        """End it as a power cut would."""
        if self._process is not None:
            self._process.send_signal(signal.SIGKILL)
            self._process.wait()
            self._process = None

    def client(self) -> Any:
        """Return a client of the engine's own library."""
        from pymilvus import MilvusClient

        return MilvusClient(uri=self.url)

    def clear(self) -> None:
        """Remove what the tests made, where it would stay."""
        if self.is_ours:
            return
        client = self.client()
        with contextlib.suppress(Exception):
            client.drop_alias(f"{self.prefix}_answers")
        for name in client.list_collections():
            if name.startswith(self.prefix):
                client.drop_collection(name)
        client.close()


@contextlib.contextmanager
def serving(base: Path) -> Iterator[Server]:
    """Give a running store; skip the tests where there can be none."""
    pytest.importorskip("pymilvus", reason="pymilvus is not installed: pip install imgq[milvus]")
    server = Server(base)
    if server.is_ours:
        pytest.importorskip("milvus_lite", reason=f"no milvus-lite, and no server in {SERVER}")
    server.start()
    try:
        yield server
    finally:
        server.clear()
        server.kill()
