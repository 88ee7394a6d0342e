"""The socket as a file: whose it is, who may enter, and what is never removed for it."""

from __future__ import annotations

import os
import socket
import stat
import struct
import sys
from pathlib import Path
from typing import Final

_LONGEST: Final = 100
"""Bytes of a socket's path that fit everywhere (the limit is 108 on Linux, 104 on macOS)."""

_LISTENS: Final = 0x10000
"""The kernel's __SO_ACCEPTCON, in the flags of /proc/net/unix."""


class SocketTrouble(Exception):
    """The socket cannot be opened; the text is one line for a person."""


def make(path: Path) -> socket.socket:
    """Return a socket bound to a path, for its owner alone; raises SocketTrouble.

    Only the holder of the daemon's lock may call this: a socket that lies
    there already is then nobody's, or a service manager's.
    """
    _own_folder(path.parent)
    _remove_stale(path)
    if len(os.fsencode(path)) > _LONGEST:
        raise SocketTrouble(f"{path} is too long for a socket: set IMGQ_SOCKET")
    listening = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
    try:
        listening.bind(os.fsencode(path))
        # Nobody else can come through its folder, even before this; a umask is all threads'.
        path.chmod(0o600)
    except OSError as error:
        listening.close()
        raise SocketTrouble(f"{path}: {error.strerror}") from error
    return listening


def adopt(given: socket.socket) -> Path:
    """Return where a socket that a service manager made lies; raises SocketTrouble.

    Its folder and its mode must be as we would have made them. It may have been removed.
    """
    name = given.getsockname()
    path = Path(os.fsdecode(name))
    if not path.is_absolute():
        raise SocketTrouble("the socket that was handed to imgqd has no file: give it a path")
    _own_folder(path.parent)
    if path.exists() and path.stat().st_mode & 0o177:
        raise SocketTrouble(f"{path} is open to others: SocketMode=0600 in the socket's unit")
    return path


def is_answered(path: Path) -> bool:
    """Tell whether somebody listens at a path, where the system shows it (Linux).

    To connect would start a daemon where a service manager listens for it.
    """
    wanted = os.fsencode(path)
    try:
        lines = Path("/proc/net/unix").read_bytes().splitlines()
    except OSError:
        return False
    for line in lines:
        # Number, references, protocol, flags, type, state, inode, path.
        fields = line.split(maxsplit=7)
        if len(fields) == 8 and fields[7] == wanted and int(fields[3], 16) & _LISTENS:
            return path.is_socket()
    return False


def identity(path: Path) -> tuple[int, int] | None:
    """Return (device, inode) of what lies at a path, None where nothing does."""
    try:
        status = path.lstat()
    except OSError:
        return None
    return status.st_dev, status.st_ino


def peer(connection: socket.socket) -> tuple[int, int]:
    """Return (user id, process id) of whoever connected."""
    if sys.platform == "darwin":
        # struct xucred {u_int cr_version; uid_t cr_uid; ...}; SOL_LOCAL 0: LOCAL_PEERCRED 1,
        # LOCAL_PEERPID 2.
        _, uid = struct.unpack_from("II", connection.getsockopt(0, 1, 76))
        return uid, connection.getsockopt(0, 2)
    raw = connection.getsockopt(socket.SOL_SOCKET, socket.SO_PEERCRED, 12)
    pid, uid, _ = struct.unpack("iII", raw)
    return uid, pid


def _remove_stale(path: Path) -> None:
    """Remove a socket that an earlier daemon left; raises SocketTrouble for anything else."""
    try:
        if not stat.S_ISSOCK(path.lstat().st_mode):
            raise SocketTrouble(f"{path} is there and is no socket: set IMGQ_SOCKET elsewhere")
        path.unlink()
    except FileNotFoundError:
        pass
    except OSError as error:
        raise SocketTrouble(f"{path}: {error.strerror}") from error


def _own_folder(folder: Path) -> None:
    """Make the socket's folder, or check that it is ours alone; raises SocketTrouble."""
    try:
        folder.mkdir(mode=0o700, parents=True, exist_ok=True)
        status = folder.stat()
    except OSError as error:
        raise SocketTrouble(f"{folder}: {error.strerror}") from error
    if status.st_uid != os.getuid():
        raise SocketTrouble(f"{folder} belongs to another user: set IMGQ_SOCKET elsewhere")
    if stat.S_IMODE(status.st_mode) & 0o077:
        raise SocketTrouble(f"{folder} is open to others: chmod 700 {folder}")
