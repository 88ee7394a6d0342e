"""One tray and one window for a person: whoever comes second knocks, and the first one acts.

Rules of this file: no toolkit. To knock takes milliseconds.
"""

from __future__ import annotations

import contextlib
import os
import socket
from typing import Final

from imgq.paths import socket_name

_PATIENCE_S: Final = 1.0
_LONGEST: Final = 16384


def address(name: str) -> str:
    """Return the socket of the tray or the window, beside the daemon's."""
    return os.path.join(os.path.dirname(socket_name()), f"{name}.sock")


def knock(name: str, line: str) -> bool:
    """Say a line to the tray or the window that is there; False where there is none."""
    with socket.socket(socket.AF_UNIX) as there:
        there.settimeout(_PATIENCE_S)
        try:
            there.connect(address(name))
            there.sendall(line.encode("utf-8", "replace"))
            there.shutdown(socket.SHUT_WR)
            return there.recv(1) == b"!"
        except OSError:
            return False


class Door:
    """The socket where others knock; `fileno` is readable when somebody does."""

    def __init__(self, name: str) -> None:
        path = address(name)
        os.makedirs(os.path.dirname(path), mode=0o700, exist_ok=True)
        # Whoever left it behind did not answer.
        with contextlib.suppress(FileNotFoundError):
            os.unlink(path)
        self._path = path
        self._socket = socket.socket(socket.AF_UNIX)
        self._socket.bind(path)
        os.chmod(path, 0o600)
        self._socket.listen(4)

    def fileno(self) -> int:
        """Return the descriptor to wait for."""
        return self._socket.fileno()

    def opened(self) -> str | None:
        """Return the line of the one who knocked, None for one who left again."""
        with contextlib.suppress(OSError), self._socket.accept()[0] as guest:
            guest.settimeout(_PATIENCE_S)
            said = bytearray()
            while (part := guest.recv(4096)) and len(said) < _LONGEST:
                said += part
            guest.sendall(b"!")
            return said.decode("utf-8", "replace")
        return None

    def close(self) -> None:
        """Take the socket away."""
        self._socket.close()
        with contextlib.suppress(FileNotFoundError):
            os.unlink(self._path)
