"""Photographs that a camera saved twice: RAW, and developed as a JPEG beside it."""

from __future__ import annotations

import os
import sqlite3
from collections.abc import Iterable
from typing import Any, Final

from imgqd.records import Found

_SIBLINGS: Final = """
    SELECT image.id, image.format, image.taken, file.mtime_ns
    FROM file JOIN image ON image.id = file.image
    WHERE file.folder = (SELECT id FROM folder WHERE path = ?) AND file.name > ? AND file.name < ?
    ORDER BY file.name
"""

_NEAR: Final = 2_000_000_000
"""Nanoseconds between the files' times where neither says when it was taken."""


def pairs(db: sqlite3.Connection, found: Iterable[Found]) -> dict[int, int]:
    """Return raw image -> developed image, of all pairs that one of these files is part of.

    A pair lies in one folder, has one name but for the ending, and was taken at the same time.
    """
    if not db.execute("SELECT EXISTS (SELECT 1 FROM image WHERE format = 'raw')").fetchone()[0]:
        return {}
    joined: dict[int, int] = {}
    for one in found:
        folder, name = os.path.split(one.path)
        stem = name.rpartition(b".")[0]
        rows = db.execute(_SIBLINGS, (folder, stem + b".", stem + b"/"))
        for image, form, *times in rows.fetchall():
            if (form == "raw") != (one.format == "raw") and _same_time(one, times):
                raw, developed = (image, one.image) if form == "raw" else (one.image, image)
                joined.setdefault(raw, developed)
    return joined


def _same_time(one: Found, times: list[Any]) -> bool:
    taken, mtime_ns = times
    if one.metadata.taken is not None or taken is not None:
        return bool(one.metadata.taken == taken)
    return bool(abs(one.mtime_ns - mtime_ns) <= _NEAR)
