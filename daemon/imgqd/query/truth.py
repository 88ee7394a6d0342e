"""Whether a filter tree holds for one row, in Python: what every other reading agrees with.

`sql` asks the same of the catalog. The one difference: a folder that is still being typed
(`in:Lis`) stands in the catalog for those that begin so, where there is none of the name.
That is a question to all rows, which no single one can answer: here it holds for none.
"""

from __future__ import annotations

import os
import posixpath
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import datetime, tzinfo
from typing import Any, Final, TypeAlias

from imgqd.query import globe
from imgqd.query.patterns import is_pattern, matches
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
from imgqd.rows import File, Row


@dataclass(frozen=True, slots=True)
class Within:
    """A filter tree, with what a person who asks means by ~ and by the clock on the wall.

    `zone` is None for this machine's own.
    """

    where: Filter
    home: str
    zone: tzinfo | None = None


def holds(within: Within, row: Row) -> bool:
    """Tell whether a row meets the filters."""
    return _Judge(within.home, within.zone, row).holds(within.where)


def absolute(folder: str, home: str) -> str | None:
    """Return the path that a folder of a filter means, or None for names within any path."""
    if folder == "~" or folder.startswith("~/"):
        folder = home + folder[1:]
    if not folder.startswith("/"):
        return None
    return posixpath.normpath("/" + folder.lstrip("/"))


def seconds(moment: datetime | None, zone: tzinfo | None) -> float | None:
    """Return the Unix time of a wall clock's moment."""
    return None if moment is None else moment.replace(tzinfo=zone).timestamp()


def nanoseconds(unix: float | None) -> int | None:
    """Return a Unix time as files have theirs; those of filters are whole seconds."""
    return None if unix is None else round(unix) * 1_000_000_000


def spellings(keyword: str) -> frozenset[str]:
    """Return how a keyword is looked for; capitals of ASCII do not count beside that."""
    if keyword.isascii():
        return frozenset([lowered(keyword)])
    return frozenset(map(lowered, (keyword, keyword.lower(), keyword.upper(), keyword.title())))


def lowered(text: str) -> str:
    """Return a text as SQLite's NOCASE compares it: capitals of ASCII become small."""
    return "".join(letter.lower() if letter.isascii() else letter for letter in text)


class _Judge:
    def __init__(self, home: str, zone: tzinfo | None, row: Row) -> None:
        self._home = home
        self._zone = zone
        self._row = row

    def holds(self, node: Filter) -> bool:
        return _RULES[type(node)](self, node)

    def all_of(self, node: And) -> bool:
        return all(map(self.holds, node.parts))

    def any_of(self, node: Or) -> bool:
        return any(map(self.holds, node.parts))

    def opposite(self, node: Not) -> bool:
        return not self.holds(node.part)

    def between(self, node: Between) -> bool:
        row = self._row
        if node.field == "size":
            return any(_lies(file.size, node) for file in row.files)
        if node.field == "rating":
            rating = row.metadata.rating or 0
            return _lies(rating, node) and (node.low is not None or rating >= 0)
        if node.field == "pixels":
            return _lies(row.width * row.height, node)
        return _lies(row.width if node.field == "width" else row.height, node)

    def during(self, node: During) -> bool:
        since, until = seconds(node.since, self._zone), seconds(node.until, self._zone)
        if node.field == "added":
            return _half_open(self._row.added, since, until)
        taken = self._row.metadata.taken
        if taken is not None:
            return _half_open(taken, _clock(node.since), _clock(node.until))
        first, last = nanoseconds(since), nanoseconds(until)
        return any(_half_open(file.mtime_ns, first, last) for file in self._row.files)

    def named(self, node: Named) -> bool:
        return any(matches(_glob(node.pattern), _name(file)) for file in self._row.files)

    def inside(self, node: Inside) -> bool:
        folders = (os.path.dirname(file.path) for file in self._row.files)
        path = absolute(node.folder, self._home)
        if path is None:
            glob = f"*/{node.folder.strip('/')}/*"
            return any(matches(glob, _text(folder) + "/") for folder in folders)
        top = path.rstrip("/").encode(errors="surrogateescape")
        return any((folder + b"/").startswith(top + b"/") for folder in folders)

    def says(self, node: Says) -> bool:
        said = self._row.metadata
        if node.field != "keyword":
            text = said.camera if node.field == "camera" else said.lens
            return text is not None and matches(_glob(node.pattern), text)
        if is_pattern(node.pattern):
            return any(matches(node.pattern, word) for word in said.keywords)
        return not spellings(node.pattern).isdisjoint(map(lowered, said.keywords))

    def format_of(self, node: Format) -> bool:
        return self._row.format == node.name

    def shape(self, node: Shape) -> bool:
        return _SHAPES[node.name](self._row.width, self._row.height)

    def kind(self, node: Is) -> bool:
        return _KINDS[node.name](self._row)

    def known(self, node: Has) -> bool:
        return _KNOWN[node.name](self._row)

    def around(self, node: Around) -> bool:
        north, east = self._row.metadata.latitude, self._row.metadata.longitude
        if north is None or east is None:
            return False
        return globe.distance_km(north, east, node.latitude, node.longitude) <= node.kilometres


_Rule: TypeAlias = Callable[[_Judge, Any], bool]
_RULES: Final[Mapping[type, _Rule]] = {
    And: _Judge.all_of,
    Or: _Judge.any_of,
    Not: _Judge.opposite,
    Between: _Judge.between,
    During: _Judge.during,
    Named: _Judge.named,
    Inside: _Judge.inside,
    Says: _Judge.says,
    Format: _Judge.format_of,
    Shape: _Judge.shape,
    Is: _Judge.kind,
    Has: _Judge.known,
    Around: _Judge.around,
}
_SHAPES: Final[Mapping[str, Callable[[int, int], bool]]] = {
    "portrait": lambda width, height: height * 100 > width * 105,
    "landscape": lambda width, height: width * 100 > height * 105,
    "square": lambda width, height: width * 100 <= height * 105 and height * 100 <= width * 105,
    "panorama": lambda width, height: width >= height * 2,
}
_KINDS: Final[Mapping[str, Callable[[Row], bool]]] = {
    "screenshot": lambda row: row.metadata.is_screenshot,
    "animated": lambda row: row.metadata.frames > 1,
    "duplicate": lambda row: row.is_duplicate,
}
_KNOWN: Final[Mapping[str, Callable[[Row], bool]]] = {
    "gps": lambda row: row.metadata.latitude is not None,
    "date": lambda row: row.metadata.taken is not None,
    "camera": lambda row: row.metadata.camera is not None,
    "lens": lambda row: row.metadata.lens is not None,
    "keyword": lambda row: bool(row.metadata.keywords),
    "rating": lambda row: bool(row.metadata.rating),
    "title": lambda row: row.metadata.title is not None,
    "description": lambda row: row.metadata.description is not None,
}


def _lies(value: float, node: Between) -> bool:
    above = node.low is None or value > node.low or (value == node.low and not node.low_open)
    below = node.high is None or value < node.high or (value == node.high and not node.high_open)
    return above and below


def _half_open(value: Any, since: Any, until: Any) -> bool:
    return (since is None or value >= since) and (until is None or value < until)


def _clock(moment: datetime | None) -> str | None:
    return None if moment is None else moment.isoformat(timespec="seconds")


def _glob(pattern: str) -> str:
    return pattern if is_pattern(pattern) else f"*{pattern}*"


def _name(file: File) -> str:
    return _text(os.path.basename(file.path))


def _text(path: bytes) -> str:
    return path.decode(errors="replace")
