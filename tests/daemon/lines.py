"""Query lines as the tests read them: on a fixed afternoon, with a few towns of their own."""

from __future__ import annotations

from datetime import datetime

from imgqd.query import Query, parse
from imgqd.query.places import Place

NOW = datetime.fromisoformat("2024-03-13 15:30")  # a Wednesday
TOWNS = {
    "lisbon": Place("Lisbon", "Portugal", 38.72509, -9.1498, 517802, 1),
    "new york": Place("New York City", "New York, United States", 40.71427, -74.00597, 8804190, 0),
    "zermatt": Place("Zermatt", "Switzerland", 46.01998, 7.74863, 6629, 0),
}


def find_place(name: str) -> Place | None:
    return TOWNS.get(name.lower().strip())


def is_area(name: str) -> bool:
    return name.lower() == "france"


def understand(line: str) -> Query:
    return parse(line, NOW, find_place, is_area)


def problems(line: str) -> list[tuple[str, str]]:
    """Return (the slice, the reason) of each problem of a line."""
    return [(line[one.start : one.end], one.reason) for one in understand(line).problems]


def meanings(line: str) -> list[tuple[str, str, str]]:
    """Return (kind, the slice, the meaning) of each understood piece of a line."""
    return [(one.kind, one.text, one.means) for one in understand(line).understood]
