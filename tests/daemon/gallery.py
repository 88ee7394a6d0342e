"""A catalog of a few pictures, with the columns that filters ask for, in a real database."""

from __future__ import annotations

import os
import sqlite3
from datetime import datetime, tzinfo
from pathlib import PurePosixPath

from daemon.lines import understand
from imgqd.query import sql

TABLES = """
    CREATE TABLE root (
        id INTEGER PRIMARY KEY, path BLOB NOT NULL UNIQUE, online INTEGER NOT NULL
    ) STRICT;
    CREATE TABLE folder (
        id INTEGER PRIMARY KEY, root INTEGER NOT NULL, path BLOB NOT NULL UNIQUE
    ) STRICT;
    CREATE TABLE image (
        id INTEGER PRIMARY KEY, format TEXT NOT NULL, width INTEGER NOT NULL,
        height INTEGER NOT NULL, taken TEXT, camera TEXT, lens TEXT, latitude REAL,
        longitude REAL, rating INTEGER, title TEXT, description TEXT, screenshot INTEGER,
        frames INTEGER, added REAL, live INTEGER NOT NULL DEFAULT 1
    ) STRICT;
    CREATE TABLE file (
        id INTEGER PRIMARY KEY, folder INTEGER NOT NULL, name BLOB NOT NULL, size INTEGER NOT NULL,
        mtime_ns INTEGER NOT NULL, image INTEGER, UNIQUE (folder, name)
    ) STRICT;
    CREATE TABLE keyword (image INTEGER NOT NULL, word TEXT NOT NULL COLLATE NOCASE) STRICT;
    CREATE TABLE near (image INTEGER NOT NULL, other INTEGER NOT NULL) STRICT;
    CREATE INDEX image_taken ON image (taken);
    CREATE INDEX image_added ON image (added);
    CREATE INDEX image_camera ON image (camera);
    CREATE INDEX image_lens ON image (lens);
    CREATE INDEX image_place ON image (latitude, longitude) WHERE latitude IS NOT NULL;
    CREATE INDEX image_rating ON image (rating);
    CREATE INDEX image_format ON image (format);
    CREATE INDEX image_width ON image (width, height);
    CREATE INDEX image_height ON image (height);
    CREATE INDEX image_pixels ON image (width * height);
    CREATE INDEX image_frames ON image (frames) WHERE frames > 1;
    CREATE INDEX image_screenshot ON image (id) WHERE screenshot;
    CREATE INDEX file_image ON file (image, folder);
    CREATE INDEX file_folder ON file (folder, image);
    CREATE INDEX file_name ON file (name, image, folder);
    CREATE INDEX file_size ON file (size, image, folder);
    CREATE INDEX file_mtime ON file (mtime_ns, image, folder);
    CREATE INDEX keyword_word ON keyword (word, image);
    CREATE INDEX keyword_image ON keyword (image);
"""


_FACTS = ("size", "mtime", "tags")
"""What `hang` takes beside the columns of `image`."""


class Gallery:
    """Pictures by name; `found` answers which of them a line leaves."""

    def __init__(self, zone: tzinfo | None = None) -> None:
        self.db = sqlite3.connect(":memory:")
        self.db.executescript(TABLES)
        for name, (count, function) in sql.FUNCTIONS.items():
            self.db.create_function(name, count, function, deterministic=True)
        self.db.execute("INSERT INTO root VALUES (1, x'2f', 1), (2, x'2f6f6666', 0)")
        self.zone = zone
        self.names: dict[int, str] = {}

    def hang(self, name: str, *paths: str, **columns: object) -> None:
        """Add a picture with files at some paths; without any, at one of its own."""
        values: dict[str, object] = {"format": "jpeg", "width": 4000, "height": 3000} | columns
        facts = {key: values.pop(key, None) for key in tuple(values) if key in _FACTS}
        marks = ", ".join("?" for _ in values)
        cursor = self.db.execute(
            f"INSERT INTO image ({', '.join(values)}) VALUES ({marks})", tuple(values.values())
        )
        image = int(cursor.lastrowid or 0)
        self.names[image] = name
        for path in paths or (f"/pictures/{name}.jpg",):
            self._file(image, PurePosixPath(path), facts)
        for word in str(facts.get("tags", "")).split():
            self.db.execute("INSERT INTO keyword VALUES (?, ?)", (image, word))

    def _file(self, image: int, path: PurePosixPath, facts: dict[str, object]) -> None:
        folder = bytes(path.parent)
        self.db.execute(
            "INSERT OR IGNORE INTO folder (root, path) VALUES (?, ?)",
            (2 if folder.startswith(b"/off") else 1, folder),
        )
        moment = datetime.fromisoformat(str(facts.get("mtime", "2000-01-01")))
        seconds = round(moment.replace(tzinfo=self.zone).timestamp())
        self.db.execute(
            "INSERT INTO file (folder, name, size, mtime_ns, image) "
            "SELECT id, ?, ?, ?, ? FROM folder WHERE path = ?",
            (os.fsencode(path.name), facts.get("size", 1000), seconds * 10**9, image, folder),
        )

    def found(self, line: str) -> list[str]:
        """Return the names of the pictures that a line's filters leave."""
        where = understand(line).where
        assert where is not None, line
        condition = sql.condition(where, "/home/me", self.zone)
        images = self._meeting(condition)
        if condition.apart:
            parts = [image for part in condition.apart for image in self._meeting(part)]
            assert sorted(parts) == images, "in parts it is not the same"
        return [self.names[image] for image in images]

    def _meeting(self, condition: sql.Condition) -> list[int]:
        rows = self.db.execute(
            f"SELECT id FROM image WHERE {condition.sql} ORDER BY id", condition.values
        )
        return [image for (image,) in rows]

    def plan(self, line: str) -> str:
        """Return how the database goes about a line's filters."""
        where = understand(line).where
        assert where is not None, line
        condition = sql.condition(where, "/home/me", self.zone)
        rows = self.db.execute(
            f"EXPLAIN QUERY PLAN SELECT id FROM image WHERE {condition.sql}", condition.values
        )
        return "\n".join(str(row[3]) for row in rows)
