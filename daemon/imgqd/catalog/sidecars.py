"""The rows of sidecars, and the pictures that must be read again because of them.

A picture's row holds which sidecar was read with it (`sidecar.key`). Whether that is
still the one beside it, the disk decides: a folder that was renamed has all its pairs
as before, and nothing is read again, whichever half of a pair is reported first.
"""

from __future__ import annotations

import os
import sqlite3
from typing import Final

from imgqd import sidecar
from imgqd.records import Observed

_UPSERT: Final = """
    INSERT INTO sidecar (folder, name, dev, inode, size, mtime_ns, ctime_ns)
    VALUES (?, ?, ?, ?, ?, ?, ?)
    ON CONFLICT (folder, name) DO UPDATE SET
        dev = excluded.dev, inode = excluded.inode, size = excluded.size,
        mtime_ns = excluded.mtime_ns, ctime_ns = excluded.ctime_ns
"""
_PICTURES: Final = """
    SELECT id, name, sidecar FROM file
    WHERE folder = ? AND (name = ? OR (name > ? AND name < ?)) AND state != 'failed'
"""
_AGAIN: Final = """
    UPDATE file SET state = 'pending', version = version + 1, attempts = 0,
        noticed = ?, live = ? WHERE id = ?
"""


def place(db: sqlite3.Connection, one: Observed, folder: int) -> int:
    """Bring a sidecar's row in line; return how many pictures are queued because of it."""
    assert one.stamp is not None
    directory, name = os.path.split(one.path)
    db.execute(_UPSERT, (folder, name, *one.stamp))
    return _queue(db, folder, directory, name, one)


def remove(db: sqlite3.Connection, one: Observed) -> int:
    """Drop the sidecar of this path, if there is one; return how many pictures are queued."""
    directory, name = os.path.split(one.path)
    row = db.execute("SELECT id FROM folder WHERE path = ?", (directory,)).fetchone()
    if row is None:
        return 0
    db.execute("DELETE FROM sidecar WHERE folder = ? AND name = ?", (row[0], name))
    return _queue(db, row[0], directory, name, one)


def _queue(
    db: sqlite3.Connection, folder: int, directory: bytes, name: bytes, one: Observed
) -> int:
    queued = 0
    rows = db.execute(_PICTURES, (folder, *sidecar.pictures_of(name))).fetchall()
    for file, picture, read in rows:
        path = os.path.join(directory, picture)
        if not sidecar.belongs(name, picture) or not os.path.lexists(path):
            continue
        if sidecar.key(path) != read:
            db.execute(_AGAIN, (one.noticed, one.live, file))
            queued += 1
    return queued
