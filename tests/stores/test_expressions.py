"""Expressions for Milvus: nothing typed leaves its quotes, and no row is lost that is meant."""

from __future__ import annotations

import ast
import re
from dataclasses import replace
from datetime import UTC, datetime

import pytest
from hypothesis import given
from hypothesis import strategies as st

from imgqd.query.milvus import LONGEST, Expression, clock, element, expression, quoted, spelled
from imgqd.query.records import (
    And,
    Around,
    Between,
    During,
    Filter,
    Format,
    Has,
    Inside,
    Is,
    Named,
    Not,
    Or,
    Says,
    Shape,
)
from imgqd.query.truth import Within, holds
from imgqd.records import Metadata
from imgqd.rows import File, Row
from imgqd.stores.columns import ELEMENTS, TEXT, columns, read
from stores.pictures import GALLERY, LINES, key, row, within

LITERAL = re.compile(r'"(?:[^"\\\r\n]|\\["\\nrt])*"')
"""A text in the grammar of expressions, with the escapes that every version knows."""

LETTERS = "abAB\u00e9\u00c9e\u0301\u212a k%_\\\"'*?.\n/"
"""Such as mean something to someone, or look the same written otherwise."""

words = st.text(LETTERS, max_size=6)
numbers = st.one_of(
    st.none(), st.integers(-2, 8000), st.floats(-2, 8000), st.just(float("inf")), st.just(1e30)
)
times = st.datetimes(datetime(1999, 1, 1), datetime(2025, 1, 1))  # noqa: DTZ001 - a clock's
moments = st.one_of(st.none(), times)
leaves = st.one_of(
    st.builds(
        Between,
        st.sampled_from(["width", "height", "pixels", "size", "rating"]),
        numbers,
        numbers,
        st.booleans(),
        st.booleans(),
    ),
    st.builds(During, st.sampled_from(["taken", "added"]), moments, moments),
    st.builds(Named, words),
    st.builds(Inside, st.one_of(words, words.map("/".__add__), st.just("~"), st.just("/a"))),
    st.builds(Says, st.sampled_from(["camera", "lens", "keyword"]), words),
    st.builds(Format, st.sampled_from(["jpeg", "png", 'x" or key != "'])),
    st.builds(Shape, st.sampled_from(["portrait", "landscape", "square", "panorama"])),
    st.builds(Is, st.sampled_from(["screenshot", "animated", "duplicate"])),
    st.builds(Has, st.sampled_from(["gps", "date", "camera", "lens", "keyword", "rating"])),
    st.builds(Around, st.floats(-90, 90), st.floats(-180, 180), st.floats(0, 20_000)),
)
trees: st.SearchStrategy[Filter] = st.recursive(
    leaves,
    lambda inner: st.one_of(
        st.builds(Not, inner),
        st.builds(And, st.lists(inner, min_size=1, max_size=3).map(tuple)),
        st.builds(Or, st.lists(inner, min_size=1, max_size=3).map(tuple)),
    ),
    max_leaves=6,
)
files = st.builds(
    File,
    st.text(LETTERS.replace("/", ""), min_size=1, max_size=8).map(
        lambda name: f"/a/{name}/{name}".encode()
    ),
    st.integers(0, 9000),
    st.integers(900_000_000, 1_800_000_000).map(lambda unix: unix * 10**9),
)
said = st.builds(
    Metadata,
    taken=st.one_of(
        st.none(),
        st.just("about 1990"),
        times.map(lambda moment: moment.isoformat(timespec="seconds")),
    ),
    camera=st.one_of(st.none(), words),
    lens=st.one_of(st.none(), words),
    latitude=st.one_of(st.none(), st.floats(-90, 90)),
    longitude=st.floats(-180, 180),
    rating=st.one_of(st.none(), st.integers(-1, 5)),
    keywords=st.lists(words.filter(bool), max_size=3).map(tuple),
    is_screenshot=st.booleans(),
    frames=st.integers(1, 2),
)
rows = st.builds(
    Row,
    st.just(key("any")),
    st.lists(files, min_size=1, max_size=3).map(tuple),
    st.sampled_from(["jpeg", "png"]),
    st.integers(1, 8000),
    st.integers(1, 8000),
    st.floats(0, 2e9),
    said,
    st.booleans(),
)


