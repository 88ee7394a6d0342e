"""The animals of the sample pictures, each drawn into a box."""

from __future__ import annotations

from demo.sample_artist import RGB, Artist, Box, blend, curve, rgb
from demo.sample_shapes import inside

INK = (38, 36, 44)
CREAM = (250, 246, 236)
CAT_HEAD = [
    (0.2, 0.06), (0.36, 0.15), (0.54, 0.15), (0.7, 0.06), (0.71, 0.34),
    (0.6, 0.48), (0.45, 0.52), (0.3, 0.48), (0.19, 0.34),
]  # fmt: skip


def fish(a: Artist, b: Box, colour: RGB) -> None:
    """Draw a fish from the side."""
    m = a.dice.random() < 0.5
    a.fill(
        inside(b, [(0.3, 0.5), (0.02, 0.26), (0.1, 0.5), (0.02, 0.74)], mirror=m),
        blend(colour, INK, 0.12),
        ink=True,
    )
    a.fill(
        inside(b, curve([(0.45, 0.3), (0.55, 0.14), (0.7, 0.3)], fine=4), mirror=m),
        blend(colour, INK, 0.12),
    )
    a.fill(
        inside(
            b,
            curve(
                [
                    (0.24, 0.5),
                    (0.42, 0.3),
                    (0.68, 0.25),
                    (0.9, 0.38),
                    (0.98, 0.5),
                    (0.9, 0.63),
                    (0.68, 0.74),
                    (0.42, 0.69),
                ]
            ),
            mirror=m,
        ),
        colour,
        ink=True,
    )
    for x, y in inside(b, [(0.83, 0.44)], mirror=m):
        r = (b[2] - b[0]) * 0.04
        a.oval(x, y, r, r, CREAM)
        a.oval(x, y, r * 0.5, r * 0.5, INK)


def bird(a: Artist, b: Box, colour: RGB) -> None:
    """Draw a bird on its legs."""
    m = a.dice.random() < 0.5
    for x in (0.46, 0.56):
        a.stroke(
            inside(b, [(x, 0.7), (x + 0.02, 0.97)], mirror=m), (b[2] - b[0]) * 0.022, rgb("#d98324")
        )
    body = curve(
        [
            (0.02, 0.62),
            (0.3, 0.48),
            (0.52, 0.42),
            (0.64, 0.22),
            (0.8, 0.18),
            (0.88, 0.32),
            (0.8, 0.54),
            (0.62, 0.74),
            (0.38, 0.74),
            (0.2, 0.66),
        ],
        fine=6,
    )
    a.fill(inside(b, body, mirror=m), colour, ink=True)
    a.fill(inside(b, [(0.86, 0.25), (1, 0.32), (0.86, 0.37)], mirror=m), rgb("#f0a030"))
    a.fill(
        inside(b, curve([(0.24, 0.56), (0.44, 0.47), (0.6, 0.54), (0.46, 0.66)], fine=6), mirror=m),
        blend(colour, INK, 0.25),
    )
    for x, y in inside(b, [(0.77, 0.28)], mirror=m):
        a.oval(
            x, y, (b[2] - b[0]) * 0.022, (b[2] - b[0]) * 0.022, INK if sum(colour) > 150 else CREAM
        )


def cat(a: Artist, b: Box, colour: RGB) -> None:
    """Draw a cat that sits and looks at us."""
    m = a.dice.random() < 0.5
    a.stroke(
        inside(
            b, curve([(0.7, 0.92), (0.92, 0.86), (0.93, 0.6), (0.84, 0.5)], closed=False), mirror=m
        ),
        (b[2] - b[0]) * 0.07,
        colour,
    )
    a.fill(
        inside(
            b,
            curve(
                [(0.3, 0.98), (0.28, 0.66), (0.4, 0.46), (0.56, 0.46), (0.72, 0.66), (0.76, 0.98)]
            ),
            mirror=m,
        ),
        colour,
        ink=True,
    )
    a.fill(inside(b, CAT_HEAD, mirror=m), colour, ink=True)
    r = (b[2] - b[0]) * 0.036
    for x, y in inside(b, [(0.35, 0.3), (0.55, 0.3)], mirror=m):
        a.oval(x, y, r, r * 1.1, rgb("#e8e36a"))
        a.oval(x, y, r * 0.4, r, INK)
    a.fill(inside(b, [(0.42, 0.38), (0.48, 0.38), (0.45, 0.42)], mirror=m), rgb("#e58a98"))
    for y in (0.38, 0.44):
        for x in (0.12, 0.78):
            a.stroke(
                inside(b, [(0.45 + (x - 0.45) * 0.45, 0.41), (x, y)], mirror=m),
                r * 0.2,
                (170, 170, 170),
            )
