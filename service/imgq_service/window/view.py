"""What the window shows of an answer, and where the arrows lead. Pure functions, no toolkit."""

from __future__ import annotations

import os
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Final, Literal

from imgq.answers import Match, SearchAnswer
from imgq.lacking import lacking
from imgq.text import clip, counted, readable, readable_path

Move = Literal["left", "right", "up", "down", "page up", "page down", "first", "last"]

_CHIP: Final = 48
_WORDS: Final = {"words", "text"}


@dataclass(frozen=True, slots=True)
class Cell:
    """A picture of the grid; `tip` is shown when it is pointed at."""

    path: bytes
    name: str
    tip: str
    weak: bool


@dataclass(frozen=True, slots=True)
class Page:
    """All that is shown for one answer; the first `strong` of `cells` are real matches.

    `chips` are the filters as they were understood; `note` says what is not as it should be.
    """

    cells: tuple[Cell, ...] = ()
    strong: int = 0
    chips: tuple[str, ...] = ()
    note: str = ""


def page(answer: SearchAnswer, now: float, home: bytes = b"") -> Page:
    """Return what is shown for an answer."""
    strong = len(answer.strong)
    cells = tuple(
        _cell(match, home, weak=place >= strong) for place, match in enumerate(answer.results)
    )
    return Page(cells, strong, _chips(answer), _note(answer, now))


def trouble(text: str) -> Page:
    """Return what is shown where there is no answer."""
    return Page(note=readable(text))


def step(at: int, move: Move, cells: int, strong: int, columns: int, rows: int) -> int:
    """Return the place that a key leads to from the place `at`, -1 for the field above the grid.

    Weak matches begin a row of their own. `rows` is how many are seen at a time.
    """
    if cells == 0:
        return -1
    if at < 0:
        return cells - 1 if move == "last" else -1 if move in {"up", "left", "page up"} else 0
    match move:
        case "left" | "right":
            return min(max(at + (1 if move == "right" else -1), 0), cells - 1)
        case "first" | "last":
            return 0 if move == "first" else cells - 1
    grid = _rows(cells, strong, columns)
    row = next(number for number, places in enumerate(grid) if at in places)
    if move == "up" and row == 0:
        return -1
    by = {"up": -1, "down": 1, "page up": -rows, "page down": rows}[move]
    there = grid[min(max(row + by, 0), len(grid) - 1)]
    return there[min(at - grid[row][0], len(there) - 1)]


def _rows(cells: int, strong: int, columns: int) -> list[range]:
    spans = ((0, strong), (strong, cells))
    return [
        range(first, min(first + columns, end))
        for begin, end in spans
        for first in range(begin, end, columns)
    ]


def _cell(match: Match, home: bytes, *, weak: bool) -> Cell:
    name = os.path.basename(match.path).decode("utf-8", "surrogateescape")
    said = [readable_path(match.path, home)]
    metadata = match.metadata
    if metadata.get("width") and metadata.get("height"):
        said.append(f"{metadata['width']} x {metadata['height']}")
    texts = (metadata.get(key) for key in ("title", "camera"))
    said += [readable(text) for text in texts if isinstance(text, str) and text]
    if match.also:
        said.append(f"and {counted(len(match.also), 'copy', 'copies')}")
    return Cell(match.path, readable(name), "\n".join(said), weak)


def _chips(answer: SearchAnswer) -> tuple[str, ...]:
    return tuple(_means(part) for part in answer.understood if part.get("kind") not in _WORDS)


def _means(part: Mapping[str, Any]) -> str:
    return clip(readable(str(part.get("means") or part.get("text", ""))), _CHIP)


def _note(answer: SearchAnswer, now: float) -> str:
    said = [str(problem.get("reason", "")) for problem in answer.problems]
    said += answer.degraded
    said.append(lacking(answer, now))
    if not answer.results:
        said.append("nothing like that")
    elif not answer.strong:
        said.append("no real match; the nearest there is")
    return readable(" · ".join(text for text in said if text))
