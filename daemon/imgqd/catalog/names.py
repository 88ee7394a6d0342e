"""Files as an answer shows them, by the image they show or by what they are called."""

from __future__ import annotations

import re
import sqlite3
import unicodedata
from collections.abc import Sequence
from typing import Any, Final

from imgqd.catalog.facts import COLUMNS, metadata
from imgqd.query.sql import Condition
from imgqd.records import Found

_FOUND: Final = f"""
    SELECT file.image, folder.path, file.name, file.size, file.mtime_ns,
           image.format, image.width, image.height, {COLUMNS}
    FROM file JOIN folder ON folder.id = file.folder JOIN root ON root.id = folder.root
    LEFT JOIN image ON image.id = file.image
"""  # noqa: S608 - constants of ours


def files_of(db: sqlite3.Connection, images: Sequence[int]) -> dict[int, list[Found]]:
    """Return the files on online roots that show these images."""
    found: dict[int, list[Found]] = {}
    marks = ",".join("?" * len(images))
    for row in db.execute(
        f"{_FOUND} WHERE file.image IN ({marks}) AND root.online ORDER BY file.id", images
    ):
        one = _found(row)
        found.setdefault(one.image, []).append(one)
    return found


def named(db: sqlite3.Connection, text: str, limit: int, where: Condition | None) -> list[Found]:
    """Return the files that hold all words of the text, best first; see `Reader.named`."""
    match = _phrase(text)
    if match is None:
        return []
    only = f" AND (image.id IS NOT NULL AND {where.sql})" if where is not None else ""
    rows = db.execute(
        f"{_FOUND} JOIN words ON words.rowid = file.id "
        f"WHERE words MATCH ? AND root.online AND file.state != 'failed'{only} "
        "ORDER BY bm25(words, 4.0, 1.0, 2.0), file.id LIMIT ?",
        (match, *(() if where is None else where.values), limit),
    )
    return [_found(row) for row in rows]


def named_among(db: sqlite3.Connection, text: str, images: Sequence[int]) -> list[Found]:
    """Return the files of some images that `named` would return for the text."""
    match = _phrase(text)
    marks = ",".join("?" * len(images))
    of_images = f"SELECT id FROM file WHERE image IN ({marks})"  # noqa: S608 - marks only
    files = {file for (file,) in db.execute(of_images, images)}
    if match is None or not files:
        return []
    # Files that are new have the largest numbers: the rest of the words is not looked through.
    held = db.execute(
        "SELECT rowid FROM words WHERE words MATCH ? AND rowid BETWEEN ? AND ?",
        (match, min(files), max(files)),
    )
    chosen = sorted(files & {file for (file,) in held})
    rows = db.execute(
        f"{_FOUND} WHERE file.id IN ({','.join('?' * len(chosen))}) "
        "AND root.online AND file.state != 'failed' ORDER BY file.id",
        chosen,
    )
    return [_found(row) for row in rows]


def _phrase(text: str) -> str | None:
    """Return a text as the full text search wants it, its last word perhaps unfinished."""
    # A letter and its accent as two characters would be cut in two.
    words = re.findall(r"\w+", unicodedata.normalize("NFC", text).replace("_", " "))
    return " ".join(f'"{word}"' for word in words) + "*" if words else None


def _found(row: tuple[Any, ...]) -> Found:
    image, folder, name, size, mtime_ns, form, width, height = row[:8]
    # A hundred times an answer: os.path.join takes longer than SQLite does.
    path = folder + name if folder.endswith(b"/") else folder + b"/" + name
    return Found(image or 0, path, size, mtime_ns, form, width, height, metadata(row[8:]))
