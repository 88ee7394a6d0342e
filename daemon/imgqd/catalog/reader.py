"""Questions to the catalog, on a read-only connection of their own."""

from __future__ import annotations

import os
import sqlite3
from collections.abc import Iterable, Iterator, Sequence
from pathlib import Path
from typing import Final

import numpy as np
from numpy.typing import NDArray

from imgqd.catalog import arrivals, names, near, pairs, sets, touched
from imgqd.catalog.beyond import Beyond
from imgqd.catalog.store import BELOW, below, open_readonly
from imgqd.query import Sort
from imgqd.query.sql import FUNCTIONS, Condition
from imgqd.records import (
    Arrival,
    FileRow,
    Found,
    Lacking,
    Stamp,
    Totals,
    Vector,
    VectorSet,
)

_TAKEN: Final = (
    "coalesce(image.taken, (SELECT strftime('%Y-%m-%dT%H:%M:%S', max(mtime_ns) / 1000000000, "
    "'unixepoch', 'localtime') FROM file WHERE file.image = image.id))"
)
_ORDERS: Final = {
    "relevance": f"{_TAKEN} {{0}}, image.id",
    "date": f"{_TAKEN} {{0}}, image.id",
    "size": "(SELECT max(size) FROM file WHERE file.image = image.id) {0}, image.id",
    "name": "(SELECT min(lower(CAST(name AS TEXT))) FROM file WHERE file.image = image.id) "
    "{0}, image.id",
}
"""How to list what was only filtered; `{0}` is the direction."""


