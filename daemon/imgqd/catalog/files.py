"""The rows of files, and the identity of what they show.

Where a stamp proves that a file's bytes are known (a rename keeps device,
inode, size and time of change) the file is not even read.
"""

from __future__ import annotations

import os
import sqlite3
from typing import Final, NamedTuple

from imgqd import sidecar
from imgqd.catalog.facts import SAID
from imgqd.catalog.store import BELOW, below
from imgqd.records import Observed, Stamp

_MOVE: Final = 60.0
"""Seconds for which a path that went away may turn up elsewhere unread.

The watcher reports the two ends of a move at most half a second apart; longer,
and an inode may have been given to another file.
"""

_TWINS: Final = """
    SELECT file.id, folder.path, file.name, file.image, file.sidecar FROM file
    JOIN folder ON folder.id = file.folder JOIN root ON root.id = folder.root
    WHERE file.inode = ? AND file.dev = ? AND file.size = ? AND file.mtime_ns = ?
      AND file.image IS NOT NULL AND root.online
"""
_KIN: Final = """
    SELECT size, mtime_ns, ctime_ns, folder.path, file.name FROM file
    JOIN folder ON folder.id = file.folder WHERE file.inode = ? AND file.dev = ?
"""
_DEPART: Final = """
    INSERT INTO departed (inode, dev, size, mtime_ns, image, gone, sidecar)
    SELECT inode, dev, size, mtime_ns, image, ?, sidecar FROM file
    WHERE id = ? AND image IS NOT NULL
"""
_UPSERT: Final = """
    INSERT INTO file (folder, name, dev, inode, size, mtime_ns, ctime_ns, state, image,
                      sidecar, noticed, live)
    VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)
    ON CONFLICT (folder, name) DO UPDATE SET
        dev = excluded.dev, inode = excluded.inode, size = excluded.size,
        mtime_ns = excluded.mtime_ns, ctime_ns = excluded.ctime_ns,
        state = excluded.state, image = excluded.image, sidecar = excluded.sidecar,
        reason = NULL, detail = NULL,
        attempts = 0, version = version + 1, noticed = excluded.noticed, live = excluded.live
    RETURNING id
"""
_WITHIN: Final = f"+root = ? AND {BELOW}"
"""The plus keeps SQLite from looking through all folders of the root for one of them."""


class _Twin(NamedTuple):
    """A known file of the same stamp: its row (None: it went away), its image, its sidecar."""

    file: int | None
    image: int
    sidecar: str | None


