"""A cell to try the decoder's sandbox from inside; tests/evil makes the attempts."""

from __future__ import annotations

import ctypes
import json
import os
import socket
import subprocess
import sys
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from ctypes.util import find_library
from pathlib import Path
from typing import Any

import pytest

EVIL = Path(__file__).parents[1] / "evil"
"""What PYTHONPATH must name for the attempts to be there."""

STOPPED = """
    read {file}             EACCES EACCES
    read /etc/passwd        EACCES EACCES
    read /proc/self/maps    EACCES EACCES
    list {folder}           EACCES EACCES
    list /proc/self/fd      EACCES EACCES
    write {file}            EACCES EACCES
    write {new}             EACCES EACCES
    unlink {file}           EACCES EACCES
    rename {file}           EACCES EACCES
    mkdir {new}             EACCES EACCES
    symlink {new}           EACCES EACCES
    link {file}             EACCES EACCES
    fifo {new}              EACCES EACCES
    truncate {file}         EACCES EACCES
    chmod {file}            EACCES -
    chown {file}            EACCES -
    utime {file}            EACCES -
    stat {file}             EACCES -
    readlink /proc/self/exe EACCES -
    import wave             ModuleNotFoundError EACCES
    fd-chmod {fd}           EACCES -
    fd-utime {fd}           EACCES -
    fd-xattr {fd}           EACCES -
    fd-flags {fd}           EACCES -
    fd-lock {fd}            EPERM -
    fd-posix-lock {fd}      EPERM -
    fd-append {fd}          EPERM -
    fd-owner {fd}           EPERM -
    fd-owner-wide {fd}      EPERM -
    type-for-the-person 0   EACCES -
    tcp {tcp}               EACCES EACCES
    bind                    EACCES EACCES
    socket                  EACCES -
    udp {udp}               EACCES -
    unix {unix}             EACCES -
    abstract {abstract}     EACCES EPERM
    pair                    EACCES -
    run /bin/true           EPERM EACCES
    exec /bin/true          EPERM EACCES
    fork                    EPERM -
    fork-bomb               0_children -
    signal-parent           EPERM EPERM
    signal-thread           EPERM EPERM
    ptrace                  EPERM EPERM
    pidfd                   ENOSYS -
    limit-parent            EPERM -
    nice-parent             EPERM -
    unlimit RLIMIT_AS       ValueError ValueError
    unlimit RLIMIT_FSIZE    ValueError ValueError
    unshare                 EPERM -
    memfd                   EPERM -
    shared-memory           EPERM -
    inotify                 EPERM -
    personality             EPERM -
    io_uring                ENOSYS -
    clone3                  ENOSYS -
    openat2                 ENOSYS -
    setxattrat              ENOSYS -
    outlive                 EPERM -
"""
"""Attempt, how the whole sandbox answers, and how Landlock alone does, where that is its matter."""

UNSURE = {
    "chown", "exec", "fd-xattr", "type-for-the-person", "ptrace", "unshare", "io_uring", "clone3",
    "openat2", "setxattrat",
}  # fmt: skip
"""Attempts that come to nothing without a sandbox, too, on some machines or in this form."""

SCRIPT = """
import json, sys
import sitecustomize as evil
layers, before, lines = json.load(sys.stdin)
exec(before)
from imgqd.decoder import sandbox
if layers == ["seccomp"]:
    sandbox._landlock = lambda *_: 0
if layers == ["landlock"]:
    sandbox._seccomp = lambda *_: False
held = sandbox.enter(2 << 30) if layers else None
print(json.dumps([held, {line: evil.attempt(line) for line in lines}]))
"""


class World:
    """What an attempt could reach: files, an open descriptor, and ears of all kinds."""

    def __init__(self, folder: Path, at_end: ExitStack) -> None:
        self._folder = folder
        self._names = {"folder": str(folder), "unix": str(folder / "ear"), "abstract": str(folder)}
        (folder / "lent").write_bytes(b"x")
        self.fd = os.open(folder / "lent", os.O_RDONLY)
        at_end.callback(os.close, self.fd)
        for name, family, kind, address in (
            ("tcp", socket.AF_INET, socket.SOCK_STREAM, ("127.0.0.1", 0)),
            ("udp", socket.AF_INET, socket.SOCK_DGRAM, ("127.0.0.1", 0)),
            ("unix", socket.AF_UNIX, socket.SOCK_STREAM, self._names["unix"]),
            ("abstract", socket.AF_UNIX, socket.SOCK_STREAM, f"\0{folder}"),
        ):
            ear = at_end.enter_context(socket.socket(family, kind))
            ear.bind(address)
            if kind == socket.SOCK_STREAM:
                ear.listen()
            if family == socket.AF_INET:
                self._names[name] = str(ear.getsockname()[1])

    def attempts(self, column: int, prefix: str = "") -> dict[str, str]:
        """Return attempt -> answer, each with a file of its own."""
        found = {}
        for number, row in enumerate(STOPPED.strip().splitlines()):
            *words, whole, landlock = row.split()
            answer = (whole, landlock)[column]
            file = self._folder / f"{prefix.strip()}{number}"
            file.write_bytes(b"x")
            line = " ".join(words).format(**self._names, fd=self.fd, file=file, new=f"{file}.new")
            if answer != "-":
                found[prefix + line] = answer.replace("_", " ")
        return found


@contextmanager
def world_in(folder: Path) -> Iterator[World]:
    """Make a world below a folder."""
    folder = folder / "world"
    folder.mkdir()
    with ExitStack() as at_end:
        yield World(folder, at_end)


def run(script: str, given: object = None, fds: tuple[int, ...] = ()) -> Any:
    return subprocess.run(
        [sys.executable, "-c", script],
        input=json.dumps(given),
        env={**os.environ, "PYTHONPATH": str(EVIL), "OPENBLAS_NUM_THREADS": "1"},
        pass_fds=fds,
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )


def abi() -> int:
    """Return the ABI of this kernel's Landlock, 0 or less without one."""
    ask = ctypes.CDLL(None).syscall
    ask.restype = ctypes.c_long
    # The system call landlock_create_ruleset; the last argument asks for the version.
    return int(ask(ctypes.c_long(444), None, ctypes.c_long(0), ctypes.c_long(1)))


def tried(layers: str, lines: list[str], world: World, before: str = "") -> Any:
    """Make attempts behind some layers; return what `enter` said, and how they went."""
    # Asked of the machine and not of the sandbox, which must not hide here that it failed.
    if "landlock" in layers and abi() < 1:
        pytest.skip("this kernel has no Landlock")
    if "seccomp" in layers and find_library("seccomp") is None:
        pytest.skip("this machine has no libseccomp")
    done = run(SCRIPT, [layers.split(), before, lines], (world.fd,))
    assert done.returncode == 0, done.stderr
    return json.loads(done.stdout)
