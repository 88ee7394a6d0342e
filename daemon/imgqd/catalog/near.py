"""Which pictures look like one another, found when a picture comes in.

A library's codes (64 bits a picture) are held in memory by the one connection that writes:
1.6 MB for 200,000, looked through in half a millisecond. An index on parts of the codes
would find those that differ in as many bits as there are parts, less one; re-encoded
pictures differ in more. What is in memory is only a hint: the catalog says what is there.
"""

from __future__ import annotations

import sqlite3
from collections.abc import Sequence
from typing import Final

import numpy as np

from imgqd import prints as looks
from imgqd.records import Picture

_MOST: Final = 32
"""Pictures with nearly the same code that are compared with one that comes in."""

IS_DUPLICATE: Final = """(
    image.id IN (
        SELECT near.image FROM near
        JOIN image AS one ON one.id = near.image JOIN image AS other ON other.id = near.other
        WHERE other.live AND (other.format = 'raw') = (one.format = 'raw'))
    OR image.id IN (SELECT image FROM file GROUP BY image HAVING count(*) > 1)
    AND (SELECT count(*) FROM (
            SELECT 1 FROM file JOIN folder ON folder.id = file.folder
            JOIN root ON root.id = folder.root
            WHERE file.image = image.id AND root.online LIMIT 2)) = 2
)"""
"""The condition of a row of `image`; a RAW file and what was developed from it are no copies.

Both sets are made once for a question: 36 ms for 200,000 pictures, a tenth of them in pairs.
"""

_OTHERS: Final = (
    "SELECT print.image, print.data, image.width, image.height "
    "FROM print JOIN image ON image.id = print.image WHERE print.image = ?"
)


class Near:
    """Keeps the tables `print` and `near`, inside transactions of the caller."""

    def __init__(self, db: sqlite3.Connection) -> None:
        self._db = db
        self._images = np.empty(0, np.int64)
        self._codes = np.empty(0, np.int64)
        self._count = -1  # nothing was read yet

    def note(self, image: int, picture: Picture) -> None:
        """Store what an image looks like, if that is new, and which others look the same."""
        print_ = looks.read(picture.print)
        if print_ is None:
            return
        if self._count < 0:
            self._load()
        code = looks.code(print_)
        is_new = self._db.execute(
            "INSERT OR IGNORE INTO print (image, code, data) VALUES (?, ?, ?)",
            (image, code, picture.print),
        ).rowcount
        if not is_new:
            return
        for other, distance in self._like(image, picture, print_, code):
            self._db.executemany(
                "INSERT OR REPLACE INTO near (image, other, distance) VALUES (?, ?, ?)",
                [(image, other, distance), (other, image, distance)],
            )
        self._remember(image, code)

    def _like(
        self, image: int, picture: Picture, print_: looks.Print, code: int
    ) -> list[tuple[int, float]]:
        """Return (other image, distance) of those that look the same."""
        places = looks.within(self._codes[: self._count], code)[:_MOST]
        found = []
        for place in set(self._images[places].tolist()) - {image}:
            row = self._db.execute(_OTHERS, (place,)).fetchone()
            other = None if row is None else looks.read(row[1])
            if other is None or not looks.same_shape((picture.width, picture.height), row[2:]):
                continue
            distance = looks.distance(print_, other)
            if distance <= 1:
                found.append((int(place), distance))
        return found

    def _load(self) -> None:
        rows = self._db.execute("SELECT image, code FROM print").fetchall()
        held = np.array(rows, np.int64).reshape(-1, 2)
        self._images, self._codes = held[:, 0].copy(), held[:, 1].copy()
        self._count = len(rows)

    def _remember(self, image: int, code: int) -> None:
        if self._count == len(self._codes):
            more = np.zeros(max(1024, self._count), np.int64)
            self._images = np.concatenate([self._images, more])
            self._codes = np.concatenate([self._codes, more])
        self._images[self._count], self._codes[self._count] = image, code
        self._count += 1


def prints(db: sqlite3.Connection, images: Sequence[int]) -> dict[int, bytes]:
    """Return the prints of these images, those without one left out."""
    marks = ",".join("?" * len(images))
    return dict(db.execute(f"SELECT image, data FROM print WHERE image IN ({marks})", images))  # noqa: S608 - marks only


def duplicates(db: sqlite3.Connection) -> list[int]:
    """Return the live images that look like another live one, or have a second file."""
    rows = db.execute(f"SELECT id FROM image WHERE live AND {IS_DUPLICATE} ORDER BY id")  # noqa: S608 - a constant of ours
    return [image for (image,) in rows]
