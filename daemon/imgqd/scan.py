"""Walk a folder and name every path whose stamp is not the one in the catalog.

Nothing is read but directories and lstat; nothing is followed; a folder that
cannot be listed is left as it is in the catalog and reported. The walk is an
iterator, so whoever drives it decides about its pace and its thread.
"""

from __future__ import annotations

import os
import stat
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from typing import Final

from imgqd import sidecar
from imgqd.records import Observed, Stamp, is_regular
from imgqd.scope import NO_MEDIA, Scope, is_picture_name

Known = Callable[[bytes], Mapping[bytes, tuple[int, ...]]]
"""Gives the catalog's files of one folder: name -> the fields of its stamp."""

_SIGN: Final = 1 << 63
"""From here on numbers are held as negative ones."""


@dataclass(slots=True)
class Tally:
    """What a walk saw: folders with their (device, inode), and those it could not read."""

    folders: dict[bytes, tuple[int, int]] = field(default_factory=dict)
    unreadable: list[bytes] = field(default_factory=list)
    files: int = 0


def differences(top: bytes, scope: Scope, known: Known, tally: Tally) -> Iterator[list[bytes]]:
    """Yield, folder by folder, the paths that differ from the catalog.

    Folders of the catalog that the walk did not meet are not named here: the
    caller compares `tally.folders` with the catalog when the walk is done.
    """
    stack = [top]
    while stack:
        folder = stack.pop()
        try:
            with os.scandir(folder) as entries:
                listed = list(entries)
            status = os.stat(folder)
        except (FileNotFoundError, NotADirectoryError):
            continue
        except OSError:
            tally.unreadable.append(folder)
            continue
        if any(entry.name == NO_MEDIA for entry in listed):
            continue
        tally.folders[folder] = (status.st_dev, status.st_ino)
        yield _compare(folder, listed, scope, known(folder), tally, stack)


def _compare(
    folder: bytes,
    listed: list[os.DirEntry[bytes]],
    scope: Scope,
    before: Mapping[bytes, tuple[int, ...]],
    tally: Tally,
    stack: list[bytes],
) -> list[bytes]:
    root = scope.root_of(folder) or folder
    below = folder[len(root) :].strip(b"/")
    prefix = below + b"/" if below else b""
    different = []
    met = set()
    for entry in listed:
        name = entry.name
        if _is_folder(entry):
            if scope.rule_for(name, prefix + name) is None and _is_ours(entry.path, scope):
                stack.append(entry.path)
        # What the catalog holds has a picture's name, or a sidecar's.
        elif (name in before or _counts(name)) and not scope.rule_for(name, prefix + name):
            stamp = _stamp(entry)
            if stamp is None:
                continue
            met.add(name)
            tally.files += not sidecar.is_name(name)
            if before.get(name) != stamp:
                different.append(entry.path)
    different.extend(os.path.join(folder, name) for name in before.keys() - met)
    return different


def _counts(name: bytes) -> bool:
    return is_picture_name(name) or sidecar.is_name(name)


def _is_folder(entry: os.DirEntry[bytes]) -> bool:
    # Where the listing does not tell kinds, the disk is asked, and may refuse.
    try:
        return entry.is_dir(follow_symlinks=False)
    except OSError:
        return False


def _is_ours(path: bytes, scope: Scope) -> bool:
    # A root inside a root has a walk of its own.
    return path not in scope.roots and path not in scope.barred


def _stamp(entry: os.DirEntry[bytes]) -> tuple[int, ...] | None:
    """Return a file's stamp as a plain tuple: a record would cost as much as the lstat."""
    try:
        status = entry.stat(follow_symlinks=False)
    except OSError:
        return None
    if not is_regular(status.st_mode):
        return None
    device, inode = status.st_dev, status.st_ino
    if device >= _SIGN or inode >= _SIGN:
        return Stamp.of(status)
    return (device, inode, status.st_size, status.st_mtime_ns, status.st_ctime_ns)


def observe(path: bytes, scope: Scope, noticed: float, *, live: bool) -> Observed | None:
    """Return what the disk says about one path, or None when it is a folder to walk.

    A symbolic link, a device, an excluded or a foreign path is "no picture".
    Raises PermissionError and other OSErrors but for a path that is not there.
    """
    try:
        status = os.lstat(path)
    except (FileNotFoundError, NotADirectoryError):
        return Observed(path, None, noticed, live)
    if stat.S_ISDIR(status.st_mode):
        return None if scope.exclusion(path) is None else Observed(path, None, noticed, live)
    if (
        not is_regular(status.st_mode)
        or not _counts(os.path.basename(path))
        or scope.exclusion(path) is not None
    ):
        return Observed(path, None, noticed, live)
    return Observed(path, Stamp.of(status), noticed, live)
