"""A filter tree becomes one SQL condition on `image`, with its values.

Conditions on files, folders and keywords are sets of image ids (`IN (SELECT ...)`), so
that SQLite may begin with an index on those tables. A picture with several files matches
where any of its files on an online root does. Nothing typed is ever spliced.

The condition uses the SQL functions in `FUNCTIONS`: whoever runs it registers them.
"""

from __future__ import annotations

import posixpath
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import datetime, tzinfo
from typing import Any, Final, TypeAlias

from imgqd.query import globe
from imgqd.query.patterns import folded_match, is_pattern, matching
from imgqd.query.questions import (
    FILES,
    FOLDERS,
    ITS_FOLDER,
    ITS_TIME,
    KINDS,
    KNOWN,
    NARROW,
    SAID,
    SHAPES,
    TAKEN,
    TAKEN_WIDE,
    UNDATED,
)
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

FUNCTIONS: Final[Mapping[str, tuple[int, Callable[..., Any]]]] = {
    "distance_km": (4, globe.distance_km),
    "folded_match": (2, folded_match),
}
"""Name -> (number of arguments, function), all of them deterministic."""


@dataclass(frozen=True, slots=True)
class Condition:
    """A condition on `image`, and the values of its question marks.

    `apart` is the same in parts of which no image meets two, where there are such: all who meet
    them are listed in two thirds of the time, since SQLite need not look who met both.
    """

    sql: str
    values: tuple[object, ...] = ()
    apart: tuple[Condition, ...] = ()


def condition(where: Filter, home: str, zone: tzinfo | None = None) -> Condition:
    """Return the condition of a filter tree.

    `home` is what ~ stands for. `zone` is the zone of the wall clock, None for this
    machine's own: files and `added` have Unix times.
    """
    return _Compiler(home, zone).compiled(where)


def on_files(where: Filter, home: str, zone: tzinfo | None = None) -> Condition:
    """Return the condition on a row of `file` with its `image`, for this very file."""
    return _FileCompiler(home, zone).compiled(where)


class _Compiler:
    files = FILES
    folders = FOLDERS
    taken, taken_wide = TAKEN, TAKEN_WIDE
    undated: str | None = UNDATED

    def __init__(self, home: str, zone: tzinfo | None) -> None:
        self._home = home
        self._zone = zone

    def compiled(self, node: Filter) -> Condition:
        return _COMPILERS[type(node)](self, node)

    def all_of(self, node: And) -> Condition:
        return self._joined(" AND ", node.parts)

    def any_of(self, node: Or) -> Condition:
        return self._joined(" OR ", node.parts)

    def _joined(self, word: str, parts: tuple[Filter, ...]) -> Condition:
        conditions = [self.compiled(part) for part in parts]
        values = (value for one in conditions for value in one.values)
        return Condition(f"({word.join(one.sql for one in conditions)})", tuple(values))

    def opposite(self, node: Not) -> Condition:
        inner = self.compiled(node.part)
        # NOT of an unknown value would be unknown: -camera:canon means those without one, too.
        return Condition(f"({inner.sql} IS NOT TRUE)", inner.values)

    def between(self, node: Between) -> Condition:
        if node.field == "rating":
            return _rating(node)
        if node.field == "size":
            bounds = _bounds("file.size", node)
            return Condition(self.files.format(bounds.sql), bounds.values)
        pixels = "(image.width * image.height)"
        return _bounds(pixels if node.field == "pixels" else f"image.{node.field}", node)

    def during(self, node: During) -> Condition:
        since, until = self._seconds(node.since), self._seconds(node.until)
        if node.field == "added":
            return _half_open("image.added", since, until)
        taken = _half_open("image.taken", _clock(node.since), _clock(node.until))
        changed = _half_open("file.mtime_ns", _nanoseconds(since), _nanoseconds(until))
        narrow = since is not None and until is not None and until - since < NARROW
        sql = (self.taken if narrow else self.taken_wide).format(taken.sql, changed.sql)
        apart: tuple[Condition, ...] = ()
        if narrow and self.undated is not None:
            apart = (taken, Condition(self.undated.format(changed.sql), changed.values))
        return Condition(sql, taken.values + changed.values, apart)

    def _seconds(self, moment: datetime | None) -> float | None:
        # A naive moment is this machine's local time, with the summer time of its own date.
        return None if moment is None else moment.replace(tzinfo=self._zone).timestamp()

    def named(self, node: Named) -> Condition:
        glob = node.pattern if is_pattern(node.pattern) else f"*{node.pattern}*"
        sql, values = matching("CAST(file.name AS TEXT)", glob)
        return Condition(self.files.format(sql), values)

    def inside(self, node: Inside) -> Condition:
        first, second = self._folders(node.folder)
        # A name that no folder has is one that is being typed: those that begin with it.
        values = first.values + second.values + first.values
        return Condition(self.folders.format(first.sql, second.sql), values)

    def _folders(self, folder: str) -> tuple[Condition, Condition]:
        """Return the conditions of folders that are meant exactly, and of those that begin so."""
        if folder == "~" or folder.startswith("~/"):
            folder = self._home + folder[1:]
        if not folder.startswith("/"):
            name = folder.strip("/")
            paths = "(CAST(path AS TEXT) || '/')"
            return (
                Condition(*matching(paths, f"*/{name}/*")),
                Condition(*matching(paths, f"*/{name}*")),
            )
        path = posixpath.normpath("/" + folder.lstrip("/"))
        top = path.rstrip("/").encode(errors="surrogateescape")
        exact = "(path = ? OR (path > ? AND path < ?))"
        # "0" is the byte after "/".
        first = Condition(exact, (top or b"/", top + b"/", top + b"0"))
        return first, Condition(*matching("CAST(path AS TEXT)", f"{path}*"))

    def says(self, node: Says) -> Condition:
        if node.field == "keyword":
            return _keyword(node.pattern)
        glob = node.pattern if is_pattern(node.pattern) else f"*{node.pattern}*"
        sql, values = matching("word", glob)
        return Condition(SAID.format(node.field, sql), values)

    def format_of(self, node: Format) -> Condition:
        return Condition("image.format = ?", (node.name,))

    def shape(self, node: Shape) -> Condition:
        return Condition(SHAPES[node.name])

    def kind(self, node: Is) -> Condition:
        return Condition(KINDS[node.name])

    def known(self, node: Has) -> Condition:
        return Condition(KNOWN[node.name])

    def around(self, node: Around) -> Condition:
        box = globe.box(node.latitude, node.longitude, node.kilometres)
        ranges = " OR ".join("image.longitude BETWEEN ? AND ?" for _ in box.longitudes)
        degrees = (degree for pair in box.longitudes for degree in pair)
        return Condition(
            f"(image.latitude BETWEEN ? AND ? AND ({ranges}) AND "
            "distance_km(image.latitude, image.longitude, ?, ?) <= ?)",
            (box.south, box.north, *degrees, node.latitude, node.longitude, node.kilometres),
        )


