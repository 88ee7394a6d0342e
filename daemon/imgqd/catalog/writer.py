"""Every change of the catalog, each one transaction.

The identity of a picture is the hash of its bytes. Where the stamp already
proves that the bytes are known (a rename keeps device, inode, size and time of
change) the file is not even read.
"""

from __future__ import annotations

import os
from collections.abc import Collection, Iterable, Sequence
from pathlib import Path
from typing import Final

import numpy as np

from imgqd.catalog.store import setting_aside, transaction
from imgqd.records import Change, Failed, Indexed, Model, Observed, Root, Stamp, Work

_MOVE: Final = 60.0
"""Seconds for which a path that went away may turn up elsewhere unread.

The watcher reports the two ends of a move at most half a second apart; longer,
and an inode may have been given to another file.
"""

_KEEP: Final = 7 * 86400.0
"""Seconds for which the vectors of pictures that went away are kept, should they come back."""

_TWINS: Final = """
    SELECT file.id, folder.path, file.name, file.image FROM file
    JOIN folder ON folder.id = file.folder JOIN root ON root.id = folder.root
    WHERE file.inode = ? AND file.dev = ? AND file.size = ? AND file.mtime_ns = ?
      AND file.image IS NOT NULL AND root.online
"""
_DEPART: Final = """
    INSERT INTO departed (inode, dev, size, mtime_ns, image, gone)
    SELECT inode, dev, size, mtime_ns, image, ? FROM file WHERE id = ? AND image IS NOT NULL
"""
_UPSERT: Final = """
    INSERT INTO file (folder, name, dev, inode, size, mtime_ns, ctime_ns, state, image,
                      noticed, live)
    VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)
    ON CONFLICT (folder, name) DO UPDATE SET
        dev = excluded.dev, inode = excluded.inode, size = excluded.size,
        mtime_ns = excluded.mtime_ns, ctime_ns = excluded.ctime_ns,
        state = excluded.state, image = excluded.image, reason = NULL, detail = NULL,
        attempts = 0, version = version + 1, noticed = excluded.noticed, live = excluded.live
    RETURNING id
"""
_LIVE: Final = """
    SELECT image.live,
        EXISTS (SELECT 1 FROM file WHERE file.image = image.id),
        EXISTS (SELECT 1 FROM file JOIN folder ON folder.id = file.folder
                JOIN root ON root.id = folder.root
                WHERE file.image = image.id AND root.online)
    FROM image WHERE id = ?
"""


