"""The line between tokens and meaning: words, filters, and what joins them."""

from __future__ import annotations

from dataclasses import dataclass
from enum import Enum, auto

from imgqd.query.records import Filter


class Role(Enum):
    """What an item does in the line."""

    WORD = auto()
    PHRASE = auto()
    WEIGHT = auto()
    LIKE = auto()
    FILTER = auto()
    OPEN = auto()
    CLOSE = auto()
    SILENT = auto()
    """Understood or reported, and nothing more to be done: options, operators."""


@dataclass(slots=True)
class Item:
    """A piece of the line; `node` is a filter's, None where its value could not be read.

    `sign` is -1, 0 or 1; a filter's is in its node already.
    """

    role: Role
    start: int
    end: int
    text: str = ""
    sign: int = 0
    weight: float = 1.0
    node: Filter | None = None
    image_id: int | None = None