class Files:
    """Changes of file rows, inside a transaction of the caller.

    Each method adds the images that it touched to `touched`: the caller settles them.
    """

    def __init__(self, db: sqlite3.Connection) -> None:
        self._db = db

    def place(self, one: Observed, root: int, touched: set[int], now: float) -> str:
        """Bring the row of a file that is there in line: "same", "reused" or "queued"."""
        assert one.stamp is not None
        directory, name = os.path.split(one.path)
        folder = self.folder(directory, root)
        row = self._db.execute(
            "SELECT id, dev, inode, size, mtime_ns, ctime_ns, image FROM file "
            "WHERE folder = ? AND name = ?",
            (folder, name),
        ).fetchone()
        if row is not None:
            if Stamp(*row[1:6]) == one.stamp:
                return "same"
            if row[6] is not None:
                touched.add(row[6])
        twin = self._twin(one.stamp, None if row is None else row[0])
        if twin is None:
            self._upsert(folder, one, name, "pending", None, None)
            return "queued"
        touched.add(twin.image)
        # What its sidecar says is part of it: with another one it is read again.
        is_paired = sidecar.key(one.path) == twin.sidecar
        state = "indexed" if is_paired else "pending"
        if twin.file is None:
            self._upsert(folder, one, name, state, twin.image, twin.sidecar)
        else:
            if row is not None:
                self.drop(row[0], touched, now)
            self._move(twin.file, folder, name, one, state)
        return "reused" if is_paired else "queued"

    def kin(self, path: bytes, stamp: Stamp) -> list[bytes]:
        """Return the other paths of the same file whose rows show it as it was before."""
        rows = self._db.execute(_KIN, (stamp.inode, stamp.dev))
        return [
            other
            for *fields, folder, name in rows
            if (other := os.path.join(folder, name)) != path and tuple(fields) != stamp[2:]
        ]

    def remove(self, path: bytes, root: int, touched: set[int], now: float) -> int:
        """Drop the file of this path, and all that lay below it: nothing is there any more."""
        directory, name = os.path.split(path)
        row = self._db.execute(
            "SELECT file.id FROM file JOIN folder ON folder.id = file.folder "
            "WHERE folder.path = ? AND file.name = ?",
            (directory, name),
        ).fetchone()
        if row is not None:
            self.drop(row[0], touched, now)
        return (row is not None) + self.remove_folder(path, root, touched, now)

    def remove_folder(self, path: bytes, root: int, touched: set[int], now: float) -> int:
        """Drop the root's files in a folder and below it, but none of a root inside."""
        values = (root, *below(path))
        within = f"SELECT id FROM folder WHERE {_WITHIN}"  # noqa: S608 - a constant of ours
        removed = self.drop_all(within, values, touched, now)
        self._db.execute(f"DELETE FROM folder WHERE {_WITHIN}", values)  # noqa: S608 - as above
        return removed

    def root_of_folder(self, path: bytes) -> int | None:
        """Return the root that a folder of the catalog belongs to."""
        row = self._db.execute("SELECT root FROM folder WHERE path = ?", (path,)).fetchone()
        return None if row is None else int(row[0])

    def drop_all(
        self, folders: str, values: tuple[object, ...], touched: set[int], now: float
    ) -> int:
        """Drop the files in the folders that a query gives."""
        files = self._db.execute(f"SELECT id FROM file WHERE folder IN ({folders})", values)  # noqa: S608 - a constant of ours
        dropped = 0
        for (file,) in files.fetchall():
            self.drop(file, touched, now)
            dropped += 1
        return dropped

    def drop(self, file: int, touched: set[int], now: float) -> None:
        """Drop one file, but remember for a while what it showed."""
        self._db.execute(_DEPART, (now, file))
        self._db.execute("DELETE FROM words WHERE rowid = ?", (file,))
        (image,) = self._db.execute(
            "DELETE FROM file WHERE id = ? RETURNING image", (file,)
        ).fetchone()
        if image is not None:
            touched.add(image)

    def forget_departed(self, now: float) -> None:
        """Forget what went away too long ago to be the other end of a move."""
        self._db.execute("DELETE FROM departed WHERE gone < ?", (now - _MOVE,))

    def _twin(self, stamp: Stamp, row: int | None) -> _Twin | None:
        """Return where a stamp's content is known from."""
        identity = (stamp.inode, stamp.dev, stamp.size, stamp.mtime_ns)
        for file, folder, name, *known in self._db.execute(_TWINS, identity).fetchall():
            # The same path with another time of status change may hold other bytes.
            if file != row and not _still_there(os.path.join(folder, name), stamp):
                return _Twin(file, *known)
        departed = self._db.execute(
            "SELECT image, sidecar FROM departed "
            "WHERE inode = ? AND dev = ? AND size = ? AND mtime_ns = ?",
            identity,
        ).fetchone()
        return None if departed is None or row is not None else _Twin(None, *departed)

    def _move(self, file: int, folder: int, name: bytes, one: Observed, state: str) -> None:
        assert one.stamp is not None
        self._db.execute(
            "UPDATE file SET folder = ?, name = ?, ctime_ns = ?, version = version + 1, "
            "state = iif(? = 'pending', 'pending', state), noticed = ? WHERE id = ?",
            (folder, name, one.stamp.ctime_ns, state, one.noticed, file),
        )
        self._write_words(file, folder, name)

    def _upsert(
        self,
        folder: int,
        one: Observed,
        name: bytes,
        state: str,
        image: int | None,
        beside: str | None,
    ) -> None:
        assert one.stamp is not None
        values = (folder, name, *one.stamp, state, image, beside, one.noticed, one.live)
        file = self._db.execute(_UPSERT, values).fetchone()[0]
        self._write_words(file, folder, name)

    def _write_words(self, file: int, folder: int, name: bytes) -> None:
        self._db.execute("DELETE FROM words WHERE rowid = ?", (file,))
        path, root = self._db.execute(
            "SELECT folder.path, root.path FROM folder JOIN root ON root.id = folder.root "
            "WHERE folder.id = ?",
            (folder,),
        ).fetchone()
        beneath = path[len(root) :].decode(errors="replace")
        self._db.execute(
            "INSERT INTO words (rowid, name, folder, said) VALUES (?, ?, ?, "  # noqa: S608 - ours
            f"coalesce(({SAID}), ''))",
            (file, name.decode(errors="replace"), beneath, file),
        )

    def folder(self, path: bytes, root: int) -> int:
        """Return the row of a folder, made if need be; it belongs to the root then."""
        row = self._db.execute("SELECT id, root FROM folder WHERE path = ?", (path,)).fetchone()
        if row is not None:
            if row[1] != root:
                self._db.execute("UPDATE folder SET root = ? WHERE id = ?", (root, row[0]))
            return int(row[0])
        inserted = self._db.execute(
            "INSERT INTO folder (root, path) VALUES (?, ?) RETURNING id", (root, path)
        )
        return int(inserted.fetchone()[0])


def _still_there(path: bytes, stamp: Stamp) -> bool:
    try:
        found = Stamp.of(os.lstat(path))
    except OSError:
        return False
    return (found.dev, found.inode) == (stamp.dev, stamp.inode)
