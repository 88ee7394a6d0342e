"""Patterns match in Python as they do in the database."""

from __future__ import annotations

import sqlite3

from hypothesis import example, given
from hypothesis import strategies as st

from imgqd.query.patterns import matches, matching
from imgqd.query.sql import FUNCTIONS

LETTERS = "abAB\u00e9\u00c9e\u0301\u212ak%_\\'*?.\n"

DB = sqlite3.connect(":memory:", check_same_thread=False)
for name, (count, function) in FUNCTIONS.items():
    DB.create_function(name, count, function, deterministic=True)


@given(st.text(LETTERS, max_size=6), st.text(LETTERS, max_size=8))
@example("caf?", "cafe\u0301")
@example("k", "\u212a")
@example("*\u00c9", "e\u0301")
def test_a_pattern_matches_the_same_texts(glob: str, text: str) -> None:
    sql, values = matching("said", glob)
    found = DB.execute(f"SELECT {sql} FROM (SELECT ? AS said)", (*values, text)).fetchone()
    assert bool(found[0]) == matches(glob, text)
