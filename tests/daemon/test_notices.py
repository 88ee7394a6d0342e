"""What is told on the desktop, when, and how often; nobody is told for real."""

from __future__ import annotations

import asyncio
import os
from collections.abc import Callable
from pathlib import Path
from types import SimpleNamespace
from typing import Any, cast

import pytest

from imgqd import matters, notices
from imgqd.bell import Bell
from imgqd.coverage import Cover
from imgqd.matters import Matter
from imgqd.notices import Book, Notices
from imgqd.records import Root, Totals

DISK = Matter("store", "New pictures cannot be stored", "the disk is full")
DAY = 86400.0


def test_a_matter_is_told_once_it_has_stood_for_a_while_and_then_never_again() -> None:
    book = Book({})
    assert book.look([DISK], 100.0) == ([], 110.0)
    assert book.look([DISK], 109.0) == ([], 110.0)
    assert book.look([DISK], 110.0) == ([DISK], None)
    book.note(DISK, 110.0, is_seen=True)
    assert book.look([DISK], 111.0) == ([], None)
    assert book.look([DISK], 111.0 + 9 * DAY) == ([], None)


def test_what_passes_by_itself_is_not_told() -> None:
    book = Book({})
    book.look([DISK], 100.0)
    book.look([], 105.0)
    assert book.look([DISK], 111.0) == ([], 121.0)


def test_what_comes_and_goes_every_day_is_one_matter_and_after_a_day_of_rest_a_new_one() -> None:
    book = Book({DISK.key: None})
    for hours in range(0, 24 * 9, 6):
        # Away from midnight to noon, and seen to be so twice.
        now = hours * 3600.0
        assert book.look([DISK] if hours % 24 >= 12 else [], now) == ([], None)
    gone = 24 * 9 * 3600.0
    book.look([], gone)
    book.look([], gone + DAY + 1)
    book.look([DISK], gone + DAY + 2)
    assert book.look([DISK], gone + DAY + 30) == ([DISK], None)


def test_where_nobody_was_there_to_see_it_is_tried_again_in_an_hour() -> None:
    book = Book({})
    book.look([DISK], 0.0)
    book.note(DISK, 10.0, is_seen=False)
    assert book.look([DISK], 20.0) == ([], 3610.0)
    assert book.look([DISK], 3610.0) == ([DISK], None)


def test_what_was_told_is_known_after_a_restart() -> None:
    book = Book({})
    book.note(DISK, 0.0, is_seen=True)
    assert Book.read(book.written()).look([DISK], 99.0) == ([], None)


@pytest.mark.parametrize("text", [None, "", "no JSON", "[]", '{"store": "soon"}'])
def test_a_book_that_cannot_be_read_is_empty(text: str | None) -> None:
    assert Book.read(text).told == {}


class Parts:
    """The core's parts as far as notices look at them: all is well, everything is in."""

    def __init__(self, tmp_path: Path) -> None:
        self.state_folder = tmp_path
        self.changed = Bell()
        self.started = asyncio.Event()
        self.started.set()
        self.settings = SimpleNamespace(desktop=SimpleNamespace(notifications=True))
        self.status = SimpleNamespace(paused=None)
        self.models = SimpleNamespace(
            name="fast",
            state=SimpleNamespace(state="ready", detail=""),
            stock=SimpleNamespace(download=None),
            migrating=None,
        )
        self.pipeline = SimpleNamespace(is_idle=True, bulk_waits=False, trouble=None)
        self.root = Root(1, b"/p", (1, 2), online=True)
        self.roots = SimpleNamespace(
            all=[self.root], cover={b"/p": Cover(0.0)}, offline={}, is_walked=lambda _: True
        )
        self.intake = SimpleNamespace(unsettled=0)
        self.kept: dict[str, str] = {}
        self.totals = Totals(files=12, pictures=11, failed={"empty": 1})
        self.library = SimpleNamespace(
            trouble=None, counters={"embedded": 11}, model_id=1, read=self._read, write=self._write
        )
        self.told: list[tuple[str, str, str]] = []
        self.is_seen = True

    async def _read(self, question: Callable[[Any], Any]) -> Any:
        return question(SimpleNamespace(setting=self.kept.get, totals=lambda _: self.totals))

    async def _write(self, action: Callable[[Any], Any]) -> Any:
        return action(SimpleNamespace(remember=self.kept.__setitem__))

    async def _tell(self, *words: str) -> bool:
        self.told.append(cast("tuple[str, str, str]", words))
        return self.is_seen

    def looks(self, *times: float) -> list[str]:
        """Start notices, look at these times, and return the titles of what was told."""
        self.told.clear()

        async def scene() -> None:
            one = Notices(cast("Any", self), self._tell)
            one._book = Book.read(self.kept.get("told"))
            one._is_first = "first indexing" not in self.kept
            for now in times:
                await one._look(now)

        asyncio.run(scene())
        return [title for title, _, _ in self.told]

    def matters(self) -> list[Matter]:
        models, roots, library, pipeline = (
            cast("Any", one) for one in (self.models, self.roots, self.library, self.pipeline)
        )
        return list(matters.standing(models, roots, library, pipeline))


@pytest.fixture
def parts(tmp_path: Path) -> Parts:
    return Parts(tmp_path)


