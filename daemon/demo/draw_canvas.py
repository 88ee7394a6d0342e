"""Colours, backgrounds and pens of the training drawings."""

from __future__ import annotations

import colorsys
import math
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
from PIL import Image, ImageDraw

if TYPE_CHECKING:
    from numpy.typing import NDArray

Rng = np.random.Generator
Colour = tuple[int, int, int]
Paint = Colour | Image.Image
Points = Sequence[tuple[float, float]]

# Hue in degrees, saturation and value in per cent, each a range. The gaps between
# neighbours are wide enough that two people would call every colour by the same name.
HSV_RANGES: dict[str, tuple[tuple[int, int], tuple[int, int], tuple[int, int]]] = {
    "red": ((-11, 7), (74, 100), (62, 100)),
    "orange": ((20, 37), (80, 100), (90, 100)),
    "yellow": ((47, 60), (60, 100), (88, 100)),
    "green": ((85, 155), (45, 100), (35, 90)),
    "cyan": ((170, 190), (55, 100), (78, 100)),
    "blue": ((204, 242), (62, 100), (42, 100)),
    "purple": ((262, 292), (45, 100), (38, 85)),
    "pink": ((315, 348), (28, 65), (90, 100)),
    "brown": ((14, 32), (48, 88), (28, 58)),
    "black": ((0, 360), (0, 30), (0, 13)),
    "white": ((0, 360), (0, 5), (94, 100)),
    "gray": ((0, 360), (0, 9), (40, 72)),
}


def from_hsv(hue: float, saturation: float, value: float) -> Colour:
    """Give the RGB colour of a hue in degrees and a saturation and value from 0 to 1."""
    red, green, blue = colorsys.hsv_to_rgb((hue % 360) / 360, saturation, value)
    return round(red * 255), round(green * 255), round(blue * 255)


def shade_of(name: str, rng: Rng) -> Colour:
    """Draw one of the shades that people call by this colour's name."""
    hue, saturation, value = HSV_RANGES[name]
    return from_hsv(rng.uniform(*hue), rng.uniform(*saturation) / 100, rng.uniform(*value) / 100)


def lighter(colour: Colour, factor: float) -> Colour:
    """Scale a colour's brightness, staying within what a pixel can hold."""
    red, green, blue = (min(255, max(0, round(part * factor))) for part in colour)
    return red, green, blue


def mix(first: Colour, second: Colour, share: float) -> Colour:
    """Mix two colours; share is how much of the second one there is."""
    red, green, blue = (round(a + (b - a) * share) for a, b in zip(first, second, strict=True))
    return red, green, blue


def jitter(colour: Colour, rng: Rng, amount: float = 14.0) -> Colour:
    """Move a colour a little in a random direction."""
    red, green, blue = (
        min(255, max(0, round(part + rng.uniform(-amount, amount)))) for part in colour
    )
    return red, green, blue


def distance(first: Colour, second: Colour) -> float:
    """Say how far apart two colours are, 0 to 441."""
    return math.dist(first, second)


def gradient(
    size: tuple[int, int], first: Colour, second: Colour, angle: float = 90
) -> Image.Image:
    """Fill a picture with a blend from one colour to another; 90 degrees runs downwards."""
    width, height = size
    turn = math.radians(angle)
    across = np.linspace(-0.5, 0.5, width)[None, :] * math.cos(turn)
    down = np.linspace(-0.5, 0.5, height)[:, None] * math.sin(turn)
    span = abs(math.cos(turn)) + abs(math.sin(turn))
    share = ((across + down) / span + 0.5)[..., None]
    start, end = np.array(first, float), np.array(second, float)
    return Image.fromarray((start + (end - start) * share).astype(np.uint8))


