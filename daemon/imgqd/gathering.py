"""The files of what was found: which of them stands for all, and which are still there."""

from __future__ import annotations

import os
from collections.abc import Sequence

from imgqd.catalog import Reader
from imgqd.query.sql import Condition
from imgqd.ranking import Hit
from imgqd.records import Found


def as_developed(
    reader: Reader,
    content: Sequence[tuple[int, float]],
    named: Sequence[Found],
    files: dict[int, list[Found]],
) -> tuple[list[tuple[int, float]], list[Found]]:
    """Let a RAW file and the JPEG beside it be one: the JPEG, the other among its files."""
    developed = reader.pairs(one for group in files.values() for one in group)
    lacking = (developed.keys() | developed.values()) - files.keys()
    files.update(reader.files_of(sorted(lacking)))
    for raw, image in developed.items():
        files[image] = [*files.get(image, []), *files.pop(raw, [])]
    best: dict[int, float] = {}
    for image, score in content:
        key = developed.get(image, image)
        best[key] = max(score, best.get(key, -1.0))
    ranked = sorted(best.items(), key=lambda pair: -pair[1])
    # By name, too, the JPEG stands for both.
    return ranked, [
        files[developed[one.image]][0] if one.image in developed else one for one in named
    ]


def foremost(reader: Reader, where: Condition | None, hits: list[Hit]) -> list[Hit]:
    """Let a file that meets a condition stand before others that show the same picture."""
    several = sorted({hit.files[0].image for hit in hits if len(hit.files) > 1})
    if where is None or not several:
        return hits
    meeting = reader.meeting(several, where)

    def put_first(hit: Hit) -> Hit:
        shown = hit.files[0].image  # a RAW file stays behind what was developed from it
        files = sorted(hit.files, key=lambda one: (one.image != shown, one.path not in meeting))
        return hit._replace(files=tuple(files))

    return [put_first(hit) if len(hit.files) > 1 else hit for hit in hits]


def existing(hits: Sequence[Hit], most: int) -> list[Hit]:
    """Drop files that are gone from the disk: an answer leads to a file, whatever is pending.

    What comes after so many hits that are there is not looked at: it is counted, not shown.
    """
    kept: list[Hit] = []
    for place, hit in enumerate(hits):
        if len(kept) == most:
            return [*kept, *hits[place:]]
        files = tuple(one for one in hit.files if _is_there(one.path))
        if len(files) == len(hit.files) and not hit.near:
            kept.append(hit)
        elif files or hit.elsewhere:
            near = tuple(one for one in hit.near if _is_there(one.path))
            kept.append(hit._replace(files=files, near=near))
    return kept


def _is_there(path: bytes) -> bool:
    try:
        os.lstat(path)
    except (FileNotFoundError, NotADirectoryError):
        return False
    except OSError:
        return True  # in a folder that cannot be read it stays as it was last seen
    return True
