"""A filter tree becomes one boolean expression of Milvus, on the columns that a row is kept in.

Rules of this file:

- An expression is never narrower than the filter: what it leaves is judged once more (`truth`).
  The engine's versions differ in what they can say, none can say all, and no answer may
  depend on that. So every node is compiled widely or, under a NOT, narrowly: what cannot be
  said is true in the one case, false in the other.
- Whatever was typed goes through `quoted`, and into a pattern only as letters and digits of
  ASCII: no other character means the same to every version.
- No library of the engine's here: texts in, texts out.
"""

from __future__ import annotations

import math
import re
import unicodedata
from collections.abc import Callable, Mapping
from datetime import datetime
from typing import Any, Final, TypeAlias

from imgqd.query import globe, truth
from imgqd.query.patterns import folded, is_pattern
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
from imgqd.query.truth import Within

Expression: TypeAlias = str | bool
"""An expression, or what it says of every row."""

LONGEST: Final = 1024
"""Bytes of an element of an array; longer ones are cut, here as in the rows."""

UNKNOWN: Final = 0
ODD: Final = -1
"""In place of the time on the clock: none, and one that is not written as times are."""

NOWHERE: Final = 999.0
"""In place of degrees that are not known: in no box."""

_LARGEST: Final = 2**63 - 1
_CLOCK: Final = re.compile(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d", re.ASCII)
_ESCAPES: Final = {"\\": "\\\\", '"': '\\"', "\n": "\\n", "\r": "\\r", "\t": "\\t"}


def expression(within: Within, *, has_infix: bool) -> Expression:
    """Return the expression of a filter tree.

    `has_infix`: whether the engine's LIKE takes % at both ends (Milvus before 2.4 does not).
    """
    return _Compiler(within, has_infix=has_infix).compiled(within.where, True)


def quoted(text: str) -> str:
    """Return a text as a literal; what is no Unicode is spelled out with backslashes."""
    return '"' + "".join(_ESCAPES.get(letter, letter) for letter in spelled(text)) + '"'


def spelled(text: str) -> str:
    """Return a text that UTF-8 can hold, without a zero byte."""
    held = text.encode(errors="backslashreplace").decode()
    return held.replace("\0", "\\0")


def element(text: str) -> str:
    """Return a text as an element of an array: spelled, and cut to `LONGEST` bytes."""
    return cut(spelled(text), LONGEST)


def cut(text: str, most: int) -> str:
    """Return the beginning of a text that takes so many bytes at most."""
    return text.encode()[:most].decode(errors="ignore")


def sought(text: str) -> str:
    """Return a text as patterns are looked for in it: small letters, accents apart.

    A letter of ASCII that a pattern has stays one, however its accent was written.
    """
    return unicodedata.normalize("NFD", folded(spelled(text)))


def clock(taken: str | None) -> int:
    """Return a time on the clock as a number that grows with it: 20230714182005."""
    if taken is None:
        return UNKNOWN
    if _CLOCK.fullmatch(taken) is None:
        return ODD
    return int(re.sub(r"\D", "", taken))


class _Compiler:
    def __init__(self, within: Within, *, has_infix: bool) -> None:
        self._home = within.home
        self._zone = within.zone
        self._has_infix = has_infix

    def compiled(self, node: Filter, wide: bool) -> Expression:  # noqa: FBT001 - a direction
        return _COMPILERS[type(node)](self, node, wide)

    def all_of(self, node: And, wide: bool) -> Expression:  # noqa: FBT001
        return _all(*(self.compiled(part, wide) for part in node.parts))

    def any_of(self, node: Or, wide: bool) -> Expression:  # noqa: FBT001
        return _any(*(self.compiled(part, wide) for part in node.parts))

    def opposite(self, node: Not, wide: bool) -> Expression:  # noqa: FBT001
        inner = self.compiled(node.part, not wide)
        return not inner if isinstance(inner, bool) else f"(not {inner})"

    def between(self, node: Between, wide: bool) -> Expression:  # noqa: FBT001
        low, high = _whole(node)
        if node.field == "size":
            # One of the files is meant, and only the least and the most of them are known.
            least, most = ("size_most", "size_least") if wide else ("size_least", "size_most")
            return _all(_from(least, low), _to(most, high))
        floor = 0 if node.field == "rating" and low is None else low
        return _all(_from(node.field, floor), _to(node.field, high))

    def during(self, node: During, wide: bool) -> Expression:  # noqa: FBT001
        since = truth.seconds(node.since, self._zone)
        until = truth.seconds(node.until, self._zone)
        if node.field == "added":
            return _half_open("added", "added", _real(since), _real(until))
        first, last = (
            ("changed_last", "changed_first") if wide else ("changed_first", "changed_last")
        )
        told = _half_open("taken", "taken", _digits(node.since), _digits(node.until))
        changed = _half_open(first, last, _number(since), _number(until))
        odd = f"(taken == {ODD})" if wide else False
        return _any(odd, _all("(taken > 0)", told), _all(f"(taken == {UNKNOWN})", changed))

    def named(self, node: Named, wide: bool) -> Expression:  # noqa: FBT001
        return self._like("names", node.pattern, wide)

    def inside(self, node: Inside, wide: bool) -> Expression:  # noqa: FBT001
        if not wide:
            return False
        path = truth.absolute(node.folder, self._home)
        if path is not None:
            return True if path == "/" else _contains("folders", element(path))
        names = [name for name in node.folder.split("/") if name and not is_pattern(name)]
        return _all(*(_contains("parts", element(sought(name))) for name in names))

    def says(self, node: Says, wide: bool) -> Expression:  # noqa: FBT001
        if node.field != "keyword":
            return self._like(node.field, node.pattern, wide)
        if is_pattern(node.pattern):
            return wide
        words = sorted(element(word) for word in truth.spellings(node.pattern))
        return _any(*(_contains("keywords", word) for word in words))

    def format_of(self, node: Format, _: bool) -> Expression:  # noqa: FBT001
        return f"(format == {quoted(node.name)})"

    def trait(self, node: Shape | Is | Has, _: bool) -> Expression:  # noqa: FBT001
        return _contains("traits", node.name)

    def around(self, node: Around, wide: bool) -> Expression:  # noqa: FBT001
        if not wide:
            return False
        box = globe.box(node.latitude, node.longitude, node.kilometres)
        ranges = (
            f"(longitude >= {west!r} and longitude <= {east!r})" for west, east in box.longitudes
        )
        return _all(f"(latitude >= {box.south!r} and latitude <= {box.north!r})", _any(*ranges))

    def _like(self, column: str, pattern: str, wide: bool) -> Expression:  # noqa: FBT001
        letters = re.sub(r"[^a-z0-9]+", "%", sought(pattern)).strip("%")
        if not letters or not self._has_infix:
            return wide
        return f'({column} like "%{letters}%")' if wide else False


_Compile: TypeAlias = Callable[[_Compiler, Any, bool], Expression]
_COMPILERS: Final[Mapping[type, _Compile]] = {
    And: _Compiler.all_of,
    Or: _Compiler.any_of,
    Not: _Compiler.opposite,
    Between: _Compiler.between,
    During: _Compiler.during,
    Named: _Compiler.named,
    Inside: _Compiler.inside,
    Says: _Compiler.says,
    Format: _Compiler.format_of,
    Shape: _Compiler.trait,
    Is: _Compiler.trait,
    Has: _Compiler.trait,
    Around: _Compiler.around,
}


def _all(*parts: Expression) -> Expression:
    if any(part is False for part in parts):
        return False
    told = [part for part in parts if isinstance(part, str)]
    if not told:
        return True
    return f"({' and '.join(told)})" if len(told) > 1 else told[0]


def _any(*parts: Expression) -> Expression:
    if any(part is True for part in parts):
        return True
    told = [part for part in parts if isinstance(part, str)]
    if not told:
        return False
    return f"({' or '.join(told)})" if len(told) > 1 else told[0]


def _contains(column: str, text: str) -> str:
    return f"array_contains({column}, {quoted(text)})"


def _half_open(since_column: str, until_column: str, since: Any, until: Any) -> Expression:
    return _all(
        True if since is None else f"({since_column} >= {since})",
        True if until is None else f"({until_column} < {until})",
    )


def _from(column: str, low: int | None) -> Expression:
    return True if low is None else f"({column} >= {low})"


def _to(column: str, high: int | None) -> Expression:
    return True if high is None else f"({column} <= {high})"


def _whole(node: Between) -> tuple[int | None, int | None]:
    """Return the bounds as whole numbers that belong to the range themselves."""
    low = None if node.low is None else _clamped(node.low, up=True, is_open=node.low_open)
    high = None if node.high is None else _clamped(node.high, up=False, is_open=node.high_open)
    return low, high


def _clamped(bound: float, *, up: bool, is_open: bool) -> int:
    if not -_LARGEST < bound < _LARGEST:
        return _LARGEST if bound > 0 else -_LARGEST
    whole = math.ceil(bound) if up else math.floor(bound)
    if is_open and whole == bound:
        whole += 1 if up else -1
    return whole


def _digits(moment: datetime | None) -> int | None:
    return None if moment is None else clock(moment.isoformat(timespec="seconds"))


def _number(unix: float | None) -> int | None:
    found = truth.nanoseconds(unix)
    return None if found is None else max(-_LARGEST, min(_LARGEST, found))


def _real(unix: float | None) -> str | None:
    return None if unix is None else repr(float(unix))
