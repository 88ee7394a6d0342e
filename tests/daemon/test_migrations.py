"""The numbered steps of the catalog: every earlier version opens, a newer one is left alone."""

from __future__ import annotations

import hashlib
import shutil
import sqlite3
from collections.abc import Sequence
from contextlib import closing
from pathlib import Path
from typing import Any

import pytest

from imgqd.catalog import CatalogError, Reader, Writer, store
from imgqd.catalog.schema import STEPS

MORE = "ALTER TABLE root ADD COLUMN colour TEXT; INSERT INTO setting VALUES ('colour', 'red');"
"""A step such as a later version might take."""

_FILE = (
    "INSERT INTO file (folder, name, dev, inode, size, mtime_ns, ctime_ns, state, image) "
    "VALUES (?, ?, 8, ?, 10, 11, 12, ?, ?)"
)
_SIDECAR = (
    "INSERT INTO sidecar (folder, name, dev, inode, size, mtime_ns, ctime_ns) "
    "VALUES (1, ?, 8, 7, 1, 2, 3)"
)
ROWS: Sequence[tuple[int, str, Sequence[tuple[Any, ...]]]] = (
    (1, "INSERT INTO root (id, path, dev, inode, online) VALUES (?, ?, ?, ?, ?)", [
        (1, b"/pictures", 8, 2, 1), (2, b"/away", None, None, 0),
    ]),
    (1, "INSERT INTO folder (id, root, path) VALUES (?, ?, ?)", [
        (1, 1, b"/pictures"), (2, 1, b"/pictures/\xff"),
    ]),
    (1, "INSERT INTO image (id, hash, format, width, height, live) VALUES (?, ?, 'png', 4, 3, 1)", [
        (1, b"a" * 16), (2, b"b" * 16),
    ]),
    (1, _FILE, [
        (1, b"a.png", 3, "indexed", 1), (2, b"b\n.png", 4, "indexed", 2),
        (2, b"c.png", 5, "pending", None), (2, b"d.png", 6, "failed", None),
    ]),
    (1, "INSERT INTO model (id, key, name, dim) VALUES (?, ?, ?, ?)", [(1, "k", "demo", 4)]),
    (1, "INSERT INTO vector (image, model, data) VALUES (?, 1, ?)", [
        (1, b"\0\x3c" + b"\0" * 6), (2, b"\0" * 2 + b"\0\x3c" + b"\0" * 4),
    ]),
    (1, "INSERT INTO setting VALUES (?, ?)", [("paused_until", "0")]),
    (2, "UPDATE image SET camera = ?, taken = ? WHERE id = ?", [
        ("Canon EOS 5D", "2023-07-14T18:20:05", 1),
    ]),
    (2, "INSERT INTO keyword (image, word) VALUES (?, ?)", [(1, "lisbon"), (1, "tram")]),
    (2, _SIDECAR, [(b"a.xmp",)]),
    (2, "INSERT INTO print (image, code, data) VALUES (?, ?, ?)", [
        (1, -1, b"looks"), (2, 2**63 - 1, b"like"),
    ]),
    (2, "INSERT INTO near (image, other, distance) VALUES (?, ?, 0.5)", [(1, 2), (2, 1)]),
    (2, "INSERT INTO arrival (image, model) VALUES (?, ?)", [(1, 0), (1, 1), (2, 0), (2, 1)]),
    (1, "INSERT INTO words (rowid, name, folder) VALUES (?, ?, '')", [(1, "a.png"), (2, "b.png")]),
)  # fmt: skip
"""Rows that a catalog may have from some version on."""


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "catalog.sqlite3"


def written_by(version: int, path: Path) -> None:
    """Make a catalog as the daemon of a version left it, with rows of every kind."""
    with closing(sqlite3.connect(path, isolation_level=None)) as db:
        db.execute("PRAGMA journal_mode = WAL")
        for step in STEPS[:version]:
            db.executescript(step)
        db.execute(f"PRAGMA user_version = {version}")
        for since, statement, rows in ROWS:
            if since <= version:
                db.executemany(statement, rows)


def hashes(folder: Path) -> dict[str, str]:
    """Return name -> hash of the content of every file in a folder."""
    return {
        file.name: hashlib.sha256(file.read_bytes()).hexdigest()
        for file in sorted(folder.iterdir())
    }


def schema(path: Path) -> list[Any]:
    with closing(sqlite3.connect(path)) as db:
        version = db.execute("PRAGMA user_version").fetchone()
        return [version, *db.execute("SELECT type, name, sql FROM sqlite_schema ORDER BY name")]


