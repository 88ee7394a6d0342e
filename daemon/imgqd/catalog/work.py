"""The queue of files whose content is not known, and what became of them."""

from __future__ import annotations

import os
import sqlite3
from collections.abc import Collection, Sequence
from dataclasses import replace
from typing import Final

import numpy as np

from imgqd.catalog import facts
from imgqd.catalog.arrivals import arrive
from imgqd.catalog.live import is_live, settle
from imgqd.catalog.near import Near
from imgqd.records import Change, Failed, Indexed, Stamp, Work

_SUSPECT: Final = 3
"""Attempts after which a file is tried alone: one of many at work when the daemon died is guilty,
if any is, and the others must not be blamed with it."""


def waiting(db: sqlite3.Connection, limit: int, busy: Collection[int], *, bulk: bool) -> list[Work]:
    """Return pending files, those a person waits for first; without `bulk` only those.

    A file that was at work when the daemon died, and again and again, comes alone.
    """
    rows = db.execute(
        "SELECT file.id, version, folder.path, name, file.dev, file.inode, size, mtime_ns, "
        "ctime_ns, noticed, attempts, file.live FROM file JOIN folder ON folder.id = file.folder "
        "JOIN root ON root.id = folder.root "
        "WHERE state = 'pending' AND root.online AND (file.live OR ?) "
        "ORDER BY attempts, file.live DESC, file.id LIMIT ?",
        (bulk, limit + len(busy)),
    ).fetchall()
    works = [
        Work(
            file=row[0],
            version=row[1],
            path=os.path.join(row[2], row[3]),
            stamp=Stamp(*row[4:9]),
            noticed=row[9],
            attempts=row[10],
            live=bool(row[11]),
        )
        for row in rows
        if row[0] not in busy
    ][:limit]
    sound = [one for one in works if one.attempts < _SUSPECT]
    return sound if sound or busy else works[:1]


def count_attempts(db: sqlite3.Connection, works: Sequence[Work]) -> None:
    """Note that these files are about to be decoded."""
    db.executemany(
        "UPDATE file SET attempts = attempts + 1 WHERE id = ?", [(work.file,) for work in works]
    )


def give_back(db: sqlite3.Connection, files: Collection[int]) -> None:
    """Take back the attempt that was counted: these were not decoded after all."""
    db.executemany(
        "UPDATE file SET attempts = max(0, attempts - 1) WHERE id = ?", [(file,) for file in files]
    )


def commit(
    db: sqlite3.Connection,
    near: Near,
    indexed: Sequence[Indexed],
    failed: Sequence[Failed],
    made_with: int | None,
    active: int | None,
    now: float,
) -> Change:
    """Store what a batch came to, inside a transaction of the caller."""
    touched: set[int] = set()
    fresh: set[int] = set()
    for done in indexed:
        image = facts.store(db, done.picture, done.work.file, done.sidecar, now)
        touched.add(image)
        near.note(image, done.picture)
        if done.vector is not None and made_with is not None:
            db.execute(
                "INSERT OR REPLACE INTO vector (image, model, data) VALUES (?, ?, ?)",
                (image, made_with, done.vector.astype(np.float16).tobytes()),
            )
            fresh.add(image)
        lacks = active is not None and not _has(db, image, active)
        state = "pending" if lacks else "indexed"
        touched |= _finish(db, done.work, (state, image, None, None, done.sidecar))
        file = done.work.file
        db.execute(f"UPDATE words SET said = ({facts.SAID}) WHERE rowid = ?", (file, file))  # noqa: S608 - ours
    for bad in failed:
        touched |= _finish(db, bad.work, ("failed", None, bad.reason, bad.detail, None))
    change = settle(db, touched, now)
    # A live image that only now got its vector is new to the index, too.
    live = {image for image in fresh if is_live(db, image)}
    arrive(db, live)
    return replace(change, appeared=tuple(live | set(change.appeared)))


def requeue_without_vector(db: sqlite3.Connection, model: int, now: float) -> int:
    """Make one file of every live image without a vector of the model pending again."""
    return db.execute(
        "UPDATE file SET state = 'pending', noticed = ? WHERE state = 'indexed' AND id IN "
        "(SELECT min(file.id) FROM file JOIN folder ON folder.id = file.folder "
        "JOIN root ON root.id = folder.root "
        "WHERE root.online AND file.image IS NOT NULL AND NOT EXISTS "
        "(SELECT 1 FROM vector WHERE vector.image = file.image AND model = ?) "
        "GROUP BY file.image)",
        (now, model),
    ).rowcount


def retry_failed(db: sqlite3.Connection, now: float) -> int:
    """Make every file pending again that could not be decoded, and return their number."""
    return db.execute(
        "UPDATE file SET state = 'pending', version = version + 1, attempts = 0, noticed = ? "
        "WHERE state = 'failed'",
        (now,),
    ).rowcount


def _has(db: sqlite3.Connection, image: int, model: int) -> bool:
    found = db.execute("SELECT 1 FROM vector WHERE image = ? AND model = ?", (image, model))
    return found.fetchone() is not None


def _finish(
    db: sqlite3.Connection,
    work: Work,
    outcome: tuple[str, int | None, str | None, str | None, str | None],
) -> set[int]:
    """Write (state, image, reason, detail, sidecar) of an unchanged file.

    Returns the image that it showed before.
    """
    where = (work.file, work.version)
    before = db.execute("SELECT image FROM file WHERE id = ? AND version = ?", where).fetchone()
    if before is None:
        return set()
    db.execute(
        "UPDATE file SET state = ?, image = ?, reason = ?, detail = ?, sidecar = ?, attempts = 0 "
        "WHERE id = ? AND version = ?",
        (*outcome, *where),
    )
    return {image for image in before if image is not None}
