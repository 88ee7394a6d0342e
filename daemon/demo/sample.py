"""Sample pictures: for the demonstration folder, the system tests and the held-out test.

`python daemon/demo/sample.py FOLDER [COUNT]` fills a folder with them.
"""

from __future__ import annotations

import colorsys
import random
import re
import sys
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
from PIL import Image

from demo.sample_artist import PALETTE, Artist
from demo.sample_scenes import VIEWS
from demo.sample_shapes import SHAPES, shape
from demo.sample_things import DRAWN

if TYPE_CHECKING:
    from collections.abc import Sequence

COLOURS = tuple(PALETTE)
THINGS = tuple(DRAWN)

# The colours in which each thing is drawn: a green cat is nobody's query.
COLOURS_OF: dict[str, tuple[str, ...]] = {
    "car": ("red", "blue", "yellow", "green", "black", "white", "gray", "orange"),
    "house": ("red", "white", "yellow", "blue", "pink", "brown", "gray"),
    "tree": ("green", "orange", "yellow", "red", "pink"),
    "boat": ("red", "blue", "white", "green", "brown", "yellow"),
    "flower": ("red", "yellow", "purple", "pink", "white", "orange", "blue"),
    "sun": ("yellow", "orange", "red"),
    "cloud": ("white", "gray", "pink"),
    "fish": ("orange", "red", "blue", "yellow", "green", "purple"),
    "bird": ("blue", "red", "yellow", "black", "white", "green", "brown"),
    "cat": ("black", "white", "orange", "gray", "brown"),
    "balloon": ("red", "blue", "yellow", "green", "pink", "purple", "orange"),
}

# Where things stand in the scenes that the samples put them into: the middle, from the top.
STANDING = {"car": 0.74, "boat": 0.58, "tree": 0.62, "house": 0.6, "bird": 0.24, "balloon": 0.26}
TOGETHER = (
    ("car", "road"),
    ("boat", "sea"),
    ("tree", "field"),
    ("house", "field"),
    ("bird", "sea"),
    ("balloon", "field"),
)

# What else is true of a scene than its own name.
ALSO = {"beach sunset": ("beach", "sunset"), "city at night": ("city",)}
SAID = {
    "beach sunset": ("beach at sunset", "sunset at the beach"),
    "night sky with stars": ("stars", "starry sky"),
}
OBJECT = re.compile(rf"\b({'|'.join(COLOURS)}) ({'|'.join([*SHAPES, *THINGS])})\b")


@dataclass(frozen=True)
class Drawing:
    """A sample picture: its file's stem, what it shows and the queries that it answers."""

    name: str
    caption: str
    queries: tuple[str, ...]
    kind: str


def draw(caption: str, seed: int, size: tuple[int, int] = (320, 240)) -> Image.Image:
    """Draw what a caption says, such as 'red car', 'beach sunset' or 'blue boat on the sea'."""
    objects = OBJECT.findall(caption)
    rest = OBJECT.sub("", caption)
    view = next((name for name in VIEWS if re.search(rf"\b{name}\b", rest)), None)
    if not objects and view is None:
        raise ValueError(f"no drawing is known for {caption!r}")
    artist = Artist(size, random.Random(f"{seed} {caption}"))
    paints = [artist.pick(colour) for colour, _ in objects]
    if view is None:
        artist.ground(paints)
    else:
        VIEWS[view](artist)
    cells = _cells(
        artist, len(objects), STANDING.get(objects[0][1], 0.6) if view and objects else None
    )
    for (_, noun), paint, (x, y, half) in zip(objects, paints, cells, strict=True):
        box = (x - half, y - half, x + half, y + half)
        if noun in DRAWN:
            DRAWN[noun](artist, box, paint)
        else:
            shape(artist, noun, box, paint)
    return artist.finish()


def _cells(artist: Artist, count: int, height: float | None) -> list[tuple[float, float, float]]:
    """Share the picture out among objects: the middle and the half size of each."""
    if not count:
        return []
    dice, wide = artist.dice, artist.w >= artist.h
    long, short = max(artist.size) * artist.fine, min(artist.size) * artist.fine
    cell = long / count
    cells = []
    for index in range(count):
        most = min(cell, short) / 2
        half = most * (dice.uniform(0.5, 0.92) if height is None else dice.uniform(0.34, 0.5))
        along = cell * index + dice.uniform(half, cell - half)
        across = dice.uniform(half, short - half)
        x, y = (along, across) if wide else (across, along)
        cells.append((x, artist.h * height if height is not None else y, half))
    return cells


def _phrases(thing: str) -> tuple[str, ...]:
    """Give the everyday ways to ask for a coloured thing."""
    colour, _, noun = thing.partition(" ")
    article = "an" if colour[0] in "aeiou" else "a"
    return (thing, f"{article} {thing}", f"photo of {article} {thing}", f"{noun}, {colour}")


def _scene_phrases(view: str) -> tuple[str, ...]:
    """Give the everyday ways to ask for a scene."""
    return (view, f"a picture of {view}", f"photo of {view}", *SAID.get(view, ()))


