"""The eleven things as the training draws them, each in any colour."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING

import numpy as np

from demo.draw_canvas import Colour, Paint, Pen, Points, Rng, ellipse_points, from_hsv, shade_of

if TYPE_CHECKING:
    from collections.abc import Callable

DARK: Colour = (35, 33, 36)
PALE: Colour = (236, 238, 240)


def _car(pen: Pen, paint: Paint, rng: Rng) -> None:
    """Draw a car from the side: saloon, hatchback or van."""
    roof, glass = (
        rng.uniform(-0.62, -0.42),
        from_hsv(205, rng.uniform(0.1, 0.45), rng.uniform(0.5, 0.95)),
    )
    style = rng.integers(3)
    back, front = ((-0.55, 0.5), (-0.9, 0.45), (-0.95, 0.72))[style]
    slope = rng.uniform(0.12, 0.3)
    nose = rng.uniform(-0.08, 0.1)
    cabin = [(back, -0.02), (back + slope * 0.6, roof), (front - slope, roof), (front, -0.02)]
    pen.polygon(cabin, paint)
    pen.polygon([(-1, -0.05), (0.6, -0.05), (0.98, nose + 0.05), (1, 0.4), (-1, 0.4)], paint)
    inset = [(back + 0.12, -0.05), (back + slope * 0.6 + 0.06, roof + 0.1)]
    windows = [*inset, (front - slope - 0.04, roof + 0.1), (front - 0.1, -0.05)]
    pen.polygon(windows, glass)
    if not isinstance(paint, tuple) or rng.random() < 0.8:
        middle = (back + front) / 2
        pen.polygon(
            [(middle - 0.04, roof), (middle + 0.04, roof), (middle + 0.04, 0), (middle - 0.04, 0)],
            paint,
        )
    wheel = rng.uniform(0.18, 0.27)
    for x in (-rng.uniform(0.5, 0.62), rng.uniform(0.5, 0.62)):
        pen.ellipse(x, 0.4, wheel, wheel, DARK)
        pen.ellipse(x, 0.4, wheel * 0.5, wheel * 0.5, (170, 172, 176))
    pen.ellipse(0.93, 0.12, 0.06, 0.06, (250, 235, 160))


def _house(pen: Pen, paint: Paint, rng: Rng) -> None:
    """Draw a house: a wall in the colour, a roof, a door and windows."""
    eaves, half = rng.uniform(-0.3, 0.0), rng.uniform(0.65, 0.95)
    roof = shade_of(str(rng.choice(["brown", "gray", "black", "brown"])), rng)
    if rng.random() < 0.35:
        pen.box(half * 0.35, -0.95, half * 0.6, eaves, (128, 84, 70))
    pen.box(-half, eaves, half, 1, paint)
    peak = rng.uniform(-0.25, 0.25) if rng.random() < 0.3 else 0.0
    flat = rng.uniform(0.0, 0.5) if rng.random() < 0.4 else 0.0
    pen.polygon(
        [(-half - 0.12, eaves), (peak - flat, -0.95), (peak + flat, -0.95), (half + 0.12, eaves)],
        roof,
    )
    door = rng.uniform(-0.3, 0.3) * half
    pen.box(door - 0.13, 0.45, door + 0.13, 1, (92, 60, 44) if rng.random() < 0.7 else PALE)
    glass = (250, 226, 140) if rng.random() < 0.3 else (176, 208, 228)
    for x in (-half * 0.6, half * 0.6):
        if abs(x - door) > 0.3:
            pen.box(x - 0.15, eaves + 0.2, x + 0.15, eaves + 0.5, PALE)
            pen.box(x - 0.12, eaves + 0.23, x + 0.12, eaves + 0.47, glass)


def _tree(pen: Pen, paint: Paint, rng: Rng) -> None:
    """Draw a tree: round, cloud-like or a conifer."""
    trunk = shade_of("brown", rng)
    width = rng.uniform(0.08, 0.16)
    pen.polygon([(-width, 1), (-width * 0.7, -0.1), (width * 0.7, -0.1), (width, 1)], trunk)
    style = rng.integers(3)
    if style == 0:
        pen.ellipse(0, -0.35, rng.uniform(0.5, 0.75), rng.uniform(0.55, 0.65), paint)
    elif style == 1:
        for _ in range(int(rng.integers(6, 10))):
            x, y = rng.uniform(-0.42, 0.42), rng.uniform(-0.62, 0.1)
            pen.ellipse(x, y, rng.uniform(0.26, 0.4), rng.uniform(0.26, 0.36), paint)
    else:
        tiers = int(rng.integers(2, 5))
        for tier in range(tiers):
            top, half = -1 + tier * 1.25 / tiers, 0.3 + 0.4 * (tier + 1) / tiers
            pen.polygon([(0, top), (half, top + 1.8 / tiers), (-half, top + 1.8 / tiers)], paint)


def _boat(pen: Pen, paint: Paint, rng: Rng) -> None:
    """Draw a boat: a hull in the colour under sails or a cabin."""
    keel = rng.uniform(0.55, 0.75)
    if rng.random() < 0.75:
        mast = rng.uniform(-0.15, 0.15)
        sail = PALE if rng.random() < 0.65 else paint
        pen.line([(mast, 0.4), (mast, -1)], 0.06, (96, 66, 48))
        pen.polygon(
            [(mast + 0.06, -0.95), (mast + rng.uniform(0.5, 0.8), 0.25), (mast + 0.06, 0.25)], sail
        )
        if rng.random() < 0.7:
            pen.polygon(
                [(mast - 0.06, -0.8), (mast - rng.uniform(0.4, 0.65), 0.25), (mast - 0.06, 0.25)],
                sail,
            )
    else:
        pen.box(-0.45, -0.15, rng.uniform(0.2, 0.4), 0.4, PALE)
        for x in (-0.35, -0.08):
            pen.box(x, -0.05, x + 0.17, 0.12, (110, 150, 180))
        pen.box(-0.3, -0.55, -0.1, -0.15, paint)
    pen.polygon([(-1, 0.36), (1, 0.36 - rng.uniform(0, 0.1)), (keel, 0.88), (-keel, 0.88)], paint)


def _flower(pen: Pen, paint: Paint, rng: Rng) -> None:
    """Draw a flower: petals in the colour around a heart, on a stem or by itself."""
    heart = (122, 78, 40) if rng.random() < 0.35 else (250, 208, 60)
    stem = rng.random() < 0.75
    x, y, reach = 0.0, (-0.42 if stem else 0.0), (0.3 if stem else 0.56)
    if stem:
        green = shade_of("green", rng)
        pen.line([(0, y), (rng.uniform(-0.1, 0.1), 1)], rng.uniform(0.06, 0.12), green)
        for side in (-1, 1):
            pen.polygon(
                [(0, 0.75), (side * 0.25, 0.38), (side * 0.55, 0.3), (side * 0.35, 0.62)], green
            )
    petals = int(rng.integers(5, 10))
    fat = rng.uniform(0.8, 1.25) * reach * 3.1 / petals + 0.04
    for petal in range(petals):
        turn = 2 * math.pi * petal / petals
        tip = Pen(pen.image, pen.matrix @ _turned(turn, x, y))
        tip.ellipse(reach, 0, reach * 0.85, fat, paint)
    middle = reach * rng.uniform(0.45, 0.7)
    pen.ellipse(x, y, middle, middle, heart)


def _turned(turn: float, x: float, y: float) -> np.ndarray[tuple[int, int], np.dtype[np.float64]]:
    """Give the matrix that turns around a point of the pen's box."""
    cos, sin = math.cos(turn), math.sin(turn)
    return np.array([[cos, -sin, x], [sin, cos, y], [0, 0, 1]])


