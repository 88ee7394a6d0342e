"""Questions of those who keep stores beyond this machine up to date."""

from __future__ import annotations

import sqlite3
from collections.abc import Sequence
from typing import Final

from imgqd.catalog import names, told
from imgqd.catalog.told import Told
from imgqd.rows import File, Key, Row

_TWINS: Final = """
    SELECT DISTINCT near.image FROM near
    JOIN image AS one ON one.id = near.image JOIN image AS other ON other.id = near.other
    WHERE other.live AND (other.format = 'raw') = (one.format = 'raw') AND near.image IN
"""
"""Images that look like another one; a RAW file and what was developed from it are no copies."""

_HASHES: Final = """
    SELECT image.hash FROM image JOIN vector ON vector.image = image.id AND vector.model = ?1
    WHERE image.hash > ?2 AND image.live ORDER BY image.hash LIMIT ?3
"""
_COUNTED: Final = """
    SELECT count(*) FROM vector JOIN image ON image.id = vector.image
    WHERE vector.model = ? AND image.live
"""


class Beyond:
    """Part of `Reader`."""

    _db: sqlite3.Connection

    def told(self, store: str, model: int) -> Told | None:
        """Return how far a store was told, None where it never was."""
        return told.place(self._db, store, model)

    def tellings(self) -> list[Told]:
        """Return how far each store was told, of each model's pictures."""
        return told.every(self._db)

    def untold(self, place: Told, limit: int) -> list[tuple[int, int]]:
        """Return (number of the change, image) of the next changes, in their order."""
        return told.untold(self._db, place, limit)

    def waiting(self, place: Told) -> int:
        """Return how many images have changes that a store was not told of."""
        return told.waiting(self._db, place)

    def counted(self, model: int) -> int:
        """Return how many live images have a vector of a model."""
        return int(self._db.execute(_COUNTED, (model,)).fetchone()[0])

    def filled(self, model: int, upto: int) -> int:
        """Return how many of those have an id up to this one."""
        return int(self._db.execute(f"{_COUNTED} AND image.id <= ?", (model, upto)).fetchone()[0])

    def rows(self, images: Sequence[int], machine: str) -> dict[int, Row]:
        """Return the rows of those of these images that have a file on an online root."""
        marks = _marks(images)
        files = names.files_of(self._db, images)
        twins = {image for (image,) in self._db.execute(f"{_TWINS} ({marks})", images)}
        known = self._db.execute(
            f"SELECT id, hash, format, width, height, added FROM image WHERE id IN ({marks})",  # noqa: S608 - marks only
            images,
        )
        return {
            image: Row(
                Key(machine, digest),
                tuple(File(one.path, one.size, one.mtime_ns) for one in files[image]),
                form,
                width,
                height,
                added,
                files[image][0].metadata,
                image in twins or len(files[image]) > 1,
            )
            for image, digest, form, width, height, added in known
            if image in files
        }

    def hashes_of(self, images: Sequence[int]) -> dict[int, bytes]:
        """Return image -> hash, those that were forgotten left out."""
        query = f"SELECT id, hash FROM image WHERE id IN ({_marks(images)})"  # noqa: S608 - marks only
        return dict(self._db.execute(query, images))

    def images_of(self, hashes: Sequence[bytes], model: int) -> list[int]:
        """Return the live images of these hashes that have a vector of a model."""
        query = (
            "SELECT image.id FROM image JOIN vector ON vector.image = image.id "  # noqa: S608 - marks only
            f"AND vector.model = ? WHERE image.live AND image.hash IN ({_marks(hashes)})"
        )
        return [image for (image,) in self._db.execute(query, (model, *hashes))]

    def hashes(self, model: int, after: bytes, limit: int) -> list[bytes]:
        """Return hashes beyond one of live images that have a vector of a model, ascending."""
        return [digest for (digest,) in self._db.execute(_HASHES, (model, after, limit))]


def _marks(items: Sequence[object]) -> str:
    return ",".join("?" * len(items))