class _FileCompiler(_Compiler):
    files = "({})"
    folders = ITS_FOLDER
    taken = taken_wide = ITS_TIME
    undated = None


_Compile: TypeAlias = Callable[[_Compiler, Any], Condition]
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
    Shape: _Compiler.shape,
    Is: _Compiler.kind,
    Has: _Compiler.known,
    Around: _Compiler.around,
}


def _bounds(column: str, node: Between) -> Condition:
    terms, values = [], []
    if node.low is not None:
        terms.append(f"{column} {'>' if node.low_open else '>='} ?")
        values.append(node.low)
    if node.high is not None:
        terms.append(f"{column} {'<' if node.high_open else '<='} ?")
        values.append(node.high)
    return Condition(f"({' AND '.join(terms)})", tuple(values))


def _rating(node: Between) -> Condition:
    """Compare ratings: none counts as 0, and what was rejected (-1) is less than nothing."""
    bounds = _bounds("image.rating", node)
    sql = bounds.sql if node.low is not None else f"({bounds.sql} AND image.rating >= 0)"
    above = node.low is None or node.low < 0 or (node.low == 0 and not node.low_open)
    below = node.high is None or node.high > 0 or (node.high == 0 and not node.high_open)
    if above and below:
        sql = f"({sql} OR image.rating IS NULL)"
    return Condition(sql, bounds.values)


def _half_open(column: str, since: object, until: object) -> Condition:
    terms = [term for term, value in (("{} >= ?", since), ("{} < ?", until)) if value is not None]
    values = tuple(value for value in (since, until) if value is not None)
    return Condition(f"({' AND '.join(terms).format(column, column)})", values)


def _clock(moment: datetime | None) -> str | None:
    return None if moment is None else moment.isoformat(timespec="seconds")


def _nanoseconds(seconds: float | None) -> int | None:
    return None if seconds is None else round(seconds) * 1_000_000_000


def _keyword(pattern: str) -> Condition:
    if is_pattern(pattern):
        sql, values = matching("keyword.word", pattern)
    else:
        # The index ignores capitals of ASCII only: other letters are asked for in each spelling.
        spellings = {pattern, pattern.lower(), pattern.upper(), pattern.title()}
        values = (pattern,) if pattern.isascii() else tuple(sorted(spellings))
        sql = f"keyword.word IN ({', '.join('?' for _ in values)})"
    return Condition(
        f"image.id IN (SELECT keyword.image FROM keyword WHERE {sql})",  # noqa: S608 - ours
        tuple(values),
    )
