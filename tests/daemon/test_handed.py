"""A socket that somebody else opened: systemd's descriptors, and launchd's by a stand-in in C."""

from __future__ import annotations

import ctypes
import os
import shutil
import socket
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from imgqd import handed
from imgqd.socketfile import SocketTrouble

LAUNCHD = """
#include <stdlib.h>
#include <string.h>
int launch_activate_socket(const char *name, int **fds, size_t *count) {
    static int calls;
    if (strcmp(name, "Listener")) return 2;  /* ENOENT */
    if (calls++) return 37;                  /* EALREADY */
    *fds = malloc(sizeof **fds);
    **fds = atoi(getenv("FAKE_LAUNCHD_FD"));
    *count = 1;
    return 0;
}
"""


@pytest.fixture
def listening(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[socket.socket]:
    """Give a socket as a manager makes it, which children may inherit."""
    monkeypatch.chdir(tmp_path)
    with socket.socket(socket.AF_UNIX) as made:
        made.bind("imgqd.sock")
        made.listen()
        made.set_inheritable(True)
        yield made


def handed_over(number: int, monkeypatch: pytest.MonkeyPatch, count: int = 1) -> dict[str, str]:
    """Return the words that come with descriptors from `number` on, which is 3 in real life."""
    monkeypatch.setattr(handed, "_FIRST", number)
    return {"LISTEN_PID": str(os.getpid()), "LISTEN_FDS": str(count), "LISTEN_FDNAMES": "x"}


def test_a_listening_socket_is_taken_and_inherited_by_no_child(
    listening: socket.socket, monkeypatch: pytest.MonkeyPatch
) -> None:
    environment = handed_over(os.dup(listening.fileno()), monkeypatch)
    given = handed.take(environment)
    assert given is not None
    with given:
        assert given.getsockname() == "imgqd.sock"
        assert not given.get_inheritable()
    assert environment == {}


@pytest.mark.parametrize(
    "environment",
    [{}, {"LISTEN_FDS": "1"}, {"LISTEN_PID": "1", "LISTEN_FDS": "1"}],
)
def test_what_is_handed_to_somebody_else_is_left_alone(environment: dict[str, str]) -> None:
    assert handed.take(environment) is None
    assert environment == {}


def test_two_sockets_are_one_too_many(
    listening: socket.socket, monkeypatch: pytest.MonkeyPatch
) -> None:
    with pytest.raises(SocketTrouble, match="2 sockets were handed"):
        handed.take(handed_over(listening.fileno(), monkeypatch, count=2))


@pytest.mark.parametrize("kind", ["deaf", "datagrams", "network", "file"])
def test_what_is_no_listening_unix_socket_is_refused(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path, kind: str
) -> None:
    if kind == "file":
        number = os.open(tmp_path, os.O_RDONLY)
    elif kind == "network":
        made = socket.create_server(("127.0.0.1", 0))
        number = made.detach()
    else:
        kinds = {"deaf": socket.SOCK_STREAM, "datagrams": socket.SOCK_DGRAM}
        number = socket.socket(socket.AF_UNIX, kinds[kind]).detach()
    with pytest.raises(SocketTrouble, match=r"is no (listening Unix stream )?socket"):
        handed.take(handed_over(number, monkeypatch))


def test_without_launchd_there_is_nothing_to_ask() -> None:
    if sys.platform == "darwin":
        pytest.skip("here is launchd")
    assert handed.of_launchd(ctypes.CDLL(None)) == ()


@pytest.mark.system
@pytest.mark.skipif(shutil.which("cc") is None, reason="no C compiler for a stand-in of launchd")
def test_launchds_descriptors_come_through_its_own_call_and_once(
    listening: socket.socket, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "launchd.c").write_text(LAUNCHD)
    built = ["cc", "-shared", "-fPIC", "-o", "launchd.so", "launchd.c"]
    subprocess.run(built, check=True, cwd=tmp_path)
    monkeypatch.setenv("FAKE_LAUNCHD_FD", str(listening.fileno()))
    system = ctypes.CDLL(str(tmp_path / "launchd.so"))
    assert handed.of_launchd(system) == [listening.fileno()]
    assert handed.of_launchd(system) == ()
