"""What the tray shows and offers for each state of the daemon, without a daemon or a desktop."""

from __future__ import annotations

from datetime import datetime
from itertools import pairwise
from typing import Any

import pytest

from imgq.reports import Status
from imgq_service.tray.menu import BREAK, Act, Item, menu, until_tomorrow
from imgq_service.tray.scene import STEPS, Hit, Scene, face, lines

_ROOT = {"path": "/home/ada/Pictures", "state": "online", "files": 40, "watch": "live"}
_READY = {"name": "fast", "state": "ready", "detail": ""}


def status(**said: Any) -> Status:
    raw = {"state": "idle", "pictures": 40, "files": 40, "pending": 0, "as_of": 0.0, "failed": {},
           "roots": [_ROOT], "degraded": [], "paused": None, "model": _READY}  # fmt: skip
    return Status.from_wire(raw | said)


def moving(waits: str | None = None) -> dict[str, Any]:
    move = {"from": "fast", "to": "best", "done": 30, "total": 40, "left_out": 0,
            "remaining": 60.0, "waits": waits, "stuck": False}  # fmt: skip
    return {"model": _READY | {"migrating": move}}


DOWNLOAD = {"state": "missing", "download": {"file": "w", "done": 1 << 20, "total": 4 << 20}}
FACES: dict[str, tuple[Status | None, str, int, str]] = {
    "no daemon": (None, "away", 0, "no daemon answers"),
    "idle": (status(), "idle", 0, "40 pictures in 1 folder"),
    "indexing": (
        status(state="indexing", pending=30, remaining=90.0),
        "indexing", STEPS // 4, "30 files to index, 1 min 30 s left",
    ),
    "almost done": (
        status(state="indexing", files=9999, pending=1), "indexing", STEPS - 1, "1 file to index",
    ),
    "paused": (status(paused="paused until 14:00", pending=3), "paused", 0, "paused until 14:00"),
    "paused, with trouble": (status(paused="paused", degraded=["x"]), "paused", 0, "x"),
    "trouble": (status(degraded=["the disk is full"]), "attention", 0, "the disk is full"),
    "no weights": (
        status(model={"state": "missing", "detail": "fetch fast"}), "attention", 0, "fetch fast",
    ),
    "download": (status(model=DOWNLOAD), "indexing", 4, "model: 1.0 MiB of 4.0 MiB"),
    "no folder": (status(roots=[]), "attention", 0, "no folder is watched yet"),
    "a move": (status(state="indexing", **moving()), "indexing", 12, "30 of 40 pictures seen"),
    "a move that waits": (status(**moving("on battery")), "idle", 0, "waits: on battery"),
    "starting": (status(state="starting"), "idle", 0, "starting"),
}  # fmt: skip


@pytest.mark.parametrize(("said", "mood", "step", "line"), FACES.values(), ids=FACES)
def test_each_state_has_a_face_and_is_said_in_words(
    said: Status | None, mood: str, step: int, line: str
) -> None:
    shown = face(Scene(said))
    assert (shown.mood, shown.step) == (mood, step)
    assert any(line in one for one in lines(Scene(said))), lines(Scene(said))


def test_what_nobody_sees_leaves_the_face_and_the_menu_as_they_are() -> None:
    before, after = Scene(status(as_of=1.0)), Scene(status(as_of=2.0, counters={"decoded": 5}))
    assert face(before) == face(after)
    assert menu(before) == menu(after)
    many = {"state": "indexing", "files": 100_000}
    assert face(Scene(status(pending=50_000, **many))) == face(
        Scene(status(pending=49_990, **many))
    )


def test_what_went_wrong_at_a_click_stands_first() -> None:
    assert lines(Scene(status(), said="not like this"))[0] == "not like this"


def test_a_strangers_text_can_neither_break_a_line_nor_fill_the_screen() -> None:
    [first, *_] = lines(Scene(status(degraded=["a\nb\x1b[2J" + "long " * 100])))
    assert first.isprintable()
    assert len(first) <= 72


def flat(items: tuple[Item, ...]) -> dict[str, Act | None]:
    found: dict[str, Act | None] = {}
    for item in items:
        found[item.label] = item.act
        found |= flat(item.items)
    return found


def test_the_menu_offers_all_that_can_be_done() -> None:
    offered = flat(menu(Scene(status()), b"/home/ada"))
    assert "~/Pictures" in offered
    assert {act for act in offered.values() if act} == {
        Act("search"), Act("pause", "hour"), Act("pause", "tomorrow"), Act("add"), Act("why"),
        Act("show", b"/home/ada/Pictures"), Act("remove", b"/home/ada/Pictures"),
        Act("settings"), Act("login"), Act("quit"),
    }  # fmt: skip


def test_a_paused_daemon_can_be_resumed_and_not_paused() -> None:
    offered = flat(menu(Scene(status(paused="paused"))))
    assert offered["Resume"] == Act("resume")
    assert "Pause" not in offered


def test_without_a_daemon_it_can_be_started_and_the_search_still_opens() -> None:
    offered = flat(menu(Scene()))
    assert offered["Start the daemon"] == Act("start")
    assert not {"Pause", "Folders", "Why not found…"} & offered.keys()
    assert [item.label for item in menu(Scene()) if item.main] == ["Search…"]


def test_a_folder_that_is_away_says_so() -> None:
    away = _ROOT | {"state": "offline"}
    offered = flat(menu(Scene(status(roots=[away]))))
    assert "/home/ada/Pictures (not there)" in offered


def test_new_pictures_open_by_a_click_and_searches_that_stand_can_be_ended() -> None:
    known = Scene(status(), hits=(Hit("a cat", b"/p/\xff.png"),), standing=("a cat", "a dog"))
    offered = flat(menu(known))
    assert offered["\\xff.png  (a cat)"] == Act("open", b"/p/\xff.png")
    assert Act("forget", "a dog") in offered.values()
    assert flat(menu(Scene(status()))).keys().isdisjoint({"Standing searches", "New: 1 picture"})


def test_starting_at_login_is_ticked() -> None:
    for on in (True, False):
        [login] = [item for item in menu(Scene(at_login=on)) if item.act == Act("login")]
        assert login.ticked is on


def test_groups_are_parted_by_one_line_each() -> None:
    for known in (Scene(), Scene(status()), Scene(status(roots=[]))):
        items = menu(known)
        assert items[0] is not BREAK
        assert items[-1] is not BREAK
        assert not any(a is b is BREAK for a, b in pairwise(items))


@pytest.mark.parametrize(
    ("now", "hours"), [("10:00", 20.0), ("23:30", 6.5), ("02:30", 3.5), ("03:30", 26.5)]
)
def test_until_tomorrow_is_six_in_the_morning_after_a_night(now: str, hours: float) -> None:
    moment = datetime.fromisoformat(f"2026-11-25T{now}").astimezone()
    assert until_tomorrow(moment) == pytest.approx(hours * 3600)


def test_every_mood_has_an_icon_of_its_own_by_form_and_not_by_colour_alone() -> None:
    drawing = pytest.importorskip("imgq_service.tray.drawing", exc_type=ImportError)
    shown = [Scene(said) for said in (None, *(entry[0] for entry in FACES.values()))]
    forms = {
        (one.mood, one.step): drawing.icon(one).resize((22, 22)).convert("LA").tobytes()
        for one in map(face, shown)
    }
    assert len(set(forms.values())) == len(forms)
