"""docs/search.md promises what each of its examples means: every row is typed here."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from daemon.lines import NOW
from imgqd.query import clauses, parse
from imgqd.query.filters import FORMATS, KEYS
from imgqd.query.wording import HEAVIEST, MOST_PARTS

DOCUMENT = (Path(__file__).parents[2] / "docs" / "search.md").read_text(encoding="utf-8")
ROWS = re.findall(r"^\| `(.+)` \| (.+) \|$", DOCUMENT, re.MULTILINE)


def answer(line: str) -> str:
    query = parse(line, NOW)
    understood = "; ".join(one.means for one in query.understood)
    problems = "; ".join(one.reason for one in query.problems)
    return " ".join(filter(None, (understood, problems and f"\u26a0 {problems}")))


@pytest.mark.parametrize(("line", "expected"), ROWS, ids=[line for line, _ in ROWS])
def test_an_example_means_what_it_says(line: str, expected: str) -> None:
    assert answer(line.replace(r"\|", "|")) == expected.replace(r"\|", "|")


def test_every_row_of_every_table_is_an_example() -> None:
    rows = [line for line in DOCUMENT.splitlines() if line.startswith("|")]
    headings = [row for row in rows if row in ("| you type | understood as |", "| --- | --- |")]
    assert len(rows) == len(ROWS) + len(headings)
    assert len(ROWS) > 130


def test_every_filter_option_and_other_spelling_is_told() -> None:
    for key in (*KEYS, *clauses.OPTIONS):
        assert re.search(rf"\b{key}\b", DOCUMENT), key
    for name in FORMATS:
        assert re.search(rf"\b{name}\b", DOCUMENT), name


def test_the_figures_in_the_text_are_those_of_the_code() -> None:
    assert f"Weights go up to {HEAVIEST:g}, and a line has at most {MOST_PARTS} parts" in DOCUMENT
    assert f"at most {clauses.MOST_FILTERS} filters" in DOCUMENT
