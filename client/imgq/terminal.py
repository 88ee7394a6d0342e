"""A search's answer as lines for a terminal: a ranked list with clickable paths."""

from __future__ import annotations

import time

from imgq.lacking import lacking
from imgq.paths import file_uri
from imgq.text import clip, counted, readable, readable_path, width

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from imgq.answers import Match, Matches, SearchAnswer
    from imgq.screen import Screen

DIVIDER = "- - weaker matches below - -"

_FAINT = "2"
_BOLD = "1"
_GREEN = "32"
_YELLOW = "33"
# With less than this for its path, a line says nothing about copies.
_LEAST_ROOM = 24


def listing(answer: SearchAnswer, screen: Screen, *, weak: bool) -> Iterator[str]:
    """Yield the lines of a ranked list, the weak matches only if they are wanted."""
    places = len(str(answer.offset + len(answer.results)))
    for rank, match in enumerate(answer.strong, answer.offset + 1):
        yield row(match, rank, places, screen)
    if not weak or not answer.weak:
        return
    yield screen.paint(_FAINT, DIVIDER)
    for rank, match in enumerate(answer.weak, answer.offset + len(answer.strong) + 1):
        yield row(match, rank, places, screen)


def hints(answer: SearchAnswer, now: float, *, weak: bool) -> Iterator[str]:
    """Yield what a person should know about an answer, a line for each thing."""
    yield from reading(answer)
    for reason in answer.degraded:
        yield f"degraded: {readable(reason)}"
    if lacks := lacking(answer, now):
        yield lacks if answer.pending else f"{lacks}: --sync waits for them"
    if answer.weak and not weak:
        weaker = counted(len(answer.weak), "weaker match", "weaker matches")
        yield f"{weaker}: --all shows {'it' if len(answer.weak) == 1 else 'them'}"


def reading(answer: SearchAnswer | Matches) -> Iterator[str]:
    """Yield how a line was read where that may surprise, and what of it could not be followed."""
    if any(one["kind"] not in {"words", "text"} for one in answer.understood):
        means = "; ".join(readable(str(one["means"])) for one in answer.understood)
        yield f"understood: {means}"
    for problem in answer.problems:
        yield f"not followed: {readable(str(problem['reason']))}"


def linked(text: str, path: bytes, screen: Screen) -> str:
    """Return the text as a link to a file (OSC 8), where the terminal may know links."""
    if not screen.links:
        return text
    # The host tells a terminal on another machine that the file is not there.
    return f"\x1b]8;;{file_uri(path, screen.host)}\x1b\\{text}\x1b]8;;\x1b\\"


def synced(as_of: float) -> str:
    """Return up to when every change is in, as people say it."""
    return f"in sync as of {clock(as_of)}" if as_of > 0 else "not in sync yet"


def clock(at: float) -> str:
    """Return a time as people say it: with the day, unless that is today."""
    then, now = time.localtime(at), time.localtime()
    is_today = then[:3] == now[:3]
    return time.strftime("%H:%M:%S" if is_today else "%Y-%m-%d %H:%M", then)


def table(rows: Sequence[tuple[str, ...]]) -> list[str]:
    """Return rows as lines whose columns stand below each other."""
    widths = [max(map(width, column)) for column in zip(*rows, strict=True)]
    return [
        "  ".join(
            cell + " " * (size - width(cell)) for cell, size in zip(row, widths, strict=True)
        ).rstrip()
        for row in rows
    ]


def row(match: Match, rank: int, places: int, screen: Screen) -> str:
    """Return what was found as one line."""
    number = f"{rank:>{places}}"
    percent = "    " if match.relevance is None else f"{match.relevance:>4.0%}"
    copies = "  +" + counted(len(match.also), "copy", "copies") if match.also else ""
    if others := _others(match):
        copies += f"  on {others}"
    room = screen.columns - places - len(percent) - 4
    if room - width(copies) < _LEAST_ROOM:
        copies = ""
    # Another machine's home is not this one's.
    home = screen.home if match.machine is None else b""
    shown = clip(readable_path(match.place, home), room - width(copies))
    folder, slash, name = shown.rpartition("/")
    painted = screen.paint(_FAINT, folder + slash) + screen.paint(_BOLD, name)
    link = linked(painted, match.path, screen) if match.reachable else painted
    return "  ".join(
        (
            screen.paint(_FAINT, number),
            screen.paint(_strength(match.relevance), percent),
            link + screen.paint(_FAINT, copies),
        )
    )


def _others(match: Match) -> str:
    """Return the other machines that have the picture, and its own where its path leads there."""
    names = [name for name, _, _ in match.elsewhere if name != match.machine]
    if match.machine is not None and match.reachable:
        names.insert(0, match.machine)
    return readable(", ".join(dict.fromkeys(names)))


def _strength(relevance: float | None) -> str:
    if relevance is None or relevance < 0.35:
        return _FAINT
    return _GREEN if relevance >= 0.7 else _YELLOW