def leaves_in(told: Expression, one: Row) -> bool:
    """Tell what the engine would say; its language is Python's, but for `like`."""
    if isinstance(told, bool):
        return told
    text = re.sub(rf"\((\w+) like ({LITERAL.pattern})\)", r"like(\1, \2)", told)
    functions = {"array_contains": lambda held, wanted: wanted in held, "like": _like}
    return bool(eval(text, {"__builtins__": {}}, columns(one) | functions))


def _like(text: str, pattern: str) -> bool:
    pieces = ".*".join(map(re.escape, pattern.split("%")))
    return re.fullmatch(pieces, text, re.DOTALL) is not None


@given(st.text(st.characters(), max_size=40))
def test_a_text_is_one_literal_whatever_is_in_it(text: str) -> None:
    literal = quoted(text)
    assert LITERAL.fullmatch(literal)
    assert ast.literal_eval(literal) == spelled(text)
    literal.encode()
    assert spelled(text) == text or "\0" in text or not text.isprintable()


@given(trees, rows, st.booleans())
def test_no_row_that_meets_the_filters_is_left_out(where: Filter, one: Row, infix: bool) -> None:  # noqa: FBT001
    for tree in (where, Not(where)):
        asked = Within(tree, "/a", UTC)
        if holds(asked, one):
            assert leaves_in(expression(asked, has_infix=infix), one)


@given(trees)
def test_whatever_was_typed_an_expression_has_balanced_quotes_and_parentheses(
    where: Filter,
) -> None:
    told = expression(Within(where, "/a", UTC), has_infix=True)
    if isinstance(told, str):
        bare = LITERAL.sub("", told)
        assert re.fullmatch(r"[a-z_0-9 .,+\-()<>=]*", bare)
        assert bare.count("(") == bare.count(")")


@pytest.mark.parametrize("line", LINES)
def test_what_engines_can_say_they_leave_out_themselves(line: str) -> None:
    asked = within(line)
    told = expression(asked, has_infix=True)
    left = {name for name, one in GALLERY.items() if leaves_in(told, one)}
    meant = {name for name, one in GALLERY.items() if holds(asked, one)}
    assert meant <= left
    exact = ("w:", "h:", "mp:", "rating:", "ratio:", "has:", "is:", "type:png", "near:none")
    if line.startswith(exact) or line in {"tag:lisbon", "camera:none", "taken:2023-07"}:
        assert left == meant


def test_a_filter_that_no_engine_can_say_is_true_in_either_direction() -> None:
    assert expression(within("name:*"), has_infix=True) is True
    assert expression(within("-name:a.jpg"), has_infix=True) is True
    assert expression(within("name:a.jpg"), has_infix=False) is True
    assert expression(within("-(name:a.jpg OR w:>9)"), has_infix=True) == "(not (width >= 10))"


@given(rows)
def test_a_row_comes_back_from_its_text(one: Row) -> None:
    assert read(columns(one)["said"]) == one


def test_names_that_are_no_text_and_words_that_are_no_unicode_survive() -> None:
    odd = row(
        "odd", b"/p/\xff\n/\x80.jpg", "/p/\u00fc.jpg", keywords=("\udc80 broken",), camera="\ud800"
    )
    held = columns(odd)
    assert read(held["said"]) == odd
    for value in held.values():
        for text in value if isinstance(value, list) else [value]:
            str(text).encode()


def test_what_is_too_much_for_an_engine_is_cut_to_what_it_takes() -> None:
    paths = [f"/{'d' * 200}/{number}/" + "\u00e9" * 120 + ".jpg" for number in range(300)]
    words = tuple(f"{number} " + "\U0001f436" * 90 for number in range(200))
    large = replace(
        row("large", *paths), metadata=Metadata(keywords=words, description="\u00e9" * 4000)
    )
    held = columns(large)
    assert len(held["said"].encode()) <= TEXT
    assert len(held["names"].encode()) <= TEXT
    for name in ("folders", "parts", "keywords", "traits"):
        assert len(held[name]) <= ELEMENTS
        assert all(len(one.encode()) <= LONGEST for one in held[name])
    cut = read(held["said"])
    assert cut.files == large.files[: len(cut.files)]
    assert cut.key == large.key


def test_times_on_the_clock_are_in_order_as_numbers() -> None:
    times = ["0001-01-01T00:00:00", "1999-12-31T23:59:59", "2000-01-01T00:00:00"]
    assert sorted(times, key=clock) == times
    assert clock(None) == 0
    assert clock("last summer") == -1


def test_elements_are_cut_between_letters() -> None:
    assert element("\u00e9" * 1000) == "\u00e9" * (LONGEST // 2)
