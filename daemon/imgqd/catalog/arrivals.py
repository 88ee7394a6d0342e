"""The order in which pictures became findable: what a standing query has judged, and what not.

A picture arrives once by its name (model 0), and once with the vector of each
model. The rows are written with what makes it findable, in one transaction,
and their numbers only grow: whoever knows a number knows what came after it.
"""

from __future__ import annotations

import sqlite3
from collections.abc import Iterable
from typing import Final

from imgqd.records import Arrival

# Not OR IGNORE, which would use up a number each time a drive comes back.
_BY_NAME: Final = """
    INSERT INTO arrival (image, model) SELECT ?1, 0
    WHERE NOT EXISTS (SELECT 1 FROM arrival WHERE image = ?1 AND model = 0)
"""
_BY_CONTENT: Final = """
    INSERT INTO arrival (image, model) SELECT image, model FROM vector WHERE image = ?1
    AND NOT EXISTS (SELECT 1 FROM arrival WHERE image = ?1 AND model = vector.model)
"""
_SINCE: Final = """
    SELECT id, image, model,
        (SELECT min(id) FROM arrival AS any WHERE any.image = arrival.image AND any.model > 0)
    FROM arrival WHERE id > min(?1, ?2) AND id <= ?3
        AND ((model = 0 AND id > ?1) OR (model = ?4 AND model > 0 AND id > ?2))
    ORDER BY id LIMIT ?5
"""


def arrive(db: sqlite3.Connection, images: Iterable[int]) -> None:
    """Note that live images are findable; one that was so before keeps its place."""
    for image in images:
        db.execute(_BY_NAME, (image,))
        db.execute(_BY_CONTENT, (image,))


def last(db: sqlite3.Connection) -> int:
    """Return the number of the latest arrival there ever was."""
    # Not the largest that is left: what was forgotten since has used its number, too.
    row = db.execute("SELECT seq FROM sqlite_sequence WHERE name = 'arrival'").fetchone()
    return 0 if row is None else int(row[0])


def since(
    db: sqlite3.Connection, named: int, seen: int, upto: int, model: int, limit: int
) -> list[Arrival]:
    """Return arrivals by name after `named` and, with a model's vector, after `seen`, in order."""
    return [Arrival(*row) for row in db.execute(_SINCE, (named, seen, upto, model, limit))]
