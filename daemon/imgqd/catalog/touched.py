"""Whose place in the index may have changed, and in which order: what a snapshot lacks.

Triggers write it (`schema`), so no change can be forgotten: an image when it begins or
ceases to be live (model 0), and when a vector of a model is stored. Each (image, model)
has one row, with the number of its last change. Numbers only grow; what every snapshot
of a model has, and every store beyond this machine (`told`), is forgotten, and the last
number forgotten is remembered.
"""

from __future__ import annotations

import sqlite3
from typing import Final

_LAST: Final = "SELECT seq FROM sqlite_sequence WHERE name = 'touched'"
_SINCE: Final = """
    SELECT DISTINCT image FROM touched WHERE id > ? AND model IN (0, ?) ORDER BY image
"""
_FORGET: Final = "DELETE FROM touched WHERE id <= ? AND model IN (0, ?)"
_FORGOTTEN: Final = "touched forgotten"
_NOTE: Final = """
    INSERT INTO setting VALUES (?, ?) ON CONFLICT (name) DO UPDATE SET value = excluded.value
"""


def last(db: sqlite3.Connection) -> int:
    """Return the number of the last change there ever was."""
    row = db.execute(_LAST).fetchone()
    return 0 if row is None else int(row[0])


def since(db: sqlite3.Connection, seq: int, model: int) -> list[int]:
    """Return the images that were touched after a change, as far as they concern a model."""
    return [image for (image,) in db.execute(_SINCE, (seq, model))]


def forgotten(db: sqlite3.Connection) -> int:
    """Return the last number that was forgotten: a snapshot from before it is of no use."""
    row = db.execute("SELECT value FROM setting WHERE name = ?", (_FORGOTTEN,)).fetchone()
    return 0 if row is None else int(row[0])


def forget(db: sqlite3.Connection, seq: int, model: int) -> None:
    """Forget what a model's snapshot has, inside a transaction of the caller.

    Not what a store was not told of yet: that is forgotten another time.
    """
    (told,) = db.execute("SELECT min(seq) FROM told").fetchone()
    upto = seq if told is None else min(seq, told)
    db.execute(_FORGET, (upto, model))
    db.execute(_NOTE, (_FORGOTTEN, str(max(upto, forgotten(db)))))
