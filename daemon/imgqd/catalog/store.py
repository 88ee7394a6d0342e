"""Opening the catalog: checks, migrations, and setting a damaged one aside."""

from __future__ import annotations

import contextlib
import logging
import shutil
import sqlite3
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Final

from imgqd.catalog.schema import STEPS

log = logging.getLogger(__name__)

_DISK: Final = {
    sqlite3.SQLITE_FULL: "free some space",
    sqlite3.SQLITE_IOERR: "free some space, or check the disk",
    sqlite3.SQLITE_CANTOPEN: "check the disk and who may write there",
    sqlite3.SQLITE_READONLY: "make it writable",
    sqlite3.SQLITE_BUSY: "end the other program that has the catalog open",
}
"""What passes, and what a person can do about it."""

_DAMAGE: Final = (sqlite3.SQLITE_CORRUPT, sqlite3.SQLITE_NOTADB)

_AT_ONCE: Final = 1 << 30
"""Bytes of a catalog that SQLite looks through while everyone waits: about a second."""

BELOW: Final = "(path = ? OR (path > ? AND path < ?))"
"""The condition of a folder's row that it is a folder, or lies below it; `below` gives its values.
"""


class DiskTrouble(Exception):
    """The disk is full or gone: nothing was committed, and it may be tried again.

    The text says why and what to do.
    """


class CatalogError(Exception):
    """The catalog cannot be used; the text is one line for a person."""


class CatalogDamaged(CatalogError):
    """What was read makes no sense: set the catalog aside and build a new one."""


def open_writable(path: Path) -> sqlite3.Connection:
    """Open, check and migrate the catalog, and return its one read-write connection.

    Raises CatalogDamaged, CatalogError for a catalog of a newer version, which
    is left as it is, and sqlite3.Error where it cannot be opened or migrated.
    """
    with noticing_damage():
        if path.exists():
            _refuse_newer(path)
        connection = _connect(path, "mode=rwc")
        try:
            _prepare(connection, path)
        except BaseException:
            connection.close()
            raise
    return connection


def _connect(path: Path, how: str) -> sqlite3.Connection:
    return sqlite3.connect(
        f"{path.as_uri()}?{how}", uri=True, isolation_level=None, check_same_thread=False
    )


def _refuse_newer(path: Path) -> None:
    """Raise CatalogError for a newer version, and touch nothing: not even its log is folded in."""
    # What looks damaged without its log may be sound with it.
    with (
        contextlib.suppress(sqlite3.DatabaseError),
        contextlib.closing(_connect(path, "immutable=1")) as untouched,
    ):
        _version(untouched, path)


def _version(connection: sqlite3.Connection, path: Path) -> int:
    version = int(connection.execute("PRAGMA user_version").fetchone()[0])
    if version > len(STEPS):
        raise CatalogError(
            f"{path} was written by a newer imgq (version {version}, this one knows "
            f"{len(STEPS)}): upgrade imgq, or move that file away to start afresh"
        )
    return version


def _prepare(connection: sqlite3.Connection, path: Path) -> None:
    version = _version(connection, path)
    # FULL: a commit survives a power cut. Measured: 1.9 ms for 64 rows against 1.4 with NORMAL.
    connection.execute("PRAGMA journal_mode = WAL")
    connection.execute("PRAGMA synchronous = FULL")
    connection.execute("PRAGMA foreign_keys = ON")
    if not is_large(path):
        verdict = connection.execute("PRAGMA quick_check(1)").fetchone()[0]
        if verdict != "ok":
            raise CatalogDamaged(verdict)
    for number, step in enumerate(STEPS[version:], start=version + 1):
        connection.executescript(f"BEGIN; {step} PRAGMA user_version = {number}; COMMIT;")


def is_large(path: Path) -> bool:
    """Return whether a catalog is too large to be looked through before it is used."""
    return path.stat().st_size > _AT_ONCE


def setting_aside(path: Path) -> sqlite3.Connection:
    """Open the catalog; move a damaged one aside first, saying so in the log.

    Only computing time is lost: everything in it can be made again from the pictures.
    Raises CatalogError where that would not help: the disk is full, or not to be written.
    """
    try:
        return open_writable(path)
    except CatalogDamaged as error:
        set_aside(path, error)
        return open_writable(path)
    except sqlite3.Error as error:
        raise CatalogError(f"{path} cannot be used: {_words(error)}") from error


def set_aside(path: Path, why: CatalogDamaged) -> None:
    """Move a catalog that nobody has open out of the way, saying so in the log."""
    aside = path.with_name(f"{path.name}.damaged-{time.strftime('%Y%m%d-%H%M%S')}")
    log.error("the catalog is damaged (%s): set aside as %s, building a new one", why, aside)
    for suffix in ("", "-wal", "-shm"):
        with contextlib.suppress(FileNotFoundError):
            path.with_name(path.name + suffix).rename(aside.with_name(aside.name + suffix))


def open_readonly(path: Path) -> sqlite3.Connection:
    """Return a read-only connection; it may be used by one thread at a time."""
    return _connect(path, "mode=ro")


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
        if isinstance(error, sqlite3.Error) and _kind(error) in _DISK:
            raise DiskTrouble(_words(error)) from error
        raise


def shrink(connection: sqlite3.Connection, path: Path) -> bool:
    """Give unused pages back to the disk; False where there is no room to do it, or it failed.

    SQLite writes all of it anew beside the old: readers go on with that.
    """
    if shutil.disk_usage(path.parent).free < 3 * path.stat().st_size:
        return False
    try:
        connection.execute("VACUUM")
        connection.execute("PRAGMA wal_checkpoint(TRUNCATE)")
    except sqlite3.Error as error:
        if _kind(error) not in _DISK:
            raise
        log.warning("the catalog stays as large as it was: %s", _words(error))
        return False
    return True


@contextlib.contextmanager
def noticing_damage() -> Iterator[None]:
    """Turn what SQLite says of a damaged file into CatalogDamaged."""
    try:
        yield
    except sqlite3.Error as error:
        if _kind(error) in _DAMAGE:
            raise CatalogDamaged(str(error)) from error
        raise


def _words(error: sqlite3.Error) -> str:
    remedy = _DISK.get(_kind(error))
    return str(error) if remedy is None else f"{error}: {remedy}"


def _kind(error: sqlite3.Error) -> int:
    # The low byte is the kind, the rest its details. Some errors are Python's own, without a code.
    return getattr(error, "sqlite_errorcode", sqlite3.SQLITE_OK) & 0xFF
