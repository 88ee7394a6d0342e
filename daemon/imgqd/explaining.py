"""Why a file is found or not: one state, and one sentence for a person."""

from __future__ import annotations

import asyncio
import os
from typing import Final

from imgqd import scan
from imgqd.core import Core
from imgqd.records import shown
from imgqd.scope import Scope, is_picture_name

_WORDS: Final = {
    "missing": "{} does not exist",
    "not_an_image": "{} is no picture file that imgq reads, by its name or kind",
}


async def why(core: Core, path: bytes) -> tuple[str, str | None, str]:  # noqa: PLR0911 - one each
    """Return (state, reason, one sentence) for any path."""
    name = shown(path)
    root = core.scope.root_of(path)
    if root is None:
        return "unwatched", None, f"{name} lies in no watched folder: imgqctl add DIR"
    known = next((one for one in core.roots.all if one.path == root), None)
    if known is None or not known.online:
        reason = core.roots.offline.get(root, "not seen yet")
        return "offline", reason, f"{shown(root)} is offline ({reason})"
    exclusion = core.scope.exclusion(path)
    if exclusion is not None:
        return "excluded", exclusion, f"{name} is left out: {exclusion}"
    row = await core.library.read(lambda reader: reader.row(path))
    try:
        seen = await asyncio.to_thread(_look, path, core.scope)
    except OSError as error:
        words = error.strerror or str(error)
        if row is not None and row.state == "indexed":
            sentence = f"{name} is searchable as it was last seen: now {words.lower()}"
            return "searchable", words, sentence
        return "failed", words, f"{name} cannot be looked at: {words.lower()}"
    if isinstance(seen, str):
        return seen, None, _WORDS[seen].format(name)
    if core.settler.holds(path):
        return "pending", "not quiet", f"{name} is being written, or was a moment ago"
    if row is None or row.state == "pending":
        waits = core.status.waiting or "it is being worked on"
        return "pending", waits, f"{name} is not in yet: {waits}"
    if row.state == "failed":
        return "failed", row.reason, f"{name} cannot be indexed: {row.detail}"
    return await _searchable(core, name, row.image)


async def _searchable(core: Core, name: str, image: int | None) -> tuple[str, str | None, str]:
    index = core.library.index
    if index is not None and image is not None and image in index:
        return "searchable", None, f"{name} is searchable"
    detail = core.models.state.detail or "its vector is not made yet"
    return "pending", detail, f"{name} is found by its name only: {detail}"


def _look(path: bytes, scope: Scope) -> str | None:
    """Return what keeps a path from being a picture file; raises OSError where that is hidden."""
    try:
        os.lstat(path)
    except (FileNotFoundError, NotADirectoryError):
        return "missing"
    if not is_picture_name(os.path.basename(path)):
        return "not_an_image"
    seen = scan.observe(path, scope, 0.0, live=True)
    return "not_an_image" if seen is None or seen.stamp is None else None
