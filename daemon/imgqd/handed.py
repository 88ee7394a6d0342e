"""The socket that a service manager opened before us, by systemd's way and by launchd's.

Rules of this file: it takes the socket once for the life of the process, and its words out of
the environment, so that no child believes that they are for it.
"""

from __future__ import annotations

import contextlib
import ctypes
import os
import socket
import sys
from collections.abc import MutableMapping, Sequence
from typing import Final

from imgqd.socketfile import SocketTrouble

_FIRST: Final = 3
"""The first descriptor that systemd hands over (sd_listen_fds(3))."""

_NAME: Final = b"Listener"
"""The socket's name in the launchd agent that imgq-service writes."""

_WORDS: Final = ("LISTEN_PID", "LISTEN_FDS", "LISTEN_FDNAMES", "LISTEN_PIDFDID")


def take(environment: MutableMapping[str, str] = os.environ) -> socket.socket | None:
    """Return the listening socket that was handed to us, None where we are to make our own.

    Raises SocketTrouble for something else than one listening Unix socket.
    """
    numbers = _of_systemd(environment)
    if not numbers and sys.platform == "darwin":
        numbers = of_launchd(ctypes.CDLL(None))
    if not numbers:
        return None
    if len(numbers) > 1:
        raise SocketTrouble(f"{len(numbers)} sockets were handed to imgqd: it takes one")
    try:
        given = socket.socket(fileno=numbers[0])
        given.set_inheritable(False)
        listens = given.getsockopt(socket.SOL_SOCKET, socket.SO_ACCEPTCONN)
    except OSError as error:
        raise SocketTrouble(f"what was handed to imgqd is no socket: {error.strerror}") from error
    if given.family != socket.AF_UNIX or given.type != socket.SOCK_STREAM or not listens:
        given.close()
        raise SocketTrouble("what was handed to imgqd is no listening Unix stream socket")
    return given


def _of_systemd(environment: MutableMapping[str, str]) -> Sequence[int]:
    pid, count, *_ = (environment.pop(word, "") for word in _WORDS)
    # Of another process: whoever started us was meant.
    if pid != str(os.getpid()) or not count.isdecimal():
        return ()
    return range(_FIRST, _FIRST + int(count))


def of_launchd(system: ctypes.CDLL) -> Sequence[int]:
    """Return the descriptors that launch_activate_socket(3) gives, once; none without launchd.

    `system` is the library that has it.
    """
    numbers = ctypes.POINTER(ctypes.c_int)()
    count = ctypes.c_size_t()
    with contextlib.suppress(AttributeError):
        activate = system.launch_activate_socket
        activate.argtypes = (
            ctypes.c_char_p,
            ctypes.POINTER(ctypes.POINTER(ctypes.c_int)),
            ctypes.POINTER(ctypes.c_size_t),
        )
        activate.restype = ctypes.c_int
        # ESRCH: not started by launchd. ENOENT: by an agent without this socket.
        if activate(_NAME, ctypes.byref(numbers), ctypes.byref(count)) == 0:
            found = numbers[: count.value]
            system.free.argtypes = (ctypes.c_void_p,)
            system.free(numbers)
            return found
    return ()
