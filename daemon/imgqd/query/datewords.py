"""Dates in words: yesterday, last summer, 3 weeks ago, july 2023, christmas 2019.

English, as the examples in docs/search.md. Each rule reads a date at the beginning of
some words and says whether it is unmistakable: "may 2023" is a date wherever it stands,
"may" only after `taken:`.
"""

from __future__ import annotations

import contextlib
import re
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from functools import partial
from typing import Final, TypeAlias

from imgqd.query import dates
from imgqd.query.dates import HOLIDAYS, MONTHS, SEASONS, UNITS, WEEKDAYS, NoDate, Span

LONGEST: Final = 6
"""Words in the longest date: "the 14th of july 2023", or three to each side of a range."""

SPOKEN_YEARS: Final = 1900
"""The first year that is taken for a date among words; `taken:` knows earlier ones."""

_NUMBERS: Final = {
    word: number
    for number, word in enumerate(
        ("one", "two", "three", "four", "five", "six", "seven", "eight", "nine", "ten"), start=1
    )
} | {"a": 1, "an": 1}
_FIRST: Final = frozenset(
    ("the", "today", "yesterday", "day", "last", "past", "previous", "this", *_NUMBERS)
).union(MONTHS, WEEKDAYS, SEASONS, HOLIDAYS)
_MARKS: Final = ",.;!?"
"""What may follow a word of a date without being part of it."""

_ORDINAL: Final = re.compile(r"(\d{1,2})(?:st|nd|rd|th)?", re.ASCII)
_ENTWINED: Final = ("march", "may")
"""Months that are words of their own: "last march" may be one to the sea."""


@dataclass(frozen=True, slots=True)
class DateWords:
    """A date at the beginning of some words: `used` of them, `sure` where it is unmistakable.

    `kept` of them, the first ones, say something about the picture, too: christmas.
    """

    span: Span
    used: int
    sure: bool
    kept: int = 0


_Found: TypeAlias = Iterator[DateWords]


def may_begin(word: str) -> bool:
    """Tell at once whether a date can begin with a word: most words of a line cannot."""
    return word[:1].isdigit() or word.lower().rstrip(_MARKS) in _FIRST


def leading(words: Sequence[str], now: datetime, *, sure: bool) -> DateWords | None:
    """Return the longest date that the words begin with; with `sure`, an unmistakable one."""
    plain = [word.lower().rstrip(_MARKS) for word in words[:LONGEST]]
    article = 1 if plain[:1] == ["the"] else 0
    best: DateWords | None = None
    for rule in _RULES:
        try:
            for found in rule(plain[article:], now):
                if (found.sure or not sure) and (best is None or found.used > best.used):
                    best = found
        except NoDate:
            continue
    return replace(best, used=best.used + article) if best and article else best


def _named_day(words: Sequence[str], now: datetime) -> _Found:
    names = (("today",), ("yesterday",), ("day", "before", "yesterday"))
    for ago, name in enumerate(names):
        if _begins(words, *name):
            yield DateWords(dates.around(now, "day", ago), len(name), sure=True)


def _ago(words: Sequence[str], now: datetime) -> _Found:
    count, unit = _number(words, 0), _unit(words, 1)
    if count is not None and unit and words[2:3] == ["ago"]:
        yield DateWords(dates.around(now, unit, count), 3, sure=True)


def _recent(words: Sequence[str], now: datetime) -> _Found:
    if words[:1] not in (["last"], ["past"], ["previous"], ["this"]):
        return
    this = words[0] == "this"
    count, unit = _number(words, 1), _unit(words, 2)
    if count is not None and unit and not this:
        yield DateWords(dates.lately(now, unit, count), 3, sure=True)
    if single := _unit(words, 1, plural=False):
        clear = single in ("week", "weekend", "month", "year")
        if words[0] == "past" or (single in ("minute", "hour") and not this):
            yield DateWords(dates.lately(now, single, 1), 2, clear)
        else:
            yield DateWords(dates.around(now, single, 0 if this else 1), 2, clear)
    name = words[1] if len(words) > 1 else ""
    if (span := _nearest(name, now, this=this)) and words[0] != "previous":
        sure = name in SEASONS or not (this or name in _ENTWINED or len(name) == 3)
        yield DateWords(span, 2, sure, kept=2 if name in HOLIDAYS else 0)


