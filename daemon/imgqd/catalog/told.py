"""How far each store beyond this machine was told of what changed here.

A store is one more reader of `touched`, with a place of its own in it: there is no second
queue. A picture waits there once however often it changed, so the longest outage costs a row
of some 30 bytes a picture, and what a store missed is what the catalog says when it is back.

`touched` knows what concerns an index. What a row says beside its vector (names, folders,
metadata, whether it is a duplicate) is written down by triggers as model -1, while there
is anyone to tell (`schema`).
"""

from __future__ import annotations

import sqlite3
from dataclasses import dataclass
from typing import Final

from imgqd.catalog import touched

SAID: Final = -1
"""In the column `model` of `touched`: what a picture says changed, not its vector."""

_UNTOLD: Final = """
    SELECT id, image FROM touched WHERE id > ?1 AND model IN (-1, 0, ?2) ORDER BY id LIMIT ?3
"""
_WAITING: Final = """
    SELECT count(DISTINCT image) FROM touched WHERE id > ? AND model IN (-1, 0, ?)
"""
_BEGIN: Final = """
    INSERT INTO told (store, model, seq, filled) VALUES (?, ?, ?, 0)
    ON CONFLICT (store, model) DO UPDATE SET seq = excluded.seq, filled = 0
"""
_FORGET_SAID: Final = """
    DELETE FROM touched WHERE model = -1
        AND id <= coalesce((SELECT min(seq) FROM told), (SELECT max(id) FROM touched))
"""


@dataclass(frozen=True, slots=True)
class Told:
    """A store's place: it has the changes up to `seq`, and of the images before those some."""

    store: str
    model: int
    seq: int
    filled: int | None
    """It has the images up to this id; None where it has them all."""


def begin(db: sqlite3.Connection, store: str, model: int) -> Told:
    """Begin, or begin anew, to tell a store: from now on of changes, and of all there is."""
    seq = touched.last(db)
    db.execute(_BEGIN, (store, model, seq))
    return Told(store, model, seq, 0)


def place(db: sqlite3.Connection, store: str, model: int) -> Told | None:
    """Return how far a store was told, None where it never was."""
    row = db.execute(
        "SELECT store, model, seq, filled FROM told WHERE store = ? AND model = ?", (store, model)
    ).fetchone()
    return None if row is None else Told(*row)


def note(db: sqlite3.Connection, told: Told) -> None:
    """Note what a store acknowledged, if it is still told at all."""
    db.execute(
        "UPDATE told SET seq = ?, filled = ? WHERE store = ? AND model = ?",
        (told.seq, told.filled, told.store, told.model),
    )
    db.execute(_FORGET_SAID)


def stop(db: sqlite3.Connection, store: str, model: int | None = None) -> None:
    """Tell a store no more, of one model's pictures or of any's."""
    db.execute("DELETE FROM told WHERE store = ?1 AND (?2 IS NULL OR model = ?2)", (store, model))
    db.execute(_FORGET_SAID)


def every(db: sqlite3.Connection) -> list[Told]:
    """Return all places, of whatever store and model."""
    rows = db.execute("SELECT store, model, seq, filled FROM told ORDER BY store, model")
    return [Told(*row) for row in rows]


def untold(db: sqlite3.Connection, told: Told, limit: int) -> list[tuple[int, int]]:
    """Return (number of the change, image) of the next changes, in their order."""
    return db.execute(_UNTOLD, (told.seq, told.model, limit)).fetchall()


def waiting(db: sqlite3.Connection, told: Told) -> int:
    """Return how many images have changes that a store was not told of."""
    return int(db.execute(_WAITING, (told.seq, told.model)).fetchone()[0])
