"""Eight bits a number in memory, all of them compared: what the compact form finds candidates in.

A number is rounded to one of 255 steps between the least and the largest that stands in
its place in any vector; so is a query's. FAISS multiplies such numbers as integers, in
less than half of the time that float16 takes, and in half of the memory.

`near` returns every vector that may be among the nearest, so that whoever compares
their own vectors (`Stored`) answers as if all had been compared. By how much a product
may err is known beforehand: a rounding error is even within its step, a sum of such is
at least as narrow as the normal distribution of the same deviation (even errors are
strictly sub-Gaussian), and `_SURE` deviations are allowed for, on both sides.
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Final, Self

import faiss
import numpy as np
from numpy.typing import NDArray

from imgqd.index.allowed import Ids
from imgqd.records import Vector

_STEPS: Final = 127
"""The largest code, and the least is as far below zero: a byte with its sign."""

_SURE: Final = 8.0
"""So many deviations no error exceeds: one of 4e13 would (2 exp(-8 * 8 / 2))."""

_AHEAD: Final = 2
_SPARE: Final = 128
"""The first look is for so many times what is wanted, and so many more; it is seldom not enough."""

_FARTHER: Final = 4
"""So many times as far the next look goes."""

_DENSE: Final = 0.5
"""Where less is allowed FAISS is told beforehand; else what is not is left out afterwards."""

_BLOCK: Final = 8192
"""Vectors that are coded at a time: 16 MB of 512 numbers."""


@dataclass(frozen=True, slots=True)
class Scale:
    """What codes are counted in: number = `middle` + `step` * code, at each of the places.

    `longest` is the length of the longest vector of codes.
    """

    middle: tuple[float, ...]
    step: tuple[float, ...]
    longest: float


class Compact:
    """Codes of (image id, unit vector); ids are the catalog's, each at most once."""

    kind: Final = "compact"
    listed: Final = 2000
    """So many are compared one by one in the time that all codes take."""

    def __init__(
        self, held: faiss.IndexIDMap, scale: Scale, flat: faiss.Index | None = None
    ) -> None:
        self._faiss = held
        self._flat = flat  # FAISS only points to what it was not made with
        self._middle = np.array(scale.middle, np.float32)
        self._step = np.array(scale.step, np.float32)
        self._longest = scale.longest
        # One query is one thread's work; a second one only waits, at full speed.
        faiss.omp_set_num_threads(1)

    @classmethod
    def between(cls, least: Vector, largest: Vector, expected: int) -> Self:
        """Return codes that hold nothing yet, for vectors between these at each place."""
        step = np.maximum((largest - least) / (2 * _STEPS), np.finfo(np.float16).tiny)
        flat = faiss.IndexScalarQuantizer(
            len(step), faiss.ScalarQuantizer.QT_8bit_direct_signed, faiss.METRIC_INNER_PRODUCT
        )
        # As large as it will be from the start: else it doubles, and leaves holes behind.
        flat.codes.resize(expected * flat.code_size)
        flat.codes.resize(0)
        middle = (least + largest) / 2
        scale = Scale(tuple(middle.tolist()), tuple(step.tolist()), 0.0)
        return cls(faiss.IndexIDMap(flat), scale, flat)

    @classmethod
    def load(cls, path: Path, scale: Scale) -> Self:
        """Return codes that were saved; raises ValueError where FAISS cannot read them."""
        try:
            held = faiss.read_index(str(path))
        except RuntimeError as error:
            raise ValueError(f"{path.name}: {error}") from error
        if not isinstance(held, faiss.IndexIDMap) or held.d != len(scale.step):
            raise ValueError(f"{path.name} holds other codes")
        return cls(held, scale)

    def save(self, path: Path) -> None:
        """Write to a file; whether the disk took all of it has to be looked at afterwards.

        Raises OSError where FAISS notices that it did not.
        """
        try:
            faiss.write_index(self._faiss, str(path))
        except RuntimeError as error:
            raise OSError(f"{path.name} was not written: {error}") from error

    def __len__(self) -> int:
        return int(self._faiss.ntotal)

    @property
    def scale(self) -> Scale:
        """What the codes are counted in."""
        return Scale(tuple(self._middle.tolist()), tuple(self._step.tolist()), self._longest)

    def add(self, images: Ids, vectors: Vector) -> None:
        """Add vectors of ids that are not in, each number between the ends that were given."""
        for start in range(0, len(images), _BLOCK):
            block = vectors[start : start + _BLOCK]
            codes = np.rint((block - self._middle) / self._step).clip(-_STEPS, _STEPS)
            longest = float(np.linalg.norm(codes, axis=1).max(initial=0))
            self._longest = max(self._longest, longest)
            self._faiss.add_with_ids(codes, images[start : start + _BLOCK])

    def ids(self) -> Ids:
        """Return all ids, in no order."""
        found: Ids = faiss.vector_to_array(self._faiss.id_map)
        return found

    def near(
        self, query: Vector, count: int, among: NDArray[np.uint8] | None = None, share: float = 1.0
    ) -> Ids:
        """Return all that may be among the `count` nearest, in no useful order.

        With `among` only ids whose bit is set, which are about `share` of all.
        """
        asked, doubt = self._asked(query)
        how, ahead = None, _AHEAD * count + _SPARE
        if among is not None and share < _DENSE:
            selector = faiss.IDSelectorBitmap(len(among), faiss.swig_ptr(among))
            how, among = faiss.SearchParameters(sel=selector), None  # type: ignore[call-arg]
        while True:
            ahead = min(ahead, len(self))
            if ahead == 0:
                return np.empty(0, np.int64)
            products, found = self._faiss.search(asked, ahead, params=how)
            is_last = ahead == len(self) or bool(found[0, -1] < 0)
            taken = found[0] >= 0 if among is None else _are_set(among, found[0])
            ids: Ids = found[0][taken]
            near, least = products[0][taken], float(products[0, -1])
            if len(ids) >= count:
                # As many are at least so near, whatever their errors: less may be, too.
                bound = near[count - 1] - 2 * doubt
                if is_last or least < bound:
                    near_enough: Ids = ids[near >= bound]
                    return near_enough
            elif is_last:
                return ids
            ahead *= _FARTHER

    def _asked(self, query: Vector) -> tuple[NDArray[np.float32], float]:
        """Return the query in whole numbers, and by how much its product with a code may err.

        The middle's product with the query is the same for all, and left out.
        """
        scaled = query * self._step
        unit = max(float(np.abs(scaled).max()) / _STEPS, 1e-30)
        scaled = scaled / unit
        # Each error is even within one step: of the code, and of the query.
        deviation = np.sqrt((float(scaled @ scaled) + self._longest**2) / 12)
        return np.rint(scaled)[None].astype(np.float32), float(_SURE * deviation)


def _are_set(among: NDArray[np.uint8], ids: Ids) -> NDArray[np.bool_]:
    inside = (ids >= 0) & (ids < 8 * len(among))
    there = ids[inside]
    inside[inside] = (among[there >> 3] >> (there & 7).astype(np.uint8)) & 1
    return inside
