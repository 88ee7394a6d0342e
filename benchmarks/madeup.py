"""A catalog of made-up pictures, of any number, written past its writer for speed."""

from __future__ import annotations

import sqlite3
from collections.abc import Iterable
from contextlib import closing
from pathlib import Path
from typing import Final

import numpy as np
from numpy.typing import NDArray

from imgqd.catalog import Writer
from imgqd.records import Model

DIM: Final = 512
MODEL: Final = Model("made up", "k", DIM, 224, "shortest", "bicubic", 0)

_EACH: Final = 200
"""Files in a folder."""


def fill(path: Path, count: int, blocks: Iterable[NDArray[np.float16]]) -> None:
    """Write so many pictures with the vectors of some blocks, in their order.

    One in a hundred is of a rare camera, one in ten has five stars, and by their
    numbers the later half was taken in 2020 and later.
    """
    Writer(path).close()
    with closing(sqlite3.connect(path)) as db:
        # Nothing of it is worth a wait for the disk.
        db.execute("PRAGMA synchronous = OFF")
        db.execute("PRAGMA cache_size = -262144")
        with db:
            _rows(db, count)
            image = 1
            for block in blocks:
                db.executemany(
                    "INSERT INTO vector (image, model, data) VALUES (?, 1, ?)",
                    ((image + place, row.tobytes()) for place, row in enumerate(block)),
                )
                image += len(block)
        db.execute("PRAGMA wal_checkpoint(TRUNCATE)")


def _rows(db: sqlite3.Connection, count: int) -> None:
    db.execute("INSERT INTO root VALUES (1, ?, 1, 1, 1)", (b"/p",))
    db.execute(
        "INSERT INTO model (id, key, name, dim) VALUES (1, ?, ?, ?)", (MODEL.key, MODEL.name, DIM)
    )
    folders = range(1, count // _EACH + 2)
    db.executemany(
        "INSERT INTO folder (id, root, path) VALUES (?, 1, ?)",
        [(one, b"/p/f%05d" % one) for one in folders],
    )
    db.executemany(
        "INSERT INTO image (id, hash, format, width, height, live, added, taken, camera, "
        "latitude, longitude, rating) VALUES (?, ?, ?, 4000, 3000, 1, 0, ?, ?, ?, ?, ?)",
        (_image(one, count) for one in range(1, count + 1)),
    )
    db.executemany(
        "INSERT INTO file (folder, name, dev, inode, size, mtime_ns, ctime_ns, state, image) "
        "VALUES (?, ?, 1, ?, 5000000, 1, 1, 'indexed', ?)",
        ((one // _EACH + 1, b"%d.jpg" % one, one, one) for one in range(1, count + 1)),
    )
    rare = [(one, "rare") for one in range(1, count + 1, count // 12)][:12]
    db.executemany("INSERT INTO keyword (image, word) VALUES (?, ?)", rare)


def _image(one: int, count: int) -> tuple[object, ...]:
    year = 2018 + one * 4 // (count + 1)
    camera = "Rare Camera" if one % 100 == 0 else "Canon EOS 5D"
    place = (38.7 + one % 7 / 1000, -9.1) if one % 500 == 0 else (None, None)
    form = "png" if one % 3 == 0 else "jpeg"
    taken = f"{year}-{one % 12 + 1:02}-{one % 28 + 1:02}T12:00:00"
    return (one, one.to_bytes(16, "big"), form, taken, camera, *place, 5 if one % 10 == 0 else None)
