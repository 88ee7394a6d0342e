"""Which pictures answers may show: `live` and `orphaned` of the images."""

from __future__ import annotations

import sqlite3
from collections.abc import Iterable
from typing import Final

from imgqd.catalog.arrivals import arrive
from imgqd.records import Change

_LIVE: Final = """
    SELECT image.live,
        EXISTS (SELECT 1 FROM file WHERE file.image = image.id),
        EXISTS (SELECT 1 FROM file JOIN folder ON folder.id = file.folder
                JOIN root ON root.id = folder.root
                WHERE file.image = image.id AND root.online)
    FROM image WHERE id = ?
"""


def is_live(db: sqlite3.Connection, image: int) -> bool:
    """Return whether `settle` found a file on an online root that shows the image."""
    return bool(db.execute(_LIVE, (image,)).fetchone()[0])


def settle(
    db: sqlite3.Connection,
    touched: Iterable[int],
    now: float,
    queued: int = 0,
    reused: int = 0,
    removed: int = 0,
) -> Change:
    """Bring `live` and `orphaned` of the touched images up to date, and say what that means."""
    appeared, vanished = [], []
    for image in touched:
        was, has_file, is_live = db.execute(_LIVE, (image,)).fetchone()
        db.execute(
            "UPDATE image SET live = ?, orphaned = iif(?, NULL, coalesce(orphaned, ?)) "
            "WHERE id = ?",
            (is_live, has_file, now, image),
        )
        if is_live and not was:
            appeared.append(image)
        elif was and not is_live:
            vanished.append(image)
    arrive(db, appeared)
    return Change(tuple(appeared), tuple(vanished), queued, reused, removed)
