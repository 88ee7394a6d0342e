"""Damage that is met while the daemon runs: noticed, told, set aside, and no endless circle."""

from __future__ import annotations

import asyncio
import sqlite3
import sys
import time
from contextlib import closing
from pathlib import Path

import pytest

from imgqd import app, cli
from imgqd.bell import Bell
from imgqd.catalog import CatalogDamaged, CatalogError, Writer, store
from imgqd.library import Library


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "catalog.sqlite3"


def spoil(path: Path) -> None:
    """Overwrite all pages but the first, as a dying disk would: behind SQLite's back."""
    with path.open("r+b") as file:
        size = file.seek(0, 2)
        file.seek(4096)
        file.write(b"\xa5" * (size - 4096))


def refused(error: type[sqlite3.Error], kind: int) -> sqlite3.Error:
    made = error("as SQLite says it")
    made.sqlite_errorcode = kind
    return made


def test_a_question_that_meets_damage_is_told_so_and_the_file_is_set_aside(
    path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    Writer(path).close()
    noticed: list[bool] = []
    with closing(Library(path, Bell())) as library:
        library.on_damage = lambda: noticed.append(True)
        spoil(path)
        with pytest.raises(CatalogDamaged):
            asyncio.run(library.read(lambda reader: reader.totals(None)))
        assert library.damage is not None
    assert noticed
    assert [one.name for one in path.parent.iterdir()] == [
        one.name for one in path.parent.glob("catalog.sqlite3.damaged-*")
    ]
    assert caplog.text.count("set aside") == 1


def test_a_change_that_meets_damage_is_told_so_and_never_tried_again(path: Path) -> None:
    Writer(path).close()
    with closing(Library(path, Bell())) as library:
        # What the check at the start has read would be taken from memory.
        library._writer._db.execute("PRAGMA shrink_memory")
        spoil(path)
        with pytest.raises(CatalogDamaged):
            asyncio.run(library.write(lambda writer: writer.set_roots([b"/a"], 0.0)))
        assert library.trouble is None
    with closing(Writer(path)) as writer:
        assert writer.roots() == []


def test_a_large_catalog_is_used_at_once_and_its_damage_found_afterwards(
    path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    Writer(path).close()
    monkeypatch.setattr(store, "_AT_ONCE", 0)
    noticed: list[bool] = []
    with closing(Library(path, Bell())) as library:
        library.on_damage = lambda: noticed.append(True)
        asyncio.run(library.look_through())
        assert noticed == []
        spoil(path)
        asyncio.run(library.look_through())
        assert library.damage is not None
    assert noticed == [True]
    assert not path.exists()


@pytest.mark.parametrize("kind", [sqlite3.SQLITE_CORRUPT, sqlite3.SQLITE_NOTADB])
@pytest.mark.parametrize("details", [0, 1 << 8])
def test_both_words_of_sqlite_for_damage_are_known(kind: int, details: int) -> None:
    with pytest.raises(CatalogDamaged, match="as SQLite says it"), store.noticing_damage():
        raise refused(sqlite3.DatabaseError, kind | details)


def test_what_is_no_damage_passes_unchanged() -> None:
    with pytest.raises(sqlite3.OperationalError), store.noticing_damage():
        raise refused(sqlite3.OperationalError, sqlite3.SQLITE_FULL)
    with pytest.raises(sqlite3.ProgrammingError), store.noticing_damage():
        raise sqlite3.ProgrammingError("without a code")


def test_a_page_that_only_the_log_makes_whole_is_no_damage(path: Path) -> None:
    with closing(Writer(path)) as writer:
        writer.set_roots([b"/a"], 0.0)
        writer._db.execute("PRAGMA wal_checkpoint(TRUNCATE)")
        # A whole new first page lies in the log: the file's own may be torn by a power cut.
        version = writer._db.execute("PRAGMA user_version").fetchone()[0]
        writer._db.execute(f"PRAGMA user_version = {version}")
        log = path.with_name(path.name + "-wal").read_bytes()
        whole = path.read_bytes()
    assert log
    path.write_bytes(b"\0" * 512 + whole[512:])
    path.with_name(path.name + "-wal").write_bytes(log)
    with closing(Writer(path)) as writer:
        assert [root.path for root in writer.roots()] == [b"/a"]
    assert not list(path.parent.glob("*damaged*"))


class Lives:
    """Stands for the daemon's whole life: each ends as the list says, after so many seconds."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch, *ends: tuple[float, Exception | None]):
        self._ends = list(ends)
        self.began = 0
        self._clock = 0.0
        monkeypatch.setattr(app, "run", self._run)
        monkeypatch.setattr(time, "monotonic", lambda: self._clock)
        monkeypatch.setattr(sys, "argv", ["imgqd"])

    async def _run(self, *_: object) -> None:
        self.began += 1
        lasted, end = self._ends.pop(0)
        self._clock += lasted
        if end is not None:
            raise end


DAMAGED = CatalogDamaged("malformed")


@pytest.fixture
def _places(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("XDG_CONFIG_HOME", "XDG_DATA_HOME"):
        monkeypatch.setenv(name, str(tmp_path / name))


@pytest.mark.usefixtures("_places")
def test_the_daemon_begins_again_after_damage(monkeypatch: pytest.MonkeyPatch) -> None:
    lives = Lives(monkeypatch, (1, DAMAGED), (1, DAMAGED), (1, None))
    assert cli.main() == 0
    assert lives.began == 3


@pytest.mark.usefixtures("_places")
def test_damage_again_and_again_ends_the_daemon_with_the_remedy(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    lives = Lives(monkeypatch, *[(1, DAMAGED)] * 9)
    assert cli.main() == 4
    assert lives.began == 4
    said = capsys.readouterr().err
    assert said.count("\n") == 1
    assert "check the disk" in said


@pytest.mark.usefixtures("_places")
def test_damage_once_a_day_is_no_circle(monkeypatch: pytest.MonkeyPatch) -> None:
    lives = Lives(monkeypatch, *[(86400, DAMAGED)] * 9, (1, None))
    assert cli.main() == 0
    assert lives.began == 10


@pytest.mark.usefixtures("_places")
@pytest.mark.parametrize(
    ("error", "said"),
    [
        (CatalogError("not to be used"), "not to be used"),
        (OSError(28, "No space left on device"), "free some space"),
    ],
)
def test_what_keeps_it_from_starting_is_one_line(
    error: Exception, said: str, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    Lives(monkeypatch, (1, error))
    assert cli.main() == 4
    lines = capsys.readouterr().err
    assert lines.count("\n") == 1
    assert said in lines
