"""The eleven things of the sample pictures, each drawn into a box."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING

from demo.sample_animals import CREAM, INK, bird, cat, fish
from demo.sample_artist import RGB, Artist, Box, arc, blend, curve, rgb
from demo.sample_shapes import inside

if TYPE_CHECKING:
    from collections.abc import Callable


def _car(a: Artist, b: Box, colour: RGB) -> None:
    m = a.dice.random() < 0.5
    body = curve(
        [
            (0.02, 0.55),
            (0.2, 0.5),
            (0.3, 0.24),
            (0.5, 0.19),
            (0.68, 0.25),
            (0.8, 0.48),
            (0.97, 0.55),
            (1, 0.74),
            (0.5, 0.76),
            (0, 0.74),
        ],
        fine=5,
    )
    a.fill(inside(b, body, mirror=m), colour, ink=True)
    glass = rgb(a.dice.choice(("#cfe8f5", "#9fc3d6", "#33424d")))
    a.fill(inside(b, [(0.29, 0.48), (0.35, 0.28), (0.49, 0.26), (0.49, 0.48)], mirror=m), glass)
    a.fill(inside(b, [(0.53, 0.26), (0.65, 0.3), (0.73, 0.48), (0.53, 0.48)], mirror=m), glass)
    a.stroke(
        inside(b, [(0.51, 0.5), (0.51, 0.72)], mirror=m),
        (b[2] - b[0]) * 0.01,
        blend(colour, INK, 0.5),
    )
    w = (b[2] - b[0]) * 0.105
    for x, y in inside(b, [(0.22, 0.74), (0.78, 0.74)], mirror=m):
        a.oval(x, y, w, w, INK)
        a.oval(x, y, w * 0.45, w * 0.45, (205, 205, 208))
    for x, y in inside(b, [(0.96, 0.6)], mirror=m):
        a.oval(x, y, w * 0.22, w * 0.28, (255, 240, 180))


def _house(a: Artist, b: Box, colour: RGB) -> None:
    roof = rgb(a.dice.choice(("#7a3b2e", "#4a4e57", "#5b4636", "#2f3640")))
    a.fill(inside(b, [(0.7, 0.05), (0.8, 0.05), (0.8, 0.4), (0.7, 0.4)]), blend(roof, INK, 0.3))
    a.fill(inside(b, [(0.1, 0.42), (0.9, 0.42), (0.9, 1), (0.1, 1)]), colour, ink=True)
    a.fill(inside(b, [(0.02, 0.44), (0.5, 0.06), (0.98, 0.44)]), roof, ink=True)
    a.fill(inside(b, [(0.43, 0.68), (0.57, 0.68), (0.57, 1), (0.43, 1)]), rgb("#5a3825"))
    for x in (0.18, 0.66):
        a.fill(
            inside(b, [(x, 0.56), (x + 0.17, 0.56), (x + 0.17, 0.76), (x, 0.76)]), rgb("#fff3c4")
        )
        a.stroke(inside(b, [(x + 0.085, 0.56), (x + 0.085, 0.76)]), (b[2] - b[0]) * 0.012, INK)


def _tree(a: Artist, b: Box, colour: RGB) -> None:
    trunk = rgb(a.dice.choice(("#6b4a2f", "#54381f", "#7a5a3c")))
    a.fill(inside(b, [(0.44, 0.5), (0.56, 0.5), (0.6, 1), (0.4, 1)]), trunk)
    if a.dice.random() < 0.3:
        for i in range(3):
            y = 0.02 + 0.22 * i
            a.fill(
                inside(b, [(0.5, y), (0.66 + 0.1 * i, y + 0.36), (0.34 - 0.1 * i, y + 0.36)]),
                blend(colour, INK, 0.08 * (2 - i)),
            )
        return
    crown = [
        (
            0.5 + (0.4 + a.dice.uniform(-0.05, 0.06)) * math.cos(t * 0.698),
            0.36 + (0.33 + a.dice.uniform(-0.04, 0.04)) * math.sin(t * 0.698),
        )
        for t in range(9)
    ]
    a.fill(inside(b, curve(crown, fine=5)), colour, ink=True)
    for _ in range(7):
        x, y = 0.5 + a.dice.uniform(-0.22, 0.22), 0.34 + a.dice.uniform(-0.18, 0.16)
        a.fill(
            inside(b, arc(x, y, 0.07, 0.05)),
            blend(colour, (255, 255, 255) if a.dice.random() < 0.5 else INK, 0.12),
        )


def _boat(a: Artist, b: Box, colour: RGB) -> None:
    m = a.dice.random() < 0.5
    a.fill(
        inside(
            b,
            curve(
                [(0.02, 0.68), (0.5, 0.72), (0.98, 0.66), (0.8, 0.92), (0.5, 0.96), (0.18, 0.92)],
                fine=6,
            ),
            mirror=m,
        ),
        colour,
        ink=True,
    )
    a.stroke(
        inside(b, [(0.46, 0.7), (0.46, 0.03)], mirror=m), (b[2] - b[0]) * 0.025, rgb("#5c4330")
    )
    sail = CREAM if a.dice.random() < 0.6 else blend(colour, (255, 255, 255), 0.25)
    a.fill(
        inside(
            b,
            [*curve([(0.49, 0.06), (0.72, 0.3), (0.86, 0.62)], closed=False), (0.49, 0.62)],
            mirror=m,
        ),
        sail,
        ink=True,
    )
    a.fill(
        inside(b, [(0.43, 0.14), (0.43, 0.62), (0.14, 0.62)], mirror=m),
        blend(sail, INK, 0.08),
        ink=True,
    )


def _flower(a: Artist, b: Box, colour: RGB) -> None:
    green, petals = rgb("#3f8f3a"), a.dice.choice((5, 6, 8))
    a.stroke(
        inside(b, curve([(0.5, 0.34), (0.53, 0.65), (0.5, 1)], closed=False)),
        (b[2] - b[0]) * 0.045,
        green,
    )
    a.fill(inside(b, curve([(0.51, 0.82), (0.66, 0.62), (0.82, 0.6), (0.7, 0.78)])), green)
    spin = a.dice.uniform(0, 60)
    for i in range(petals):
        t = math.radians(spin + 360 * i / petals)
        u = (math.cos(t), math.sin(t))
        side, tip = 0.5 / petals + 0.03, 0.32
        knots = [(0.0, 0.0), (tip * 0.6, side), (tip, 0.0), (tip * 0.6, -side)]
        petal = curve([(0.5 + p * u[0] - q * u[1], 0.34 + p * u[1] + q * u[0]) for p, q in knots])
        a.fill(inside(b, petal), colour, ink=True)
    a.fill(
        inside(b, arc(0.5, 0.34, 0.1, 0.1)),
        rgb("#6b4423") if colour[0] > 230 and colour[1] > 190 else rgb("#ffd23f"),
    )


def _sun(a: Artist, b: Box, colour: RGB) -> None:
    rays = a.dice.choice((8, 10, 12, 14))
    for i in range(rays):
        t = 2 * math.pi * i / rays
        ray = [(0.5 + r * math.cos(t), 0.5 + r * math.sin(t)) for r in (0.34, 0.49)]
        a.stroke(inside(b, ray), (b[2] - b[0]) * 0.045, colour)
    a.fill(inside(b, arc(0.5, 0.5, 0.28, 0.28)), colour, ink=True)


def _cloud(a: Artist, b: Box, colour: RGB) -> None:
    top = curve(
        [
            (0.04, 0.66),
            (0.1, 0.46),
            (0.26, 0.44),
            (0.38, 0.24),
            (0.6, 0.24),
            (0.7, 0.42),
            (0.9, 0.46),
            (0.97, 0.66),
        ],
        closed=False,
    )
    a.fill(
        inside(b, [*top, (0.9, 0.76), (0.1, 0.76)], mirror=a.dice.random() < 0.5), colour, ink=True
    )


def _balloon(a: Artist, b: Box, colour: RGB) -> None:
    a.stroke(
        inside(b, curve([(0.5, 0.64), (0.56, 0.76), (0.45, 0.88), (0.52, 1)], closed=False)),
        (b[2] - b[0]) * 0.014,
        rgb("#6f6f76"),
    )
    a.fill(inside(b, [(0.5, 0.58), (0.56, 0.67), (0.44, 0.67)]), blend(colour, INK, 0.2))
    a.fill(
        inside(
            b,
            curve(
                [
                    (0.5, 0.02),
                    (0.74, 0.1),
                    (0.8, 0.32),
                    (0.66, 0.54),
                    (0.5, 0.62),
                    (0.34, 0.54),
                    (0.2, 0.32),
                    (0.26, 0.1),
                ]
            ),
        ),
        colour,
        ink=True,
    )
    a.fill(inside(b, arc(0.38, 0.2, 0.04, 0.07)), blend(colour, (255, 255, 255), 0.7))


DRAWN: dict[str, Callable[[Artist, Box, RGB], None]] = {
    "car": _car,
    "house": _house,
    "tree": _tree,
    "boat": _boat,
    "flower": _flower,
    "sun": _sun,
    "cloud": _cloud,
    "fish": fish,
    "bird": bird,
    "cat": cat,
    "balloon": _balloon,
}
