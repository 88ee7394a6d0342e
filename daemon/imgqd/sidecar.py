"""The XMP file beside a picture, in which photo programs keep what people say of it.

`IMG_1.CR3` has `IMG_1.xmp` (Lightroom, Capture One) or `IMG_1.CR3.xmp` (darktable, digiKam);
where both are there, the longer name is the surer one.
"""

from __future__ import annotations

import contextlib
import os
import stat
from collections.abc import Iterator
from typing import Final

from imgqd.scope import is_picture_name

_ENDINGS: Final = (b".xmp", b".XMP")
_LARGEST: Final = 1 << 20
"""Bytes of a sidecar that is read: a larger one is something else."""


def is_name(name: bytes) -> bool:
    """Return whether a file of this name may be a sidecar."""
    return name.endswith(_ENDINGS) and len(name) > len(_ENDINGS[0])


def belongs(name: bytes, picture: bytes) -> bool:
    """Return whether the sidecar of this name is one of the picture's of that name."""
    base = name[: -len(_ENDINGS[0])]
    return is_picture_name(picture) and base in {picture, picture.rpartition(b".")[0]}


def pictures_of(name: bytes) -> tuple[bytes, bytes, bytes]:
    """Return the pictures that a sidecar may belong to: this name, and those between the two."""
    base = name[: -len(_ENDINGS[0])]
    return base, base + b".", base + b"/"  # the slash comes after the dot


def key(path: bytes) -> str | None:
    """Return what tells a picture's sidecar, as it is now, from all others; None without one."""
    found = _found(path)
    return None if found is None else _key(found[1])


@contextlib.contextmanager
def lent(path: bytes) -> Iterator[tuple[int | None, str | None]]:
    """Open a picture's sidecar and give (descriptor, its key), twice None without one."""
    found = _found(path)
    if found is None or found[1].st_size > _LARGEST:
        yield None, None if found is None else _key(found[1])
        return
    try:
        fd = os.open(found[0], os.O_RDONLY | os.O_NONBLOCK | os.O_NOFOLLOW | os.O_CLOEXEC)
    except OSError:
        yield None, _key(found[1])
        return
    try:
        status = os.fstat(fd)
        yield (fd if stat.S_ISREG(status.st_mode) else None), _key(status)
    finally:
        os.close(fd)


def _found(path: bytes) -> tuple[bytes, os.stat_result] | None:
    stem = path.rpartition(b".")[0]
    for base in (path, stem):
        for ending in _ENDINGS:
            try:
                status = os.lstat(base + ending)
            except OSError:
                continue
            if stat.S_ISREG(status.st_mode):
                return base + ending, status
    return None


def _key(status: os.stat_result) -> str:
    return f"{status.st_ino}:{status.st_size}:{status.st_mtime_ns}"
