"""What the client's tests share: a place for the socket, a fake daemon, a terminal."""

import fcntl
import os
import struct
import tempfile
import termios
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from hypothesis import settings

from client import fake_daemon
from client.fake_daemon import FakeDaemon

# A busy machine is no mistake in the code, and the whole folder is to take a few seconds.
settings.register_profile("client", deadline=None, max_examples=60)
settings.load_profile("client")


@pytest.fixture
def socket_path(monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    """Return the path of a socket that nobody listens at; it is $IMGQ_SOCKET."""
    # tmp_path may be longer than the 104 bytes that macOS allows.
    with tempfile.TemporaryDirectory(dir="/tmp") as folder:
        path = Path(folder) / "imgqd.sock"
        monkeypatch.setenv("IMGQ_SOCKET", str(path))
        yield path


@pytest.fixture
def daemon(socket_path: Path) -> Iterator[FakeDaemon]:
    """Return a fake daemon that listens at $IMGQ_SOCKET."""
    with fake_daemon.running(socket_path) as running:
        yield running


class Terminal:
    """A real terminal (a pty) in the place of standard output."""

    def __init__(self, columns: int) -> None:
        self._master, slave = os.openpty()
        fcntl.ioctl(slave, termios.TIOCSWINSZ, struct.pack("4H", 24, columns, 0, 0))
        self.stdout = os.fdopen(slave, "w", encoding="utf-8")

    def text(self) -> str:
        """Return what was written until now, the escape characters made visible."""
        self.stdout.write("\0")
        self.stdout.flush()
        seen = b""
        while not seen.endswith(b"\0"):
            seen += os.read(self._master, 1 << 16)
        return seen[:-1].decode().replace("\r\n", "\n").replace("\x1b", "␛")

    def close(self) -> None:
        self.stdout.close()
        os.close(self._master)


@pytest.fixture
def terminal(monkeypatch: pytest.MonkeyPatch) -> Iterator[Callable[..., Terminal]]:
    """Return a function that puts a terminal in the place of standard output."""
    opened: list[Terminal] = []
    monkeypatch.setenv("TERM", "xterm-256color")
    monkeypatch.setenv("HOME", "/home/ada")
    monkeypatch.delenv("NO_COLOR", raising=False)
    host = os.uname_result(("", "box", "", "", ""))
    monkeypatch.setattr(os, "uname", lambda: host)

    def put(columns: int = 60) -> Terminal:
        opened.append(Terminal(columns))
        monkeypatch.setattr("sys.stdout", opened[-1].stdout)
        return opened[-1]

    yield put
    for one in opened:
        one.close()
