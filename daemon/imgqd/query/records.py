"""What a query line is understood as: parts to look for, filters, an order, and notes on all of it.

Everything is frozen and compares by value, so a parsed line can be a key of a cache.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from typing import Literal, TypeAlias


@dataclass(frozen=True, slots=True)
class Text:
    """Words for the text encoder; a negative weight means: less of this."""

    text: str
    weight: float = 1.0


@dataclass(frozen=True, slots=True)
class Like:
    """A picture as a query: a path as it was typed, or the id of a picture in the catalog."""

    path: str | None
    image_id: int | None
    weight: float = 1.0


Part: TypeAlias = Text | Like


@dataclass(frozen=True, slots=True)
class And:
    """All of these hold."""

    parts: tuple[Filter, ...]


@dataclass(frozen=True, slots=True)
class Or:
    """At least one of these holds."""

    parts: tuple[Filter, ...]


@dataclass(frozen=True, slots=True)
class Not:
    """This does not hold; what is unknown (no camera, no place) does not hold either."""

    part: Filter


@dataclass(frozen=True, slots=True)
class Between:
    """A number lies between two bounds; None is no bound, and `*_open` leaves the bound itself out.

    `pixels` is width times height, `size` is in bytes. An unknown rating counts as 0.
    """

    field: Literal["width", "height", "pixels", "size", "rating"]
    low: float | None
    high: float | None
    low_open: bool = False
    high_open: bool = False


@dataclass(frozen=True, slots=True)
class During:
    """A moment lies in [since, until), in local wall clock time without a zone; None is no bound.

    `taken` is when the picture was taken, or the file's own time where nobody knows.
    `added` is when imgq met the picture first.
    """

    field: Literal["taken", "added"]
    since: datetime | None
    until: datetime | None


@dataclass(frozen=True, slots=True)
class Named:
    """A file's name: all of it matches a pattern with * or ?, or a text without those is in it."""

    pattern: str


@dataclass(frozen=True, slots=True)
class Inside:
    """A file lies in a folder or below it: an absolute path, ~, or names within any path."""

    folder: str


@dataclass(frozen=True, slots=True)
class Says:
    """Camera or lens contain a text, or match a pattern with * or ?; a keyword matches whole."""

    field: Literal["camera", "lens", "keyword"]
    pattern: str


@dataclass(frozen=True, slots=True)
class Format:
    """The picture's format, as the catalog spells it."""

    name: str


@dataclass(frozen=True, slots=True)
class Shape:
    """The picture's proportions."""

    name: Literal["portrait", "landscape", "square", "panorama"]


@dataclass(frozen=True, slots=True)
class Around:
    """The picture was taken within so many kilometres of a place, in degrees north and east."""

    latitude: float
    longitude: float
    kilometres: float


@dataclass(frozen=True, slots=True)
class Is:
    """A kind of picture: `duplicate` has several files with the very same content."""

    name: Literal["screenshot", "animated", "duplicate"]


@dataclass(frozen=True, slots=True)
class Has:
    """Something is known of the picture."""

    name: Literal["gps", "date", "camera", "lens", "keyword", "rating", "title", "description"]


Filter: TypeAlias = (
    And | Or | Not | Between | During | Named | Inside | Says | Format | Shape | Around | Is | Has
)


@dataclass(frozen=True, slots=True)
class Sort:
    """The order of the answer; `reverse` turns the usual direction round.

    Usual is: the best match, the newest, the name that comes first, or the largest file first.
    """

    by: Literal["relevance", "date", "name", "size"]
    reverse: bool = False


@dataclass(frozen=True, slots=True)
class Understood:
    """What a slice of the line means, for a person; offsets count characters."""

    kind: str
    text: str
    start: int
    end: int
    means: str


@dataclass(frozen=True, slots=True)
class ProblemAt:
    """What could not be followed, with its place in the line and the remedy; the rest runs."""

    start: int
    end: int
    reason: str


@dataclass(frozen=True, slots=True)
class Query:
    """One line of text, understood.

    `text` is what to look up in names: the positive words. `where` is None without
    filters. `sort` is what was asked for, else relevance where there is something to
    look for and date where there are filters alone. `fold` puts near-duplicates
    under the best of them.
    """

    parts: tuple[Part, ...]
    where: Filter | None
    sort: Sort
    fold: bool
    text: str
    understood: tuple[Understood, ...]
    problems: tuple[ProblemAt, ...]
