"""The watched folders in the catalog, and which of them each folder belongs to."""

from __future__ import annotations

import sqlite3
from collections.abc import Sequence

from imgqd.catalog.files import Files
from imgqd.catalog.live import settle
from imgqd.records import Change, Root


def roots(db: sqlite3.Connection) -> list[Root]:
    """Return the roots."""
    rows = db.execute("SELECT id, path, dev, inode, online FROM root ORDER BY path")
    return [
        Root(row, path, None if dev is None else (dev, inode), bool(online))
        for row, path, dev, inode, online in rows
    ]


def set_roots(db: sqlite3.Connection, files: Files, paths: Sequence[bytes], now: float) -> Change:
    """Make the roots be `paths`; what lay below others is forgotten."""
    for path in paths:
        db.execute("INSERT OR IGNORE INTO root (path) VALUES (?)", (path,))
    touched = _give_folders_to_innermost(db, paths)
    removed = 0
    for row, path in db.execute("SELECT id, path FROM root").fetchall():
        if path not in paths:
            folders = "SELECT id FROM folder WHERE root = ?"
            removed += files.drop_all(folders, (row,), touched, now)
            db.execute("DELETE FROM folder WHERE root = ?", (row,))
            db.execute("DELETE FROM root WHERE id = ?", (row,))
    return settle(db, touched, now, removed=removed)


def set_state(
    db: sqlite3.Connection, root: Root, identity: tuple[int, int] | None, now: float
) -> Change:
    """Note that a root is online with an identity, or (None) offline."""
    if identity is None:
        db.execute("UPDATE root SET online = 0 WHERE id = ?", (root.id,))
    else:
        db.execute(
            "UPDATE root SET online = 1, dev = ?, inode = ? WHERE id = ?", (*identity, root.id)
        )
        if root.identity and root.identity[0] != identity[0]:
            for table in ("file", "sidecar"):
                db.execute(
                    f"UPDATE {table} SET dev = ? WHERE dev = ? AND folder IN "  # noqa: S608 - ours
                    "(SELECT id FROM folder WHERE root = ?)",
                    (identity[0], root.identity[0], root.id),
                )
    if root.online == (identity is not None):
        return Change()
    rows = db.execute(
        "SELECT DISTINCT image FROM file JOIN folder ON folder.id = file.folder "
        "WHERE folder.root = ? AND image IS NOT NULL",
        (root.id,),
    )
    return settle(db, {image for (image,) in rows}, now)


def _give_folders_to_innermost(db: sqlite3.Connection, paths: Sequence[bytes]) -> set[int]:
    """Let each folder belong to the innermost root that holds it; return the images concerned.

    A root may lie in another one, and be added or removed while that one stays.
    """
    touched: set[int] = set()
    ids = {path: row for row, path in db.execute("SELECT id, path FROM root")}
    for folder, owner, at in db.execute("SELECT id, root, path FROM folder").fetchall():
        around = [path for path in paths if at == path or at.startswith(path.rstrip(b"/") + b"/")]
        innermost = ids[max(around, key=len)] if around else owner
        if innermost != owner:
            db.execute("UPDATE folder SET root = ? WHERE id = ?", (innermost, folder))
            images = db.execute(
                "SELECT image FROM file WHERE folder = ? AND image IS NOT NULL", (folder,)
            )
            touched.update(image for (image,) in images)
    return touched