def _named(words: Sequence[str], now: datetime) -> _Found:
    """Read a season, a month, a weekday or a holiday, with or without its year."""
    name = words[0] if words else ""
    kept = 1 if name in HOLIDAYS else 0
    if name in WEEKDAYS:
        yield DateWords(_weekday(name, now, over=False), 1, sure=False)
    if yearly := _yearly(name):
        yield DateWords(_latest(yearly, now, over=False), 1, sure=False, kept=kept)
        if (year := _year(words, 1)) is not None:
            yield DateWords(yearly(year), 2, _spoken(year, now), kept)


def _day_of_month(words: Sequence[str], now: datetime) -> _Found:
    """Read "14 july 2023", "14th of july", "july 14, 2023"."""
    place = 1 if words[1:2] == ["of"] else 0
    for day, month, used in ((0, 1 + place, 2 + place), (1, 0, 2)):
        number = _ORDINAL.fullmatch(words[day]) if len(words) > day else None
        name = words[month] if len(words) > month else ""
        if number is None or name not in MONTHS:
            continue
        yearly = partial(_on, MONTHS[name], int(number[1]))
        yield DateWords(_latest(yearly, now, over=False), used, sure=False)
        if (year := _year(words, used)) is not None:
            yield DateWords(yearly(year), used + 1, _spoken(year, now))


def _figures(words: Sequence[str], now: datetime) -> _Found:
    word = words[0] if words else ""
    if decade := re.fullmatch(r"(\d{3}0)s", word, re.ASCII):
        first = dates.year(int(decade[1]))
        yield DateWords(Span(first.since, dates.year(int(decade[1]) + 9).until), 1, sure=False)
    elif span := dates.figures(word):
        yield DateWords(span, 1, sure=True)
    else:
        year = word[:4].isascii() and word[:4].isdigit() and int(word[:4])
        yield DateWords(dates.iso(word), 1, len(word) > 4 and "-" in word and _spoken(year, now))


_RULES: Final = (_named_day, _ago, _recent, _named, _day_of_month, _figures)


def _begins(words: Sequence[str], *name: str) -> bool:
    return tuple(words[: len(name)]) == name


def _number(words: Sequence[str], place: int) -> int | None:
    word = words[place] if len(words) > place else ""
    if word.isascii() and word.isdigit() and len(word) <= 4:
        return int(word)
    return _NUMBERS.get(word)


def _unit(words: Sequence[str], place: int, *, plural: bool = True) -> str | None:
    word = words[place] if len(words) > place else ""
    single = word[:-1] if plural and word.endswith("s") else word
    return single if single in UNITS else None


def _year(words: Sequence[str], place: int) -> int | None:
    word = words[place] if len(words) > place else ""
    return int(word) if len(word) == 4 and word.isascii() and word.isdigit() else None


def _spoken(year: int, now: datetime) -> bool:
    return SPOKEN_YEARS <= year <= now.year


_Yearly: TypeAlias = Callable[[int], Span]
"""What comes once a year; NoDate in years without it."""


def _yearly(name: str) -> _Yearly | None:
    if name in SEASONS:
        return partial(dates.season, name)
    if name in MONTHS:
        return lambda year: dates.months(year, MONTHS[name])
    if name in HOLIDAYS:
        return partial(dates.holiday, name)
    return None


def _on(month: int, day: int, year: int) -> Span:
    return dates.day(year, month, day)


def _nearest(name: str, now: datetime, *, this: bool) -> Span | None:
    """Return this summer (or july, or monday), or the last one that is over."""
    if name in WEEKDAYS:
        return _weekday(name, now, over=not this)
    yearly = _yearly(name)
    if yearly is None:
        return None
    if not this:
        return _latest(yearly, now, over=True)
    running = _latest(yearly, now, over=False)
    return running if running.until and running.until > now else yearly(now.year)


def _latest(yearly: _Yearly, now: datetime, *, over: bool) -> Span:
    """Return the last one that has begun, or that is over."""
    for year in range(now.year, now.year - 9, -1):  # 29 February may be eight years away
        with contextlib.suppress(NoDate):
            span = yearly(year)
            border = span.until if over else span.since
            if border is not None and border <= now:
                return span
    raise NoDate("no such day")


def _weekday(name: str, now: datetime, *, over: bool) -> Span:
    ago = (now.weekday() - WEEKDAYS[name]) % 7
    return dates.around(now, "day", ago or (7 if over else 0))
