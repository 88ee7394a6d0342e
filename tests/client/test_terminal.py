import re
import time
from pathlib import Path
from typing import Any

import pytest

from client.fake_daemon import found, result
from imgq.answers import SearchAnswer
from imgq.screen import Screen
from imgq.terminal import hints, linked, listing, synced, table
from imgq.text import width

NOW = 1_000_000.0
COLOURFUL = Screen(columns=48, colour=True, links=True, home=b"/home/ada", host="box")
UNSEEN = "pictures may be missing, as the folders were not looked through yet"
GOLDEN = Path(__file__).with_name("golden")


def answer(offset: int = 0, **changes: object) -> SearchAnswer:
    return SearchAnswer.from_wire(
        found(
            result("/home/ada/Pictures/2019/a beach.jpg", relevance=0.93),
            result(
                b"/media/\xff\x1b[31m/a very long name of a picture.jpg",
                relevance=0.5,
                also=["/b", "/c"],
            ),
            result("/home/ada/写真/猫.png", relevance=0.2),
            result("/x.png", relevance=None),
            **{"as_of": NOW, **changes},
        ),
        offset,
    )


def golden(name: str) -> str:
    return (GOLDEN / name).read_text(encoding="utf-8")


def drawn(answer: SearchAnswer, screen: Screen, *, weak: bool = True) -> str:
    lines = listing(answer, screen, weak=weak)
    return "".join(f"{line}\n" for line in lines).replace("\x1b", "␛")


def test_a_list_in_colour_with_links_and_weak_matches() -> None:
    assert drawn(answer(weak_from=2), COLOURFUL) == golden("listing_colour.txt")


def test_a_list_on_a_terminal_that_can_do_nothing() -> None:
    assert drawn(answer(98, weak_from=100), Screen()) == golden("listing_plain.txt")


def test_no_line_is_wider_than_a_narrow_terminal() -> None:
    lines = drawn(answer(), Screen(columns=24)).splitlines()
    assert [width(line) <= 24 for line in lines] == [True] * 4
    assert lines[0] == "1   93%  /hom… beach.jpg"


def test_weak_matches_are_left_out_unless_they_are_wanted() -> None:
    assert len(drawn(answer(weak_from=2), Screen(), weak=False).splitlines()) == 2
    assert drawn(answer(weak_from=0), Screen(), weak=False) == ""


def test_there_is_no_divider_where_nothing_is_weak() -> None:
    assert "weaker" not in drawn(answer(weak_from=4), Screen())
    assert "weaker" not in drawn(answer(weak_from=99), Screen())


def test_a_link_carries_the_bytes_and_the_host() -> None:
    assert linked("x", b"/\xff a", COLOURFUL) == ("\x1b]8;;file://box/%FF%20a\x1b\\x\x1b]8;;\x1b\\")
    assert linked("x", b"/a", Screen()) == "x"


@pytest.mark.parametrize(
    ("changes", "said"),
    [
        ({}, []),
        ({"pending": 1}, ["1 picture is still being indexed"]),
        ({"pending": 312}, ["312 pictures are still being indexed"]),
        ({"degraded": ["no GPU", "slow\n"]}, ["degraded: no GPU", "degraded: slow\\n"]),
        ({"weak_from": 3}, ["1 weaker match: --all shows it"]),
        ({"weak_from": 0}, ["4 weaker matches: --all shows them"]),
        ({"as_of": NOW - 60}, []),
        (
            {"as_of": NOW - 90},
            [
                "changes of the last 1 min 30 s may be missing: --sync waits for them",
            ],
        ),
        ({"as_of": 0.0}, [f"{UNSEEN}: --sync waits for them"]),
        ({"as_of": NOW - 90, "pending": 2}, ["2 pictures are still being indexed"]),
    ],
    ids=str,
)
def test_what_a_person_should_know_is_a_line_each(changes: dict[str, Any], said: list[str]) -> None:
    assert list(hints(answer(**changes), NOW, weak=False)) == said


def test_weak_matches_that_are_shown_need_no_hint() -> None:
    assert list(hints(answer(weak_from=0), NOW, weak=True)) == []


def test_columns_stand_below_each_other_whatever_their_script() -> None:
    assert table([("写真", "1"), ("a", "2")]) == ["写真  1", "a     2"]


def test_a_line_that_was_more_than_words_is_said_back_and_what_was_not_followed() -> None:
    understood = [
        {"kind": "words", "text": "beach", "start": 0, "end": 5, "means": "shows beach"},
        {"kind": "date", "text": "2023", "start": 6, "end": 10, "means": "taken 2023"},
    ]
    problems = [{"start": 11, "end": 17, "reason": "no width: write w:>4000"}]
    told = answer(understood=understood, problems=problems, weak_from=4)
    assert list(hints(told, NOW, weak=True)) == [
        "understood: shows beach; taken 2023",
        "not followed: no width: write w:>4000",
    ]
    assert list(hints(answer(understood=understood[:1], weak_from=4), NOW, weak=True)) == []


def test_a_moment_of_another_day_is_told_with_the_day() -> None:
    now = time.time()
    assert re.fullmatch(r"in sync as of \d\d:\d\d:\d\d", synced(now))
    day = r"\d{4}-\d\d-\d\d \d\d:\d\d"
    assert re.fullmatch(f"in sync as of {day}", synced(now - 90_000))
    assert synced(0.0) == "not in sync yet"
