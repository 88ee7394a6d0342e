"""One line of text becomes a query; docs/search.md is its grammar.

Written by hand rather than with a parser generator: every line has to be understood, the
half-typed ones at each key most of all, whether a parenthesis groups depends on what is
in it, and how far a date or a town reaches on what the words say. A generated
grammar that accepts all of that is a list of tokens, and costs 50 ms and 11 MB to load.
"""

from __future__ import annotations

from datetime import datetime
from typing import Final

from imgqd.query import clauses, grouping, places, wording
from imgqd.query.filters import KEYS, Context
from imgqd.query.near import FindPlace, IsArea
from imgqd.query.notes import Notes
from imgqd.query.records import Query, Sort, Text
from imgqd.query.scanner import scan

_KEYS: Final = frozenset((*KEYS, *clauses.OPTIONS))


def parse(
    line: str,
    now: datetime,
    find_place: FindPlace = places.find,
    is_area: IsArea = places.is_area,
    *,
    has_picture: bool = False,
) -> Query:
    """Understand a line; never raises, whatever the line is.

    `now` is the local wall clock time by which "yesterday" is meant. `has_picture` says that a
    picture beside the line is looked for, too: so there is a best match, whatever the line has.
    The first line with `near:TOWN` reads the gazetteer, which takes a second: do not call this
    where nothing may wait.
    """
    notes = Notes(line)
    context = Context(now.replace(tzinfo=None), find_place, is_area)
    found = clauses.read(scan(line, _KEYS), context, notes)
    where = grouping.tree(found.items, notes)
    parts = wording.parts(found.items, notes)
    positive = (one.text for one in parts if isinstance(one, Text) and one.weight > 0)
    usual = Sort("relevance" if parts or has_picture else "date")
    return Query(
        parts=parts,
        where=where,
        sort=found.sort or usual,
        fold=found.fold,
        text=" ".join(positive),
        understood=notes.understood(),
        problems=notes.problems(),
    )
