"""Training drawings: seeded pictures together with what is true of them.

`python daemon/demo/draw.py SHEET.png` draws a contact sheet of them to look at.
"""

from __future__ import annotations

import io
import sys
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
from PIL import Image, ImageFilter

from demo.draw_canvas import (
    Colour,
    Pen,
    Rng,
    background,
    body_paint,
    distance,
    gradient,
    lighter,
    shade_of,
)
from demo.draw_scenes import IN_THE_SKY, SCENES
from demo.draw_shapes import SHAPES, draw_shape, turn_of
from demo.draw_stage import Stage
from demo.draw_things import THINGS, USUAL
from demo.phrases import COLOURS, NOUNS, TIMES

if TYPE_CHECKING:
    from collections.abc import Sequence

SIDE = 64

# Where each thing may stand in a scene: the scenes, and the band from top to bottom.
PLACES: dict[str, tuple[tuple[str, ...], tuple[float, float]]] = {
    "car": (("road", "city", "desert", "field"), (0.62, 0.82)),
    "house": (("field", "snow", "mountains", "lake"), (0.5, 0.75)),
    "tree": (("field", "desert", "river"), (0.45, 0.7)),
    "boat": (("sea", "sea", "lake"), (0.5, 0.75)),
    "flower": (("field", "desert"), (0.6, 0.75)),
    "cat": (("field", "road", "snow"), (0.6, 0.8)),
    "bird": (("sea", "field", "beach", "mountains"), (0.15, 0.5)),
    "balloon": (("field", "sea", "mountains", "city"), (0.2, 0.45)),
}


@dataclass(frozen=True)
class Picture:
    """A drawing, what it certainly shows, and what somebody might see in it as well."""

    image: Image.Image
    objects: tuple[tuple[str, str], ...]
    scenery: tuple[str, ...]
    maybe: frozenset[str]

    def facts(self) -> set[str]:
        """List everything that is certainly true of the picture."""
        found = set(self.scenery)
        for colour, noun in self.objects:
            found |= {colour, noun, f"{colour} {noun}"}
        return found


def _size(rng: Rng) -> tuple[int, int]:
    """Draw a picture's size: square, landscape or portrait."""
    long = int(rng.integers(100, 170))
    short = round(long / rng.choice([1.0, 1.0, 1.25, 1.34, 1.5, 1.78]))
    return (long, short) if rng.random() < 0.65 else (short, long)


def _spots(size: tuple[int, int], count: int, rng: Rng) -> list[tuple[float, float, float]]:
    """Find places for objects that hardly overlap: centre and half size in pixels."""
    width, height = size
    short = min(size)
    low, high = ((0.17, 0.48), (0.14, 0.3), (0.12, 0.24))[min(count, 3) - 1]
    spots: list[tuple[float, float, float]] = []
    for _ in range(60):
        half = short * rng.uniform(low, high)
        x, y = rng.uniform(half, width - half), rng.uniform(half, height - half)
        if all(max(abs(x - a), abs(y - b)) > (half + other) * 0.95 for a, b, other in spots):
            spots.append((x, y, half))
        if len(spots) == count:
            break
    return spots


def _place(
    image: Image.Image, noun: str, colour: str, spot: tuple[float, float, float], rng: Rng
) -> None:
    """Draw one shape or thing at a place."""
    x, y, half = spot
    paint = body_paint(colour, image.size, rng)
    mirror = rng.choice([-1, 1])
    if noun in SHAPES:
        stretch = rng.uniform(0.92, 1.0)
        pen = Pen.at(image, (x, y), (half * mirror, half * stretch), turn_of(noun, rng))
        edge = None
        if rng.random() < 0.25:
            edge = shade_of(str(rng.choice(["black", "gray", "white"])), rng)
        draw_shape(pen, noun, paint, edge, rng)
        return
    stretch = rng.uniform(0.8, 1.1)
    pen = Pen.at(
        image,
        (x, y),
        (half * mirror * min(1, 1 / stretch), half * min(1, stretch)),
        rng.uniform(-7, 7),
    )
    THINGS[noun](pen, paint, rng)


def _simple_ground(size: tuple[int, int], nouns: Sequence[str], rng: Rng) -> Image.Image:
    """Make the kind of setting in which a thing is often drawn: sky, ground or water."""
    from_top, to_bottom = shade_of("blue", rng), lighter(shade_of("cyan", rng), 1.1)
    if "fish" in nouns:
        return gradient(size, to_bottom, lighter(from_top, rng.uniform(0.6, 1)), 90)
    image = gradient(size, lighter(to_bottom, 1.2), (235, 244, 252), 90)
    if set(nouns) <= {"bird", "cloud", "sun", "balloon"}:
        return image
    ground: Colour = shade_of(str(rng.choice(["green", "green", "gray", "brown", "white"])), rng)
    image.paste(ground, (0, round(size[1] * rng.uniform(0.55, 0.85)), *size))
    return image


