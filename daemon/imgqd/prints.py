"""Perceptual prints: whether two pictures are one, told from a thumbnail of each.

A print is 32 x 32 brightnesses and 16 x 16 of each colour difference (ITU-R BT.601, as
JPEG has them). Two of one picture differ by what encoders, scaling and slight crops do; a
print of another picture has somewhere what the first does not have anywhere near.
No library: those for perceptual hashes give 64 bits, which two drawings that differ in
one object share. All constants are judged by benchmarks/duplicates.py.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Final

import numpy as np
from numpy.typing import NDArray

SIDE: Final = 32
"""Cells of brightness along a side. With 24, an object of a twentieth of the width gets lost."""

COLOUR_SIDE: Final = SIDE // 2

SIZE: Final = SIDE**2 + 2 * COLOUR_SIDE**2
"""Bytes of a print."""

RADIUS: Final = 14
"""Bits of 64 that the codes of one picture's prints may differ in."""

_SHAPE: Final = 0.05
"""Share by which width to height may differ: a crop, or the rounding of a thumbnail's size."""

_BRIGHTNESS: Final = 16.0
_COLOUR: Final = 12.0
"""What one cell may have (of 255) that no cell around it has in the other picture."""

_LIVELY: Final = 0.2
"""And so much more, as a share of the range around it, where both are full of detail."""

_UNLIKE: Final = 0.15
"""How far the correlation of the edges may be below 1."""

_ALIGNABLE: Final = 0.5
"""The least correlation from which on another crop or a moved hand may be the reason."""

_ROUNDS: Final = 3
_MOVED: Final = 0.06
"""Share of half a side by which one picture is moved, and stretched, to lie on the other."""

_FLAT: Final = 2.0
"""Standard deviation of brightness below which there is nothing to compare: a blank page."""

_GAIN: Final = (0.8, 1.25)
_SHIFT: Final = 40.0
"""By how much one of the two may have been made brighter or darker: contrast, brightness."""

_LOW: Final = 8
"""Lowest frequencies each way that a code is made of."""

Cells = NDArray[np.float32]


@dataclass(frozen=True, slots=True, eq=False)
class Print:
    """A print that was read: `light` is SIDE x SIDE, `colour` is 2 x COLOUR_SIDE x COLOUR_SIDE."""

    light: Cells
    colour: Cells
    deviation: float


def read(data: bytes | None) -> Print | None:
    """Return the print in these bytes; None for what is no print of this version."""
    if data is None or len(data) != SIZE:
        return None
    values = np.frombuffer(data, np.uint8).astype(np.float32)
    light = values[: SIDE**2].reshape(SIDE, SIDE)
    colour = values[SIDE**2 :].reshape(2, COLOUR_SIDE, COLOUR_SIDE)
    return Print(light, colour, float(light.std()))


def distance(one: Print, other: Print) -> float:
    """Return how different two pictures look: up to 1 they are one, `inf` where nobody can tell.

    The same in both directions.
    """
    dull, rich = sorted((one, other), key=lambda each: (each.deviation, each.light.tobytes()))
    if dull.deviation < _FLAT:
        return math.inf
    exposed = _exposed_as(dull, rich)
    unlike = 1 - _edges(exposed, rich.light)
    if unlike > 1 - _ALIGNABLE:  # most pairs end here
        return unlike / _UNLIKE
    colour = _surplus(dull.colour, rich.colour, _COLOUR)
    if colour > 1:
        return colour
    straight = max(unlike / _UNLIKE, _surplus(exposed, rich.light, _BRIGHTNESS))
    if straight > 1:
        laid = _laid_on(exposed, rich.light)
        unlike = 1 - _edges(laid, rich.light)
        straight = min(straight, max(unlike / _UNLIKE, _surplus(laid, rich.light, _BRIGHTNESS)))
    return max(straight, colour)


def same_shape(one: tuple[int, int], other: tuple[int, int]) -> bool:
    """Return whether two (width, height) have about the same ratio."""
    ratio = (one[0] * other[1]) / max(1, one[1] * other[0])
    return 1 / (1 + _SHAPE) <= ratio <= 1 + _SHAPE


def code(print_: Print) -> int:
    """Return 64 bits that hardly change with the picture's quality and size, signed as in SQLite.

    Whether each of the lowest frequencies of the discrete cosine transform (DCT-II) is above
    their median: pHash, after C. Zauner, Implementation and Benchmarking of Perceptual Image
    Hash Functions, 2010, section 3.2.1.
    """
    low = (_DCT @ print_.light @ _DCT.T).ravel()
    bits = np.packbits(low > np.median(low[1:]))
    return int(bits.view(">i8")[0])