def plan(kind: str, turn: int, dice: random.Random) -> tuple[str, tuple[str, ...]]:
    """Choose a picture's caption and the queries it answers; every subject has its turn."""
    if kind == "scene":
        views = list(VIEWS)
        view = views[turn % len(views)]
        true = [phrase for name in (view, *ALSO.get(view, ())) for phrase in _scene_phrases(name)]
        return view, tuple(true)
    nouns = tuple(SHAPES) if kind == "shape" else THINGS
    noun = nouns[turn % len(nouns)]
    colours = COLOURS_OF.get(noun, COLOURS)
    # Colours take turns as well, so that even a small folder has its red car; the shapes
    # start at different ones, or a small folder would be red all over.
    shift = turn % len(nouns) * 5 if kind == "shape" else 0
    first = f"{colours[(turn // len(nouns) + shift) % len(colours)]} {noun}"
    if kind == "thing" and dice.random() < 0.3:
        together = [scene for name, scene in TOGETHER if name == noun]
        if together:
            scene = together[0]
            link = "over" if noun in ("bird", "balloon") else "on" if scene != "field" else "in"
            caption = f"{first} {link} the {scene}"
            return caption, (caption, *_scene_phrases(scene), *_phrases(first))
    if kind == "shape" and dice.random() < 0.25:
        second = f"{dice.choice(COLOURS)} {dice.choice([s for s in SHAPES if s != noun])}"
        return f"{first} and {second}", (
            f"{first} and {second}",
            *_phrases(first),
            *_phrases(second),
        )
    return first, _phrases(first)


def sample_folder(folder: Path, count: int, seed: int) -> list[Drawing]:
    """Fill a folder with samples of every kind, PNG and JPEG, and say what they are."""
    dice = random.Random(seed)
    kinds = (("shape", "shapes"), ("scene", "travel"), ("thing", "things"))
    drawings: list[Drawing] = []
    for number in range(count):
        kind, subfolder = kinds[number % 3]
        caption, queries = plan(kind, number // 3, dice)
        long = dice.choice((160, 160, 200, 240, 240, 320, 320, 400, 640))
        short = round(long / dice.choice((1, 1.25, 4 / 3, 1.5)))
        size = (long, short) if dice.random() < 0.65 else (short, long)
        image = draw(caption, dice.randrange(2**32), size)
        name = f"{caption.replace(' ', '-')}-{number:03d}"
        (folder / subfolder).mkdir(parents=True, exist_ok=True)
        if dice.random() < 0.5:
            image.save(folder / subfolder / f"{name}.jpg", quality=dice.randrange(70, 93))
        else:
            image.save(folder / subfolder / f"{name}.png", compress_level=3)
        drawings.append(Drawing(name, caption, queries, kind))
    return drawings


def small_pictures(folder: Path, count: int, seed: int) -> list[Path]:
    """Write many small pictures quickly, no two alike, for tests of speed and size."""
    folder.mkdir(parents=True, exist_ok=True)
    rng = np.random.default_rng(seed)
    down, across = np.mgrid[0:96, 0:96].astype(np.float32)
    paths = []
    for number in range(count):
        x, y, reach = rng.uniform(20, 76), rng.uniform(20, 76), rng.uniform(12, 36)
        inside = _inside(number % 4, across - x, down - y, reach)
        fore, back = (_any_colour(rng) for _ in range(2))
        image = np.where(inside[..., None], fore, back).astype(np.uint8)
        # The number is written into the top row, so that no two pictures are ever the same.
        bits = np.unpackbits(np.array([number], ">u4").view(np.uint8))
        image[0:2, :64] = np.repeat(bits, 2)[None, :, None] * 255
        path = (
            folder
            / f"{number // 1000:03d}"
            / f"small-{number:06d}.{'png' if number % 2 else 'jpg'}"
        )
        path.parent.mkdir(exist_ok=True)
        options = {"compress_level": 1} if number % 2 else {"quality": 88}
        Image.fromarray(image).save(path, **options)  # type: ignore[arg-type]
        paths.append(path)
    return paths


def _inside(
    kind: int,
    dx: np.ndarray[tuple[int, int], np.dtype[np.float32]],
    dy: np.ndarray[tuple[int, int], np.dtype[np.float32]],
    reach: float,
) -> np.ndarray[tuple[int, int], np.dtype[np.bool_]]:
    """Say which pixels lie in a circle, a square, a diamond or a ring."""
    if kind == 0:
        return np.hypot(dx, dy) < reach
    if kind == 1:
        return np.maximum(abs(dx), abs(dy)) < reach * 0.85
    if kind == 2:
        return abs(dx) + abs(dy) < reach
    return abs(np.hypot(dx, dy) - reach * 0.8) < reach * 0.2


def _any_colour(rng: np.random.Generator) -> list[int]:
    """Draw any colour."""
    parts = colorsys.hsv_to_rgb(rng.random(), rng.uniform(0.2, 1), rng.uniform(0.2, 1))
    return [round(part * 255) for part in parts]


def main(arguments: Sequence[str]) -> None:
    """Fill the folder named on the command line."""
    count = int(arguments[1]) if len(arguments) > 1 else 200
    drawings = sample_folder(Path(arguments[0]), count, seed=2024)
    print(f"drew {len(drawings)} pictures in {arguments[0]}")


if __name__ == "__main__":
    main(sys.argv[1:])
