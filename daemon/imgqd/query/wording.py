"""Words become parts: what to look for, what to have less of, and how much each counts."""

from __future__ import annotations

import unicodedata
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Final

from imgqd.query.items import Item, Role
from imgqd.query.notes import Notes
from imgqd.query.records import Like, Part, Text

MOST_PARTS: Final = 16
"""Each part is one run of the text encoder."""

HEAVIEST: Final = 10.0


@dataclass(slots=True)
class _Run:
    """Items that are looked for together."""

    weight: float
    items: list[Item] = field(default_factory=list)
    head: Item | None = None
    """The weight that the run begins with."""

    @property
    def place(self) -> int:
        """Where the run begins in the line."""
        return self.items[0].start if self.items else 0


def parts(items: Sequence[Item], notes: Notes) -> tuple[Part, ...]:
    """Return the parts of a line in the order in which they begin.

    Plain words are one part, wherever they stand. A sign reaches one word or
    quotation; a sign with a number all words up to the next sign, filter or
    option, or one quotation that follows at once.
    """
    found: list[tuple[int, Part]] = []
    for run in _runs(items, notes):
        part = _part(run, notes)
        if part is None:
            continue
        if len(found) < MOST_PARTS:
            found.append((run.place, part))
            continue
        reason = f"more than {MOST_PARTS} parts in a line: this one is left out"
        notes.problem(run.place, run.items[-1].end, reason)
    return tuple(part for _, part in sorted(found, key=lambda one: one[0]))


def _runs(items: Sequence[Item], notes: Notes) -> list[_Run]:
    plain = _Run(1.0)
    runs = [plain]
    weighted: _Run | None = None
    for item in items:
        if item.role is Role.WEIGHT:
            weighted = _Run(_weight(item, notes), head=item)
            runs.append(weighted)
        elif item.role is Role.LIKE or (item.role in (Role.WORD, Role.PHRASE) and item.sign):
            fresh = weighted is not None and not weighted.items and item.role is Role.LIKE
            if weighted is not None and fresh:
                weighted.items.append(item)
            else:
                runs.append(_Run(float(item.sign or 1), [item]))
            weighted = None
        elif item.role in (Role.WORD, Role.PHRASE):
            run = weighted or plain
            run.items.append(item)
            alone = weighted is not None and weighted.items == [item]
            if alone and item.role is Role.PHRASE:
                weighted = None
        else:
            weighted = None
    return runs


def _weight(item: Item, notes: Notes) -> float:
    if item.weight > HEAVIEST:
        reason = f"weights go up to {HEAVIEST:g}: this one counts as {HEAVIEST:g}"
        notes.problem(item.start, item.end, reason)
    return item.sign * min(item.weight, HEAVIEST)


def _part(run: _Run, notes: Notes) -> Part | None:
    items = _telling(run.items)
    if run.head is not None and run.items and run.weight == 0:
        notes.problem(run.head.start, run.items[-1].end, "a weight of 0 is left out")
        return None
    if items and items[0].role is Role.LIKE:
        return _like(run, items[0], notes)
    text = _text(items)
    if not any(map(_tells, text)):
        _empty(run, items, text, notes)
        return None
    first, *others = _slices(items, notes.line)
    _note(run, first, run.head or first[0], notes)
    for slice_ in others:
        _note(run, slice_, slice_[0], notes)
    return Text(text, run.weight)


def _empty(run: _Run, items: Sequence[Item], text: str, notes: Notes) -> None:
    if run.head is not None:
        reason = f"words are missing after {run.head.text} (a filter has no weight)"
        notes.problem(run.head.start, (items or [run.head])[-1].end, reason)
    elif text:
        notes.problem(items[0].start, items[-1].end, f"nothing to look for in {text}")


def _like(run: _Run, item: Item, notes: Notes) -> Like:
    start = run.head.start if run.head else item.start
    means = "unlike" if run.weight < 0 else "like"
    notes.means("like", start, item.end, f"looks {means} {item.text}{_counting(run.weight)}")
    path = item.text if item.image_id is None else None
    return Like(path, item.image_id, run.weight)


def _note(run: _Run, items: Sequence[Item], head: Item, notes: Notes) -> None:
    means = f"less of {_text(items)}" if run.weight < 0 else f"shows {_text(items)}"
    notes.means("words", head.start, items[-1].end, means + _counting(run.weight))


def _counting(weight: float) -> str:
    return "" if abs(weight) == 1 else f", with weight {abs(weight):g}"


def _telling(items: Sequence[Item]) -> list[Item]:
    """Leave out parentheses that enclose nothing any more, such as those around a date."""
    kept = []
    for place, item in enumerate(items):
        before = place > 0 and items[place - 1].end == item.start
        after = place + 1 < len(items) and items[place + 1].start == item.end
        is_lone = item.role is Role.WORD and item.text in ("(", ")") and not before and not after
        if not is_lone:
            kept.append(item)
    return kept


def _text(items: Sequence[Item]) -> str:
    """Join words as they were typed: with a space, but where they touched."""
    text = ""
    for place, item in enumerate(items):
        touches = place > 0 and items[place - 1].end == item.start
        quoted = Role.PHRASE in (item.role, items[place - 1].role)
        text += item.text if place == 0 or (touches and not quoted) else f" {item.text}"
    return text.strip()


def _slices(items: Sequence[Item], line: str) -> list[list[Item]]:
    """Cut a part where other things stand between its words."""
    slices: list[list[Item]] = []
    for item in items:
        if slices and not line[slices[-1][-1].end : item.start].strip():
            slices[-1].append(item)
        else:
            slices.append([item])
    return slices


def _tells(letter: str) -> bool:
    """Tell whether a letter can be looked for: emoji can, punctuation alone cannot."""
    symbol = unicodedata.category(letter)[0] == "S"
    return letter.isalnum() or (symbol and not letter.isascii())
