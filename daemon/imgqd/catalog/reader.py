"""Questions to the catalog, on a read-only connection of their own."""

from __future__ import annotations

import os
import re
import sqlite3
import unicodedata
from collections.abc import Iterable, Iterator, Sequence
from pathlib import Path
from typing import Any, Final

import numpy as np

from imgqd.catalog import arrivals, pairs
from imgqd.catalog.facts import COLUMNS, metadata
from imgqd.catalog.store import BELOW, below, open_readonly
from imgqd.records import Arrival, FileRow, Found, Stamp, Totals, Vector

_FOUND: Final = f"""
    SELECT file.image, folder.path, file.name, file.size, file.mtime_ns,
           image.format, image.width, image.height, {COLUMNS}
    FROM file JOIN folder ON folder.id = file.folder JOIN root ON root.id = folder.root
    LEFT JOIN image ON image.id = file.image
"""  # noqa: S608 - constants of ours


class Reader:
    """A read-only view; use one object in one thread at a time."""

    def __init__(self, path: Path) -> None:
        self._db = open_readonly(path)

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
        found: dict[int, list[Found]] = {}
        marks = ",".join("?" * len(images))
        for row in self._db.execute(
            f"{_FOUND} WHERE file.image IN ({marks}) AND root.online ORDER BY file.id",
            images,
        ):
            one = _found(row)
            found.setdefault(one.image, []).append(one)
        return found

    def pairs(self, found: Iterable[Found]) -> dict[int, int]:
        """Return raw image -> developed image, of the pairs that these files are part of."""
        return pairs.pairs(self._db, found)

    def named(self, text: str, limit: int) -> list[Found]:
        """Return the files whose name and folder hold all words of the text, best first.

        The last word may be the beginning of one. A file without a vector is found, too,
        one that cannot be decoded is not.
        """
        match = _phrase(text)
        if match is None:
            return []
        rows = self._db.execute(
            f"{_FOUND} JOIN words ON words.rowid = file.id "
            "WHERE words MATCH ? AND root.online AND file.state != 'failed' "
            "ORDER BY bm25(words, 4.0, 1.0), file.id LIMIT ?",
            (match, limit),
        )
        return [_found(row) for row in rows]

    def named_among(self, text: str, images: Sequence[int]) -> list[Found]:
        """Return the files of some images that `named` would return for the text."""
        match = _phrase(text)
        marks = ",".join("?" * len(images))
        of_images = f"SELECT id FROM file WHERE image IN ({marks})"  # noqa: S608 - marks only
        files = {file for (file,) in self._db.execute(of_images, images)}
        if match is None or not files:
            return []
        # Files that are new have the largest numbers: the rest of the words is not looked through.
        held = self._db.execute(
            "SELECT rowid FROM words WHERE words MATCH ? AND rowid BETWEEN ? AND ?",
            (match, min(files), max(files)),
        )
        chosen = sorted(files & {file for (file,) in held})
        rows = self._db.execute(
            f"{_FOUND} WHERE file.id IN ({','.join('?' * len(chosen))}) "
            "AND root.online AND file.state != 'failed' ORDER BY file.id",
            chosen,
        )
        return [_found(row) for row in rows]

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
        while rows := cursor.fetchmany(8192):
            block = np.frombuffer(b"".join(data for _, data in rows), np.float16)
            yield [image for image, _ in rows], block.reshape(-1, dim).astype(np.float32)

    def vector(self, model: int, image: int) -> Vector | None:
        """Return the stored vector of one image, float32."""
        row = self._db.execute(
            "SELECT data FROM vector WHERE model = ? AND image = ?", (model, image)
        ).fetchone()
        return None if row is None else np.frombuffer(row[0], np.float16).astype(np.float32)

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


def _phrase(text: str) -> str | None:
    """Return a text as the full text search wants it, its last word perhaps unfinished."""
    # A letter and its accent as two characters would be cut in two.
    words = re.findall(r"\w+", unicodedata.normalize("NFC", text).replace("_", " "))
    return " ".join(f'"{word}"' for word in words) + "*" if words else None


def _found(row: tuple[Any, ...]) -> Found:
    image, folder, name, size, mtime_ns, form, width, height, *said = row
    path = os.path.join(folder, name)
    return Found(image or 0, path, size, mtime_ns, form, width, height, metadata(tuple(said)))
