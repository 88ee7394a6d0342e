"""What launchers show, without any of them: rows, notes, and each launcher's own form of them."""

from __future__ import annotations

import importlib.util
import json
import subprocess
import time
from pathlib import Path
from typing import Any

import jsonschema
import pytest

from imgq.answers import SearchAnswer
from imgq.errors import NotRunning, Refused, Usage
from imgq_service.launchers import acting, alfred, dmenu, raycast, rofi, rows
from imgq_service.launchers.rows import Page, Row

NOW = 1_000_000.0
HOME = "/home/ada"
NASTY = b"/home/ada/a\n\xff <b>&.png"

_ITEM = {
    "type": "object",
    "required": ["title"],
    "additionalProperties": False,
    "properties": {
        "title": {"type": "string", "minLength": 1},
        "subtitle": {"type": "string"},
        "arg": {"type": "string"},
        "valid": {"type": "boolean"},
        "type": {"enum": ["default", "file", "file:skipcheck"]},
        "quicklookurl": {"type": "string"},
        "icon": {
            "type": "object",
            "required": ["path"],
            "properties": {"path": {"type": "string"}, "type": {"enum": ["fileicon", "filetype"]}},
        },
    },
}
SCHEMA = {
    "type": "object",
    "required": ["items"],
    "additionalProperties": False,
    "properties": {
        "items": {"type": "array", "items": _ITEM},
        "skipknowledge": {"type": "boolean"},
    },
}
"""Alfred's Script Filter format, as its documentation has it; no uid, for that would sort anew."""


def answer(*paths: bytes, **said: Any) -> SearchAnswer:
    """Return an answer with such results, all of them real matches."""
    results = [{"path": p, "score": 0.3, "relevance": 0.92, "image_id": 1} for p in paths]
    raw = {
        "results": results,
        "weak_from": len(results),
        "total": 9,
        "took_ms": 1,
        "model": "demo",
        "as_of": NOW,
        "pending": 0,
        "degraded": [],
    }
    return SearchAnswer.from_wire(raw | said)


@pytest.fixture(autouse=True)
def still(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HOME", HOME)
    monkeypatch.setattr(time, "time", lambda: NOW)


def test_a_row_says_what_a_picture_is_called_where_it_is_and_how_sure_a_match() -> None:
    page = rows._page(answer(b"/home/ada/Pictures/sea.jpg"))
    assert page == Page((Row(b"/home/ada/Pictures/sea.jpg", "sea.jpg", "~/Pictures · 92%", 0.92),))


def test_whatever_a_file_is_called_its_row_is_one_line_and_leads_back_to_it() -> None:
    (row,) = rows._page(answer(NASTY)).rows
    assert row.title == "a\\n\\xff <b>&.png"
    assert row.uri.isascii()
    assert acting.path_of(row.uri) == NASTY


@pytest.mark.parametrize(
    ("said", "note"),
    [
        ({"pending": 3}, "3 pictures are still being indexed"),
        ({"as_of": NOW - 7200}, "changes of the last 2 h may be missing"),
        ({"degraded": ["searching names only"]}, "searching names only"),
        ({"problems": [{"start": 0, "end": 4, "reason": "no such date"}]}, "no such date"),
        ({"weak_from": 0}, "no picture like that"),
        ({}, ""),
    ],
)
def test_an_answer_that_is_not_whole_says_so(said: dict[str, Any], note: str) -> None:
    assert rows._page(answer(b"/a.png", **said)).note == note


def test_without_a_daemon_the_line_says_how_to_start_it() -> None:
    page = rows.trouble(NotRunning("cannot reach the daemon at /run/user/1000/imgq/imgqd.sock: …"))
    assert not page.answered
    assert page.note == "imgq does not run: start it with `imgqctl start`"
    assert rows.trouble(Refused("busy", "too\nmuch")).note == "too\\nmuch"


@pytest.mark.parametrize("uri", ["", "/a.png", "file://host/a.png", "http://a/b", "special:x"])
def test_what_is_no_pictures_address_is_neither_opened_nor_shown(uri: str) -> None:
    with pytest.raises(Usage):
        acting.act("open", uri)


def test_rofi_gets_a_line_for_each_row_and_the_note_as_markup() -> None:
    page = Page((rows.row(NASTY), Row(b"/b.png", "b.png", "/", icon="/t/1.png")), "<3 & more")
    lines = rofi.answer(page).split(b"\n")
    assert b"\0message\x1f&lt;3 &amp; more" in lines
    assert lines[-3] == rb"a\n\xff <b>&.png   ~" + b"\0info\x1f" + rows.row(NASTY).uri.encode()
    assert lines[-2] == b"b.png   /\0info\x1ffile:///b.png\x1ficon\x1f/t/1.png"


def test_rofi_stays_open_where_nothing_is_found() -> None:
    assert rofi.answer(Page(note="none")).endswith(b"\nnone\0nonselectable\x1ftrue\n")


@pytest.mark.parametrize(
    ("name", "line", "printed"),
    [
        ("fuzzel", "b.png   /\0icon\x1f/t/1.png", "b.png   /"),
        ("wofi", "img:/t/1.png:text:b.png   /", "img:/t/1.png:text:b.png   /"),
    ],
)
def test_a_menus_choice_is_known_by_what_it_prints(name: str, line: str, printed: str) -> None:
    row = Row(b"/b.png", "b.png", "/", icon="/t/1.png")
    assert dmenu.choices_of(name, Page((row,))) == {printed: (line, row)}


def test_alfred_gets_what_its_format_allows() -> None:
    seen = Row(b"/b.png", "b.png", "/ · 92%", 0.92, "/t/1.png")
    said = alfred.answer(Page((seen, rows.row(NASTY)), "3 pictures are still being indexed"))
    jsonschema.validate(said, SCHEMA)
    best, odd, note = json.loads(json.dumps(said))["items"]
    assert best["arg"] == best["quicklookurl"] == "/b.png"
    assert best["icon"] == {"path": "/t/1.png"}
    assert not odd["valid"]
    assert note == {"title": "3 pictures are still being indexed", "valid": False}
    with pytest.raises(jsonschema.ValidationError):
        jsonschema.validate({"items": [{"subtitle": "no title"}]}, SCHEMA)


def test_raycast_gets_two_lines_for_each_picture_and_the_note() -> None:
    page = Page((Row(b"/b.png", "b.png", "/ · 92%"),), "3 pictures are still being indexed")
    assert raycast.text(page) == "b.png\n    / · 92%\n3 pictures are still being indexed\n"


def test_the_window_or_a_page_is_opened_for_all_of_a_search(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    calls: list[list[str]] = []
    monkeypatch.setattr(subprocess, "Popen", lambda command, **_: calls.append(command))
    monkeypatch.setattr(importlib.util, "find_spec", lambda _: tmp_path)
    acting.search("red car")
    assert calls[-1][2:] == ["-m", "imgq_service.tray.cli", "--search", "red car"]
    monkeypatch.setattr(importlib.util, "find_spec", lambda _: None)
    acting.search("red car")
    assert calls[-1][4:] == ["--sheet", "--", "red car"]