def _sun(pen: Pen, paint: Paint, rng: Rng) -> None:
    """Draw a sun: a disc with rays."""
    disc, rays = rng.uniform(0.45, 0.62), int(rng.integers(8, 17))
    gap = disc + rng.uniform(-0.02, 0.14)
    width = rng.uniform(0.12, 0.22) * 12 / rays
    blunt = rng.random() < 0.4
    for ray in range(rays):
        turned = Pen(pen.image, pen.matrix @ _turned(2 * math.pi * ray / rays, 0, 0))
        tip = width * 0.8 if blunt else 0.0
        turned.polygon([(gap, -width), (1, -tip), (1, tip), (gap, width)], paint)
    pen.ellipse(0, 0, disc, disc, paint)


def _cloud(pen: Pen, paint: Paint, rng: Rng) -> None:
    """Draw a cloud: a row of puffs."""
    bottom = rng.uniform(0.25, 0.45)
    for x in np.linspace(-0.66, 0.66, int(rng.integers(3, 6))):
        puff = rng.uniform(0.28, 0.36) + 0.22 * (1 - abs(float(x)))
        pen.ellipse(float(x), bottom - puff * 0.8, puff, puff * 0.85, paint)
    pen.polygon(_bar(-0.95, bottom - 0.36, 0.95, bottom + 0.05), paint)