def within(codes: NDArray[np.int64], one: int, radius: int = RADIUS) -> NDArray[np.intp]:
    """Return the places of the codes that are near `one`, nearest first."""
    bits = np.bitwise_count((codes ^ np.int64(one)).view(np.uint64))
    near = np.flatnonzero(bits <= radius)
    return near[np.argsort(bits[near], kind="stable")]


def _exposed_as(dull: Print, rich: Print) -> Cells:
    """Return the brightnesses of one picture with the contrast and brightness of another."""
    gain = min(max(rich.deviation / dull.deviation, _GAIN[0]), _GAIN[1])
    shift = float(rich.light.mean()) - gain * float(dull.light.mean())
    return dull.light * np.float32(gain) + np.float32(min(max(shift, -_SHIFT), _SHIFT))


def _edges(one: Cells, other: Cells) -> float:
    """Return the correlation (cosine) of the differences between neighbours, -1 to 1."""
    first, second = (
        np.concatenate([np.diff(light, axis=0).ravel(), np.diff(light, axis=1).ravel()])
        for light in (one, other)
    )
    length = math.sqrt(float(first @ first) * float(second @ second))
    return float(first @ second) / length if length else 0.0


def _laid_on(moving: Cells, fixed: Cells) -> Cells:
    """Return one picture moved and stretched a little, each way, so that it lies on the other.

    Gauss-Newton on the squared differences (B. Lucas and T. Kanade, An Iterative Image
    Registration Technique, 1981, section 4), with the contrast as one more unknown.
    """
    moved: Cells = moving
    to = np.zeros(4, np.float32)
    for _ in range(_ROUNDS):
        down, across = (slope * (SIDE / 2) for slope in np.gradient(moved))
        parts = [moved, np.ones_like(moved), across, across * _AT, down, down * _AT.T]
        slopes = np.stack(parts, -1).reshape(-1, 6).astype(np.float32)
        normal = slopes.T @ slopes + np.eye(6) * SIDE**2 / 100  # for pictures without slopes
        step = np.linalg.solve(normal, slopes.T @ fixed.ravel())
        to = np.clip(to + step[2:] / max(step[0], 0.3), -_MOVED, _MOVED)
        placed = _sampling(to[2], to[3]) @ moving @ _sampling(to[0], to[1]).T
        moved = placed.astype(np.float32)
    return moved


def _sampling(shift: float, stretch: float) -> Cells:
    """Return the matrix that reads a row of cells elsewhere, by cubic convolution.

    R. Keys, Cubic Convolution Interpolation for Digital Image Processing, 1981, equation 4.
    """
    places = np.clip((_AT[0] * (1 + stretch) + shift + 1) * SIDE / 2 - 0.5, 0, SIDE - 1)
    first = np.floor(places).astype(np.intp)
    off = places - first
    matrix = np.zeros((SIDE, SIDE), np.float32)
    for cell in (-1, 0, 1, 2):
        far = np.abs(off - cell)
        near = 1.5 * far**3 - 2.5 * far**2 + 1
        weight = np.where(far <= 1, near, -0.5 * far**3 + 2.5 * far**2 - 4 * far + 2)
        np.add.at(matrix, (np.arange(SIDE), np.clip(first + cell, 0, SIDE - 1)), weight)
    return matrix


def _surplus(one: Cells, other: Cells, most: float) -> float:
    """Return what a cell has above or below all cells around its place in the other: the most.

    A crop moves an edge by a part of a cell, and each cell then lies between its neighbours;
    an object that is in one picture only does not. In parts of what may be.
    """
    low, high = _spread(one, np.minimum), _spread(one, np.maximum)
    other_low, other_high = _spread(other, np.minimum), _spread(other, np.maximum)
    beyond = np.maximum(
        np.maximum(other_low - one, one - other_high), np.maximum(low - other, other - high)
    )
    lively = np.minimum(high - low, other_high - other_low)
    return float((beyond / (most + _LIVELY * lively)).max())


def _spread(cells: Cells, extreme: np.ufunc) -> Cells:
    """Return for each cell the extreme of the 3 x 3 around it."""
    padded = np.pad(cells, [(0, 0)] * (cells.ndim - 2) + [(1, 1), (1, 1)], mode="edge")
    rows = extreme(extreme(padded[..., :-2, :], padded[..., 1:-1, :]), padded[..., 2:, :])
    found: Cells = extreme(extreme(rows[..., :-2], rows[..., 1:-1]), rows[..., 2:])
    return found


_DCT: Final = np.cos(
    np.pi / SIDE * np.outer(np.arange(_LOW), np.arange(SIDE) + 0.5), dtype=np.float64
)

_AT: Final = np.broadcast_to((np.arange(SIDE) + 0.5) * 2 / SIDE - 1, (SIDE, SIDE)).astype(
    np.float32
)
"""Where each cell lies from left to right, -1 to 1."""
