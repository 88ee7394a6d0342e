"""Opening the catalog: checks, migrations, and setting a damaged one aside."""

from __future__ import annotations

import contextlib
import logging
import sqlite3
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Final

from imgqd.catalog.schema import STEPS

log = logging.getLogger(__name__)

_DISK: Final = (
    sqlite3.SQLITE_FULL,
    sqlite3.SQLITE_IOERR,
    sqlite3.SQLITE_CANTOPEN,
    sqlite3.SQLITE_READONLY,
)

BELOW: Final = "(path = ? OR (path > ? AND path < ?))"
"""The condition of a folder's row that it is a folder, or lies below it; `below` gives its values.
"""


class DiskTrouble(Exception):
    """The disk is full or gone: nothing was committed, and it may be tried again."""


class CatalogError(Exception):
    """The catalog cannot be used; the text is one line for a person."""


def open_writable(path: Path) -> sqlite3.Connection:
    """Open, check and migrate the catalog, and return its one read-write connection.

    Raises CatalogError for a catalog of a newer version, which is left as it
    is, and sqlite3.DatabaseError for a damaged one.
    """
    connection = sqlite3.connect(path, isolation_level=None, check_same_thread=False)
    try:
        version = connection.execute("PRAGMA user_version").fetchone()[0]
        if version > len(STEPS):
            raise CatalogError(
                f"{path} was written by a newer imgq (version {version}, this one knows "
                f"{len(STEPS)}): upgrade imgq, or move that file away to start afresh"
            )
        # FULL: a commit survives a power cut. Measured: 1.9 ms for 64 rows against 1.4 with NORMAL.
        connection.execute("PRAGMA journal_mode = WAL")
        connection.execute("PRAGMA synchronous = FULL")
        connection.execute("PRAGMA foreign_keys = ON")
        verdict = connection.execute("PRAGMA quick_check(1)").fetchone()[0]
        if verdict != "ok":
            raise sqlite3.DatabaseError(verdict)
        for number, step in enumerate(STEPS[version:], start=version + 1):
            connection.executescript(f"BEGIN; {step} PRAGMA user_version = {number}; COMMIT;")
    except BaseException:
        connection.close()
        raise
    return connection


def setting_aside(path: Path) -> sqlite3.Connection:
    """Open the catalog; move a damaged one aside first, saying so in the log.

    Only computing time is lost: everything in it can be made again from the pictures.
    Raises CatalogError where that would not help: the disk is full, or not to be written.
    """
    try:
        return open_writable(path)
    except sqlite3.OperationalError as error:
        raise CatalogError(f"{path} cannot be used: {error}") from error
    except sqlite3.DatabaseError as error:
        aside = path.with_name(f"{path.name}.damaged-{time.strftime('%Y%m%d-%H%M%S')}")
        log.error("the catalog is damaged (%s): set aside as %s, building a new one", error, aside)
        for suffix in ("", "-wal", "-shm"):
            with contextlib.suppress(FileNotFoundError):
                path.with_name(path.name + suffix).rename(aside.with_name(aside.name + suffix))
        return open_writable(path)


def open_readonly(path: Path) -> sqlite3.Connection:
    """Return a read-only connection; it may be used by one thread at a time."""
    return sqlite3.connect(
        f"{path.as_uri()}?mode=ro", uri=True, isolation_level=None, check_same_thread=False
    )


def below(path: bytes) -> tuple[bytes, bytes, bytes]:
    """Return the values of `BELOW` for a folder."""
    top = path.rstrip(b"/")
    return path, top + b"/", top + b"0"  # "0" is the byte after "/"


@contextlib.contextmanager
def transaction(connection: sqlite3.Connection) -> Iterator[None]:
    """Commit what the block does, or nothing of it."""
    try:
        connection.execute("BEGIN IMMEDIATE")
        yield
        connection.execute("COMMIT")
    except BaseException as error:
        # A full disk may have rolled back already.
        if connection.in_transaction:
            connection.execute("ROLLBACK")
        # The low byte is the kind, the rest its details.
        if isinstance(error, sqlite3.Error) and error.sqlite_errorcode & 0xFF in _DISK:
            raise DiskTrouble(str(error)) from error
        raise