def _bar(left: float, top: float, right: float, bottom: float) -> Points:
    """Give a bar with round ends."""
    radius, middle = (bottom - top) / 2, (top + bottom) / 2
    return [
        *ellipse_points(right - radius, middle, radius, radius, -90, 90),
        *ellipse_points(left + radius, middle, radius, radius, 90, 270),
    ]


def _fish(pen: Pen, paint: Paint, rng: Rng) -> None:
    """Draw a fish that swims to the right."""
    fat, tail = rng.uniform(0.36, 0.55), rng.uniform(0.35, 0.6)
    pen.polygon([(-0.4, 0), (-1, -tail), (-rng.uniform(0.75, 0.95), 0), (-1, tail)], paint)
    pen.polygon([(-0.25, -fat * 0.7), (0.1, -fat - 0.25), (0.35, -fat * 0.7)], paint)
    if rng.random() < 0.6:
        pen.polygon([(-0.1, fat * 0.7), (-0.1, fat + 0.2), (0.2, fat * 0.7)], paint)
    pen.ellipse(0.15, 0, 0.82, fat, paint)
    if rng.random() < 0.3:
        for x in (-0.25, 0.05):
            pen.line([(x, -fat * 0.75), (x - 0.06, 0), (x, fat * 0.75)], 0.07, PALE)
    pen.ellipse(0.62, -fat * 0.28, 0.11, 0.11, PALE)
    pen.ellipse(0.64, -fat * 0.28, 0.06, 0.06, DARK)


def _bird(pen: Pen, paint: Paint, rng: Rng) -> None:
    """Draw a bird that sits, or flies with its wings up, looking right."""
    beak = (242, 158, 40)
    pen.polygon(
        [
            (-0.45, 0.0),
            (-1, rng.uniform(-0.3, 0.2)),
            (-0.95, rng.uniform(0.22, 0.35)),
            (-0.35, 0.35),
        ],
        paint,
    )
    flies = rng.random() < 0.45
    if not flies:
        for x in (-0.08, 0.14):
            pen.line([(x, 0.4), (x + 0.03, 0.92)], 0.05, beak)
    pen.ellipse(0, 0.14, 0.58, rng.uniform(0.32, 0.42), paint)
    pen.ellipse(0.5, -0.22, 0.29, 0.27, paint)
    pen.polygon([(0.72, -0.32), (1.02, -0.2), (0.72, -0.1)], beak)
    if flies:
        lift = rng.uniform(0.75, 1)
        pen.polygon([(0.25, 0.05), (-0.15, -lift), (-0.65, -lift), (-0.3, 0.15)], paint)
    else:
        edge = (60, 58, 60) if rng.random() < 0.5 else PALE
        pen.line([(0.15, 0.05), (-0.1, 0.3), (-0.5, 0.15)], 0.05, edge)
    pen.ellipse(0.56, -0.28, 0.07, 0.07, PALE)
    pen.ellipse(0.57, -0.28, 0.04, 0.04, DARK)


