"""The catalog: what is true, in SQLite. The only home of sqlite3.

`Writer` is the one read-write connection and lives in one thread; `Reader`s
are read-only and may be many. A commit here is the daemon's promise; FAISS and
every answer are derived from it.
"""

from imgqd.catalog.reader import Reader
from imgqd.catalog.store import (
    CatalogDamaged,
    CatalogError,
    DiskTrouble,
    is_large,
    noticing_damage,
    open_writable,
    set_aside,
    setting_aside,
)
from imgqd.catalog.told import Told
from imgqd.catalog.writer import Writer

__all__ = [
    "CatalogDamaged",
    "CatalogError",
    "DiskTrouble",
    "Reader",
    "Told",
    "Writer",
    "is_large",
    "noticing_damage",
    "open_writable",
    "set_aside",
    "setting_aside",
]
