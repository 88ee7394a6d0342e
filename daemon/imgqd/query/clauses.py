"""Tokens become items: values are read, options are taken, dates among words are found."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Final
from urllib.parse import unquote

from imgqd.query import datewords, filters, times
from imgqd.query.dates import Span
from imgqd.query.filters import KEYS, Context, Key
from imgqd.query.items import Item, Role
from imgqd.query.notes import Notes
from imgqd.query.readings import Reading, Unclear
from imgqd.query.records import And, Filter, Is, Not, Or, Sort
from imgqd.query.scanner import Kind, Token

OPTIONS: Final = ("like", "sort", "fold")
OPERATORS: Final = ("OR", "AND", "NOT")

MOST_FILTERS: Final = 64
"""Values in a line's filters: enough for a person, and the database can bear them."""

_MOST_TRIES: Final = 128
"""Words of a line at which a date is looked for."""

_FIRST_BARE_YEAR: Final = 2000
"""Earlier years without a month are more often a model's or a style's than a picture's."""

_BEFORE_DATES: Final = frozenset(
    ("in", "on", "from", "during", "since", "after", "before", "until")
)
_YEAR: Final = re.compile(r"\d{4}", re.ASCII)
_UNFINISHED: Final = re.compile(r"[+-][\d.]+", re.ASCII)
_FOREIGN_KEY: Final = re.compile(r"([A-Za-z]{2,20}):[^/\\:\s]")

_SORTS: Final = {name: Sort(name) for name in ("relevance", "date", "name", "size")} | {
    "newest": Sort("date"),
    "oldest": Sort("date", reverse=True),
    "largest": Sort("size"),
    "smallest": Sort("size", reverse=True),
}
_DIRECTIONS: Final = {
    "relevance": ("the best match first", "the worst match first"),
    "date": ("the newest first", "the oldest first"),
    "name": ("by name", "by name, from the end"),
    "size": ("the largest file first", "the smallest file first"),
}
_SWITCH: Final = dict.fromkeys(("yes", "on", "true", "1"), True) | dict.fromkeys(
    ("no", "off", "false", "0"), False
)


@dataclass(slots=True)
class Clauses:
    """The items of a line, and the options that were found among them."""

    items: list[Item] = field(default_factory=list)
    sort: Sort | None = None
    fold: bool = False


def read(tokens: Sequence[Token], context: Context, notes: Notes) -> Clauses:
    """Return the items of a line; what cannot be followed is noted, and left out."""
    reader = _Reader(tokens, context, notes)
    reader.run()
    return reader.found


