"""The catalog: what is true, in SQLite. The only home of sqlite3.

`Writer` is the one read-write connection and lives in one thread; `Reader`s
are read-only and may be many. A commit here is the daemon's promise; FAISS and
every answer are derived from it.
"""

from imgqd.catalog.reader import Reader
from imgqd.catalog.store import CatalogError, DiskTrouble, open_writable, setting_aside
from imgqd.catalog.writer import Writer

__all__ = ["CatalogError", "DiskTrouble", "Reader", "Writer", "open_writable", "setting_aside"]
