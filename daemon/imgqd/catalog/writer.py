"""Every change of the catalog, each one transaction.

The identity of a picture is the hash of its bytes; `files` knows how a file is
recognised without reading them, `work` what becomes of those that are read,
`live` what all that means for answers.
"""

from __future__ import annotations

import contextlib
import os
import sqlite3
from collections.abc import Collection, Iterable, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Final

from imgqd import sidecar
from imgqd.catalog import roots, sets, sidecars, told, touched, work
from imgqd.catalog.files import Files
from imgqd.catalog.live import settle
from imgqd.catalog.near import Near
from imgqd.catalog.store import setting_aside, shrink, transaction
from imgqd.catalog.told import Told
from imgqd.records import Change, Failed, Indexed, Model, Observed, Root, Vector, Work

_KEEP: Final = 7 * 86400.0
"""Seconds for which the vectors of pictures that went away are kept, should they come back."""

_GONE: Final = """
    SELECT id FROM image WHERE orphaned < ?
    AND id NOT IN (SELECT image FROM touched WHERE id > (SELECT min(seq) FROM told))
"""


class Writer:
    """The one connection that writes; use it in one thread."""

    def __init__(self, path: Path) -> None:
        self._path = path
        self._db = setting_aside(path)
        self._files = Files(self._db)
        self._near = Near(self._db)

    def close(self) -> None:
        """Fold the log into the database and close it."""
        # On a full disk the log stays a file of its own: the next start reads it.
        with contextlib.suppress(sqlite3.DatabaseError):
            self._db.execute("PRAGMA wal_checkpoint(TRUNCATE)")
        self._db.close()

    # Roots

    def set_roots(self, paths: Sequence[bytes], now: float) -> Change:
        """Make the roots be `paths`; what lay below others is forgotten."""
        with transaction(self._db):
            return roots.set_roots(self._db, self._files, paths, now)

    def roots(self) -> list[Root]:
        """Return the roots."""
        return roots.roots(self._db)

    def set_root_state(self, root: Root, identity: tuple[int, int] | None, now: float) -> Change:
        """Note that a root is online with an identity, or (None) offline.

        A device that came back under another number keeps its files' stamps.
        """
        with transaction(self._db):
            return roots.set_state(self._db, root, identity, now)

    # Files

    def apply(self, observed: Iterable[Observed], root_of: dict[bytes, int], now: float) -> Change:
        """Bring the rows of these paths in line with what the disk showed.

        `root_of` gives the root's id for the folder of each path. New or changed
        content becomes pending; known content is linked without being read.
        """
        with transaction(self._db):
            touched: set[int] = set()
            kin: list[bytes] = []
            queued = reused = removed = 0
            for one in observed:
                directory, name = os.path.split(one.path)
                root = root_of[directory]
                if one.stamp is None:
                    removed += self._files.remove(one.path, root, touched, now)
                if sidecar.is_name(name):
                    queued += self._follow_sidecar(one, root)
                if one.stamp is None or sidecar.is_name(name):
                    continue
                verdict = self._files.place(one, root, touched, now)
                queued += verdict == "queued"
                reused += verdict == "reused"
                if verdict != "same":
                    kin += self._files.kin(one.path, one.stamp)
            self._files.forget_departed(now)
            change = settle(self._db, touched, now, queued=queued, reused=reused, removed=removed)
            return replace(change, kin=tuple(kin))

    def _follow_sidecar(self, one: Observed, root: int) -> int:
        if one.stamp is None:
            return sidecars.remove(self._db, one)
        return sidecars.place(self._db, one, self._files.folder(os.path.dirname(one.path), root))

    def forget_folders(self, gone: Sequence[bytes], now: float) -> Change:
        """Remove folders (each with all below it) that a full walk did not meet."""
        with transaction(self._db):
            touched: set[int] = set()
            removed = 0
            for path in gone:
                root = self._files.root_of_folder(path)
                if root is not None:
                    removed += self._files.remove_folder(path, root, touched, now)
            return settle(self._db, touched, now, removed=removed)

    # Work

    def take(self, limit: int, busy: Collection[int], *, bulk: bool = True) -> list[Work]:
        """Return pending files, those a person waits for first, and count the attempt.

        Without `bulk` only those that the watcher noticed: single new files.

        The attempt is on the disk before anything is decoded: a file that takes
        the whole machine down is not tried for ever.
        """
        works = work.waiting(self._db, limit, busy, bulk=bulk)
        if works:
            with transaction(self._db):
                work.count_attempts(self._db, works)
        return works

    def give_back(self, files: Collection[int]) -> None:
        """Take back the attempt of files that were taken and not decoded."""
        with transaction(self._db):
            work.give_back(self._db, files)

    def retry_failed(self, now: float) -> int:
        """Make every file pending again that could not be decoded, and return their number."""
        with transaction(self._db):
            return work.retry_failed(self._db, now)

    def commit(
        self,
        indexed: Sequence[Indexed],
        failed: Sequence[Failed],
        made_with: int | None,
        active: int | None,
        now: float,
    ) -> Change:
        """Store what a batch came to: vectors of `made_with`, while another model may be active.

        A file that changed meanwhile (its version grew) keeps its new, pending
        state; the picture that was seen is kept all the same. A picture that
        the active model has not seen stays pending.
        """
        with transaction(self._db):
            return work.commit(self._db, self._near, indexed, failed, made_with, active, now)

    # Models

    def model_id(self, model: Model) -> int:
        """Return the number of a model, a new one for weights never seen."""
        known = self._db.execute(
            "SELECT id FROM model WHERE key = ? AND name = ?", (model.key, model.name)
        ).fetchone()
        if known is not None:
            return int(known[0])  # written nothing: a full disk keeps no one from searching
        with transaction(self._db):
            row = self._db.execute(
                "INSERT INTO model (key, name, dim) VALUES (?, ?, ?) "
                "ON CONFLICT (key) DO UPDATE SET name = excluded.name RETURNING id",
                (model.key, model.name, model.dim),
            ).fetchone()
        return int(row[0])

    def requeue_without_vector(self, model: int, now: float) -> int:
        """Make one file of every live image without a vector of the model pending again."""
        with transaction(self._db):
            return work.requeue_without_vector(self._db, model, now)

    def put_vectors(self, model: int, vectors: Sequence[tuple[int, Vector]]) -> None:
        """Store (image, vector) of a model that does not answer yet."""
        with transaction(self._db):
            sets.put(self._db, model, vectors)

    def drop_vectors(self, model: int, most: int) -> int:
        """Delete so many vectors of a model at most, and return how many those were."""
        with transaction(self._db):
            return sets.drop(self._db, model, most)

    def shrink(self) -> bool:
        """Give the room of what was deleted back to the disk, and return whether that went well.

        Takes seconds for a large catalog, in which nothing is stored and questions are answered.
        """
        return shrink(self._db, self._path)

    def forget_touched(self, seq: int, model: int) -> None:
        """Forget the changes that a model's snapshot has."""
        with transaction(self._db):
            touched.forget(self._db, seq, model)

    def begin_telling(self, store: str, model: int) -> Told:
        """Begin, or begin anew, to tell a store beyond this machine of a model's pictures."""
        with transaction(self._db):
            return told.begin(self._db, store, model)

    def note_told(self, place: Told) -> None:
        """Note what a store acknowledged."""
        with transaction(self._db):
            told.note(self._db, place)

    def stop_telling(self, store: str, model: int | None = None) -> None:
        """Tell a store no more, of one model's pictures or of any's."""
        with transaction(self._db):
            told.stop(self._db, store, model)

    def tidy(self, now: float) -> int:
        """Forget the pictures that have been gone for a week, and return their number.

        Not those that a store has yet to be told of: it knows them by their hash alone.
        """
        with transaction(self._db):
            for table, image in (("departed", "image"), ("image", "id")):
                gone = self._db.execute(
                    f"DELETE FROM {table} WHERE {image} IN ({_GONE})",  # noqa: S608 - constants of ours
                    (now - _KEEP,),
                ).rowcount
            return gone

    def remember(self, name: str, value: str) -> None:
        """Keep a small fact across restarts."""
        with transaction(self._db):
            self._db.execute("INSERT OR REPLACE INTO setting VALUES (?, ?)", (name, value))
