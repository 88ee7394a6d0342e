"""The values of `taken:`, `added:`, `after:` and `before:`: a date, a range, or a comparison."""

from __future__ import annotations

import contextlib
import re
from datetime import datetime, timedelta
from typing import Final, Literal

from imgqd.query import dates, datewords
from imgqd.query.dates import NoDate, Span
from imgqd.query.readings import Reading, Unclear
from imgqd.query.records import During

EXAMPLES: Final = '2023, 2023-07, 2023-07-14, yesterday, "july 2023", "last summer", "3 weeks ago"'

_COMPARED: Final = re.compile(r"(>=|<=|>|<|=|\u2265|\u2264)\s*(.+)", re.DOTALL)
_YEARS: Final = re.compile(r"(\d{4})-(\d{4})", re.ASCII)

_Field = Literal["taken", "added"]


def during(text: str, field: _Field, now: datetime) -> Reading:
    """Read a date, an (open) range `a..b`, or a comparison such as `>2020`; Unclear otherwise."""
    if compared := _COMPARED.fullmatch(text.strip()):
        span, trouble = _single(compared[2], now)
        return _reading(field, _side(compared[1], span), trouble)
    if years := _YEARS.fullmatch(text):
        text = f"{years[1]}..{years[2]}"
    if ".." in text:
        return _range(text, field, now)
    span, trouble = _single(text, now)
    return _reading(field, span, trouble)


def bound(text: str, side: Literal["after", "before"], now: datetime) -> Reading:
    """Read the date of `after:`, from its first moment on, or of `before:`, up to that moment."""
    if ".." in text:
        raise Unclear(f"{side}: takes one date; for a range write taken:{text}")
    span, trouble = _single(text, now)
    return _reading("taken", _side(">=" if side == "after" else "<", span), trouble)


def spoken(field: _Field, span: Span) -> Reading:
    """Return the reading of a span that was found among words."""
    return _reading(field, span, None)


def _range(text: str, field: _Field, now: datetime) -> Reading:
    first, _, last = (piece.strip() for piece in text.partition(".."))
    if not first and not last:
        raise Unclear(f"{field}: needs a date before or after the two dots: 2020.., ..2022")
    since, until, troubles = None, None, []
    try:
        if first:
            span, trouble = _single(first, now)
            since, troubles = span.since, [trouble]
        if last:
            span, trouble = _single(last, now)
            until = span.until
            troubles.append(trouble)
    except Unclear as error:
        if since is None:
            raise
        # Half typed: what is there so far holds.
        troubles.append(str(error))
    if since and until and since >= until:
        until = None
        troubles.append(f"{last} is before {first}, and left out")
    return _reading(field, Span(since, until), next(filter(None, troubles), None))


def _side(sign: str, span: Span) -> Span:
    sides = {
        ">": Span(span.until, None),
        ">=": Span(span.since, None),
        "<": Span(None, span.since),
        "<=": Span(None, span.until),
    }
    return sides.get({"\u2265": ">=", "\u2264": "<="}.get(sign, sign), span)


def _single(text: str, now: datetime) -> tuple[Span, str | None]:
    """Return one date, and what of it could not be followed."""
    words = text.split()
    found = datewords.leading(words, now, sure=False)
    if found and found.used == len(words):
        return found.span, None
    try:
        return (dates.written(text) if len(words) != 1 else _figures(text.strip())), None
    except NoDate as error:
        if len(words) == 1 and (shorter := _shortened(words[0])):
            return shorter, f"{error}; the rest of the date holds"
        reason = str(error)
        hint = "" if "write" in reason else f": write {EXAMPLES}"
        raise Unclear(f"{reason}{hint}") from error


def _figures(word: str) -> Span:
    try:
        return dates.iso(word.rstrip("-/.") if word[:4].isdigit() else word)
    except NoDate as error:
        try:
            return dates.written(word)
        except NoDate as other:
            raise (other if "may be" in str(other) else error) from other


def _shortened(word: str) -> Span | None:
    """Return what is valid at the beginning of 2023-0 or 2023-02-30."""
    word = word[:10]  # as many letters as a date has
    while (cut := max(map(word.rfind, "-/."))) > 0:
        word = word[:cut]
        with contextlib.suppress(NoDate):
            return dates.iso(word)
    return None


def _reading(field: _Field, span: Span, trouble: str | None) -> Reading:
    return Reading(During(field, span.since, span.until), f"{field} {_words(span)}", trouble)


def _words(span: Span) -> str:
    since, until = span.since, span.until
    if since is None:
        return f"before {_moment(until)}"
    if until is None:
        return f"{_moment(since)} or later"
    if _whole(since) and _whole(until):
        last = until - timedelta(days=1)
        return f"{since:%Y-%m-%d}" if last == since else f"{since:%Y-%m-%d} to {last:%Y-%m-%d}"
    return f"{since:%Y-%m-%d %H:%M} to {until:%Y-%m-%d %H:%M}"


def _whole(moment: datetime) -> bool:
    return (moment.hour, moment.minute) == (0, 0)


def _moment(moment: datetime | None) -> str:
    if moment is None:
        return ""
    return f"{moment:%Y-%m-%d}" if _whole(moment) else f"{moment:%Y-%m-%d %H:%M}"
