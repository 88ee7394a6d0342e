"""The hand that draws the sample pictures: curves, washes and brush strokes.

Nothing here is shared with the drawings the model was trained on: the held-out test is
only worth its figure if the model has never seen this hand.
"""

from __future__ import annotations

import math
from typing import TYPE_CHECKING

import numpy as np
from PIL import Image, ImageChops, ImageDraw, ImageFilter

if TYPE_CHECKING:
    import random
    from collections.abc import Sequence

RGB = tuple[int, int, int]
XY = tuple[float, float]
Box = tuple[float, float, float, float]

PALETTE: dict[str, tuple[str, ...]] = {
    "red": ("#d62828", "#e63946", "#c1121f", "#ee2e24", "#b3001b"),
    "orange": ("#f77f00", "#ff8c1a", "#fb8500", "#ff9a1f"),
    "yellow": ("#ffd60a", "#fcdc4d", "#ffe135", "#f7d708"),
    "green": ("#2a9d3f", "#38b000", "#1b7f3b", "#55a630", "#0b6e4f"),
    "cyan": ("#22d3ee", "#00c2d1", "#2ee6e6", "#4dd9e8"),
    "blue": ("#1d4ed8", "#2563eb", "#0047ab", "#1f3fa8", "#3a6ff0"),
    "purple": ("#7b2cbf", "#6a0dad", "#8e44ad", "#5a189a"),
    "pink": ("#ff8fb8", "#ff6fae", "#f7a1c4", "#ff85a1"),
    "brown": ("#7f4f24", "#6b3e1e", "#8b5a2b", "#5c3a21"),
    "black": ("#111111", "#1c1c1e", "#0a0a0f"),
    "white": ("#ffffff", "#fbfbf8", "#f6f8fb"),
    "gray": ("#8d8f94", "#7a7d82", "#9a9a9a", "#6e7177"),
}
GROUNDS = (
    "#fdf6e3",
    "#dfe7ec",
    "#f3d9c0",
    "#cfe3cf",
    "#223344",
    "#4b5d52",
    "#c9b8d8",
    "#b5d6e8",
    "#f2efe9",
    "#30263a",
    "#a34a3c",
    "#ece06a",
)


def rgb(text: str) -> RGB:
    """Read a colour such as #d62828."""
    return int(text[1:3], 16), int(text[3:5], 16), int(text[5:7], 16)


def blend(a: RGB, b: RGB, t: float) -> RGB:
    """Go from one colour towards another by a share from 0 to 1."""
    return (
        round(a[0] + (b[0] - a[0]) * t),
        round(a[1] + (b[1] - a[1]) * t),
        round(a[2] + (b[2] - a[2]) * t),
    )


def curve(knots: Sequence[XY], *, closed: bool = True, fine: int = 8) -> list[XY]:
    """Lead a smooth line through the knots (Catmull and Rom's)."""
    n = len(knots)
    ends = range(n if closed else n - 1)
    line: list[XY] = []
    for i in ends:
        p = [
            knots[(i + k) % n] if closed else knots[min(max(i + k, 0), n - 1)]
            for k in (-1, 0, 1, 2)
        ]
        for step in range(fine):
            t = step / fine
            weights = (
                -t + 2 * t**2 - t**3,
                2 - 5 * t**2 + 3 * t**3,
                t + 4 * t**2 - 3 * t**3,
                t**3 - t**2,
            )
            x = sum(w * q[0] for w, q in zip(weights, p, strict=True)) / 2
            y = sum(w * q[1] for w, q in zip(weights, p, strict=True)) / 2
            line.append((x, y))
    if not closed:
        line.append(knots[-1])
    return line


def arc(cx: float, cy: float, rx: float, ry: float, a: float = 0, b: float = 360) -> list[XY]:
    """Give points along an arc from angle a to angle b."""
    steps = max(8, int(abs(b - a) / 9))
    angles = [math.radians(a + (b - a) * i / steps) for i in range(steps + 1)]
    return [(cx + rx * math.cos(t), cy + ry * math.sin(t)) for t in angles]


