"""The calendar of the query line: spans of time, and dates that are written in figures.

The calendar's arithmetic (a month before 31 March, Easter) and the many ways to write a
whole date come from dateutil; this is the only module that knows it. All times are
local wall clock times without a zone.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Final

from dateutil.easter import easter
from dateutil.relativedelta import relativedelta

EARLIEST, LATEST = 1800, 2199
"""Years outside are slips of the finger, and dates beyond them break arithmetic."""

MONTHS: Final = {
    name: number
    for number, names in enumerate(
        (
            "january jan",
            "february feb",
            "march mar",
            "april apr",
            "may",
            "june jun",
            "july jul",
            "august aug",
            "september sep sept",
            "october oct",
            "november nov",
            "december dec",
        ),
        start=1,
    )
    for name in names.split()
}
WEEKDAYS: Final = {
    name: number
    for number, names in enumerate(
        (
            "monday mon",
            "tuesday tue",
            "wednesday wed",
            "thursday thu",
            "friday fri",
            "saturday sat",
            "sunday sun",
        )
    )
    for name in names.split()
}
SEASONS: Final = {"spring": 3, "summer": 6, "autumn": 9, "fall": 9, "winter": 12}
"""The first of three months, north of the equator; a winter belongs to the year it begins in."""

HOLIDAYS: Final = ("christmas", "xmas", "easter", "halloween")
UNITS: Final = ("minute", "hour", "day", "week", "weekend", "month", "year")

_ISO: Final = re.compile(r"(\d{4})(?:([-/.])(\d{1,2})(?:\2(\d{1,2}))?)?", re.ASCII)
_FIGURES: Final = re.compile(r"\d{1,2}([./-])\d{1,2}\1\d{4}", re.ASCII)
_WRITTEN: Final = re.compile(
    rf"(?:{'|'.join((*MONTHS, *WEEKDAYS))}|st|nd|rd|th|am|pm|t|[\d\s:,./-])+", re.ASCII
)
_FULL_YEAR: Final = re.compile(r"(?<!\d)\d{4}(?!\d)", re.ASCII)


class NoDate(ValueError):
    """The text is no date; the message says why, or what would be one."""


@dataclass(frozen=True, slots=True)
class Span:
    """The time from `since` up to, not including, `until`; None is no bound."""

    since: datetime | None
    until: datetime | None


def year(number: int) -> Span:
    """Return a year; NoDate where nobody can mean it."""
    if not EARLIEST <= number <= LATEST:
        raise NoDate(f"no year {number}: years go from {EARLIEST} to {LATEST}")
    return Span(datetime(number, 1, 1), datetime(number + 1, 1, 1))  # noqa: DTZ001 - wall clock


def months(first_of: int, month: int, count: int = 1) -> Span:
    """Return some months in a row, from a month of a year."""
    start = _day(first_of, month, 1)
    return Span(start, start + relativedelta(months=count))


def day(in_year: int, month: int, number: int) -> Span:
    """Return a day; NoDate where the month has no such day."""
    start = _day(in_year, month, number)
    return Span(start, start + timedelta(days=1))


def season(name: str, of_year: int) -> Span:
    """Return a season; the winter of 2022 ends in February 2023."""
    return months(of_year, SEASONS[name], 3)


def holiday(name: str, of_year: int) -> Span:
    """Return the days around a holiday in which pictures of it are taken.

    Christmas is December. Easter is from Palm Sunday to Easter Monday. Halloween is
    from 24 October to 2 November.
    """
    year(of_year)
    if name == "easter":
        sunday = easter(of_year)
        start = _day(sunday.year, sunday.month, sunday.day) - timedelta(days=7)
        return Span(start, start + timedelta(days=9))
    if name == "halloween":
        return Span(_day(of_year, 10, 24), _day(of_year, 11, 3))
    return months(of_year, 12)


def around(moment: datetime, unit: str, ago: int = 0) -> Span:
    """Return the minute, hour, day, week (from Monday), weekend, month or year, so many units ago.

    Raises NoDate where that is too long ago.
    """
    weeks = unit in ("week", "weekend")
    step = "weeks" if weeks else f"{unit}s"
    try:
        moment += relativedelta(**{step: -ago})
        start = moment.replace(second=0, microsecond=0)
        if unit != "minute":
            start = start.replace(minute=0)
        if unit not in ("minute", "hour"):
            start = start.replace(hour=0)
        if weeks:
            start -= timedelta(days=start.weekday())
        if unit in ("month", "year"):
            start = start.replace(day=1)
        if unit == "year":
            start = start.replace(month=1)
        if unit == "weekend":
            return Span(start + timedelta(days=5), start + timedelta(days=7))
        return Span(start, start + relativedelta(**{step: 1}))
    except (ValueError, OverflowError) as error:
        raise NoDate(f"{ago} {unit}s ago is before {EARLIEST}") from error


def lately(now: datetime, unit: str, count: int) -> Span:
    """Return the time from so many units ago until now: whole days, but for hours and minutes."""
    if unit in ("minute", "hour"):
        return Span(now - timedelta(**{f"{unit}s": count}), now + timedelta(minutes=1))
    first = around(now, "day").since
    if first is None or count > 4000:
        raise NoDate(f"{count} {unit}s ago is before {EARLIEST}")
    return Span(first - relativedelta(**{f"{unit}s": count}), around(now, "day").until)


def iso(text: str) -> Span:
    """Return a year, month or day, largest first: 2023, 2023-07, 2023-07-14, 20230714.

    Raises NoDate, for 2023-02-30 with the month that has no such day.
    """
    if len(text) == 8 and text.isdigit():
        text = f"{text[:4]}-{text[4:6]}-{text[6:]}"
    match = _ISO.fullmatch(text)
    if match is None:
        raise NoDate(f"{text!r} is no date")
    number, _, month, of_month = match.groups()
    if month is None:
        return year(int(number))
    if of_month is None:
        return months(int(number), int(month))
    return day(int(number), int(month), int(of_month))


def figures(text: str) -> Span | None:
    """Return the day that is written as 14.07.2023 or 14/07/2023, None for any other text.

    With dots the day comes first. Raises NoDate where it is not clear which is the month.
    """
    if _FIGURES.fullmatch(text) is None:
        return None
    return written(text)


def written(text: str) -> Span:
    """Return a whole date in any common way to write it, perhaps with a time of the day.

    Raises NoDate where day, month or the year in four figures is missing, or where
    it can be read in two ways.
    """
    low = text.lower()
    if not (_WRITTEN.fullmatch(low) and _FULL_YEAR.search(low)):
        raise NoDate(f"{text!r} is no date")
    # Loaded when first needed: 16 ms, and no line but one with such a date needs it.
    from dateutil import parser  # noqa: PLC0415

    def read(*, day_first: bool, default: datetime) -> datetime:
        try:
            found = parser.parse(low, dayfirst=day_first, default=default, ignoretz=True)
        except (ValueError, OverflowError) as error:
            raise NoDate(f"{text!r} is no date") from error
        return datetime.combine(found.date(), found.time())

    # What the text leaves out would come from the default, and differ.
    first, second = datetime(2000, 1, 1), datetime(2004, 2, 2)  # noqa: DTZ001 - wall clock
    european = read(day_first=True, default=first)
    if european != read(day_first=True, default=second):
        raise NoDate(f"{text!r} lacks a day, a month or a year")
    american = read(day_first=False, default=first)
    if american != european and not re.search(r"\d\.\d", low):
        raise NoDate(
            f"{text!r} may be {european:%Y-%m-%d} or {american:%Y-%m-%d}: write one of these"
        )
    year(european.year)
    return around(european, "minute" if ":" in low else "day")


def _day(of_year: int, month: int, number: int) -> datetime:
    year(of_year)
    if not 1 <= month <= 12:
        raise NoDate(f"there is no month {month}")
    try:
        return datetime(of_year, month, number)  # noqa: DTZ001 - wall clock
    except ValueError as error:
        raise NoDate(f"{of_year}-{month:02} has no day {number}") from error
