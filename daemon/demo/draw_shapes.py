"""The ten shapes as the training draws them."""

from __future__ import annotations

import math

import numpy as np

from demo.draw_canvas import Colour, Paint, Pen, Points, Rng, ellipse_points

SHAPES = (
    "circle", "square", "triangle", "star", "cross",
    "ring", "heart", "arrow", "diamond", "crescent",
)  # fmt: skip

# How far each shape may be turned, in degrees, before it would be called something else.
TURNS = {"square": 13, "diamond": 9, "heart": 25, "cross": 12}


def _star(rng: Rng) -> Points:
    """Give a star with five, now and then six, points."""
    points = 5 if rng.random() < 0.85 else 6
    inner = rng.uniform(0.36, 0.5) if points == 5 else rng.uniform(0.45, 0.58)
    turns = [math.pi * (i / points) - math.pi / 2 for i in range(2 * points)]
    radii = [1 if i % 2 == 0 else inner for i in range(2 * points)]
    return [(r * math.cos(t), r * math.sin(t)) for r, t in zip(radii, turns, strict=True)]


def _cross(rng: Rng) -> Points:
    """Give a plus sign."""
    arm = rng.uniform(0.22, 0.4)
    quarter = [(arm, -arm), (arm, -1), (-arm, -1), (-arm, -arm)]
    corners: list[tuple[float, float]] = []
    for turn in range(4):
        cos, sin = (1, 0, -1, 0)[turn], (0, -1, 0, 1)[turn]
        corners += [(x * cos - y * sin, x * sin + y * cos) for x, y in quarter]
    return corners


def _heart(rng: Rng) -> Points:
    """Give a heart by one of two curves."""
    turns = np.linspace(0, 2 * math.pi, 50)
    if rng.random() < 0.7:
        x = 16 * np.sin(turns) ** 3 / 17
        y = 13 * np.cos(turns) - 5 * np.cos(2 * turns) - 2 * np.cos(3 * turns) - np.cos(4 * turns)
        return list(zip(x, -y / 16, strict=True))
    left = ellipse_points(-0.48, -0.4, 0.5, 0.5, 150, 350)
    right = ellipse_points(0.48, -0.4, 0.5, 0.5, 190, 390)
    return [*left, *right, (0, 1)]


def _arrow(rng: Rng) -> Points:
    """Give an arrow that points to the right."""
    shaft, neck = rng.uniform(0.14, 0.3), rng.uniform(-0.1, 0.4)
    head = rng.uniform(0.55, 0.85)
    upper = [(-1, -shaft), (neck, -shaft), (neck, -head)]
    return [*upper, (1, 0), *[(x, -y) for x, y in reversed(upper)]]


def _crescent(rng: Rng) -> Points:
    """Give a crescent that opens to the right."""
    bite = rng.uniform(0.3, 0.62)
    reach = rng.uniform(55, 75)
    outer = ellipse_points(0, 0, 1, 1, reach, 360 - reach)
    tip_x, tip_y = math.cos(math.radians(reach)), math.sin(math.radians(reach))
    inner = [
        (tip_x - bite * math.cos(turn) * 1.3, tip_y * math.sin(turn))
        for turn in np.linspace(-math.pi / 2, math.pi / 2, 24)
    ]
    return [*outer, *inner]


def outline(name: str, rng: Rng) -> tuple[Points, list[Points]]:
    """Give a shape's outline and its holes in a box from -1 to 1."""
    if name == "circle":
        return ellipse_points(0, 0, 1, 1), []
    if name == "ring":
        inner = rng.uniform(0.45, 0.78)
        return ellipse_points(0, 0, 1, 1), [ellipse_points(0, 0, inner, inner)]
    if name == "square":
        return [(-0.88, -0.88), (0.88, -0.88), (0.88, 0.88), (-0.88, 0.88)], []
    if name == "diamond":
        half = rng.uniform(0.6, 0.95)
        return [(0, -1), (half, 0), (0, 1), (-half, 0)], []
    if name == "triangle":
        return [(rng.uniform(-0.25, 0.25), -0.95), (0.95, 0.8), (-0.95, 0.8)], []
    maker = {"star": _star, "cross": _cross, "heart": _heart, "arrow": _arrow}.get(name, _crescent)
    return maker(rng), []


def turn_of(name: str, rng: Rng) -> float:
    """Draw an angle that leaves a shape what it is."""
    if name == "cross" and rng.random() < 0.2:
        return 45 + rng.uniform(-8, 8)
    if name == "triangle" and rng.random() < 0.6:
        return rng.uniform(-10, 10)
    limit = TURNS.get(name, 180)
    return rng.uniform(-limit, limit)


def draw_shape(pen: Pen, name: str, paint: Paint, edge: Colour | None, rng: Rng) -> None:
    """Draw a shape, with an edge around it where one is given, now and then as a frame only."""
    points, holes = outline(name, rng)
    if (
        edge is None
        and name in {"square", "triangle", "star", "heart", "diamond"}
        and rng.random() < 0.12
    ):
        holes = [[(x * 0.66, y * 0.66) for x, y in points]]
    pen.polygon(points, paint, holes)
    if edge is not None:
        width = rng.uniform(0.05, 0.12)
        for border in [points, *holes]:
            pen.line([*border, border[0], border[1]], width, edge)
