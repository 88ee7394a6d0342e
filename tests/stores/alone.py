"""Runs a command in namespaces of its own: no network but loopback, and nothing outlives it.

`python tests/stores/alone.py COMMAND …`. A Milvus server listens on all interfaces, whatever it
is told, and without a password: where loopback is the only one, nobody else can reach it. When the
command ends, or Ctrl-C ends it, the kernel kills whatever it started and unmounts what it mounted.
"""

from __future__ import annotations

import array
import fcntl
import os
import shutil
import socket
import struct
import subprocess
import sys
from typing import Final

_APART: Final = ("--net", "--mount", "--pid", "--fork", "--kill-child", "--mount-proc")
_AS_ROOT: Final = ("--user", "--map-root-user")
_INSIDE: Final = "--inside"

# From linux/sockios.h and linux/if.h.
_GET_FLAGS, _SET_FLAGS, _UP, _LOOPBACK = 0x8913, 0x8914, 0x1, 0x8


def is_alone() -> bool:
    """Tell whether no network interface is up but loopback, and that one is."""
    if sys.platform != "linux":
        return False
    up = [flags for _, name in socket.if_nameindex() if (flags := _flags(name)) & _UP]
    return len(up) == 1 and bool(up[0] & _LOOPBACK)


def main(command: list[str]) -> int:
    """Run a command apart from everything; return its exit status."""
    if command[:1] == [_INSIDE]:
        _set_up("lo")
        os.execvp(command[1], command[1:])
    entered = apart()
    if entered is None:
        print(
            "nobody may make a network namespace here (unshare --user --net, on Linux), and "
            "the real server is not started without one: allow user namespaces, or be root",
            file=sys.stderr,
        )
        return 1
    inside = [*entered, sys.executable, __file__, _INSIDE, *command]
    with subprocess.Popen(inside) as running:
        while True:
            try:
                return running.wait()
            except KeyboardInterrupt:
                continue  # the terminal told the command, too: it ends in its own way


def apart() -> list[str] | None:
    """Return the command that runs another one apart, None where there is none."""
    if sys.platform != "linux" or any(shutil.which(one) is None for one in ("unshare", "setpriv")):
        return None
    # Whatever kills this program, unshare goes with it, and with that all in the namespaces.
    bound = ["setpriv", "--pdeathsig", "KILL", "unshare"]
    ways = ([*bound, *_AS_ROOT, *_APART], [*bound, *_APART])
    return next((way for way in ways if _works(way)), None)


def _works(way: list[str]) -> bool:
    return subprocess.run([*way, "true"], capture_output=True, check=False).returncode == 0


def _flags(name: str) -> int:
    return int(struct.unpack_from("16xH", _asked(name, _GET_FLAGS, 0))[0])


def _set_up(name: str) -> None:
    _asked(name, _SET_FLAGS, _flags(name) | _UP)


def _asked(name: str, question: int, flags: int) -> bytes:
    held = array.array("B", struct.pack("16sH22x", name.encode(), flags))
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as any_socket:
        fcntl.ioctl(any_socket, question, held)
    return held.tobytes()


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