def speckle(image: Image.Image, rng: Rng, strength: float, grain: int = 1) -> Image.Image:
    """Lay noise over a picture, in grains of the given number of pixels."""
    width, height = image.size
    coarse = rng.normal(0, strength, (height // grain + 1, width // grain + 1, 1))
    noise = np.repeat(np.repeat(coarse, grain, 0), grain, 1)[:height, :width]
    return Image.fromarray(np.clip(np.asarray(image, float) + noise, 0, 255).astype(np.uint8))


def body_paint(name: str, size: tuple[int, int], rng: Rng) -> Paint:
    """Make the paint of a named colour: flat, blended or grainy."""
    colour = shade_of(name, rng)
    style = rng.random()
    if style < 0.6:
        return colour
    low, high = (0.88, 1.0) if name in {"white", "yellow", "orange", "pink"} else (0.82, 1.14)
    blend = gradient(size, lighter(colour, high), lighter(colour, low), rng.uniform(0, 180))
    return (
        blend if style < 0.85 else speckle(blend, rng, rng.uniform(3, 10), int(rng.integers(1, 4)))
    )


def _marks(image: Image.Image, colour: Colour, rng: Rng) -> None:
    """Draw stripes, checks or dots over a background."""
    pen = ImageDraw.Draw(image)
    width, height = image.size
    step = int(rng.integers(6, 30))
    kind = rng.integers(3)
    for x in range(-height, width + height, step):
        if kind == 0:
            pen.line([(x, 0), (x + height * rng.choice([0, 1]), height)], colour, max(1, step // 3))
            continue
        for y in range(0, height, step):
            if kind == 1 and (x // step + y // step) % 2:
                pen.rectangle([x, y, x + step, y + step], colour)
            elif kind == 2:
                pen.ellipse([x, y, x + step // 3, y + step // 3], colour)


def background(size: tuple[int, int], keep_off: Sequence[Colour], rng: Rng) -> Image.Image:
    """Make a plain, blended or textured background unlike the colours of what stands on it."""
    first = (255, 255, 255)
    for _ in range(40):
        first = shade_of(str(rng.choice(list(HSV_RANGES))), rng)
        if rng.random() < 0.5:
            first = mix(first, (255, 255, 255), rng.uniform(0.3, 0.9))
        if all(distance(first, other) > 110 for other in keep_off):
            break
    style = rng.random()
    if style < 0.35:
        return Image.new("RGB", size, first)
    second = jitter(lighter(first, rng.uniform(0.75, 1.2)), rng, 30)
    if any(distance(second, other) < 90 for other in keep_off):
        second = jitter(first, rng, 12)
    image = gradient(size, first, second, rng.uniform(0, 360))
    if 0.6 < style < 0.85:
        _marks(image, mix(first, jitter(second, rng, 25), 0.8), rng)
    return (
        speckle(image, rng, rng.uniform(2, 14), int(rng.integers(1, 7))) if style > 0.75 else image
    )


def ellipse_points(
    x: float, y: float, rx: float, ry: float, start: float = 0, end: float = 360
) -> Points:
    """Give points along an ellipse or a part of one, in degrees."""
    turns = np.radians(np.linspace(start, end, 28))
    return list(zip(x + rx * np.cos(turns), y + ry * np.sin(turns), strict=True))


@dataclass(frozen=True)
class Pen:
    """Draws in a box from -1 to 1 that lies anywhere, turned, stretched or mirrored."""

    image: Image.Image
    matrix: NDArray[np.float64]

    @classmethod
    def at(
        cls,
        image: Image.Image,
        centre: tuple[float, float],
        size: tuple[float, float],
        turn: float = 0,
    ) -> Pen:
        """Place a pen; size is the half width and half height, a negative width mirrors."""
        cos, sin = math.cos(math.radians(turn)), math.sin(math.radians(turn))
        width, height = size
        rows = [[cos * width, -sin * height, centre[0]], [sin * width, cos * height, centre[1]]]
        return cls(image, np.array(rows))

    def place(self, points: Points) -> list[tuple[float, float]]:
        """Carry points of the box over to the picture."""
        array = np.asarray(points, float)
        moved = array @ self.matrix[:, :2].T + self.matrix[:, 2]
        return [(float(x), float(y)) for x, y in moved]

    def scale(self) -> float:
        """Say how many pixels one unit of the box is."""
        return math.sqrt(abs(float(np.linalg.det(self.matrix[:, :2]))))

    def polygon(self, points: Points, paint: Paint, holes: Iterable[Points] = ()) -> None:
        """Fill a polygon, leaving out the holes."""
        mask = Image.new("L", self.image.size)
        brush = ImageDraw.Draw(mask)
        brush.polygon(self.place(points), 255)
        for hole in holes:
            brush.polygon(self.place(hole), 0)
        self.image.paste(paint, (0, 0, *self.image.size), mask)

    def ellipse(self, x: float, y: float, rx: float, ry: float, paint: Paint) -> None:
        """Fill an ellipse."""
        self.polygon(ellipse_points(x, y, rx, ry), paint)

    def box(self, left: float, top: float, right: float, bottom: float, paint: Paint) -> None:
        """Fill a rectangle."""
        self.polygon([(left, top), (right, top), (right, bottom), (left, bottom)], paint)

    def line(self, points: Points, width: float, colour: Colour) -> None:
        """Draw a line whose width is given in units of the box."""
        pixels = max(1, round(width * self.scale()))
        ImageDraw.Draw(self.image).line(self.place(points), colour, pixels, joint="curve")