class _Reader:
    def __init__(self, tokens: Sequence[Token], context: Context, notes: Notes) -> None:
        self.tokens = tokens
        self.context = context
        self.notes = notes
        self.found = Clauses()
        self._filters = 0
        self._tries = 0
        plain = (one.kind is Kind.WORD and not one.sign for one in tokens)
        self._last_word = max((place for place, one in enumerate(plain) if one), default=-1)

    def run(self) -> None:
        place = 0
        while place < len(self.tokens):
            token = self.tokens[place]
            if not token.closed:
                self.notes.problem(token.start, token.end, 'the quotation never ends: add a "')
            place += self._read(token, place)

    def _read(self, token: Token, place: int) -> int:
        """Make the items of a token and return how many tokens they took."""
        if token.kind is Kind.FILTER:
            if token.key in OPTIONS:
                getattr(self, f"_{token.key}")(token)
                return 1
            return self._filter(token, place)
        if token.kind is Kind.WORD:
            return self._date(token, place) or self._word(token, place)
        role = Role[token.kind.name]
        self._add(Item(role, token.start, token.end, token.text, token.sign, token.weight))
        return 1

    def _add(self, item: Item) -> None:
        self.found.items.append(item)

    def _word(self, token: Token, place: int) -> int:
        item = Item(Role.WORD, token.start, token.end, token.text, token.sign)
        last = place == len(self.tokens) - 1
        if last and _UNFINISHED.fullmatch(token.text):
            year = _YEAR.fullmatch(token.text[1:])
            remedy = f'write {token.text}:words, or "{token.text}" for the number'
            remedy = f"write -taken:{year[0]}" if year else remedy
            self.notes.problem(token.start, token.end, f"a weight without words: {remedy}")
            item.role = Role.SILENT
        elif last and token.text in ("-", "+"):
            item.role = Role.SILENT  # a sign whose word is still to come
        elif key := _FOREIGN_KEY.match(token.text):
            self.notes.problem(token.start, token.end, filters.foreign(key[1].lower()))
        elif token.text[:2] == "--" and token.text[2:3].isalpha():
            reason = f"no options here: for less of it, write -{token.text[2:]} with one -"
            self.notes.problem(token.start, token.end, reason)
        self._add(item)
        return 1

    # Filters

    def _filter(self, token: Token, place: int) -> int:
        key = KEYS[token.key]
        more = self._following(place) if key.greedy and not token.quoted else []
        item = Item(Role.FILTER, token.start, token.end)
        self._add(item)
        try:
            self._count(len(filters.pieces(key, token.choices)))
            reading, used = self._value(key, token, [one.text for one in more])
        except Unclear as error:
            reason = str(error)
            named = reason if reason.startswith(f"{token.key}:") else f"{token.key}: {reason}"
            self.notes.problem(token.start, token.end, named)
            return 1
        item.end = (token, *more)[used].end
        self._understand(item, key.kind, reading, negated=token.sign < 0)
        return 1 + used

    def _value(self, key: Key, token: Token, more: Sequence[str]) -> tuple[Reading, int]:
        """Return the reading that takes most of the following words, and how many it takes."""
        if len(token.choices) == 1 and token.text:
            for used in range(len(more), 0, -1):
                try:
                    text = " ".join((token.text, *more[:used]))
                    reading = filters.value(key, (text,), self.context)
                except Unclear:
                    continue
                if reading.trouble is None:
                    return reading, used
        return filters.value(key, token.choices, self.context), 0

    def _following(self, place: int) -> list[Token]:
        """Return the plain words after a token, as many as a date can have."""
        words: list[Token] = []
        for token in self.tokens[place + 1 : place + datewords.LONGEST]:
            apart = token.start > (words[-1] if words else self.tokens[place]).end
            plain = token.kind is Kind.WORD and not token.sign and token.text not in OPERATORS
            if not (apart and plain):
                break
            words.append(token)
        return words

    def _count(self, more: int) -> None:
        self._filters += max(1, more)
        if self._filters > MOST_FILTERS:
            raise Unclear(f"more than {MOST_FILTERS} filters in a line: this one is left out")

    def _understand(self, item: Item, kind: str, reading: Reading, *, negated: bool) -> None:
        item.node = Not(reading.node) if negated else reading.node
        means = f"not: {reading.means}" if negated else reading.means
        self.notes.means(kind, item.start, item.end, means)
        if reading.trouble:
            self.notes.problem(item.start, item.end, reading.trouble)
        if not negated and _asks_for_duplicates(reading.node):
            self.found.fold = True

    # Dates among words

    def _date(self, token: Token, place: int) -> int:
        """Take a date that begins at a word, and return how many words it has."""
        if not datewords.may_begin(token.text) or self._tries >= _MOST_TRIES:
            return 0
        self._tries += 1
        words = [token, *self._following(place)]
        found = datewords.leading([one.text for one in words], self.context.now, sure=True)
        found = found or self._bare_year(token, place)
        if found is None or self._filters >= MOST_FILTERS:
            return 0
        self._count(1)
        before = None if token.sign else self._preposition(token)
        start = self.found.items.pop().start if before else token.start
        for one in words[: found.kept]:
            self._add(Item(Role.WORD, one.start, one.end, one.text))
        item = Item(Role.FILTER, start, words[found.used - 1].end)
        self._add(item)
        reading = times.spoken("taken", _side(before, found.span))
        self._understand(item, "date", reading, negated=token.sign < 0)
        return found.used

    def _preposition(self, token: Token) -> str | None:
        last = self.found.items[-1] if self.found.items else None
        if last is None or last.role is not Role.WORD or last.sign or last.end >= token.start:
            return None
        low = last.text.lower()
        return low if low in _BEFORE_DATES else None

    def _bare_year(self, token: Token, place: int) -> datewords.DateWords | None:
        """Take a year alone for a date at the end of the words, or after a word such as "in"."""
        if token.sign or not _YEAR.fullmatch(token.text):
            return None
        if not _FIRST_BARE_YEAR <= int(token.text) <= self.context.now.year:
            return None
        if place != self._last_word and self._preposition(token) is None:
            return None
        return datewords.leading([token.text], self.context.now, sure=False)

    # Options

    def _like(self, token: Token) -> None:
        item = Item(Role.LIKE, token.start, token.end, token.text, token.sign)
        if token.text.startswith("#") and not token.quoted:
            number = token.text[1:]
            if not (number.isascii() and number.isdigit() and len(number) <= 18):
                reason = f"no picture {token.text}: write like:#ID with a number, or like:FILE"
                self._drop(token, reason)
                return
            item.image_id = int(number)
        elif token.text.startswith("file://"):
            item.text = unquote(token.text[7:])
        elif not token.text:
            self._drop(token, "like: needs a picture: like:FILE or like:#ID")
            return
        self._add(item)

    def _sort(self, token: Token) -> None:
        name = token.text.strip().lower()
        sort = _SORTS.get(name.lstrip("+-"))
        if sort is None or token.sign:
            known = ", ".join(_SORTS)
            self._drop(token, f"no such order: write sort:date or sort:-date, with one of {known}")
            return
        if name.startswith("-"):
            sort = Sort(sort.by, not sort.reverse)
        self.found.sort = sort
        self._add(Item(Role.SILENT, token.start, token.end))
        self.notes.means("sort", token.start, token.end, _DIRECTIONS[sort.by][sort.reverse])

    def _fold(self, token: Token) -> None:
        fold = _SWITCH.get(token.text.strip().lower())
        if fold is None or token.sign:
            self._drop(token, "write fold:yes or fold:no")
            return
        self.found.fold = fold
        self._add(Item(Role.SILENT, token.start, token.end))
        means = "near-duplicates under the best of them" if fold else "near-duplicates one by one"
        self.notes.means("fold", token.start, token.end, means)

    def _drop(self, token: Token, reason: str) -> None:
        self.notes.problem(token.start, token.end, reason)
        self._add(Item(Role.SILENT, token.start, token.end))


def _side(preposition: str | None, span: Span) -> Span:
    sides = {
        "since": Span(span.since, None),
        "after": Span(span.since, None),
        "before": Span(None, span.since),
        "until": Span(None, span.until),
    }
    return sides.get(preposition or "", span)


def _asks_for_duplicates(node: Filter) -> bool:
    parts = node.parts if isinstance(node, (And, Or)) else (node,)
    return Is("duplicate") in parts
