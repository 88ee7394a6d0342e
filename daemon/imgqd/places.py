"""Whether a watched folder is there, and still is the folder that it was."""

from __future__ import annotations

import os
import stat

from imgqd.records import Root, signed

Identity = tuple[int, int]
"""(device, inode), signed as the catalog holds them."""


def identity(path: bytes) -> tuple[Identity | None, str]:
    """Return ((device, inode), "") of a folder that can be read, or (None, why not)."""
    try:
        status = os.stat(path)
    except OSError as error:
        return None, error.strerror or str(error)
    if not stat.S_ISDIR(status.st_mode):
        return None, "not a folder"
    if not os.access(path, os.R_OK | os.X_OK):
        return None, "permission denied"
    return (signed(status.st_dev), signed(status.st_ino)), ""


def look(root: Root) -> tuple[Identity | None, str]:
    """Return what lies at a root's path now, or (None, why it counts as offline).

    An empty folder of another disk than before is most likely where that disk belongs: nothing
    can be found in it, so nothing is lost by keeping what is known of the disk's pictures.
    """
    found, why = identity(root.path)
    if found is None or root.identity is None or found[0] == root.identity[0]:
        return found, why
    try:
        with os.scandir(root.path) as entries:
            is_empty = next(entries, None) is None
    except OSError as error:
        return None, error.strerror or str(error)
    return (None, "its disk is not mounted") if is_empty else (found, "")
