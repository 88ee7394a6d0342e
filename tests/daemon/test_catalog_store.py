"""Opening the catalog: first start, migrations, damage, and a disk that is full."""

from __future__ import annotations

import os
import sqlite3
from collections.abc import Iterator
from contextlib import closing
from dataclasses import replace
from pathlib import Path

import pytest

from daemon.shelf import OTHER, Shelf
from imgqd.catalog import (
    CatalogError,
    DiskTrouble,
    Reader,
    Writer,
    open_writable,
    store,
)
from imgqd.catalog.schema import STEPS
from imgqd.records import Change, Observed, Stamp


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "catalog.sqlite3"


@pytest.fixture
def shelf(tmp_path: Path) -> Iterator[Shelf]:
    shelf = Shelf(tmp_path, "one")
    yield shelf
    shelf.close()


def version(path: Path) -> int:
    with closing(sqlite3.connect(path)) as db:
        return int(db.execute("PRAGMA user_version").fetchone()[0])


def set_version(path: Path, number: int) -> None:
    with closing(sqlite3.connect(path)) as db:
        db.execute(f"PRAGMA user_version = {number}")


def fill(shelf: Shelf) -> None:
    """Leave the disk no room: the catalog cannot grow by a page."""
    shelf.writer._db.execute("PRAGMA wal_checkpoint(TRUNCATE)")
    shelf.writer._db.execute("PRAGMA max_page_count = 1")


def make_room(shelf: Shelf) -> None:
    shelf.writer._db.execute("PRAGMA max_page_count = 1000000")


def observed(shelf: Shelf, count: int) -> tuple[list[Observed], dict[bytes, int]]:
    folder = os.fsencode(shelf.base / "one")
    names = [b"%0200d.png" % number for number in range(count)]
    seen = [
        Observed(os.path.join(folder, name), Stamp(1, number, 1, 1, 1), 0.0, live=False)
        for number, name in enumerate(names)
    ]
    return seen, {folder: shelf.root("one").id}


def test_a_new_catalog_gets_every_step(path: Path) -> None:
    Writer(path).close()
    assert version(path) == len(STEPS)
    with closing(Reader(path)) as reader:
        assert reader.totals(None).files == 0


def test_a_second_start_finds_what_the_first_one_left(path: Path) -> None:
    with closing(Writer(path)) as writer:
        writer.set_roots([b"/a"], 0.0)
    with closing(Writer(path)) as writer:
        assert [root.path for root in writer.roots()] == [b"/a"]


