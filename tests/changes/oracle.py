"""The promise, checked: after sync the disk, the catalog and the answers are the same.

The disk is the truth; nothing here remembers what was done to it.
"""

from __future__ import annotations

import hashlib
import os
import sqlite3
import stat
from collections.abc import Iterator, Sequence
from contextlib import closing
from dataclasses import dataclass, field
from pathlib import Path
from typing import Final

from changes import pictures
from house import House
from imgq.reports import Status

ROWS: Final = """
    SELECT folder.path, file.name, file.state, file.reason, image.hash, root.online
    FROM file JOIN folder ON folder.id = file.folder JOIN root ON root.id = folder.root
    LEFT JOIN image ON image.id = file.image
"""


@dataclass(frozen=True, slots=True)
class Row:
    """What the catalog says of one file."""

    state: str
    reason: str | None
    hash: bytes | None
    online: bool


@dataclass(slots=True)
class Truth:
    """What the disk says: each picture file's bytes (None: may not be read), and what is dark."""

    files: dict[bytes, bytes | None] = field(default_factory=dict)
    closed: list[bytes] = field(default_factory=list)
    """Folders that may not be listed: what is known below them stays as it was."""
    offline: list[bytes] = field(default_factory=list)
    """Roots that are not there: what is known below them is hidden and kept."""


def is_open(path: bytes) -> bool:
    """Return whether its owner may list a folder (or read a file): to root the mode says no."""
    mode = os.lstat(path).st_mode
    wanted = stat.S_IRUSR | (stat.S_IXUSR if stat.S_ISDIR(mode) else 0)
    return mode & wanted == wanted


def truth(roots: Sequence[Path]) -> Truth:
    """Look at the disk."""
    found = Truth()
    for root in map(os.fsencode, roots):
        if not os.path.isdir(root) or not is_open(root):
            found.offline.append(root)
            continue
        found.files.update(_files(root, found.closed))
    return found


def _files(folder: bytes, closed: list[bytes]) -> Iterator[tuple[bytes, bytes | None]]:
    if not is_open(folder):
        closed.append(folder)
        return
    names = os.listdir(folder)
    if b".nomedia" in names:
        return
    for name in names:
        path = os.path.join(folder, name)
        mode = os.lstat(path).st_mode
        if name.startswith(b"."):
            continue
        if stat.S_ISDIR(mode):
            yield from _files(path, closed)
        elif stat.S_ISREG(mode) and name.lower().endswith(b".png"):
            yield path, Path(os.fsdecode(path)).read_bytes() if is_open(path) else None


def rows(house: House) -> dict[bytes, Row]:
    """Read the catalog, past the daemon."""
    with closing(sqlite3.connect(f"{house.catalog.as_uri()}?mode=ro", uri=True)) as catalog:
        return {
            os.path.join(folder, name): Row(state, reason, content, bool(online))
            for folder, name, state, reason, content, online in catalog.execute(ROWS)
        }


def check(house: House, roots: Sequence[Path], *, by_content: bool) -> None:
    """Compare all three; raises AssertionError that lists every difference."""
    disk, catalog = truth(roots), rows(house)
    wrong = [
        *_in_catalog(disk, catalog),
        *_in_answers(disk, catalog, answers(house, by_content=by_content), by_content=by_content),
    ]
    assert not wrong, "\n".join(["after sync:", *wrong])
    # A root that was made again is watched again a moment later; until then it is walked.
    house.wait(lambda status: not any(_in_status(disk, roots, status)))


def answers(house: House, *, by_content: bool) -> set[bytes]:
    """Return every path that a search gives: all there are by content, or all by their ending."""
    # No name holds the first of these words.
    with house.client() as client:
        answer = client.search("zebra" if by_content else "png", limit=1000, weak=True)
    return {path for match in answer.results for path in (match.path, *match.also)}


def _in_catalog(disk: Truth, catalog: dict[bytes, Row]) -> Iterator[str]:
    dark = disk.closed + disk.offline
    for path in sorted(disk.files.keys() - catalog.keys()):
        yield f"{path!r} is on the disk and not in the catalog"
    for path in sorted(catalog):
        row = catalog[path]
        if path in disk.files:
            yield from _of_file(path, disk.files[path], row)
        elif not _is_below(path, dark):
            yield f"{path!r} is in the catalog ({row.state}) and not on the disk"
        if row.online == _is_below(path, disk.offline):
            yield f"{path!r}: its root is {'online' if row.online else 'offline'} in the catalog"


def _of_file(path: bytes, content: bytes | None, row: Row) -> Iterator[str]:
    if content is None:
        # What was known before it was closed may be known still.
        if row.state not in {"failed", "indexed"}:
            yield f"{path!r} may not be read, and is {row.state}"
    elif not pictures.is_sound(content):
        if row.state != "failed":
            yield f"{path!r} is broken ({len(content)} bytes), and is {row.state}"
    elif row.state != "indexed":
        yield f"{path!r} is sound, and is {row.state} ({row.reason})"
    elif row.hash != hashlib.blake2b(content, digest_size=16).digest():
        yield f"{path!r} holds other bytes than the catalog's"


def _in_answers(
    disk: Truth, catalog: dict[bytes, Row], found: set[bytes], *, by_content: bool
) -> Iterator[str]:
    shown = {path: row for path, row in catalog.items() if path in disk.files}
    wanted = {path for path, row in shown.items() if row.state == "indexed"}
    for path in sorted(found - wanted):
        if not _is_below(path, disk.closed):
            yield f"{path!r} is an answer and no sound picture on the disk"
    for path in sorted(wanted - found):
        # By name alone, one path stands for all copies of a picture.
        copies = {one for one, row in shown.items() if row.hash == shown[path].hash}
        if by_content or not copies & found:
            yield f"{path!r} is indexed and no answer"


def _in_status(disk: Truth, roots: Sequence[Path], status: Status) -> Iterator[str]:
    said = {root.path: root for root in status.roots}
    wanted = {os.fsencode(root) for root in roots}
    if said.keys() != wanted:
        yield f"the daemon's roots are {sorted(said)}, and not {sorted(wanted)}"
    for path in said.keys() & wanted:
        root = said[path]
        state = "offline" if path in disk.offline else "online"
        if root.state != state:
            yield f"{path!r} is {state}, and not {root.state}"
        has_closed = any(_is_below(folder, [path]) for folder in disk.closed)
        if state == "online" and root.watch != "live" and not has_closed:
            yield f"{path!r} is watched {root.watch}, and could be live: {status.degraded}"


def _is_below(path: bytes, folders: Sequence[bytes]) -> bool:
    return any(path.startswith(folder + b"/") for folder in folders)
