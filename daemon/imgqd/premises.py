"""The places that the daemon lives in, checked from outside: settings, socket, state, catalog.

Every function looks at the disk in the calling thread, and changes nothing.
"""

from __future__ import annotations

import contextlib
import importlib.util
import os
import shlex
import stat
from pathlib import Path
from typing import Final

from imgqd import config, mounts
from imgqd.catalog import Reader
from imgqd.config import ClusterSettings, Settings
from imgqd.credentials import Credentials, Unreachable
from imgqd.findings import Finding, bad, counted, fine, size, warning

_SCARCE: Final = 64 << 20
_LITTLE: Final = 1 << 30

_RESTART: Final = "imgqctl stop, then: imgqctl start"


def settings(path: Path, in_force: Settings, pid: int) -> Finding:
    """Check that the file can be read, and says what holds."""
    reload = f"kill -HUP {pid}"
    try:
        wanted = config.load(path)
    except config.SettingsError as error:
        return bad(f"{error}; what was read before still holds", f"mend the file, then: {reload}")
    if wanted != in_force:
        return warning(f"{path} has changes that were not read yet", reload)
    if not path.exists():
        return fine(f"{path} does not exist: the defaults hold")
    return fine(f"{path} is in force")


def socket(path: Path) -> Finding:
    """Check that clients can reach the socket, and nobody else can."""
    folder = path.parent
    place = folder.stat()
    if place.st_uid != os.getuid():
        return bad(
            f"{folder} belongs to another user", f"set IMGQ_SOCKET elsewhere, then: {_RESTART}"
        )
    if stat.S_IMODE(place.st_mode) & 0o077:
        return bad(f"{folder} is open to others", f"chmod 700 {_quoted(folder)}")
    try:
        mode = path.lstat().st_mode
    except FileNotFoundError:
        return bad(
            f"{path} is gone: new clients find nobody",
            f"kill {os.getpid()}, then: imgqctl start",
        )
    if not stat.S_ISSOCK(mode):
        return bad(
            f"{path} is no socket any more", f"move it away, kill {os.getpid()}, imgqctl start"
        )
    if stat.S_IMODE(mode) & 0o177:
        return bad(f"{path} is open to others", f"chmod 600 {_quoted(path)}")
    return fine(f"{path}: only you can reach it")


def state(folder: Path, trouble: str | None) -> Finding:
    """Check owner, room and kind of disk of the state folder; `trouble` is a write that failed."""
    kind = mounts.kind_of(os.fsencode(folder))
    where = f"{folder} ({kind})" if kind else str(folder)
    if trouble is not None:
        return bad(f"{where}: {trouble}", "free some space on that disk")
    if folder.stat().st_uid != os.getuid():
        return bad(f"{where} belongs to another user", f"sudo chown -R $USER {_quoted(folder)}")
    if not os.access(folder, os.R_OK | os.W_OK | os.X_OK):
        return bad(f"{where} cannot be written", f"chmod u+rwx {_quoted(folder)}")
    return _room(folder, where, kind)


def _room(folder: Path, where: str, kind: str) -> Finding:
    room = os.statvfs(folder)
    free = room.f_bavail * room.f_frsize
    wanted = max(_LITTLE, 5 * _size_of(folder / "catalog.sqlite3"))
    if free < _SCARCE:
        return bad(f"{where}: only {size(free)} free", "free some space on that disk")
    if mounts.is_remote(kind):
        return warning(
            f"{where}: SQLite's write-ahead log is not made for this kind of file system",
            f"set XDG_DATA_HOME to a folder on a disk of this machine, then: {_RESTART}",
        )
    if free < wanted:
        return warning(
            f"{where}: only {size(free)} free",
            f"free some space on that disk: {size(wanted)} are enough for years",
        )
    return fine(f"{where}, {size(free)} free")


def catalog(path: Path, files: int, pictures: int) -> Finding:
    """Check the catalog's file, by SQLite itself, and look for damaged ones of earlier days."""
    with contextlib.closing(Reader(path)) as reader:
        version, verdict = reader.check()
    if verdict != "ok":
        return bad(
            f"{path} is damaged: {verdict}",
            f"{_RESTART} (it is set aside, and a new one made from the pictures)",
        )
    holds = f"{counted(files, 'file')}, {counted(pictures, 'picture')}"
    said = f"sound, {holds}, {size(_size_of(path))}, SQLite {version}"
    aside = sorted(path.parent.glob(f"{path.name}.damaged-*"))
    if aside:
        total = size(sum(one.stat().st_size for one in aside))
        pattern = f"{_quoted(path)}.damaged-*"
        return warning(
            f"{said}; beside it {counted(len(aside), 'file')} ({total}) of a damaged one",
            f"nothing needs them: rm {pattern}",
        )
    return fine(said)


def _size_of(path: Path) -> int:
    sizes = 0
    for suffix in ("", "-wal"):
        with contextlib.suppress(FileNotFoundError):
            sizes += path.with_name(path.name + suffix).stat().st_size
    return sizes


def cluster(wanted: ClusterSettings) -> Finding | None:
    """Check certificates and key of a cluster, and that Dask is there; None where all is."""
    if importlib.util.find_spec("distributed") is None:
        return bad("Dask is not installed", "pip install 'imgq[cluster]'")
    key = Path(wanted.files[2])
    try:
        Credentials(*wanted.files).context()
        mode = stat.S_IMODE(key.stat().st_mode)
    except Unreachable as error:
        return bad(str(error), "make the files anew (docs/cluster.md), or mend [cluster]")
    if mode & 0o077:
        return bad(f"{key} is open to others", f"chmod 600 {_quoted(key)}")
    return None


def _quoted(path: Path) -> str:
    return shlex.quote(str(path))