def _cat(pen: Pen, paint: Paint, rng: Rng) -> None:
    """Draw a cat: a face, or one that sits with its tail up."""
    face = rng.random() < 0.4
    x, y, size = (0.0, 0.08, 0.8) if face else (0.15, -0.42, 0.4)
    if not face:
        tail = [(-0.35, 0.85), (-0.8, 0.75), (-0.88, 0.3), (-0.7, rng.uniform(-0.2, 0.1))]
        if isinstance(paint, tuple):
            pen.line(tail, 0.17, paint)
        else:
            pen.polygon([*tail, *[(a + 0.16, b + 0.12) for a, b in reversed(tail)]], paint)
        pen.polygon(ellipse_points(-0.02, 0.5, rng.uniform(0.42, 0.55), 0.58), paint)
        pen.box(-0.1, 0.4, 0.4, 1, paint)
    for side in (-1, 1):
        ear = [(x + side * size * 0.95, y - size * 0.3), (x + side * size * 0.82, y - size * 1.25)]
        pen.polygon([*ear, (x + side * size * 0.15, y - size * 0.75)], paint)
    pen.ellipse(x, y, size, size * 0.85, paint)
    iris = (208, 220, 90) if rng.random() < 0.7 else (120, 190, 220)
    for side in (-1, 1):
        pen.ellipse(x + side * size * 0.4, y - size * 0.1, size * 0.17, size * 0.19, iris)
        pen.ellipse(x + side * size * 0.4, y - size * 0.1, size * 0.07, size * 0.17, DARK)
        for lift in (0.2, 0.45):
            whisker = [
                (x + side * size * 0.3, y + size * 0.35),
                (x + side * size * 1.15, y + size * lift),
            ]
            pen.line(whisker, size * 0.04, (205, 205, 205))
    pen.polygon(
        [
            (x - size * 0.12, y + size * 0.2),
            (x + size * 0.12, y + size * 0.2),
            (x, y + size * 0.34),
        ],
        (230, 130, 140),
    )


def _balloon(pen: Pen, paint: Paint, rng: Rng) -> None:
    """Draw a balloon on a string."""
    half = rng.uniform(0.5, 0.62)
    sway = rng.uniform(-0.2, 0.2)
    pen.line([(0, 0.35), (sway, 0.6), (-sway, 0.8), (sway * 0.5, 1)], 0.04, (90, 90, 94))
    pen.polygon([(0, 0.28), (-0.12, 0.46), (0.12, 0.46)], paint)
    pen.ellipse(0, -0.32, half, 0.68, paint)
    if rng.random() < 0.7:
        pen.polygon(ellipse_points(-half * 0.4, -0.55, 0.09, 0.17), (246, 246, 248))


THINGS: dict[str, Callable[[Pen, Paint, Rng], None]] = {
    "car": _car,
    "house": _house,
    "tree": _tree,
    "boat": _boat,
    "flower": _flower,
    "sun": _sun,
    "cloud": _cloud,
    "fish": _fish,
    "bird": _bird,
    "cat": _cat,
    "balloon": _balloon,
}

# The colours in which a thing is met most; the others are drawn as well, only less often.
USUAL: dict[str, tuple[str, ...]] = {
    "tree": ("green", "green", "green", "orange", "yellow", "red", "pink"),
    "sun": ("yellow", "yellow", "orange", "red"),
    "cloud": ("white", "white", "gray"),
    "cat": ("black", "white", "orange", "gray", "brown"),
}
