"""What pictures say of themselves, in the columns of `image` and the rows of `keyword`."""

from __future__ import annotations

import sqlite3
from typing import Any, Final

from imgqd.records import Metadata, Picture

COLUMNS: Final = (
    "image.taken, image.taken_offset, image.taken_from, image.camera, image.lens, "
    "image.latitude, image.longitude, image.rating, image.title, image.description, "
    "image.software, image.screenshot, image.frames, "
    "(SELECT group_concat(word, char(10)) FROM keyword WHERE keyword.image = image.id)"
)
"""What `metadata` takes; no word of a keyword holds the line's end."""

SAID: Final = (
    "SELECT coalesce(image.title, '') || ' ' || coalesce(image.description, '') || ' ' || "
    "coalesce((SELECT group_concat(word, ' ') FROM keyword WHERE keyword.image = image.id), '') "
    "FROM file JOIN image ON image.id = file.image WHERE file.id = ?"
)
"""What is found by its words beside the name of a file, whose id it takes."""

_IMAGE: Final = """
    INSERT INTO image (hash, format, width, height, orphaned, added) VALUES (?, ?, ?, ?, ?, ?)
    ON CONFLICT (hash) DO UPDATE SET
        format = excluded.format, width = excluded.width, height = excluded.height
    RETURNING id
"""
_FACTS: Final = """
    UPDATE image SET taken = ?, taken_offset = ?, taken_from = ?, camera = ?, lens = ?,
        latitude = ?, longitude = ?, rating = ?, title = ?, description = ?, software = ?,
        screenshot = ?, frames = ? WHERE id = ?
"""
_HAS_OTHER_SIDECAR: Final = (
    "SELECT 1 FROM file WHERE image = ? AND id != ? AND sidecar IS NOT NULL LIMIT 1"
)


def store(
    db: sqlite3.Connection, picture: Picture, file: int, sidecar: str | None, now: float
) -> int:
    """Store what a file's content is and says, and return its image.

    A copy without a sidecar does not undo what the sidecar of another copy said.
    """
    values = (picture.hash, picture.format, picture.width, picture.height, now, now)
    (image,) = db.execute(_IMAGE, values).fetchone()
    if sidecar is None and db.execute(_HAS_OTHER_SIDECAR, (image, file)).fetchone():
        return int(image)
    said = picture.metadata
    db.execute(
        _FACTS,
        (
            said.taken, said.taken_offset, said.taken_from, said.camera, said.lens,
            said.latitude, said.longitude, said.rating, said.title, said.description,
            said.software, said.is_screenshot, said.frames, image,
        ),
    )  # fmt: skip
    db.execute("DELETE FROM keyword WHERE image = ?", (image,))
    db.executemany(
        "INSERT OR IGNORE INTO keyword (image, word) VALUES (?, ?)",
        [(image, word) for word in said.keywords],
    )
    return int(image)


def metadata(row: tuple[Any, ...]) -> Metadata:
    """Return the metadata in the columns `COLUMNS`; of a file without an image all are None."""
    (
        taken, taken_offset, taken_from, camera, lens, latitude, longitude, rating,
        title, description, software, screenshot, frames, words,
    ) = row  # fmt: skip
    # By place and not by name: an answer has some hundreds of these.
    return Metadata(
        taken, taken_offset, taken_from, camera, lens, latitude, longitude, rating,
        tuple(words.split("\n")) if words else (),
        title, description, software, bool(screenshot), frames or 1,
    )  # fmt: skip