def test_an_older_catalog_gets_the_steps_that_it_lacks(
    path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    with closing(Writer(path)) as writer:
        writer.set_roots([b"/a"], 0.0)
    step = "ALTER TABLE root ADD COLUMN colour TEXT;"
    monkeypatch.setattr(store, "STEPS", (*STEPS, step))
    with closing(Writer(path)) as writer:
        assert writer._db.execute("SELECT path, colour FROM root").fetchall() == [(b"/a", None)]
    assert version(path) == len(STEPS) + 1


def test_a_step_that_fails_leaves_the_catalog_as_it_was(
    path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    with closing(Writer(path)) as writer:
        writer.set_roots([b"/a"], 0.0)
    step = "ALTER TABLE root ADD COLUMN colour TEXT; INSERT INTO nowhere VALUES (1);"
    monkeypatch.setattr(store, "STEPS", (*STEPS, step))
    with pytest.raises(CatalogError, match="nowhere"):
        Writer(path)
    monkeypatch.undo()
    with closing(Writer(path)) as writer:
        assert [root.path for root in writer.roots()] == [b"/a"]
        with pytest.raises(sqlite3.OperationalError, match="colour"):
            writer._db.execute("SELECT colour FROM root")


@pytest.mark.parametrize("journal", ["wal", "delete"])
def test_a_catalog_of_a_newer_version_is_refused_and_not_touched(path: Path, journal: str) -> None:
    Writer(path).close()
    with closing(sqlite3.connect(path)) as db:
        db.execute(f"PRAGMA journal_mode = {journal}")
    set_version(path, len(STEPS) + 1)
    before = path.read_bytes()
    with pytest.raises(CatalogError, match=r"newer imgq.*upgrade imgq"):
        Writer(path)
    assert path.read_bytes() == before
    assert not list(path.parent.glob("*damaged*"))


@pytest.mark.parametrize(
    "content",
    [b"this is no database" * 100, b"SQLite format 3\0" + b"\xff" * 8000],
    ids=["foreign", "garbage"],
)
def test_a_file_that_is_no_database_is_set_aside_and_a_new_one_built(
    path: Path, content: bytes, caplog: pytest.LogCaptureFixture
) -> None:
    path.write_bytes(content)
    Writer(path).close()
    [aside] = path.parent.glob("catalog.sqlite3.damaged-*")
    assert aside.read_bytes() == content
    assert version(path) == len(STEPS)
    assert "set aside" in caplog.text


def test_a_catalog_with_a_damaged_page_is_set_aside(tmp_path: Path) -> None:
    shelf = Shelf(tmp_path, "one")
    for number in range(50):
        shelf.look(shelf.write(f"one/{number}.png", b"%d" % number))
    shelf.work()
    shelf.close()
    content = bytearray(shelf.catalog.read_bytes())
    middle = len(content) // 2 // 4096 * 4096
    content[middle : middle + 8192] = b"\xa5" * 8192
    shelf.catalog.write_bytes(content)
    with closing(Writer(shelf.catalog)) as writer:
        assert writer.roots() == []
    assert len(list(tmp_path.glob("catalog.sqlite3.damaged-*"))) == 1


def test_a_catalog_that_cannot_be_opened_is_not_set_aside(path: Path) -> None:
    path.mkdir()
    with pytest.raises(CatalogError, match="cannot be used"):
        Writer(path)
    assert path.is_dir()


def test_a_reader_sees_what_is_committed_and_writes_nothing(shelf: Shelf) -> None:
    shelf.put("one/a.png", b"a")
    assert shelf.reader.totals(shelf.model).files == 1
    with pytest.raises(sqlite3.OperationalError, match="readonly"):
        shelf.reader._db.execute("DELETE FROM file")


def test_a_commit_waits_until_the_disk_has_it(path: Path) -> None:
    with closing(open_writable(path)) as db:
        assert db.execute("PRAGMA journal_mode").fetchone() == ("wal",)
        assert db.execute("PRAGMA synchronous").fetchone() == (2,)  # FULL
        assert db.execute("PRAGMA foreign_keys").fetchone() == (1,)


def test_a_full_disk_leaves_nothing_half_done_and_may_be_tried_again(shelf: Shelf) -> None:
    shelf.put("one/a.png", b"a")
    before = shelf.rows()
    seen, root_of = observed(shelf, 200)
    fill(shelf)
    with pytest.raises(DiskTrouble, match="full"):
        shelf.writer.apply(seen, root_of, shelf.now)
    assert shelf.rows() == before
    assert not shelf.writer._db.in_transaction
    make_room(shelf)
    assert shelf.writer.apply(seen, root_of, shelf.now).queued == 200


def test_a_full_disk_at_a_commit_loses_no_work(shelf: Shelf) -> None:
    for number in range(200):
        shelf.look(shelf.write(f"one/{number}.png", b"%d" % number))
    works = shelf.take()
    fill(shelf)
    with pytest.raises(DiskTrouble):
        shelf.commit(*works)
    assert shelf.live() == set()
    make_room(shelf)
    assert len(shelf.commit(*works).appeared) == 200


def test_a_full_disk_is_the_same_trouble_for_a_new_model(shelf: Shelf) -> None:
    fill(shelf)
    many = [replace(OTHER, name="m" * 4000, key=str(number)) for number in range(9)]
    with pytest.raises(DiskTrouble):
        [shelf.writer.model_id(model) for model in many]


def test_a_full_disk_does_not_keep_the_catalog_from_being_closed(tmp_path: Path) -> None:
    shelf = Shelf(tmp_path, "one")
    shelf.put("one/a.png", b"a")
    blocker = sqlite3.connect(shelf.catalog, isolation_level=None)
    blocker.execute("BEGIN")
    blocker.execute("SELECT * FROM file").fetchall()
    shelf.writer._db.execute("PRAGMA busy_timeout = 0")
    shelf.close()
    blocker.close()
    with closing(Writer(shelf.catalog)) as writer:
        assert len(writer.roots()) == 1


def test_a_mistake_of_ours_is_no_disk_trouble(shelf: Shelf) -> None:
    seen, _ = observed(shelf, 1)
    with pytest.raises(KeyError):
        shelf.writer.apply(seen, {}, shelf.now)
    assert shelf.writer.apply([], {}, shelf.now) == Change()
