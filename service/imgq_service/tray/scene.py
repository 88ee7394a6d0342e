"""What the tray knows, and what it shows of that. Pure functions: no socket, no desktop.

Rules of this file: whatever changes without a person seeing a difference (times, counters,
a percent of a large library) leaves a `Face` equal to the one before, so nothing is redrawn.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final, Literal

from imgq.durations import spoken
from imgq.progress import size
from imgq.reports import Root, Status
from imgq.summary import moving_line
from imgq.text import clip, counted, readable

Mood = Literal["idle", "indexing", "paused", "attention", "away"]

STEPS: Final = 16
"""The ring of progress has so many steps: more cannot be told apart in 22 pixels."""

_LINE: Final = 72
"""Columns of a line in a menu; longer ones make menus as wide as the screen."""


@dataclass(frozen=True, slots=True)
class Hit:
    """A new picture that a standing query found."""

    query: str
    path: bytes


@dataclass(frozen=True, slots=True)
class Scene:
    """All that the tray knows; `status` is None while no daemon answers.

    `away` says why in one line, `said` is the last thing that went wrong at a click.
    `hits` are the newest first, `standing` the queries that stand.
    """

    status: Status | None = None
    away: str = ""
    said: str = ""
    hits: tuple[Hit, ...] = ()
    standing: tuple[str, ...] = ()
    at_login: bool = False


@dataclass(frozen=True, slots=True)
class Face:
    """What the icon shows: a mood, progress in steps of 0 to STEPS, and a line when pointed at."""

    mood: Mood
    step: int
    title: str


def face(scene: Scene) -> Face:
    """Return what the icon shows."""
    status = scene.status
    if status is None:
        return Face("away", 0, "imgq: no daemon")
    mood = _mood(status)
    if mood == "indexing":
        share = _share(status)
        step = min(STEPS - 1, int(share * STEPS))
        return Face(mood, step, f"imgq: indexing, {step * 100 // STEPS} %")
    if mood == "paused":
        return Face(mood, 0, f"imgq: {readable(status.paused)}")
    if mood == "attention":
        return Face(mood, 0, _line(f"imgq: {_needs(status)[0]}"))
    return Face(mood, 0, f"imgq: {counted(status.pictures, 'picture')}")


def lines(scene: Scene) -> tuple[str, ...]:
    """Return counts and what is going on, one line each, the most urgent first."""
    said = (_line(scene.said),) if scene.said else ()
    status = scene.status
    if status is None:
        return (*said, _line(scene.away or "no daemon answers"))
    return (*said, *map(_line, (*_needs(status), *_work(status), *_counts(status))))


def _mood(status: Status) -> Mood:
    if status.paused:
        return "paused"
    if _needs(status):
        return "attention"
    busy = status.state == "indexing" or status.download is not None
    return "indexing" if busy else "idle"


def _needs(status: Status) -> tuple[str, ...]:
    """Return what a person has to know or do something about."""
    needs = list(status.degraded)
    if status.model.get("state") in {"missing", "failed"} and status.download is None:
        needs.append(str(status.model.get("detail") or "the model cannot be used"))
    if not status.roots:
        needs.append("no folder is watched yet")
    # The daemon may say the same twice: once as degraded, once of the model.
    return tuple(dict.fromkeys(needs))


def _work(status: Status) -> tuple[str, ...]:
    if status.paused:
        return (status.paused,)
    if status.download is not None:
        got = status.download
        return (f"downloading the model: {size(got.done)} of {size(got.total)}",)
    if status.pending:
        left = "" if status.remaining is None else f", {spoken(status.remaining)} left"
        return (f"{counted(status.pending, 'file')} to index{left}",)
    if status.migrating is not None:
        return (moving_line(status.migrating),)
    return ("starting",) if status.state == "starting" else ()


def _counts(status: Status) -> tuple[str, ...]:
    pictures = f"{counted(status.pictures, 'picture')} in {counted(len(status.roots), 'folder')}"
    failed = sum(status.failed.values())
    away = sum(root.state == "offline" for root in status.roots)
    return (
        pictures,
        *((f"{counted(failed, 'file')} could not be read",) if failed else ()),
        *((f"{counted(away, 'folder')} not there at the moment",) if away else ()),
    )


def _share(status: Status) -> float:
    if status.download is not None:
        done, total = status.download.done, status.download.total
    elif status.pending:
        total = max(status.files, status.pending)
        done = total - status.pending
    elif status.migrating is not None:
        done, total = status.migrating.done, status.migrating.total
    else:
        return 0.0
    return done / total if total > 0 else 0.0


def folder_label(root: Root, home: bytes) -> str:
    """Return a watched folder as the menu names it."""
    path = root.path
    if home and path.startswith(home + b"/"):
        path = b"~" + path[len(home) :]
    name = clip(readable(path.decode("utf-8", "surrogateescape")), _LINE // 2)
    return name if root.state == "online" else f"{name} (not there)"


def _line(text: str) -> str:
    return clip(readable(text), _LINE)