def check_rows(path: Path, version: int) -> None:
    """Check with today's code what `written_by` wrote."""
    with closing(Writer(path)) as writer, closing(Reader(path)) as reader:
        assert [(root.path, root.online) for root in writer.roots()] == [
            (b"/away", False),
            (b"/pictures", True),
        ]
        totals = reader.totals(1)
        # What the first version saw is read once more, for what it says of itself.
        assert (totals.files, totals.pictures, totals.pending) == (4, 2, 3 if version < 2 else 1)
        assert totals.without_vector == 0
        [(images, vectors)] = reader.vectors(1, 4)
        assert images == [1, 2]
        assert vectors.tolist() == [[1, 0, 0, 0], [0, 1, 0, 0]]
        assert [found.path for found in reader.named("b", 9)] == [b"/pictures/\xff/b\n.png"]
        # Whatever was there is not new to a standing query.
        known = {(one.image, one.model) for one in reader.arrivals(0, 0, reader.arrived(), 1, 9)}
        assert known == {(1, 0), (1, 1), (2, 0), (2, 1)}
        [*_, work] = writer.take(10, ())
        assert work.path == b"/pictures/\xff/c.png"
        [[found], _] = reader.files_of([1, 2]).values()
        if version >= 2:
            assert found.metadata.camera == "Canon EOS 5D"
            assert found.metadata.keywords == ("lisbon", "tram")
            assert b"a.xmp" in reader.stamps(b"/pictures")
        # What an earlier version saw has no print until it is decoded once more.
        assert reader.prints([1, 2]) == ({1: b"looks", 2: b"like"} if version >= 2 else {})
        assert reader.duplicates() == ([1, 2] if version >= 2 else [])
    assert not list(path.parent.glob("*damaged*"))


@pytest.mark.parametrize("version", range(1, len(STEPS) + 1))
def test_a_catalog_of_every_earlier_version_opens_with_all_it_holds(
    path: Path, version: int
) -> None:
    written_by(version, path)
    check_rows(path, version)


@pytest.mark.parametrize("version", range(len(STEPS) + 1))
def test_every_earlier_version_ends_with_the_tables_of_a_new_catalog(
    path: Path, tmp_path: Path, version: int
) -> None:
    written_by(version, path)
    Writer(path).close()
    Writer(tmp_path / "new.sqlite3").close()
    assert schema(path) == schema(tmp_path / "new.sqlite3")


@pytest.mark.parametrize("version", range(1, len(STEPS) + 1))
def test_a_step_of_tomorrow_keeps_what_every_version_holds(
    path: Path, version: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    written_by(version, path)
    monkeypatch.setattr(store, "STEPS", (*STEPS, MORE))
    check_rows(path, version)
    with closing(Writer(path)) as writer:
        assert writer._db.execute("SELECT colour FROM root").fetchall() == [(None,), (None,)]
    assert schema(path)[0] == (len(STEPS) + 1,)


@pytest.mark.parametrize(
    "broken",
    [
        f"{MORE} INSERT INTO nowhere VALUES (1);",
        f"{MORE} INSERT INTO setting VALUES ('colour', 'blue');",
        f"{MORE} DROP TABLE image;",
    ],
    ids=["no such table", "a key twice", "a row that others need"],
)
def test_a_step_that_fails_in_the_middle_leaves_the_version_before_it_usable(
    path: Path, broken: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    written_by(len(STEPS), path)
    before = schema(path)
    monkeypatch.setattr(store, "STEPS", (*STEPS, broken))
    with pytest.raises(CatalogError, match="cannot be used"):
        Writer(path)
    monkeypatch.undo()
    assert schema(path) == before
    check_rows(path, len(STEPS))


def test_of_several_steps_those_before_the_broken_one_stay_taken(
    path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    written_by(len(STEPS), path)
    monkeypatch.setattr(store, "STEPS", (*STEPS, MORE, "INSERT INTO nowhere VALUES (1);"))
    with pytest.raises(CatalogError, match="nowhere"):
        Writer(path)
    assert schema(path)[0] == (len(STEPS) + 1,)
    monkeypatch.setattr(store, "STEPS", (*STEPS, MORE, "DELETE FROM setting;"))
    check_rows(path, len(STEPS))
    assert schema(path)[0] == (len(STEPS) + 2,)


@pytest.mark.parametrize("ended", ["cleanly", "killed"])
def test_a_catalog_of_a_newer_version_is_refused_and_not_a_byte_of_it_is_touched(
    path: Path, tmp_path: Path, ended: str
) -> None:
    before = tmp_path / "before"
    before.mkdir()
    written_by(len(STEPS), path)
    db = sqlite3.connect(path, isolation_level=None)
    db.execute(f"PRAGMA user_version = {len(STEPS) + 1}")
    db.execute("PRAGMA wal_checkpoint(TRUNCATE)")
    if ended == "killed":
        db.execute("INSERT INTO setting VALUES ('a', 'fact that is in the log only')")
        assert path.with_name(path.name + "-wal").stat().st_size > 0
    else:
        db.close()
    for file in tmp_path.glob("catalog*"):
        if not file.name.endswith("-shm"):
            shutil.copy(file, before)
    db.close()
    there = hashes(before)
    assert len(there) == (2 if ended == "killed" else 1)
    with pytest.raises(CatalogError, match=r"newer imgq.*upgrade imgq") as refused:
        Writer(before / path.name)
    assert "\n" not in str(refused.value)
    assert hashes(before) == there
