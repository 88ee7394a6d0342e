"""What the search window shows of an answer, and where its keys lead."""

from __future__ import annotations

from typing import Any

import pytest

from imgq.answers import SearchAnswer
from imgq_service.window.view import page, step

NOW = 1_000_000.0


def answer(names: list[str], weak_from: int, **said: Any) -> SearchAnswer:
    results = [
        {"path": f"/p/{name}", "score": 0.3, "relevance": 0.9, "image_id": 1} for name in names
    ]
    raw = {"results": results, "weak_from": weak_from, "total": 9, "took_ms": 1.0, "model": "demo",
           "as_of": NOW, "pending": 0, "degraded": []}  # fmt: skip
    return SearchAnswer.from_wire(raw | said)


def test_weak_matches_are_told_from_real_ones() -> None:
    shown = page(answer(["a.png", "b.png", "c.png"], 2), NOW)
    assert shown.strong == 2
    assert [cell.weak for cell in shown.cells] == [False, False, True]
    assert shown.note == ""


def test_filters_are_chips_and_words_are_not() -> None:
    understood = [
        {"kind": "words", "text": "kite", "start": 0, "end": 4, "means": "shows kite"},
        {"kind": "type", "text": "type:png", "start": 5, "end": 13, "means": "of the type png"},
    ]
    assert page(answer(["a.png"], 1, understood=understood), NOW).chips == ("of the type png",)


def test_what_is_not_right_is_said_in_one_line() -> None:
    problems = [{"start": 0, "end": 3, "reason": "no filter\nwdth"}]
    said = page(answer([], 0, problems=problems, degraded=["no model"], pending=1200), NOW).note
    assert said.isprintable()
    for word in ("wdth", "no model", "1,200 pictures are still", "nothing like that"):
        assert word in said
    assert "no real match" in page(answer(["a.png"], 0), NOW).note


def test_an_answer_that_is_old_says_so() -> None:
    assert "the last 2 h may be missing" in page(answer(["a.png"], 1, as_of=NOW - 7200), NOW).note


def test_a_name_that_is_no_text_is_shown_and_its_path_kept() -> None:
    raw = answer(["a.png"], 1)
    odd = raw._replace(results=(raw.results[0]._replace(path=b"/p/\xff\n.png"),))
    [cell] = page(odd, NOW).cells
    assert cell.path == b"/p/\xff\n.png"
    assert cell.name == "\\xff\\n.png"


# Four strong in rows of three, then three weak in a row of their own:
#   0 1 2
#   3
#   4 5 6
MOVES: list[tuple[int, Any, int]] = [
    (-1, "down", 0), (-1, "up", -1), (-1, "last", 6), (-1, "page down", 0),
    (0, "up", -1), (2, "up", -1), (0, "left", 0), (6, "right", 6), (2, "right", 3),
    (2, "down", 3), (0, "down", 3), (3, "down", 4), (5, "up", 3), (4, "up", 3), (6, "down", 6),
    (1, "last", 6), (5, "first", 0), (1, "page down", 5), (6, "page up", 2), (3, "page up", 0),
]  # fmt: skip


@pytest.mark.parametrize(("at", "move", "there"), MOVES)
def test_a_key_leads_where_the_eye_expects(at: int, move: Any, there: int) -> None:
    assert step(at, move, cells=7, strong=4, columns=3, rows=2) == there


def test_without_pictures_every_key_leads_to_the_field() -> None:
    assert step(-1, "down", cells=0, strong=0, columns=3, rows=2) == -1
