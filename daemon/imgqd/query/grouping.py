"""Filters joined: parentheses, OR, AND and NOT become one tree.

OR joins its two neighbours, as in a web search, and everything else must hold.
Parentheses that hold no filter are a person's own, and stay words.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final

from imgqd.query.items import Item, Role
from imgqd.query.notes import Notes
from imgqd.query.records import And, Filter, Not, Or

DEEPEST: Final = 10
"""Levels of a tree: SQLite's parser of 100 levels bears twice as many of the hungriest filter."""


def tree(items: list[Item], notes: Notes) -> Filter | None:
    """Return the filters of a line as one, None where there are none.

    Items that turn out to be words become such in place; operators fall silent.
    """
    _settle(items, notes)
    opened: list[Item] = []
    frames: list[list[Item]] = [[]]
    for item in items:
        if item.role is Role.OPEN:
            opened.append(item)
            frames.append([])
        elif item.role is Role.CLOSE:
            _close(opened, frames, notes)
        else:
            frames[-1].append(item)
    while opened:
        _close(opened, frames, notes)
    return _joined(frames[0], notes)


def _close(opened: list[Item], frames: list[list[Item]], notes: Notes) -> None:
    head, inside = opened.pop(), frames.pop()
    node = _joined(inside, notes)
    if head.sign < 0:
        for item in inside:
            if item.role in (Role.WORD, Role.PHRASE) and not item.sign:
                reason = f"words are not negated with filters: for less of it write -{item.text}"
                notes.problem(item.start, item.end, reason)
        negation = {And: "not all of", Or: "none of"}.get(type(node), "not")
        notes.means("operator", head.start, head.end, negation)
        node = node and _negated(node)
    if isinstance(node, (And, Or, Not)) and _depth(node) > DEEPEST:
        reason = f"more than {DEEPEST} parentheses in each other: these filters are left out"
        notes.problem(head.start, head.end, reason)
        node = None
    frames[-1].append(Item(Role.FILTER, head.start, head.end, node=node))


def _settle(items: list[Item], notes: Notes) -> None:
    """Tell parentheses around filters from those around words, and find what has no other half."""
    opened: list[tuple[int, int]] = []
    filters = 0
    for place, item in enumerate(items):
        if item.role is Role.FILTER:
            filters += 1
        elif item.role is Role.OPEN:
            opened.append((place, filters))
        elif item.role is Role.CLOSE:
            if not opened:
                item.role = Role.WORD
                continue
            start, before = opened.pop()
            if filters == before:
                item.role = Role.WORD
                _words(items, start, place + 1, notes)
    for start, before in reversed(opened):
        if filters > before or items[start].sign:
            notes.problem(items[start].start, items[start].end, "the parenthesis never closes")
        if filters == before:
            _words(items, start, len(items), notes)


def _words(items: Sequence[Item], start: int, end: int, notes: Notes) -> None:
    """Make words of what parentheses enclose: -(snow on trees) is -"snow on trees"."""
    head = items[start]
    head.role = Role.WORD
    if not head.sign or end == start + 1:
        return
    inside = items[start + 1 : end]
    if any(one.sign or one.role not in (Role.WORD, Role.PHRASE) for one in inside):
        head.role = Role.SILENT
        reason = f"{head.text} takes words only: put the sign before each piece"
        notes.problem(head.start, head.end, reason)
        return
    last = inside[-1].start if inside[-1].text == ")" else inside[-1].end
    head.role, head.text = Role.PHRASE, notes.line[head.end : last].strip()
    head.end = inside[-1].end
    for item in inside:
        item.role = Role.SILENT


def _joined(items: Sequence[Item], notes: Notes) -> Filter | None:
    """Return the filters of one level as one."""
    items = _without_not(items, notes)
    all_of: list[list[Filter]] = []
    joins = False
    for place, item in enumerate(items):
        if item.role is Role.FILTER:
            if not joins:
                all_of.append([])
            if item.node is not None:
                all_of[-1].append(item.node)
            joins = False
        elif _is_operator(item, "OR", "AND"):
            left = place > 0 and items[place - 1].role is Role.FILTER
            right = place + 1 < len(items) and items[place + 1].role is Role.FILTER
            joins = _operator(item, notes, left=left, right=right)
        else:
            joins = False
    parts = [_one(Or, tuple(group)) for group in all_of if group]
    return _one(And, tuple(parts)) if parts else None


def _operator(item: Item, notes: Notes, *, left: bool, right: bool) -> bool:
    """Settle an OR or AND between two neighbours; return whether it joins them as alternatives."""
    either = item.text == "OR"
    if left and right:
        notes.means("operator", item.start, item.end, item.text.lower())
    elif left or right:
        reason = f"{item.text} needs a filter on both sides; with words they simply stand together"
        notes.problem(item.start, item.end, reason)
    else:
        if either:
            reason = "OR joins filters only, and is a word here: tag:cat OR tag:dog"
            notes.problem(item.start, item.end, reason)
        return False
    item.role = Role.SILENT
    return either and left and right


def _without_not(items: Sequence[Item], notes: Notes) -> list[Item]:
    """Carry out NOT before filters, and leave out what fell silent."""
    kept: list[Item] = []
    for item in items:
        if item.role is Role.FILTER and kept and _is_operator(kept[-1], "NOT"):
            word = kept.pop()
            word.role = Role.SILENT
            notes.means("operator", word.start, word.end, "not")
            node = item.node and _negated(item.node)
            kept.append(Item(Role.FILTER, item.start, item.end, node=node))
        else:
            kept.append(item)
    return kept


def _is_operator(item: Item, *names: str) -> bool:
    return item.role is Role.WORD and not item.sign and item.text in names


def _depth(node: Filter) -> int:
    if isinstance(node, (And, Or)):
        return 1 + max(map(_depth, node.parts))
    return 1 + _depth(node.part) if isinstance(node, Not) else 0


def _negated(node: Filter) -> Filter:
    return node.part if isinstance(node, Not) else Not(node)


def _one(kind: type[And | Or], parts: tuple[Filter, ...]) -> Filter:
    if len(parts) == 1:
        return parts[0]
    same = (part.parts if isinstance(part, kind) else (part,) for part in parts)
    return kind(tuple(part for group in same for part in group))
