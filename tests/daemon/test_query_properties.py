"""Whatever is typed: nothing raises, nothing is slow, and no word is lost without a note."""

from __future__ import annotations

import re
import time

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from daemon.gallery import Gallery
from daemon.lines import NOW, find_place, understand
from imgqd.query import Query, parse, places, sql
from imgqd.query.records import And, Filter, Not, Or

GALLERY = Gallery()
GALLERY.hang("one")

PIECES = (
    "beach sunset", "-people", '-"snow on trees"', "+2:golden retriever", '+0.5:"old car"',
    "like:a.jpg", "-like:#12", "in:~/Pictures", 'in:"a b"', "name:IMG_*", "type:png|heic,raw",
    "taken:2023-07..2023-09", 'taken:"last summer"', "after:2020", "before:july 2022",
    "added:today", "camera:canon", "w:>4000", "size:2..5MB", "mp:12", "ratio:portrait",
    "near:48.85,2.35~10km", "near:Lisbon", "near:New York~5km", "rating:>=4", "rating:none",
    "tag:cat", "is:duplicate", "-is:screenshot", "has:gps", "sort:-date", "fold:yes", "OR", "AND",
    "NOT", "(", ")", "-(", "july 2023", "christmas 2019", "paris 2019", "in 2021", "yesterday",
    "-july 2023", "colour:red", "http://x", "C:\\foo", "12:30", "re:", "\U0001f436", '"', "\u201c",
    "-", "--", "+2:", "taken:", "taken:2023-0", "14.07.2023", "07/08/2023", "-10", ":)", "\u00df",
)  # fmt: skip

lines = st.lists(st.sampled_from(PIECES), max_size=12).flatmap(
    lambda pieces: st.sampled_from([" ", "", "  "]).map(lambda gap: gap.join(pieces))
)


@st.composite
def mutated(draw: st.DrawFn) -> str:
    """Return a line in which something was dropped, doubled, or put in."""
    line = draw(lines)
    for _ in range(draw(st.integers(1, 4))):
        start = draw(st.integers(0, len(line)))
        end = draw(st.integers(start, min(len(line), start + 5)))
        middle = draw(
            st.sampled_from(["", line[start:end] * 2, '"', " ", ":", "(", ")", "-", ".."])
        )
        line = line[:start] + middle + line[end:]
    return line


def depth(node: Filter) -> int:
    if isinstance(node, (And, Or)):
        return 1 + max(map(depth, node.parts))
    return 1 + depth(node.part) if isinstance(node, Not) else 1


def check(line: str, query: Query) -> None:
    told = [False] * (len(line) + 1)
    slices = [(one.start, one.end) for one in query.understood]
    for start, end in (*slices, *((one.start, one.end) for one in query.problems)):
        assert 0 <= start < end <= len(line)
        told[start:end] = [True] * (end - start)
    for one in query.understood:
        assert one.text == line[one.start : one.end]
        assert one.means
    for problem in query.problems:
        assert problem.reason
        assert len(problem.reason.splitlines()) == 1
    for word in re.finditer(r"\w+", line):
        assert all(told[word.start() : word.end()]), f"{word[0]!r} of {line!r} is lost"
    for part in query.parts:
        assert part.weight
        assert abs(part.weight) <= 10
    if query.where is not None:
        assert depth(query.where) <= 14
        condition = sql.condition(query.where, "/home/me")
        assert condition.sql.count("?") == len(condition.values)
        GALLERY.db.execute(f"SELECT id FROM image WHERE {condition.sql}", condition.values)


@settings(deadline=None)
@given(st.text(max_size=200))
@example("\x00 \x1c a\u2028b")
@example("taken:\u0662\u0660\u0662\u0663 w:\u00b2 like:#\u0663 +\u0662:x")
@example("0\u20e3 \ufdfa \u0130")
@example("taken:" + "9" * 400)
@example("near:" + "9" * 400 + ",2 w:>" + "9" * 400 + " +" + "9" * 400 + ":x")
@example("near:a\tb\x00c near:\n")
def test_any_text_is_a_line(line: str) -> None:
    check(line, understand(line))


@settings(max_examples=150, deadline=None)
@given(lines)
def test_pieces_in_any_order_are_a_line(line: str) -> None:
    check(line, understand(line))


@settings(max_examples=150, deadline=None)
@given(mutated())
@example("+0.5:( car")
@example("car like:(")
def test_a_slip_of_the_finger_is_a_line(line: str) -> None:
    check(line, understand(line))


@settings(max_examples=25, deadline=None)
@given(lines)
def test_every_beginning_of_a_line_is_one_too(line: str) -> None:
    for end in range(len(line)):
        check(line[:end], understand(line[:end]))


@settings(deadline=None)
@given(lines)
def test_the_same_line_is_understood_the_same_way(line: str) -> None:
    assert understand(line) == understand(line)
    spaced = understand(f"  {line}  ")
    assert (spaced.where, spaced.sort, spaced.fold) == (
        understand(line).where,
        understand(line).sort,
        understand(line).fold,
    )


HARD = (
    "(" * 4096,
    ")" * 4096,
    "-(" * 2048,
    "(" * 1000 + "tag:a" + ")" * 1000,
    "-(" * 1000 + "tag:a" + ")" * 1000,
    "-(tag:a " * 500,
    "(tag:a OR " * 400,
    "NOT " * 1000 + "tag:a",
    '"' * 4096,
    '\\"' * 2048,
    "a" * 4096,
    "a " * 2048,
    "-a " * 1300,
    "a( " * 1300,
    "tag:a|" * 680,
    "tag:" + "a|" * 2000,
    "type:" + "png," * 1000,
    "name:" + "(" * 4000,
    "name:" + "*a" * 2000,
    "taken:x " * 512,
    "taken:2023 may 2023 may 2023 " * 140,
    "taken:" + "2023-" * 800,
    "taken:" + "1" * 4000,
    "near:x " * 580,
    "near:new york city hall " * 170,
    "near:" + "1." * 2000,
    "07/08/2023 " * 370,
    "14/07/2023 " * 370,
    "may 2023 " * 450,
    "the " * 1000,
    "last a 1 " * 450,
    "2019 " * 800,
    "colour:red " * 370,
    "like:#1 " * 500,
    "+2:a " * 800,
    "w:1..2 " * 580,
    "OR tag:a " * 450,
    "\u00e4" * 2048,
    "\U0001f436 " * 800,
    " " * 4096,
)


@pytest.mark.parametrize("line", HARD, ids=lambda line: line[:12])
def test_four_kilobytes_take_no_time(line: str) -> None:
    # The gazetteer and the date library are loaded once; that is not a line's time.
    parse("near:Lisbon 14/07/2023", NOW)
    spent = []
    for _ in range(3):
        began = time.thread_time()
        query = parse(line, NOW)
        spent.append(time.thread_time() - began)
    assert min(spent) < 0.05
    check(line, query)


def test_a_thousand_parentheses_are_one() -> None:
    assert understand("(" * 1000 + "tag:a" + ")" * 1000).where == understand("tag:a").where
    assert understand("-(" * 1000 + "tag:a" + ")" * 1000).where == understand("tag:a").where
    assert understand("-(" * 999 + "tag:a" + ")" * 999).where == understand("-tag:a").where


def test_the_towns_that_the_other_tests_make_up_are_true() -> None:
    assert places.find("Lisbon") == find_place("Lisbon")
    assert places.find("Zermatt") == find_place("Zermatt")
