"""Pictures that are one and the same to a person, folded under the best of them.

Bursts, re-encodings, smaller copies, slight crops, other formats. Two are near-duplicates
when their vectors agree (the model sees the same thing), their prints agree (it lies at the
same place) and so do their shapes. Each is compared with the best one only: from A like B
and B like C does not follow A like C, and a chain would end at another picture.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Final, Protocol, TypeVar

import numpy as np

from imgqd import prints
from imgqd.prints import Print
from imgqd.records import Found, Vector

COSINE: Final = 0.85
"""The least cosine of two vectors of one picture: benchmarks/duplicates.py.

Judged with the demo model, and low on purpose: a larger model puts them closer together.
"""

_LOSSLESS: Final = frozenset({"png", "bmp", "tiff", "ppm", "psd", "gif", "ico"})


@dataclass(frozen=True, slots=True, eq=False)
class Candidate:
    """A picture of an answer, and what tells whether it is one with others.

    `vector` is None without a model: then the prints decide alone.
    """

    best: Found
    print: Print | None
    vector: Vector | None
    code: int = field(init=False, default=0)

    def __post_init__(self) -> None:
        if self.print is not None:
            object.__setattr__(self, "code", prints.code(self.print))


@dataclass(frozen=True, slots=True)
class Group:
    """Places (in the order of the answer) of one picture's versions: the best, then others."""

    leader: int
    members: tuple[int, ...]

    @property
    def place(self) -> int:
        """Where the group stands: at the first of its places."""
        return min((self.leader, *self.members))


def groups(candidates: Sequence[Candidate]) -> list[Group]:
    """Return which candidates are one picture, in the order of the answer.

    Who leads and who follows whom does not depend on that order.
    """
    order = sorted(range(len(candidates)), key=lambda place: _rank(candidates[place].best))
    leaders: list[int] = []
    codes = np.empty(len(candidates), np.int64)
    members: dict[int, list[int]] = {}
    for place in order:
        one = candidates[place]
        # In the order of rank and not of nearness: the best of those that it is near to.
        near = sorted(prints.within(codes[: len(leaders)], one.code).tolist())
        leader = next((leaders[n] for n in near if are_near(candidates[leaders[n]], one)), None)
        if leader is None:
            codes[len(leaders)] = one.code
            leaders.append(place)
            members[place] = []
        else:
            members[leader].append(place)
    found = [Group(leader, tuple(sorted(others))) for leader, others in members.items()]
    return sorted(found, key=lambda group: group.place)


def are_near(one: Candidate, other: Candidate) -> bool:
    """Return whether two candidates show one picture; the same in both directions."""
    if one.print is None or other.print is None:
        return False
    if not prints.same_shape(_size(one.best), _size(other.best)):
        return False
    if one.vector is not None and other.vector is not None:
        lengths = float(np.linalg.norm(one.vector) * np.linalg.norm(other.vector))
        if float(one.vector @ other.vector) < COSINE * lengths:
            return False
    return prints.distance(one.print, other.print) <= 1


class Hit(Protocol):
    """What of a hit is needed: its files, the one that is shown first."""

    @property
    def files(self) -> tuple[Found, ...]:
        """The files that show the picture."""


H = TypeVar("H", bound=Hit)


def fold(
    hits: Sequence[H], prints_of: Mapping[int, bytes], vector_of: Mapping[int, Vector]
) -> list[tuple[H, tuple[H, ...]]]:
    """Return (the best version, the others) of each picture, where its first version stood.

    `hits` are in the order of the answer. What an image lacks is missing in the maps: one
    without a print, or without a picture at all, is folded with nothing.
    """
    candidates = []
    for hit in hits:
        best = hit.files[0]
        print_ = prints.read(prints_of.get(best.image))
        candidates.append(Candidate(best, print_, vector_of.get(best.image)))
    return [
        (hits[group.leader], tuple(hits[place] for place in group.members))
        for group in groups(candidates)
    ]


def _rank(one: Found) -> tuple[object, ...]:
    """Return what the best version has the least of.

    The most pixels; then what a camera said of it, which exports often lack; then camera RAW
    before what loses nothing before what does; then the most bytes; then the oldest.
    """
    width, height = _size(one)
    loss = 0 if one.format == "raw" else 1 if one.format in _LOSSLESS else 2
    is_original = one.metadata.camera is not None
    return (-width * height, not is_original, loss, -one.size, one.mtime_ns, one.path, one.image)


def _size(one: Found) -> tuple[int, int]:
    return (one.width or 0, one.height or 0)