def test_the_end_of_the_first_indexing_is_told_once_with_what_is_in(parts: Parts) -> None:
    assert parts.looks(0.0, 1.0) == ["Your pictures can be searched now"]
    [(_, text, _)] = parts.told
    assert text == (
        "11 pictures can be found by what they show; 1 file could not be read. "
        'Try: imgq "beach sunset"'
    )
    assert parts.looks(2.0) == []


@pytest.mark.parametrize(
    ("where", "what"),
    [
        ("status.paused", "paused"),
        ("models.state.state", "missing"),
        ("pipeline.is_idle", False),
        ("pipeline.bulk_waits", True),
        ("intake.unsettled", 1),
        ("totals", Totals(files=3, pictures=3, pending=1)),
        ("totals", Totals(files=3, pictures=3, without_vector=1)),
        ("totals", Totals()),
    ],
)
def test_it_is_not_the_end_while_something_is_to_do(parts: Parts, where: str, what: object) -> None:
    *path, name = where.split(".")
    place: Any = parts
    for part in path:
        place = getattr(place, part)
    before = getattr(place, name)
    setattr(place, name, what)
    assert parts.looks(0.0) == []
    setattr(place, name, before)
    assert parts.looks(1.0) == ["Your pictures can be searched now"]


def test_a_library_that_was_finished_long_ago_is_no_news(parts: Parts) -> None:
    parts.library.counters["embedded"] = 0
    assert parts.looks(0.0) == []
    parts.library.counters["embedded"] = 5
    assert parts.looks(1.0) == []


def test_with_the_switch_off_nothing_is_told_and_the_end_is_no_news_later(parts: Parts) -> None:
    parts.settings.desktop.notifications = False
    parts.library.trouble = "full"
    assert parts.looks(0.0, 60.0) == []
    parts.settings.desktop.notifications = True
    assert parts.looks(120.0, 180.0) == [DISK.title]


def test_a_matter_is_told_by_a_daemon_once_whatever_restarts(parts: Parts) -> None:
    parts.kept["first indexing"] = "done"
    parts.library.trouble = "nothing can be stored in /s: disk full"
    assert parts.looks(0.0, 11.0, 12.0) == [DISK.title]
    assert parts.looks(20.0, 99.0) == []


def test_where_the_desktop_is_missing_it_is_not_asked_again_and_again(parts: Parts) -> None:
    parts.kept["first indexing"] = "done"
    parts.library.trouble = "full"
    parts.is_seen = False
    assert parts.looks(*range(60)) == [DISK.title]


def test_what_needs_a_person_has_a_remedy_and_what_does_not_is_no_matter(parts: Parts) -> None:
    assert parts.matters() == []
    parts.models.state.state, parts.models.state.detail = "loading", "it is being loaded"
    cover = parts.roots.cover[b"/p"]
    cover.watch, cover.why = "scan_only", "nfs tells of no changes that are made elsewhere"
    assert parts.matters() == []


def test_a_missing_model_is_a_matter_but_not_while_it_is_downloaded(parts: Parts) -> None:
    parts.models.state.state = "missing"
    parts.models.state.detail = "must be fetched first: imgqctl model pull fast"
    [matter] = parts.matters()
    assert (matter.key, matter.text) == ("model missing fast", parts.models.state.detail)
    assert matter.patience == matters.LATER
    parts.models.stock.download = {"file": "w"}
    assert parts.matters() == []


def test_trouble_with_disk_model_watches_and_folders_are_matters(parts: Parts) -> None:
    parts.models.state.state, parts.models.state.detail = "failed", "torch is not installed"
    parts.models.migrating = {"to": "best", "stuck": True, "waits": "the weights must be fetched"}
    parts.library.trouble = "nothing can be stored"
    parts.pipeline.trouble = "pictures cannot be decoded"
    cover = parts.roots.cover[b"/p"]
    cover.why = "3 folders have no watch: raise the sysctl fs.inotify.max_user_watches"
    cover.closed = {b"/p/private"}
    gone = Root(2, b"/media/<stick>", (3, 4), online=False)
    never = Root(3, b"/never", None, online=False)
    parts.roots.all += [gone, never]
    parts.roots.offline = {b"/media/<stick>": "not there", b"/never": "not there"}
    keys = [matter.key for matter in parts.matters()]
    assert keys == [
        "model failed fast", "move best", "store", "work", "watch /p", "closed /p",
        "offline /media/<stick>",
    ]  # fmt: skip


def test_a_catalog_that_was_set_aside_today_is_a_matter(tmp_path: Path) -> None:
    for suffix in ("", "-wal", "-shm"):
        (tmp_path / f"catalog.sqlite3.damaged-20261125-093000{suffix}").touch()
    now = (tmp_path / "catalog.sqlite3.damaged-20261125-093000").stat().st_ctime
    [matter] = matters.damages(tmp_path, now + 60)
    assert "check the disk" in matter.text
    assert matters.damages(tmp_path, now + 2 * DAY) == []


@pytest.mark.system
def test_a_herald_that_hangs_is_ended_and_costs_nobody_anything(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    program = tmp_path / "python"
    program.write_text(f"#!/bin/sh\necho $$ > {tmp_path}/pid\nexec tail -f /dev/null\n")
    program.chmod(0o700)
    monkeypatch.setattr("sys.executable", str(program))
    monkeypatch.setattr(notices, "_PATIENCE", 0.5)
    assert asyncio.run(notices._herald("title", "text", "icon")) is False
    pid = int((tmp_path / "pid").read_text())
    with pytest.raises(ProcessLookupError):
        os.kill(pid, 0)
