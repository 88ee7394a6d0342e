"""A library of any size without the hours of indexing it: files on the disk, random vectors.

Both programs get the same paths and the same vectors, written as they would have
written them themselves.
"""

from __future__ import annotations

import os
import sqlite3
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path
from typing import Final

import numpy as np
from numpy.typing import NDArray

_DIM: Final = 512
_EACH: Final = 200
"""Files in a folder."""


def files(root: Path, count: int) -> list[Path]:
    """Make so many small files, in folders, and return them."""
    made = []
    for number in range(count):
        folder = root / f"f{number // _EACH:05}"
        if number % _EACH == 0:
            folder.mkdir(parents=True)
        path = folder / f"IMG_{number:06}.jpg"
        path.write_bytes(b"x")
        made.append(path)
    return made


def vectors(count: int) -> Iterator[NDArray[np.float32]]:
    """Yield unit vectors of shape (512,), the same each time."""
    chance = np.random.default_rng(0)
    for _ in range(count):
        vector = chance.standard_normal(_DIM, dtype=np.float32)
        yield vector / np.linalg.norm(vector)


def grow_imgq(catalog: Path, root: Path, paths: list[Path]) -> None:
    """Add the files to a catalog that knows the root and has used one model already."""
    with closing(sqlite3.connect(catalog)) as db, db:
        row = "SELECT id FROM root WHERE path = ?"
        [number] = db.execute(row, (os.fsencode(root),)).fetchone()
        [model] = db.execute("SELECT max(id) FROM model").fetchone()
        [first] = db.execute("SELECT coalesce(max(id), 0) + 1 FROM image").fetchone()
        folders: dict[Path, int] = {}
        for place, (path, vector) in enumerate(zip(paths, vectors(len(paths)), strict=True)):
            image = first + place
            folder = folders.get(path.parent)
            if folder is None:
                made = "INSERT INTO folder (root, path) VALUES (?, ?) RETURNING id"
                [folder] = db.execute(made, (number, os.fsencode(path.parent))).fetchone()
                folders[path.parent] = folder
            db.execute(
                "INSERT INTO image (id, hash, format, width, height, live, added) "
                "VALUES (?, ?, 'jpeg', 4000, 3000, 1, 0)",
                (image, image.to_bytes(16, "big")),
            )
            stamp = path.lstat()
            [file] = db.execute(
                "INSERT INTO file (folder, name, dev, inode, size, mtime_ns, ctime_ns, state, "
                "image) VALUES (?, ?, ?, ?, ?, ?, ?, 'indexed', ?) RETURNING id",
                (
                    folder, os.fsencode(path.name), stamp.st_dev, stamp.st_ino, stamp.st_size,
                    stamp.st_mtime_ns, stamp.st_ctime_ns, image,
                ),
            ).fetchone()  # fmt: skip
            db.execute(
                "INSERT INTO words (rowid, name, folder, said) VALUES (?, ?, ?, '')",
                (file, path.name, f"/{path.parent.name}"),
            )
            data = vector.astype(np.float16).tobytes()
            db.execute(
                "INSERT INTO vector (image, model, data) VALUES (?, ?, ?)", (image, model, data)
            )


def grow_rclip(data: Path, paths: list[Path]) -> None:
    """Add the files to rclip's database, which it has made already."""
    with closing(sqlite3.connect(data / "db.sqlite3")) as db, db:
        db.executemany(
            "INSERT INTO images (filepath, modified_at, size, vector, hash) VALUES (?, ?, ?, ?, ?)",
            (
                (str(path), path.stat().st_mtime, 1, vector.tobytes(), str(place))
                for place, (path, vector) in enumerate(zip(paths, vectors(len(paths)), strict=True))
            ),
        )
