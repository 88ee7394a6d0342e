"""Near-duplicates: what is found of altered copies, and which different pictures are taken for one.

`python benchmarks/duplicates.py [--drawings 45]`. Every picture is altered in twelve ways, and
every pair of different ones compared, some made to be mistaken among them: by the prints alone,
by the demo model's vectors alone, by both. Photographs are taken from the corpus beside the
checkout, where there is one.
"""

from __future__ import annotations

import itertools
import time
from collections import Counter, defaultdict
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Any, Final

import numpy as np
from measure import Result, Table, arguments, finish
from PIL import Image

import doubles
from corpus import CORPUS
from imgqd import prints, weights
from imgqd.decoder import shape
from imgqd.decoder.opening import opened
from imgqd.duplicates import COSINE
from imgqd.prints import Print
from imgqd.records import Vector
from imgqd.towers import Towers

_PHOTOGRAPHS: Final = CORPUS / "photos"

_SAME: Final = ("Landscape_", "IMG_20180725")
"""Beginnings of the names of files in the corpus that show one picture."""


@dataclass(frozen=True, slots=True)
class Seen:
    """A picture as the daemon sees it."""

    name: str
    size: tuple[int, int]
    print: Print
    code: int
    vector: Vector


class Eye:
    """Decodes and embeds, in this process."""

    def __init__(self) -> None:
        self._towers = Towers()
        params = {"role": "image", "device": "cpu", "precision": "auto", "batch": 32}
        self._model: dict[str, Any] = self._towers.load("demo", weights.find("demo"), params)

    def see(self, files: Iterable[tuple[str, bytes]]) -> list[Seen]:
        """Return what is seen of (name, file)."""
        found, pixels = [], []
        for name, content in files:
            hand = opened(content)
            square, data = shape.pixels(hand, self._model)
            print_ = prints.read(data)
            assert print_ is not None
            pixels.append(square)
            found.append((name, hand.size, print_))
        made = self._towers.images({"pixels": b"".join(pixels)})
        vectors = np.frombuffer(made["vectors"], np.float32).reshape(len(found), -1)
        return [
            Seen(*one, prints.code(one[2]), vector)
            for one, vector in zip(found, vectors, strict=True)
        ]


def _bits(one: Seen, other: Seen) -> int:
    return ((one.code ^ other.code) & (1 << 64) - 1).bit_count()


def judge(one: Seen, other: Seen) -> dict[str, bool]:
    """Return what each way of looking says of two pictures."""
    cosine = float(one.vector @ other.vector)
    is_print = (
        _bits(one, other) <= prints.RADIUS
        and prints.same_shape(one.size, other.size)
        and prints.distance(one.print, other.print) <= 1
    )
    return {
        "prints alone": is_print,
        f"vectors alone ({COSINE})": cosine >= COSINE,
        "vectors alone (0.98)": cosine >= 0.98,
        "both": is_print and cosine >= COSINE,
    }


def copies(
    name: str, pictures: Sequence[tuple[str, Image.Image]], eye: Eye
) -> tuple[list[Seen], Table]:
    """Return the pictures, and how many of their altered copies are found."""
    originals = []
    told: dict[str, Counter[str]] = defaultdict(Counter)
    bits: list[int] = []
    cosines: dict[str, list[float]] = defaultdict(list)
    for title, image in pictures:
        one, *others = eye.see([(title, doubles.saved(image, "PNG")), *doubles.altered(image)])
        originals.append(one)
        for other in others:
            told[other.name].update(way for way, is_so in judge(one, other).items() if is_so)
            bits.append(_bits(one, other))
            cosines[other.name].append(float(one.vector @ other.vector))
    ways = list(judge(originals[0], originals[0]))
    rows = [
        (
            how,
            *(f"{counts[way] / len(pictures):.1%}" for way in ways),
            f"{np.percentile(cosines[how], 1):.3f}",
        )
        for how, counts in told.items()
    ]
    worst = [str(one) for one in np.percentile(bits, [50, 95, 99, 100]).astype(int)]
    last = f"bits of the codes that differ (50, 95, 99, 100 %): {', '.join(worst)}"
    rows.append((last, *("" for _ in ways), ""))
    columns = (f"{len(pictures)} {name}, found", *ways, "cosine, 1st percentile")
    return originals, Table(columns, tuple(rows))


def different(seen: Sequence[Seen]) -> tuple[Table, str]:
    """Return which of all pairs of different pictures are taken for one, and a sentence on them."""
    told: dict[str, list[str]] = defaultdict(list)
    pairs = 0
    for one, other in itertools.combinations(seen, 2):
        if any(one.name.startswith(same) and other.name.startswith(same) for same in _SAME):
            continue
        pairs += 1
        for way, is_so in judge(one, other).items():
            if is_so:
                told[way].append(f"{one.name} = {other.name}")
    began = time.perf_counter()
    for one in seen:
        prints.distance(one.print, one.print)  # to the end, as few pairs are
    spent = (time.perf_counter() - began) / len(seen)
    rows = tuple(
        (way, "; ".join(told[way][:4]), f"{len(told[way]):,}") for way in judge(seen[0], seen[0])
    )
    table = Table(("different pictures taken for one, by", "such as", "pairs"), rows)
    return (
        table,
        f"{pairs:,} pairs of different pictures; {spent * 1e6:.0f} µs to compare two prints.",
    )


def main() -> None:
    """Look at all pictures, and print what was found of them."""
    told = arguments("near-duplicates: what is found, what is mistaken", drawings=45)
    eye = Eye()
    drawn = doubles.drawings(told.drawings)
    traps = [*doubles.traps(), *doubles.with_one_more(drawn)]
    seen: list[Seen] = []
    tables = []
    sets = [("drawings", drawn)]
    if _PHOTOGRAPHS.is_dir():
        sets.append(("photographs", doubles.photographs(_PHOTOGRAPHS)))
    for name, pictures in sets:
        originals, table = copies(name, pictures, eye)
        seen += originals
        tables.append(table)
    seen += eye.see((name, doubles.saved(image, "PNG")) for name, image in traps)
    mistaken, said = different(seen)
    text = (
        f"Every picture is altered in twelve ways, and every pair of different ones compared, some "
        f"made to be mistaken among them, with the demo model. {said}"
    )
    finish(Result("Near-duplicates", text, (*tables, mistaken)), told)


if __name__ == "__main__":
    main()