def _objects(nouns: Sequence[str], rng: Rng) -> tuple[tuple[str, str], ...]:
    """Give every noun a colour, things often one in which they are met."""
    found = []
    for noun in nouns:
        usual = USUAL.get(noun, COLOURS) if rng.random() < 0.5 else COLOURS
        found.append((str(rng.choice(usual)), noun))
    return tuple(found)


def _shapes_or_things(nouns: Sequence[str], rng: Rng) -> Picture:
    """Draw objects before a background unlike them."""
    size = _size(rng)
    objects = _objects(nouns, rng)
    shades = [shade_of(colour, rng) for colour, _ in objects]
    image = background(size, shades, rng)
    maybe: set[str] = set()
    if not set(nouns) & set(SHAPES) and rng.random() < 0.4:
        setting = _simple_ground(size, nouns, rng)
        middle = setting.resize((1, 3)).getpixel((0, 1))
        if all(distance(shade, middle) > 100 for shade in shades):  # type: ignore[arg-type]
            image, maybe = setting, {"field", "sea", "road", "snow", "desert", "lake", "cloud"}
    drawn = []
    for (colour, noun), spot in zip(objects, _spots(size, len(objects), rng), strict=False):
        _place(image, noun, colour, spot, rng)
        drawn.append((colour, noun))
    return Picture(image, tuple(drawn), (), frozenset(maybe))


def _scene(name: str, rng: Rng, thing: str | None = None) -> Picture:
    """Draw a scene, with a thing in it if one is named."""
    draw_it, times, others = SCENES[name]
    time = str(rng.choice([t for t in times if t != "night" or not thing] or times))
    stage = Stage(Image.new("RGB", _size(rng)), time, rng)
    draw_it(stage)
    maybe = {*others, *IN_THE_SKY[time], *COLOURS}
    objects: tuple[tuple[str, str], ...] = ()
    if thing:
        width, height = stage.image.size
        top, bottom = PLACES[thing][1]
        half = min(width, height) * rng.uniform(0.15, 0.26)
        objects = _objects([thing], rng)
        spot = (rng.uniform(half, width - half), height * rng.uniform(top, bottom), half)
        _place(stage.image, thing, objects[0][0], spot, rng)
    return Picture(
        stage.image, objects, (name, time) if time in TIMES else (name,), frozenset(maybe)
    )


def draw_picture(rng: Rng) -> Picture:
    """Draw one training picture of any kind."""
    kind = rng.random()
    if kind < 0.36:
        return _shapes_or_things([str(rng.choice(SHAPES))], rng)
    if kind < 0.60:
        return _shapes_or_things([str(rng.choice(list(THINGS)))], rng)
    if kind < 0.74:
        pool = (SHAPES, SHAPES, tuple(THINGS), NOUNS)[int(rng.integers(4))]
        return _shapes_or_things(
            [str(noun) for noun in rng.choice(pool, int(rng.integers(2, 4)))], rng
        )
    if kind < 0.82:
        thing = str(rng.choice(list(PLACES)))
        return _scene(str(rng.choice(PLACES[thing][0])), rng, thing)
    return _scene(str(rng.choice(list(SCENES))), rng)


def shrink(image: Image.Image, rng: Rng) -> Image.Image:
    """Bring a drawing to the model's size, now and then with the marks of a small JPEG."""
    if rng.random() < 0.15:
        image = image.filter(ImageFilter.GaussianBlur(rng.uniform(0.3, 1.2)))
    if rng.random() < 0.3:
        held = io.BytesIO()
        image.save(held, "JPEG", quality=int(rng.integers(35, 95)))
        image = Image.open(held)
    return image.resize((SIDE, SIDE), Image.Resampling.BICUBIC)


def main() -> None:
    """Write a contact sheet of training drawings."""
    rng = np.random.default_rng(1)
    sheet = Image.new("RGB", (14 * 100, 10 * 100), "white")
    for index in range(140):
        picture = draw_picture(rng)
        picture.image.thumbnail((96, 96))
        sheet.paste(picture.image, (index % 14 * 100, index // 14 * 100))
    sheet.save(Path(sys.argv[1]))


if __name__ == "__main__":
    main()
