"""The vectors of each model: which pictures a model has not seen, and what a whole set takes.

A picture may have a vector of each model. Those of one answer; others wait for
being used again, are on the way to it (a move to another model), or are dropped.
"""

from __future__ import annotations

import os
import sqlite3
from collections.abc import Sequence
from typing import Final

import numpy as np

from imgqd.catalog.arrivals import arrive
from imgqd.catalog.live import is_live
from imgqd.records import Lacking, Stamp, Vector, VectorSet

_SETS: Final = """
    SELECT model.id, key, name, dim, count(image.id) FROM model
    JOIN vector ON vector.model = model.id
    LEFT JOIN image ON image.id = vector.image AND image.live
    GROUP BY model.id ORDER BY model.id
"""
_LACKING: Final = """
    SELECT image.id, image.hash FROM vector JOIN image ON image.id = vector.image
    WHERE vector.model = ?1 AND vector.image > ?3 AND image.live AND NOT EXISTS
        (SELECT 1 FROM vector AS other WHERE other.model = ?2 AND other.image = vector.image)
    ORDER BY vector.image LIMIT ?4
"""
_FILES: Final = """
    SELECT folder.path, file.name, file.dev, file.inode, size, mtime_ns, ctime_ns FROM file
    JOIN folder ON folder.id = file.folder JOIN root ON root.id = folder.root
    WHERE file.image = ? AND root.online ORDER BY file.id LIMIT 4
"""
_COUNTED: Final = """
    SELECT count(*), count(other.image) FROM vector
    JOIN image ON image.id = vector.image
    LEFT JOIN vector AS other ON other.model = ?2 AND other.image = vector.image
    WHERE vector.model = ?1 AND image.live
"""
_PUT: Final = """
    INSERT OR REPLACE INTO vector (image, model, data) SELECT id, ?2, ?3 FROM image WHERE id = ?1
"""
_DROP: Final = """
    DELETE FROM vector WHERE rowid IN (SELECT rowid FROM vector WHERE model = ? LIMIT ?)
"""


def sets(db: sqlite3.Connection) -> list[VectorSet]:
    """Return the models that have vectors."""
    return [VectorSet(*row) for row in db.execute(_SETS)]


def lacking(
    db: sqlite3.Connection, seen_by: int, model: int, after: int, limit: int
) -> list[Lacking]:
    """Return live pictures with larger ids than `after` that the model has not seen, by their ids.

    Only such as have a vector of the model `seen_by`.
    """
    rows = db.execute(_LACKING, (seen_by, model, after, limit)).fetchall()
    return [Lacking(image, digest, _files(db, image)) for image, digest in rows]


def counted(db: sqlite3.Connection, seen_by: int, model: int) -> tuple[int, int]:
    """Return (live pictures that a model has seen, how many of them another has seen, too)."""
    total, done = db.execute(_COUNTED, (seen_by, model)).fetchone()
    return int(total), int(done)


def put(db: sqlite3.Connection, model: int, vectors: Sequence[tuple[int, Vector]]) -> None:
    """Store vectors of pictures that are known, inside a transaction of the caller."""
    for image, vector in vectors:
        values = (image, model, vector.astype(np.float16).tobytes())
        # One that was forgotten this moment has no row any more.
        if db.execute(_PUT, values).rowcount and is_live(db, image):
            arrive(db, [image])


def drop(db: sqlite3.Connection, model: int, most: int) -> int:
    """Delete so many vectors of a model at most, and return how many those were.

    The order of arrivals stays: a picture that this model saw first is new to nobody.
    """
    db.execute("DELETE FROM touched WHERE model = ?", (model,))
    db.execute("DELETE FROM told WHERE model = ?", (model,))  # there is nothing left to tell
    return db.execute(_DROP, (model, most)).rowcount


def _files(db: sqlite3.Connection, image: int) -> tuple[tuple[bytes, Stamp], ...]:
    return tuple(
        (os.path.join(folder, name), Stamp(*stamp))
        for folder, name, *stamp in db.execute(_FILES, (image,))
    )
