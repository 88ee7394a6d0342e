"""Pictures and altered copies of them, and pictures that are easily taken for one another."""

from __future__ import annotations

import io
import random
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any, Final

import numpy as np
from PIL import Image, ImageDraw, ImageEnhance, ImageFont, ImageOps

from demo.sample import COLOURS, COLOURS_OF, THINGS, draw
from demo.sample_scenes import VIEWS

WORDS: Final = (
    "the", "quick", "brown", "fox", "jumps", "over", "a", "lazy", "dog", "while", "rain", "falls",
    "on", "trams", "nobody", "pays", "total", "amount", "due", "by", "invoice", "page",
)  # fmt: skip
_ORIENTATION: Final = 0x0112


def saved(image: Image.Image, form: str = "JPEG", **options: Any) -> bytes:
    file = io.BytesIO()
    image.save(file, form, **options)
    return file.getvalue()


def altered(image: Image.Image) -> Iterator[tuple[str, bytes]]:
    """Yield (what was done, the file) of copies that a person calls the same picture."""
    width, height = image.size
    for quality in (30, 60, 90):
        yield f"quality {quality}", saved(image, quality=quality)
    for part in (2, 4):
        size = (max(1, round(width / part)), max(1, round(height / part)))
        yield f"1/{part} of the size", saved(image.resize(size, Image.Resampling.LANCZOS))
    yield "png", saved(image, "PNG", compress_level=1)
    yield "webp", saved(image, "WEBP", quality=75, method=0)
    yield "brighter by 8 %", saved(ImageEnhance.Brightness(image).enhance(1.08), quality=85)
    x, y = round(width * 0.01), round(height * 0.01)
    yield "2 % cropped", saved(image.crop((x, y, width - x, height - y)), quality=90)
    exif = Image.Exif()
    exif[_ORIENTATION] = 6
    turned = image.transpose(Image.Transpose.ROTATE_90)
    yield "turned by EXIF", saved(turned, quality=90, exif=exif)
    moved = image.rotate(0.5, Image.Resampling.BICUBIC, translate=(x // 2, y // 2))
    yield "burst", saved(moved.crop((x, y, width - x, height - y)), quality=85)
    yield "corner cropped", saved(image.crop((2 * x, 2 * y, width, height)), quality=90)


def photographs(folder: Path, most: int = 1200) -> list[tuple[str, Image.Image]]:
    """Return (name, picture) of the photographs in a folder, upright and not too large."""
    found = []
    for path in sorted(path for path in folder.rglob("*") if path.is_file()):
        with Image.open(path) as opened:
            opened.draft("RGB", (most, most))
            image = ImageOps.exif_transpose(opened).convert("RGB")
        image.thumbnail((most, most))
        found.append((path.name, image))
    return found


def drawings(count: int, seed: int = 5) -> list[tuple[str, Image.Image]]:
    """Return drawings, each caption drawn twice: two pictures of one thing are not one picture."""
    dice = random.Random(seed)
    found = []
    for number in range(count):
        thing = dice.choice(THINGS)
        colour = dice.choice(COLOURS_OF.get(thing, COLOURS))
        caption = list(VIEWS)[number % len(VIEWS)] if number % 2 else f"{colour} {thing}"
        found += [
            (f"{caption} {number}.{copy}", draw(caption, 1000 * number + copy)) for copy in (1, 2)
        ]
    return found


def traps(seed: int = 3) -> list[tuple[str, Image.Image]]:
    """Return pictures that are no copies of one another, though they nearly look it."""
    dice = random.Random(seed)
    return [
        *_blank(dice), *_skies(dice), *_noise(), *(_page(number, dice) for number in range(10)),
        *((f"one car in {colour}", draw(f"{colour} car", 1)) for colour in COLOURS[:6]),
    ]  # fmt: skip


def with_one_more(
    drawn: Sequence[tuple[str, Image.Image]], seed: int = 4
) -> list[tuple[str, Image.Image]]:
    """Return the drawings with one small object more in each, 6 to 9 % of the width."""
    dice = random.Random(seed)
    found = []
    for name, image in drawn:
        more = image.copy()
        side = round(image.width * dice.uniform(0.06, 0.09))
        x, y = dice.randrange(image.width - side), dice.randrange(image.height - side)
        under = np.asarray(image.crop((x, y, x + side, y + side)), np.float64).mean((0, 1))
        # The colour that is seen best there: what nobody sees makes no other picture.
        paint = max(
            [(220, 30, 30), (30, 60, 220), (255, 255, 255), (0, 0, 0), (250, 220, 40)],
            key=lambda rgb: float(np.abs(np.array(rgb) - under).sum()),
        )
        ImageDraw.Draw(more).ellipse((x, y, x + side, y + side), fill=paint)
        found.append((f"{name} and one more", more))
    return found


def _blank(dice: random.Random) -> Iterator[tuple[str, Image.Image]]:
    for name, colour in (("white", 255), ("nearly white", 248), ("grey", 128), ("black", 0)):
        yield name, Image.new("RGB", (400, 300), (colour,) * 3)
    for number in range(8):
        page = Image.new("RGB", (400, 300), (250 + number % 3,) * 3)
        x, y = dice.randrange(360), dice.randrange(280)
        mark = (x, y, x + 6 + 4 * number, y + 8)
        ImageDraw.Draw(page).rectangle(mark, fill=(235 - 12 * number,) * 3)
        yield f"white with a mark {number}", page


def _skies(dice: random.Random) -> Iterator[tuple[str, Image.Image]]:
    slope = np.broadcast_to(np.linspace(110, 190, 400), (300, 400)).astype(np.uint8)
    sky = Image.fromarray(slope).convert("RGB")
    yield "sky", sky
    for number in range(8):
        other = sky.copy()
        x, y = dice.randrange(370), dice.randrange(270)
        colour = dice.choice(["red", "white", "black", "green"])
        ImageDraw.Draw(other).ellipse((x, y, x + 26, y + 26), fill=colour)
        yield f"sky with a balloon {number}", other


def _noise() -> Iterator[tuple[str, Image.Image]]:
    for number in range(6):
        random_ = np.random.default_rng(number)
        grain = random_.normal(200, 8, (300, 400, 3)).clip(0, 255).astype(np.uint8)
        yield f"grain {number}", Image.fromarray(grain)


def _page(number: int, dice: random.Random) -> tuple[str, Image.Image]:
    """Return a page full of other words: a scan, a receipt."""
    page = Image.new("RGB", (700, 1000), "white")
    pen, font = ImageDraw.Draw(page), ImageFont.load_default(18)
    for line in range(36):
        words = " ".join(dice.choices(WORDS, k=16))
        pen.text((40, 50 + 25 * line), words[:60], fill="black", font=font)
    return f"page {number}", page
