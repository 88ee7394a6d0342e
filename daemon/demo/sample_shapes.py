"""The ten shapes of the sample pictures, each drawn into a box."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING

from demo.sample_artist import RGB, XY, Artist, Box, arc, curve

if TYPE_CHECKING:
    import random
    from collections.abc import Callable


def inside(box: Box, points: list[XY], *, mirror: bool = False) -> list[XY]:
    """Carry points given from 0 to 1 into a box."""
    x0, y0, x1, y1 = box
    return [(x0 + (1 - x if mirror else x) * (x1 - x0), y0 + y * (y1 - y0)) for x, y in points]


def turned(points: list[XY], degrees: float) -> list[XY]:
    """Turn points around the middle of the box from 0 to 1."""
    c, s = math.cos(math.radians(degrees)), math.sin(math.radians(degrees))
    return [
        (0.5 + (x - 0.5) * c - (y - 0.5) * s, 0.5 + (x - 0.5) * s + (y - 0.5) * c)
        for x, y in points
    ]


def _spokes(count: int, outer: float, inner: float) -> list[XY]:
    """Give a star's outline."""
    found = []
    for i in range(2 * count):
        r, t = (inner if i % 2 else outer), math.pi * i / count - math.pi / 2
        found.append((0.5 + r * math.cos(t), 0.5 + r * math.sin(t)))
    return found


def _star(dice: random.Random) -> list[XY]:
    return turned(_spokes(5, 0.52, dice.uniform(0.2, 0.25)), dice.uniform(-25, 25))


def _square(dice: random.Random) -> list[XY]:
    return turned([(0.06, 0.06), (0.94, 0.06), (0.94, 0.94), (0.06, 0.94)], dice.uniform(-9, 9))


def _triangle(dice: random.Random) -> list[XY]:
    turn = dice.choice((0, 0, 0, 180, dice.uniform(-20, 20)))
    return turned([(0.5, 0.06), (1, 0.93), (0, 0.93)], turn)


def _cross(dice: random.Random) -> list[XY]:
    t = dice.uniform(0.3, 0.37)
    u = 1 - t
    upper = [(0, t), (t, t), (t, 0), (u, 0), (u, t), (1, t)]
    return [*upper, (1, u), (u, u), (u, 1), (t, 1), (t, u), (0, u)]


def _diamond(dice: random.Random) -> list[XY]:
    k = dice.uniform(0.08, 0.18)
    return [(0.5, 0), (1 - k, 0.5), (0.5, 1), (k, 0.5)]


def _heart(_dice: random.Random) -> list[XY]:
    knots = [(0.5, 0.24), (0.68, 0.06), (0.92, 0.1), (0.98, 0.38), (0.78, 0.68)]
    left = [(1 - x, y) for x, y in reversed(knots[1:])]
    return [
        *curve(knots, closed=False),
        (0.5, 0.98),
        *curve([*left, (0.5, 0.24)], closed=False),
    ]


def _arrow(dice: random.Random) -> list[XY]:
    neck, thick = dice.uniform(0.5, 0.62), dice.uniform(0.1, 0.15)
    upper = [(0, 0.5 - thick), (neck, 0.5 - thick), (neck, 0.16)]
    lower = [(x, 1 - y) for x, y in reversed(upper)]
    return turned([*upper, (1, 0.5), *lower], dice.choice((0, 90, 180, 270, -45, 35, 150)))


def _ring(dice: random.Random) -> list[XY]:
    hole = dice.uniform(0.27, 0.36)
    return [*arc(0.5, 0.5, 0.5, 0.5), *reversed(arc(0.5, 0.5, hole, hole))]


def _crescent(dice: random.Random) -> list[XY]:
    back = arc(0.55, 0.5, 0.5, 0.5, 62, 298)
    front = arc(0.78, 0.5, 0.41, 0.445, 276, 84)
    return turned([*back, *front], dice.choice((0, 180, 20, -25, 200)))


SHAPES: dict[str, Callable[[random.Random], list[XY]]] = {
    "circle": lambda _dice: arc(0.5, 0.5, 0.5, 0.5),
    "square": _square,
    "triangle": _triangle,
    "star": _star,
    "cross": _cross,
    "ring": _ring,
    "heart": _heart,
    "arrow": _arrow,
    "diamond": _diamond,
    "crescent": _crescent,
}


def shape(a: Artist, name: str, box: Box, colour: RGB) -> None:
    """Draw one of the ten shapes into a box."""
    with_ink = name not in {"ring", "crescent"}
    a.fill(inside(box, SHAPES[name](a.dice)), colour, ink=with_ink)
