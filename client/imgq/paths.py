"""Where imgq keeps things: socket, settings, state.

XDG folders on Linux, the platform's own folders on macOS. Nothing here
creates a folder; the daemon does, with the modes that it needs.

Rules of this file: pathlib is imported by whoever gets a `Path`, because it is
an eighth of the time that a search takes to start.
"""

from __future__ import annotations

import os
import sys

TYPE_CHECKING = False
if TYPE_CHECKING:
    from pathlib import Path

_MAC = sys.platform == "darwin"
_SUPPORT = "~/Library/Application Support"
_PLAIN = frozenset(
    b"abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789/!$&'()*+,=:@~-._"
)


def socket_name() -> str:
    """Return the daemon's socket: $IMGQ_SOCKET, the runtime folder, or the state folder."""
    chosen = os.environ.get("IMGQ_SOCKET")
    if chosen:
        return chosen
    runtime = os.environ.get("XDG_RUNTIME_DIR")
    if runtime and not _MAC:
        return f"{runtime.rstrip('/')}/imgq/imgqd.sock"
    return f"{_folder('XDG_DATA_HOME', '~/.local/share')}/imgq/run/imgqd.sock"


def socket_path() -> Path:
    """Return the daemon's socket as a path."""
    return _path(socket_name())


def settings_path() -> Path:
    """Return the settings file."""
    return _path(_folder("XDG_CONFIG_HOME", "~/.config")) / "imgq" / "config.toml"


def state_folder() -> Path:
    """Return the folder of the catalog and the lock."""
    return _path(_folder("XDG_DATA_HOME", "~/.local/share")) / "imgq"


def cache_folder() -> Path:
    """Return the folder of what can be made again at any time."""
    if _MAC:
        return _path("~/Library/Caches").expanduser() / "imgq"
    return _path(_folder("XDG_CACHE_HOME", "~/.cache")) / "imgq"


def thumbnail_folder() -> Path:
    """Return the folder of thumbnails, which on Linux all programs share."""
    if _MAC:
        return cache_folder() / "thumbnails"
    return _path(_folder("XDG_CACHE_HOME", "~/.cache")) / "thumbnails"


def absolute(path: str | bytes | os.PathLike[str] | os.PathLike[bytes]) -> bytes:
    """Return a path's bytes, from the root on; symbolic links stay as they are named."""
    # Not pathlib's absolute(): it keeps the "..", and knows no bytes.
    return os.path.abspath(os.fsencode(path))


def file_uri(path: bytes, host: str = "") -> str:
    """Return the file URI of an absolute path, encoded as GLib does it.

    `Path.as_uri()` encodes more than GLib, and then thumbnails are not found.
    """
    return f"file://{host}" + "".join(chr(b) if b in _PLAIN else f"%{b:02X}" for b in path)


def _folder(variable: str, default: str) -> str:
    # The XDG specification says that relative paths are to be ignored.
    chosen = os.environ.get(variable, "")
    if chosen.startswith("/"):
        return chosen.rstrip("/")
    return os.path.expanduser(_SUPPORT if _MAC else default)


def _path(name: str) -> Path:
    from pathlib import Path  # noqa: PLC0415 - see the rules

    return Path(name)