class Writer:
    """The one connection that writes; use it in one thread."""

    def __init__(self, path: Path) -> None:
        self._db = setting_aside(path)

    def close(self) -> None:
        """Fold the log into the database and close it."""
        self._db.execute("PRAGMA wal_checkpoint(TRUNCATE)")
        self._db.close()

    # Roots

    def set_roots(self, paths: Sequence[bytes], now: float) -> Change:
        """Make the roots be `paths`; what lay below others is forgotten."""
        with transaction(self._db):
            touched: set[int] = set()
            removed = 0
            for row, path in self._db.execute("SELECT id, path FROM root").fetchall():
                if path not in paths:
                    folders = "SELECT id FROM folder WHERE root = ?"
                    removed += self._drop_files(folders, (row,), touched, now)
                    self._db.execute("DELETE FROM folder WHERE root = ?", (row,))
                    self._db.execute("DELETE FROM root WHERE id = ?", (row,))
            for path in paths:
                self._db.execute("INSERT OR IGNORE INTO root (path) VALUES (?)", (path,))
            return self._settle(touched, now, removed=removed)

    def roots(self) -> list[Root]:
        """Return the roots."""
        rows = self._db.execute("SELECT id, path, dev, inode, online FROM root ORDER BY path")
        return [
            Root(row, path, None if dev is None else (dev, inode), bool(online))
            for row, path, dev, inode, online in rows
        ]

    def set_root_state(self, root: Root, identity: tuple[int, int] | None, now: float) -> Change:
        """Note that a root is online with an identity, or (None) offline.

        A device that came back under another number keeps its files' stamps.
        """
        with transaction(self._db):
            if identity is None:
                self._db.execute("UPDATE root SET online = 0 WHERE id = ?", (root.id,))
            else:
                self._db.execute(
                    "UPDATE root SET online = 1, dev = ?, inode = ? WHERE id = ?",
                    (*identity, root.id),
                )
                if root.identity and root.identity[0] != identity[0]:
                    self._db.execute(
                        "UPDATE file SET dev = ? WHERE dev = ? AND folder IN "
                        "(SELECT id FROM folder WHERE root = ?)",
                        (identity[0], root.identity[0], root.id),
                    )
            if root.online == (identity is not None):
                return Change()
            rows = self._db.execute(
                "SELECT DISTINCT image FROM file JOIN folder ON folder.id = file.folder "
                "WHERE folder.root = ? AND image IS NOT NULL",
                (root.id,),
            )
            return self._settle({image for (image,) in rows}, now)

    # Files

    def apply(self, observed: Iterable[Observed], root_of: dict[bytes, int], now: float) -> Change:
        """Bring the rows of these paths in line with what the disk showed.

        `root_of` gives the root's id for the folder of each path. New or changed
        content becomes pending; known content is linked without being read.
        """
        with transaction(self._db):
            touched: set[int] = set()
            queued = reused = removed = 0
            for one in observed:
                if one.stamp is None:
                    removed += self._remove(one.path, touched, now)
                    continue
                verdict = self._place(one, root_of, touched, now)
                queued += verdict == "queued"
                reused += verdict == "reused"
            self._db.execute("DELETE FROM departed WHERE gone < ?", (now - _MOVE,))
            return self._settle(touched, now, queued=queued, reused=reused, removed=removed)

    def forget_folders(self, gone: Sequence[bytes], now: float) -> Change:
        """Remove folders (each with all below it) that a full walk did not meet."""
        with transaction(self._db):
            touched: set[int] = set()
            removed = sum(self._remove(path, touched, now) for path in gone)
            return self._settle(touched, now, removed=removed)

    def _place(
        self, one: Observed, root_of: dict[bytes, int], touched: set[int], now: float
    ) -> str:
        assert one.stamp is not None
        directory, name = os.path.split(one.path)
        folder = self._folder(directory, root_of[directory])
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
        if twin is not None:
            moved, image = twin
            touched.add(image)
            if moved is not None:
                if row is not None:
                    self._drop(row[0], touched, now)
                self._move(moved, folder, name, one.stamp)
                return "reused"
            self._upsert(folder, one, name, "indexed", image)
            return "reused"
        self._upsert(folder, one, name, "pending", None)
        return "queued"

    def _twin(self, stamp: Stamp, row: int | None) -> tuple[int | None, int] | None:
        """Return (file that moved here or None, image) for a stamp whose content is known."""
        identity = (stamp.inode, stamp.dev, stamp.size, stamp.mtime_ns)
        for file, folder, name, image in self._db.execute(_TWINS, identity).fetchall():
            # The same path with another time of status change may hold other bytes.
            if file != row and not _still_there(os.path.join(folder, name), stamp):
                return file, image
        departed = self._db.execute(
            "SELECT image FROM departed WHERE inode = ? AND dev = ? AND size = ? AND mtime_ns = ?",
            identity,
        ).fetchone()
        return None if departed is None or row is not None else (None, departed[0])

    def _move(self, file: int, folder: int, name: bytes, stamp: Stamp) -> None:
        self._db.execute(
            "UPDATE file SET folder = ?, name = ?, ctime_ns = ?, version = version + 1 "
            "WHERE id = ?",
            (folder, name, stamp.ctime_ns, file),
        )
        self._write_words(file, folder, name)

    def _upsert(
        self, folder: int, one: Observed, name: bytes, state: str, image: int | None
    ) -> None:
        assert one.stamp is not None
        values = (folder, name, *one.stamp, state, image, one.noticed, one.live)
        file = self._db.execute(_UPSERT, values).fetchone()[0]
        self._write_words(file, folder, name)

    def _write_words(self, file: int, folder: int, name: bytes) -> None:
        self._db.execute("DELETE FROM words WHERE rowid = ?", (file,))
        path, root = self._db.execute(
            "SELECT folder.path, root.path FROM folder JOIN root ON root.id = folder.root "
            "WHERE folder.id = ?",
            (folder,),
        ).fetchone()
        below = path[len(root) :].decode(errors="replace")
        self._db.execute(
            "INSERT INTO words (rowid, name, folder) VALUES (?, ?, ?)",
            (file, name.decode(errors="replace"), below),
        )

    def _folder(self, path: bytes, root: int) -> int:
        row = self._db.execute("SELECT id, root FROM folder WHERE path = ?", (path,)).fetchone()
        if row is not None:
            if row[1] != root:
                self._db.execute("UPDATE folder SET root = ? WHERE id = ?", (root, row[0]))
            return int(row[0])
        inserted = self._db.execute(
            "INSERT INTO folder (root, path) VALUES (?, ?) RETURNING id", (root, path)
        )
        return int(inserted.fetchone()[0])

    def _remove(self, path: bytes, touched: set[int], now: float) -> int:
        directory, name = os.path.split(path)
        row = self._db.execute(
            "SELECT file.id FROM file JOIN folder ON folder.id = file.folder "
            "WHERE folder.path = ? AND file.name = ?",
            (directory, name),
        ).fetchone()
        if row is not None:
            self._drop(row[0], touched, now)
            return 1
        below = (path, path + b"/", path + b"0")  # "0" is the byte after "/"
        within = "SELECT id FROM folder WHERE path = ? OR (path > ? AND path < ?)"
        removed = self._drop_files(within, below, touched, now)
        self._db.execute("DELETE FROM folder WHERE path = ? OR (path > ? AND path < ?)", below)
        return removed

    def _drop_files(
        self, folders: str, values: tuple[object, ...], touched: set[int], now: float
    ) -> int:
        files = self._db.execute(f"SELECT id FROM file WHERE folder IN ({folders})", values)  # noqa: S608 - a constant of ours
        dropped = 0
        for (file,) in files.fetchall():
            self._drop(file, touched, now)
            dropped += 1
        return dropped

    def _drop(self, file: int, touched: set[int], now: float) -> None:
        self._db.execute(_DEPART, (now, file))
        self._db.execute("DELETE FROM words WHERE rowid = ?", (file,))
        (image,) = self._db.execute(
            "DELETE FROM file WHERE id = ? RETURNING image", (file,)
        ).fetchone()
        if image is not None:
            touched.add(image)

    # Work

    def take(self, limit: int, busy: Collection[int]) -> list[Work]:
        """Return pending files, those a person waits for first, and count the attempt.

        The attempt is on the disk before anything is decoded: a file that takes
        the whole machine down is not tried for ever.
        """
        rows = self._db.execute(
            "SELECT file.id, version, folder.path, name, file.dev, file.inode, size, mtime_ns, "
            "ctime_ns, noticed, attempts FROM file JOIN folder ON folder.id = file.folder "
            "JOIN root ON root.id = folder.root "
            "WHERE state = 'pending' AND root.online ORDER BY attempts, file.live DESC, file.id "
            "LIMIT ?",
            (limit + len(busy),),
        ).fetchall()
        works = [
            Work(row[0], row[1], os.path.join(row[2], row[3]), Stamp(*row[4:9]), row[9], row[10])
            for row in rows
            if row[0] not in busy
        ][:limit]
        if works:
            with transaction(self._db):
                self._db.executemany(
                    "UPDATE file SET attempts = attempts + 1 WHERE id = ?",
                    [(work.file,) for work in works],
                )
        return works

    def commit(
        self,
        indexed: Sequence[Indexed],
        failed: Sequence[Failed],
        made_with: int | None,
        active: int | None,
        now: float,
    ) -> Change:
        """Store what a batch came to: vectors of `made_with`, while another model may be active.

        A file that changed meanwhile (its version grew) keeps its new, pending
        state; the picture that was seen is kept all the same. A picture that
        the active model has not seen stays pending.
        """
        with transaction(self._db):
            touched: set[int] = set()
            fresh: set[int] = set()
            for done in indexed:
                image = self._image(done, now)
                touched.add(image)
                if done.vector is not None and made_with is not None:
                    data = done.vector.astype(np.float16).tobytes()
                    self._db.execute(
                        "INSERT OR REPLACE INTO vector (image, model, data) VALUES (?, ?, ?)",
                        (image, made_with, data),
                    )
                    fresh.add(image)
                lacks = active is not None and not self._has(image, active)
                state = "pending" if lacks else "indexed"
                self._finish(done.work, state, image, None, None, touched)
            for bad in failed:
                self._finish(bad.work, "failed", None, bad.reason, bad.detail, touched)
            change = self._settle(touched, now)
            # A live image that only now got its vector is new to the index, too.
            live = {image for image in fresh if self._db.execute(_LIVE, (image,)).fetchone()[0]}
            return Change(tuple(live | set(change.appeared)), change.vanished)

    def _has(self, image: int, model: int) -> bool:
        found = self._db.execute(
            "SELECT 1 FROM vector WHERE image = ? AND model = ?", (image, model)
        )
        return found.fetchone() is not None

    def _image(self, done: Indexed, now: float) -> int:
        picture = done.picture
        values = (picture.hash, picture.format, picture.width, picture.height, now)
        row = self._db.execute(
            "INSERT INTO image (hash, format, width, height, orphaned) VALUES (?, ?, ?, ?, ?) "
            "ON CONFLICT (hash) DO UPDATE SET format = format RETURNING id",
            values,
        ).fetchone()
        return int(row[0])

    def _finish(
        self,
        work: Work,
        state: str,
        image: int | None,
        reason: str | None,
        detail: str | None,
        touched: set[int],
    ) -> None:
        where = (work.file, work.version)
        before = self._db.execute(
            "SELECT image FROM file WHERE id = ? AND version = ?", where
        ).fetchone()
        if before is not None:
            touched.update(one for one in before if one is not None)
            self._db.execute(
                "UPDATE file SET state = ?, image = ?, reason = ?, detail = ?, attempts = 0 "
                "WHERE id = ? AND version = ?",
                (state, image, reason, detail, *where),
            )

    def _settle(
        self, touched: set[int], now: float, queued: int = 0, reused: int = 0, removed: int = 0
    ) -> Change:
        """Bring `live` and `orphaned` of the touched images up to date."""
        appeared, vanished = [], []
        for image in touched:
            was, has_file, is_live = self._db.execute(_LIVE, (image,)).fetchone()
            self._db.execute(
                "UPDATE image SET live = ?, orphaned = iif(?, NULL, coalesce(orphaned, ?)) "
                "WHERE id = ?",
                (is_live, has_file, now, image),
            )
            if is_live and not was:
                appeared.append(image)
            elif was and not is_live:
                vanished.append(image)
        return Change(tuple(appeared), tuple(vanished), queued, reused, removed)

    # Models

    def model_id(self, model: Model) -> int:
        """Return the number of a model, a new one for weights never seen."""
        row = self._db.execute(
            "INSERT INTO model (key, name, dim) VALUES (?, ?, ?) "
            "ON CONFLICT (key) DO UPDATE SET name = excluded.name RETURNING id",
            (model.key, model.name, model.dim),
        ).fetchone()
        return int(row[0])

    def requeue_without_vector(self, model: int, now: float) -> int:
        """Make one file of every live image without a vector of the model pending again."""
        with transaction(self._db):
            return self._db.execute(
                "UPDATE file SET state = 'pending', noticed = ? WHERE state = 'indexed' AND id IN "
                "(SELECT min(file.id) FROM file JOIN image ON image.id = file.image "
                "WHERE image.live AND NOT EXISTS "
                "(SELECT 1 FROM vector WHERE vector.image = image.id AND model = ?) "
                "GROUP BY file.image)",
                (now, model),
            ).rowcount

    def tidy(self, now: float) -> int:
        """Forget the pictures that have been gone for a week, and return their number."""
        with transaction(self._db):
            gone = "SELECT id FROM image WHERE orphaned < ?"
            self._db.execute(
                f"DELETE FROM departed WHERE image IN ({gone})",  # noqa: S608 - a constant of ours
                (now - _KEEP,),
            )
            return self._db.execute("DELETE FROM image WHERE orphaned < ?", (now - _KEEP,)).rowcount

    def remember(self, name: str, value: str) -> None:
        """Keep a small fact across restarts."""
        self._db.execute("INSERT OR REPLACE INTO setting VALUES (?, ?)", (name, value))


def _still_there(path: bytes, stamp: Stamp) -> bool:
    try:
        found = Stamp.of(os.lstat(path))
    except OSError:
        return False
    return (found.dev, found.inode) == (stamp.dev, stamp.inode)
