"""The real server, where it may be started: inside `make stores`."""

from __future__ import annotations

import os
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from stores.alone import is_alone
from stores.grounds import SERVER
from stores.milvus_server import Server, Start, unpacked


@pytest.fixture(scope="session")
def binaries() -> Path:
    """The server's programs; skips where it may not be started, or is not installed."""
    if not is_alone():
        pytest.skip("the real server is started by `make stores` alone")
    pytest.importorskip("pymilvus", reason="pymilvus is not installed: pip install imgq[milvus]")
    pytest.importorskip("milvus", reason="the server is not installed: make stores")
    return unpacked(Path(sys.prefix) / "milvus-server")


@pytest.fixture(scope="session")
def address(
    request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[str]:
    """The address of a server without TLS and token, for all tests that leave it as it was."""
    told = os.environ.get(SERVER)
    if told:
        yield told
        return
    server = Server(request.getfixturevalue("binaries"), tmp_path_factory.mktemp("server"))
    server.start()
    yield server.uri
    server.stop()


@pytest.fixture
def start(binaries: Path, tmp_path: Path) -> Iterator[Start]:
    """Start servers of one's own, whose end is near."""
    made: list[Server] = []

    def started(**more: Any) -> Server:
        server = Server(binaries, more.pop("folder", tmp_path / f"server{len(made)}"), **more)
        made.append(server)
        server.start()
        return server

    yield started
    for server in made:
        server.stop()