class Artist:
    """Draws on one picture, in one of several manners: flat, ink, hand or wash."""

    def __init__(self, size: tuple[int, int], dice: random.Random) -> None:
        self.size = size
        self.fine = 2 if max(size) <= 400 else 1
        self.image = Image.new("RGB", (size[0] * self.fine, size[1] * self.fine), "white")
        self.dice = dice
        self.manner = dice.choice(("flat", "flat", "ink", "hand", "wash"))
        self.brush = ImageDraw.Draw(self.image)

    @property
    def w(self) -> int:
        """Give the width drawn at."""
        return self.image.width

    @property
    def h(self) -> int:
        """Give the height drawn at."""
        return self.image.height

    def pick(self, name: str) -> RGB:
        """Take a tube of the named colour."""
        return rgb(self.dice.choice(PALETTE[name]))

    def fill(self, points: Sequence[XY], colour: RGB, *, ink: bool = False) -> None:
        """Fill an area, trembling a little in the manner of a hand, with ink around it if asked."""
        if self.manner == "hand":
            tremble = min(self.w, self.h) * 0.004
            points = [
                (x + self.dice.gauss(0, tremble), y + self.dice.gauss(0, tremble))
                for x, y in points
            ]
        self.brush.polygon(list(points), colour)
        if ink and self.manner == "ink":
            dark = blend(colour, (0, 0, 0), 0.65)
            self.brush.line(
                [*points, points[0], points[1]], dark, max(2, self.w // 120), joint="curve"
            )

    def oval(
        self, cx: float, cy: float, rx: float, ry: float, colour: RGB, *, ink: bool = False
    ) -> None:
        """Fill an oval."""
        self.fill(arc(cx, cy, rx, ry), colour, ink=ink)

    def rect(
        self, x0: float, y0: float, x1: float, y1: float, colour: RGB, *, ink: bool = False
    ) -> None:
        """Fill an upright rectangle."""
        self.fill([(x0, y0), (x1, y0), (x1, y1), (x0, y1)], colour, ink=ink)

    def stroke(self, points: Sequence[XY], width: float, colour: RGB) -> None:
        """Draw a line with round ends."""
        wide = max(1, round(width))
        self.brush.line(list(points), colour, wide, joint="curve")
        if wide > 3:
            for x, y in (points[0], points[-1]):
                self.brush.ellipse([x - wide / 2, y - wide / 2, x + wide / 2, y + wide / 2], colour)

    def fade(self, top: float, bottom: float, stops: Sequence[RGB]) -> None:
        """Fill a band across the picture with colours that run into each other downwards."""
        y0, y1 = round(top), max(round(bottom), round(top) + 1)
        strip = Image.new("RGB", (1, len(stops)))
        strip.putdata([*stops])
        self.image.paste(strip.resize((self.w, y1 - y0), Image.Resampling.BILINEAR), (0, y0))

    def ground(self, unlike: Sequence[RGB]) -> None:
        """Lay a ground that the given colours stand out from: plain, shaded, spotted or brushed."""
        choices = [rgb(text) for text in GROUNDS]
        clear = [c for c in choices if all(math.dist(c, other) > 130 for other in unlike)]
        base = self.dice.choice(
            clear or [max(choices, key=lambda c: min(math.dist(c, o) for o in unlike))]
        )
        other = blend(base, self.dice.choice(((255, 255, 255), (60, 60, 70))), 0.14)
        kind = self.dice.randrange(4)
        self.fade(0, self.h, (base, base if kind == 0 else other))
        if kind == 2:
            for _ in range(60):
                x, y, r = (
                    self.dice.uniform(0, self.w),
                    self.dice.uniform(0, self.h),
                    self.dice.uniform(0.005, 0.03) * self.w,
                )
                self.brush.ellipse(
                    [x - r, y - r, x + r, y + r], blend(base, other, self.dice.random())
                )
        if kind == 3:
            for _ in range(90):
                x, y = self.dice.uniform(0, self.w), self.dice.uniform(0, self.h)
                reach = self.dice.uniform(0.05, 0.3) * self.w
                self.stroke(
                    [(x, y), (x + reach, y + reach * 0.2)],
                    self.w * 0.02,
                    blend(base, other, self.dice.random()),
                )

    def finish(self) -> Image.Image:
        """Give the picture at its size, washed or grained where the manner asks for it."""
        image = self.image.reduce(self.fine)
        if self.manner == "wash":
            image = image.filter(ImageFilter.GaussianBlur(max(self.size) / 250))
        if self.manner in {"wash", "hand"}:
            rng = np.random.default_rng(self.dice.randrange(2**32))
            grain = Image.fromarray(rng.integers(104, 152, self.size[::-1], np.uint8)).convert(
                "RGB"
            )
            image = ImageChops.overlay(image, grain)
        return image
