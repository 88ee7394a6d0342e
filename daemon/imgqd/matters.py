"""What needs a person: things that stay as they are until somebody does something.

Not all that is amiss is such a matter. A battery, a network folder that is only walked or a
model that is being loaded is said by `status` and nowhere else.
"""

from __future__ import annotations

import time
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from imgqd.library import Library
from imgqd.models import Models
from imgqd.pipeline import Pipeline
from imgqd.records import Root, shown
from imgqd.roots import Roots

_DAY: Final = 86400.0
_SYSCTL: Final = "fs.inotify"
"""In what is said of watches where the system's limits are to blame, not the kind of a disk."""

SOON: Final = 10.0
"""Seconds that most matters stand before anybody is told: a mount may be back in a moment."""

LATER: Final = 60.0
"""The same for a model that is missing: who has just started is asked about it at that moment."""


@dataclass(frozen=True, slots=True)
class Matter:
    """`key` tells it from others whatever its words; `text` ends with what to do.

    It is told once it has stood for `patience` seconds.
    """

    key: str
    title: str
    text: str
    patience: float = SOON


def standing(
    models: Models, roots: Roots, library: Library, pipeline: Pipeline
) -> Iterator[Matter]:
    """Yield what needs a person at this moment."""
    state = models.state
    if state.state == "missing" and models.stock.download is None:
        title = "The model is not on this disk"
        yield Matter(f"model missing {models.name}", title, state.detail, LATER)
    elif state.state == "failed":
        yield Matter(f"model failed {models.name}", "The model cannot be used", state.detail)
    moving = models.migrating
    if moving is not None and moving["stuck"]:
        title = f"{moving['to']} cannot take over"
        yield Matter(f"move {moving['to']}", title, str(moving["waits"]), LATER)
    if library.trouble is not None:
        text = f"{library.trouble}: free some space, and it goes on by itself"
        yield Matter("store", "New pictures cannot be stored", text)
    if pipeline.trouble is not None:
        yield Matter("work", "New pictures cannot be indexed", pipeline.trouble)
    for root in roots.all:
        yield from _of(root, roots)


def _of(root: Root, roots: Roots) -> Iterator[Matter]:
    name = shown(root.path)
    # A folder that never was there is a suggestion of the settings, or a mistake that `add` said.
    if not root.online and root.identity is not None and (why := roots.offline.get(root.path)):
        text = f"{name}: {why[:1].lower()}{why[1:]}. Its pictures are hidden until it is back"
        yield Matter(f"offline {name}", "A folder of pictures is gone", text)
    cover = roots.cover.get(root.path) if root.online else None
    if cover is None:
        return
    if cover.why is not None and _SYSCTL in cover.why:
        yield Matter(f"watch {name}", "Changes are noticed late", f"{name}: {cover.why}")
    if cover.closed:
        first = shown(min(cover.closed))
        text = f"{first} may not be entered: its pictures stay as they were last seen"
        yield Matter(f"closed {name}", "A folder cannot be read", text)


def damages(state: Path, now: float) -> list[Matter]:
    """Return the catalogs that were set aside as damaged within the last day."""
    found = []
    for aside in sorted(state.glob("*.damaged-*")):
        if aside.suffix.endswith(("-wal", "-shm")) or now - aside.stat().st_ctime > _DAY:
            continue
        text = (
            f"it is built again from your pictures; the old one is {aside}: "
            "check the disk, then delete it"
        )
        found.append(Matter(f"damage {aside.name}", "The catalog was damaged", text))
    return found


def recent(now: float | None = None) -> float:
    """Return the time from which on what ended counts as the same matter when it comes again."""
    return (time.time() if now is None else now) - _DAY
