"""The socket itself: whose it is, who may enter, and what is never removed for it."""

from __future__ import annotations

import asyncio
import os
import socket
import stat
import struct
from pathlib import Path
from typing import Any

import pytest

from daemon.served import hang_up, path, request, rest, served
from imgqd import socketfile
from imgqd.socketfile import SocketTrouble

__all__ = ["path"]


def start(path: Path) -> None:
    async def scene() -> None:
        async with served(path):
            assert stat.S_IMODE(os.stat(path).st_mode) == 0o600
            assert stat.S_IMODE(os.stat(path.parent).st_mode) == 0o700

    asyncio.run(scene())


def test_socket_and_folder_are_for_their_owner_alone(path: Path) -> None:
    before = os.umask(0)
    try:
        start(path)
        assert os.umask(0) == 0
    finally:
        os.umask(before)


def test_a_socket_that_an_earlier_daemon_left_is_replaced(path: Path) -> None:
    path.parent.mkdir(mode=0o700)
    with socket.socket(socket.AF_UNIX) as stale:
        stale.bind(str(path))
    start(path)


@pytest.mark.parametrize("kind", ["file", "folder", "link"])
def test_what_is_no_socket_is_never_removed(path: Path, kind: str) -> None:
    path.parent.mkdir(mode=0o700)
    if kind == "file":
        path.write_text("a person's")
    elif kind == "folder":
        path.mkdir()
    else:
        path.symlink_to("elsewhere")
    with pytest.raises(SocketTrouble, match="is no socket"):
        start(path)
    assert path.is_symlink() or path.exists()


@pytest.mark.parametrize("mode", [0o755, 0o770, 0o701, 0o702])
def test_a_folder_that_others_may_enter_is_refused(path: Path, mode: int) -> None:
    path.parent.mkdir()
    path.parent.chmod(mode)
    with pytest.raises(SocketTrouble, match="open to others: chmod 700"):
        start(path)


def test_a_folder_of_another_user_is_refused(path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path.parent.mkdir(mode=0o700)
    monkeypatch.setattr(os, "getuid", lambda: os.geteuid() + 1)
    with pytest.raises(SocketTrouble, match="belongs to another user"):
        start(path)


def test_a_folder_that_cannot_be_made_is_told(path: Path) -> None:
    path.parent.parent.joinpath("run").write_text("a file")
    with pytest.raises(SocketTrouble, match="run: "):
        start(path)


def test_a_path_too_long_for_a_socket_is_told_with_the_remedy(path: Path) -> None:
    with pytest.raises(SocketTrouble, match=r"too long.*IMGQ_SOCKET"):
        start(path.parent / ("x" * 90))


def test_a_peer_of_another_user_gets_nothing(
    path: Path, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    real = struct.unpack

    def foreign(form: str, data: bytes) -> tuple[Any, ...]:
        found = real(form, data)
        return (found[0], found[1] + 1, *found[2:]) if form == "iII" else found

    monkeypatch.setattr("imgqd.socketfile.struct.unpack", foreign)

    async def scene() -> bytes:
        async with served(path) as here:
            streams = await here.client()
            streams[1].write(request(1))
            answer = await asyncio.gather(rest(streams), return_exceptions=True)
            await hang_up(streams)
            return b"" if isinstance(answer[0], ConnectionError) else bytes(answer[0])  # type: ignore[arg-type]

    assert asyncio.run(scene()) == b""
    assert "another user" in caplog.text


def managed(path: Path) -> socket.socket:
    """Return a socket as a service manager makes it."""
    path.parent.mkdir(mode=0o700, exist_ok=True)
    given = socket.socket(socket.AF_UNIX)
    given.bind(str(path))
    path.chmod(0o600)
    given.listen()
    return given


def test_a_managers_socket_is_served_twice_and_never_removed(path: Path) -> None:
    async def scene(given: socket.socket) -> None:
        async with served(path, given=given) as here:
            await here.until(lambda: here.table.asked > 0)
            assert (await here.ask("echo", b=2)).result == {"b": 2}

    with managed(path) as given:
        inode = path.stat().st_ino
        for _ in range(2):  # a daemon begins again after damage of its catalog
            with socket.socket(socket.AF_UNIX) as early:
                early.connect(str(path))  # before anybody serves: it waits
                early.sendall(request(1, a=1))
                asyncio.run(scene(given))
            assert path.stat().st_ino == inode


@pytest.mark.parametrize("when", ["before", "meanwhile"])
def test_where_a_managers_socket_vanished_we_make_one_and_take_it_away_again(
    path: Path, when: str
) -> None:
    async def scene(given: socket.socket) -> None:
        async with served(path, given=given) as here:
            if when == "meanwhile":
                os.unlink(path)
                await here.server.keep()
            assert (await here.ask("echo")).error is None
            assert stat.S_IMODE(os.stat(path).st_mode) == 0o600

    with managed(path) as given:
        if when == "before":
            path.unlink()
        asyncio.run(scene(given))
    assert not path.exists()


def test_a_managers_socket_must_be_as_ours_would_be(path: Path) -> None:
    with managed(path) as given:
        assert socketfile.adopt(given) == path
        path.chmod(0o666)
        with pytest.raises(SocketTrouble, match="SocketMode=0600"):
            socketfile.adopt(given)
        path.parent.chmod(0o755)
        with pytest.raises(SocketTrouble, match="chmod 700"):
            socketfile.adopt(given)


def test_a_socket_without_a_file_is_no_place_for_clients() -> None:
    with socket.socket(socket.AF_UNIX) as given:
        given.bind("\0imgq-test")
        with pytest.raises(SocketTrouble, match="no file"):
            socketfile.adopt(given)


@pytest.mark.skipif(not Path("/proc/net/unix").exists(), reason="the system does not show it")
def test_a_socket_that_somebody_listens_at_is_not_taken_away(path: Path) -> None:
    with managed(path) as given:
        inode = path.stat().st_ino
        with pytest.raises(SocketTrouble, match=r"somebody listens at .*imgqctl start"):
            start(path)
        assert path.stat().st_ino == inode
        given.close()
        start(path)