class Reader(Beyond):
    """A read-only view; use one object in one thread at a time."""

    def __init__(self, path: Path) -> None:
        self._db = open_readonly(path)
        for name, (arguments, function) in FUNCTIONS.items():
            self._db.create_function(name, arguments, function, deterministic=True)

    def close(self) -> None:
        """Close the connection."""
        self._db.close()

    def stamps(self, folder: bytes) -> dict[bytes, tuple[int, ...]]:
        """Return the files of one folder, pictures and sidecars: name -> fields of its stamp."""
        number = self._db.execute("SELECT id FROM folder WHERE path = ?", (folder,)).fetchone()
        if number is None:
            return {}
        rows = self._db.execute(
            "SELECT name, dev, inode, size, mtime_ns, ctime_ns FROM file WHERE folder = ? "
            "UNION ALL "
            "SELECT name, dev, inode, size, mtime_ns, ctime_ns FROM sidecar WHERE folder = ?",
            number * 2,
        )
        return {row[0]: row[1:] for row in rows}

    def folders_below(self, path: bytes) -> list[bytes]:
        """Return the folders that hold files of the catalog: the path and what lies below it."""
        rows = self._db.execute(f"SELECT path FROM folder WHERE {BELOW}", below(path))  # noqa: S608 - a constant of ours
        return [row[0] for row in rows]

    def row(self, path: bytes) -> FileRow | None:
        """Return what is held of one path."""
        directory, name = os.path.split(path)
        row = self._db.execute(
            "SELECT dev, inode, size, mtime_ns, ctime_ns, state, image, reason, detail FROM file "
            "WHERE folder = (SELECT id FROM folder WHERE path = ?) AND name = ?",
            (directory, name),
        ).fetchone()
        return None if row is None else FileRow(Stamp(*row[:5]), *row[5:])

    def files_of(self, images: Sequence[int]) -> dict[int, list[Found]]:
        """Return the files on online roots that show these images."""
        return names.files_of(self._db, images)

    def pairs(self, found: Iterable[Found]) -> dict[int, int]:
        """Return raw image -> developed image, of the pairs that these files are part of."""
        return pairs.pairs(self._db, found)

    def prints(self, images: Sequence[int]) -> dict[int, bytes]:
        """Return what these images look like, those without a print left out."""
        return near.prints(self._db, images)

    def duplicates(self) -> list[int]:
        """Return the images that look like another one, or of which there is a second file."""
        return near.duplicates(self._db)

    def matching(self, where: Condition) -> NDArray[np.int64]:
        """Return the ids of images that meet a condition, of some that are not live, too.

        As one text: 100,000 rows of one number each would take ten times as long.
        Whether they are live stands in the table alone, the rest often in an index.
        """
        parts = where.apart or (where,)
        rows = " UNION ALL ".join(
            f"SELECT image.id AS id FROM image WHERE {part.sql}"  # noqa: S608 - from our own compiler
            for part in parts
        )
        (ids,) = self._db.execute(
            f"SELECT group_concat(id) FROM ({rows})",  # noqa: S608 - as above
            tuple(value for part in parts for value in part.values),
        ).fetchone()
        return np.fromstring(ids or "", np.int64, sep=",")

    def passing(self, images: Sequence[int], where: Condition) -> set[int]:
        """Return those of these images that meet a condition."""
        marks = ",".join("?" * len(images))
        rows = self._db.execute(
            f"SELECT image.id FROM image WHERE image.id IN ({marks}) AND {where.sql}",  # noqa: S608 - as above
            (*images, *where.values),
        )
        return {row[0] for row in rows}

    def meeting(self, images: Sequence[int], where: Condition) -> set[bytes]:
        """Return the paths of these images' files that meet a condition on files."""
        marks = ",".join("?" * len(images))
        rows = self._db.execute(
            "SELECT folder.path, file.name FROM file JOIN image ON image.id = file.image "  # noqa: S608 - as above
            f"JOIN folder ON folder.id = file.folder WHERE file.image IN ({marks}) AND {where.sql}",
            (*images, *where.values),
        )
        return {os.path.join(folder, name) for folder, name in rows}

    def listed(self, where: Condition, sort: Sort, most: int) -> tuple[list[int], int]:
        """Return the images that meet a condition, in order, and how many there are."""
        is_up = sort.reverse != (sort.by == "name")
        order = _ORDERS[sort.by].format("ASC" if is_up else "DESC")
        rows = self._db.execute(
            f"SELECT image.id FROM image WHERE image.live AND {where.sql} ORDER BY {order} LIMIT ?",  # noqa: S608 - as above
            (*where.values, most),
        ).fetchall()
        total = self._db.execute(
            f"SELECT count(*) FROM image WHERE image.live AND {where.sql}",  # noqa: S608 - as above
            where.values,
        ).fetchone()[0]
        return [row[0] for row in rows], int(total)

    def named(self, text: str, limit: int, where: Condition | None = None) -> list[Found]:
        """Return the files whose names, folders and words hold all words of the text, best first.

        The last word may be the beginning of one. A file without a vector is found, too,
        one that cannot be decoded is not.
        """
        return names.named(self._db, text, limit, where)

    def named_among(self, text: str, images: Sequence[int]) -> list[Found]:
        """Return the files of some images that `named` would return for the text."""
        return names.named_among(self._db, text, images)

    def arrived(self) -> int:
        """Return the number of the latest arrival of a picture."""
        return arrivals.last(self._db)

    def arrivals(self, named: int, seen: int, upto: int, model: int, limit: int) -> list[Arrival]:
        """Return arrivals by name after `named` and, with the model's vector, after `seen`."""
        return arrivals.since(self._db, named, seen, upto, model, limit)

    def hash_of(self, image: int) -> bytes | None:
        """Return the content hash of an image."""
        row = self._db.execute("SELECT hash FROM image WHERE id = ?", (image,)).fetchone()
        return None if row is None else row[0]

    def image_by_hash(self, content: bytes, model: int | None) -> tuple[int, bool] | None:
        """Return (image, whether it has a vector of the model) for a content hash."""
        row = self._db.execute(
            "SELECT id, EXISTS (SELECT 1 FROM vector WHERE image = image.id AND model = ?) "
            "FROM image WHERE hash = ?",
            (model, content),
        ).fetchone()
        return None if row is None else (int(row[0]), bool(row[1]))

    def picture(self, image: int) -> tuple[str, int, int]:
        """Return (format, width, height) of an image."""
        row = self._db.execute(
            "SELECT format, width, height FROM image WHERE id = ?", (image,)
        ).fetchone()
        return (row[0], row[1], row[2])

    def vectors(
        self, model: int, dim: int, images: Sequence[int] | None = None
    ) -> Iterator[tuple[list[int], Vector]]:
        """Yield (ids, vectors of shape (n, dim) float32) of live images, in blocks."""
        query = (
            "SELECT vector.image, vector.data FROM vector JOIN image ON image.id = vector.image "
            "WHERE vector.model = ? AND image.live"
        )
        values: tuple[object, ...] = (model,)
        if images is not None:
            query += f" AND vector.image IN ({','.join('?' * len(images))})"
            values = (model, *images)
        cursor = self._db.execute(query, values)
        while rows := cursor.fetchmany(1024):
            block = np.frombuffer(b"".join(data for _, data in rows), np.float16)
            yield [image for image, _ in rows], block.reshape(-1, dim).astype(np.float32)

    def vector(self, model: int, image: int) -> Vector | None:
        """Return the stored vector of one image, float32."""
        row = self._db.execute(
            "SELECT data FROM vector WHERE model = ? AND image = ?", (model, image)
        ).fetchone()
        return None if row is None else np.frombuffer(row[0], np.float16).astype(np.float32)

    def halves(
        self, model: int, dim: int, after: int, limit: int
    ) -> tuple[NDArray[np.int64], NDArray[np.float16]]:
        """Return (ids, vectors as they are stored) of live images after an id, ascending."""
        rows = self._db.execute(
            "SELECT vector.image, vector.data FROM vector JOIN image ON image.id = vector.image "
            "WHERE vector.model = ? AND vector.image > ? AND image.live "
            "ORDER BY vector.image LIMIT ?",
            (model, after, limit),
        ).fetchall()
        block = np.frombuffer(b"".join(data for _, data in rows), np.float16)
        return np.array([image for image, _ in rows], np.int64), block.reshape(-1, dim)

    def stored(self, model: int) -> int:
        """Return how many vectors of a model there are, those of images that are gone, too."""
        query = "SELECT count(*) FROM vector WHERE model = ?"
        return int(self._db.execute(query, (model,)).fetchone()[0])

    def touched(self) -> int:
        """Return the number of the last change that may concern an index."""
        return touched.last(self._db)

    def touched_since(self, seq: int, model: int) -> list[int]:
        """Return the images whose place in a model's index may have changed since, ascending."""
        return touched.since(self._db, seq, model)

    def untouched(self) -> int:
        """Return the number up to which changes are forgotten."""
        return touched.forgotten(self._db)

    def sets(self) -> list[VectorSet]:
        """Return the models that have vectors, and how many."""
        return sets.sets(self._db)

    def model(self, number: int) -> tuple[int, str, str] | None:
        """Return (number, key, name) of a model."""
        query = "SELECT id, key, name FROM model WHERE id = ?"
        row: tuple[int, str, str] | None = self._db.execute(query, (number,)).fetchone()
        return row

    def lacking(self, seen_by: int, model: int, after: int, limit: int) -> list[Lacking]:
        """Return live pictures, by ids from `after` on, that one model has seen and `model` not."""
        return sets.lacking(self._db, seen_by, model, after, limit)

    def moved(self, before: int, model: int) -> tuple[int, int]:
        """Return (live pictures that one model has seen, how many of them `model` has, too)."""
        return sets.counted(self._db, before, model)

    def oldest_pending(self) -> float | None:
        """Return when the oldest pending change was noticed, or None."""
        row = self._db.execute(
            "SELECT noticed FROM file JOIN folder ON folder.id = file.folder "
            "JOIN root ON root.id = folder.root WHERE state = 'pending' AND root.online "
            "ORDER BY noticed LIMIT 1"
        ).fetchone()
        return None if row is None else float(row[0])

    def pending(self) -> int:
        """Return the number of files that wait, on online roots."""
        row = self._db.execute(
            "SELECT count(*) FROM file JOIN folder ON folder.id = file.folder "
            "JOIN root ON root.id = folder.root WHERE state = 'pending' AND root.online"
        ).fetchone()
        return int(row[0])

    def totals(self, model: int | None) -> Totals:
        """Count everything that status shows."""
        files = self._db.execute(
            "SELECT folder.root, count(*) FROM file JOIN folder ON folder.id = file.folder "
            "GROUP BY 1"
        ).fetchall()
        failed = self._db.execute(
            "SELECT reason, count(*) FROM file WHERE state = 'failed' GROUP BY 1"
        ).fetchall()
        pictures, vectors = self._db.execute(
            "SELECT count(*), count(vector.image) FROM image "
            "LEFT JOIN vector ON vector.image = image.id AND vector.model = ? WHERE image.live",
            (model,),
        ).fetchone()
        return Totals(
            files=sum(count for _, count in files),
            pictures=pictures,
            pending=self.pending(),
            without_vector=pictures - vectors,
            failed=dict(failed),
            files_of_root=dict(files),
        )

    def setting(self, name: str) -> str | None:
        """Return a fact kept by `Writer.remember`."""
        row = self._db.execute("SELECT value FROM setting WHERE name = ?", (name,)).fetchone()
        return None if row is None else str(row[0])

    def check(self) -> tuple[str, str]:
        """Return (SQLite's version, "ok" or the first thing that is wrong with the file)."""
        try:
            row = self._db.execute("PRAGMA quick_check(1)").fetchone()
        except sqlite3.DatabaseError as error:
            return sqlite3.sqlite_version, str(error)
        return sqlite3.sqlite_version, str(row[0])
