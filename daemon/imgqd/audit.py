"""The catalog held against the disk: what a daemon that missed something would not know.

Every online folder is walked as the daemon itself walks it, and nothing is
changed. A file that changes in these very moments differs for an instant and is
no mistake: whatever differs is looked at once more, after a second `sync`.
"""

from __future__ import annotations

import asyncio
import os
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from typing import Final

from imgqd import scan
from imgqd.catalog import Reader
from imgqd.core import Core
from imgqd.findings import Finding, bad, counted, fine, warning
from imgqd.pulse import NotInSync
from imgqd.records import Root, shown
from imgqd.scope import Scope, is_within

_SYNC: Final = 30.0
"""Seconds in which the daemon is to catch up before it is compared.

A busy machine takes a good part of them to start the embedder for a picture that just came.
"""

_BLOCK: Final = 512
"""Folders, or files, that are looked at in one go: between two the request may be given up."""

_EXAMPLES: Final = 3


@dataclass(slots=True)
class _Seen:
    """What the walks came to: how many files there are, and which paths differ."""

    files: int = 0
    suspects: list[bytes] = field(default_factory=list)
    vanished: list[bytes] = field(default_factory=list)
    """Roots that went away in the middle of it."""


async def files(core: Core) -> Finding:
    """Compare the paths and stamps of every online folder."""
    behind = await _behind(core)
    seen = _Seen()
    for root in core.roots.all:
        if root.online:
            await _walk(core, root, seen)
    different = seen.suspects
    if different:
        behind = behind or await _behind(core)
        different = []
        for start in range(0, len(seen.suspects), _BLOCK):
            block = seen.suspects[start : start + _BLOCK]
            different += await asyncio.to_thread(_still_different, core, block)
    return _verdict(seen, different, behind)


async def vectors(core: Core) -> Finding:
    """Compare the number of pictures that can be found by content with that in the catalog."""
    library = core.library
    if library.index is None:
        return fine("nothing to compare: no model has been loaded")

    def both() -> tuple[int, int]:
        totals = library.ask(lambda reader: reader.totals(library.model_id))
        index = library.index
        return totals.pictures - totals.without_vector, 0 if index is None else len(index)

    # In the thread of all changes: none of them is half done there.
    stored, held = await library.write(lambda _: both())
    if stored == held:
        return fine(f"{counted(held, 'vector')}: index and catalog agree")
    await library.distrust()
    return bad(
        f"the index holds {counted(held, 'vector')}, the catalog {stored:,}",
        "it is made anew now: imgqctl doctor once more; please report this",
    )


async def _behind(core: Core) -> tuple[str, str] | None:
    """Return (why the daemon is not up to date, what to do), None when it is."""
    try:
        await core.sync(_SYNC)
    except NotInSync as error:
        # The words end with the remedy where there is one; here it has a line of its own.
        paused = core.status.paused is not None
        why = str(error).removesuffix(": imgqctl resume")
        remedy = "imgqctl resume" if paused else "imgqctl sync, then imgqctl doctor once more"
        return why, remedy
    return None


async def _walk(core: Core, root: Root, seen: _Seen) -> None:
    scope = core.scope
    tally = scan.Tally()

    def stamps(folder: bytes) -> dict[bytes, tuple[int, ...]]:
        return core.library.ask(lambda reader: reader.stamps(folder))

    walk = scan.differences(root.path, scope, stamps, tally)
    suspects: list[bytes] = []
    while (block := await asyncio.to_thread(_gather, walk)) is not None:
        suspects.extend(block)
    suspects += await core.library.read(lambda reader: _unmet(reader, root, scope, tally))
    if await asyncio.to_thread(core.roots.holds, root):
        seen.files += tally.files
        seen.suspects += suspects
    else:
        seen.vanished.append(root.path)


def _gather(walk: Iterator[list[bytes]]) -> list[bytes] | None:
    """Return what differs in the next folders, None when there are no more."""
    paths: list[bytes] = []
    for folders, differences in enumerate(walk, start=1):
        paths.extend(differences)
        if folders >= _BLOCK:
            return paths
    return paths or None


def _unmet(reader: Reader, root: Root, scope: Scope, tally: scan.Tally) -> list[bytes]:
    """Return the catalog's files in folders of a root that the walk did not meet."""
    return [
        folder.rstrip(b"/") + b"/" + name
        for folder in reader.folders_below(root.path)
        if folder not in tally.folders
        and scope.root_of(folder) == root.path
        and not any(is_within(folder, closed) for closed in tally.unreadable)
        for name in reader.stamps(folder)
    ]


def _still_different(core: Core, paths: Sequence[bytes]) -> list[bytes]:
    different = []
    for path in paths:
        try:
            seen = scan.observe(path, core.scope, 0.0, live=False)
        except OSError:
            continue  # nobody can tell
        folder, name = os.path.split(path)
        known = core.library.ask(lambda reader: reader.stamps(folder)).get(name)  # noqa: B023 - asked at once
        if (seen and seen.stamp) != known:
            different.append(path)
    return different


def _verdict(seen: _Seen, different: Sequence[bytes], behind: tuple[str, str] | None) -> Finding:
    if different:
        return _difference(seen, different, behind)
    said = f"{counted(seen.files, 'file')}: disk and catalog agree"
    if seen.vanished:
        names = ", ".join(map(shown, seen.vanished))
        return warning(f"{said}, but {names} went away meanwhile", "imgqctl doctor, once more")
    if behind is not None:
        why, remedy = behind
        return warning(f"{said}; {why}", remedy)
    return fine(said)


def _difference(seen: _Seen, different: Sequence[bytes], behind: tuple[str, str] | None) -> Finding:
    verb = "differs" if len(different) == 1 else "differ"
    named = ", ".join(shown(path) for path in sorted(different)[:_EXAMPLES])
    more = ", …" if len(different) > _EXAMPLES else ""
    said = f"{len(different):,} of {counted(seen.files, 'file')} {verb} from the catalog"
    if behind is not None:
        why, remedy = behind
        return warning(f"{said}, which may be work to do: {why}: {named}{more}", remedy)
    return bad(
        f"{said}, unnoticed: {named}{more}",
        "imgqctl rescan; if imgqctl doctor says the same afterwards, please report it",
    )
