"""Near-duplicates: what is found of altered copies, and which different pictures are taken for one.

`python benchmarks/duplicates.py`. Every picture is altered in twelve ways, and every pair of
different ones compared, some made to be mistaken among them: by the prints alone, by the
demo model's vectors alone, by both. Photographs are taken from the corpus beside the
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
from measure import percentile as _  # noqa: F401 - puts tests/ on the path
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
        data = self._towers.images({"pixels": b"".join(pixels)})
        vectors = np.frombuffer(data, np.float32).reshape(len(found), -1)
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


def copies(pictures: Sequence[tuple[str, Image.Image]], eye: Eye) -> tuple[list[Seen], str]:
    """Print how many altered copies are found, and return the pictures and the worst codes."""
    originals = []
    told: dict[str, Counter[str]] = defaultdict(Counter)
    bits: list[int] = []
    cosines: dict[str, list[float]] = defaultdict(list)
    for name, image in pictures:
        one, *others = eye.see([(name, doubles.saved(image, "PNG")), *doubles.altered(image)])
        originals.append(one)
        for other in others:
            told[other.name].update(way for way, is_so in judge(one, other).items() if is_so)
            bits.append(_bits(one, other))
            cosines[other.name].append(float(one.vector @ other.vector))
    ways = list(judge(originals[0], originals[0]))
    print(f"{'':18}", *(f"{way:>22}" for way in ways), f"{'cosine, 1st percentile':>24}")
    for how, counts in told.items():
        shares = (f"{counts[way] / len(pictures):22.1%}" for way in ways)
        print(f"{how:18}", *shares, f"{np.percentile(cosines[how], 1):24.3f}")
    worst = f"{np.percentile(bits, [50, 95, 99, 100]).astype(int).tolist()}"
    return originals, worst


def different(seen: Sequence[Seen]) -> None:
    """Print which of all pairs of different pictures are taken for one."""
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
    print(f"\n{pairs} pairs of different pictures; {spent * 1e6:.0f} us to compare two prints")
    for way in judge(seen[0], seen[0]):
        print(f"{way:24} {len(told[way]):6} taken for one  {'; '.join(told[way][:4])}")


def main() -> None:
    """Print the tables."""
    eye = Eye()
    drawn = doubles.drawings(45)
    traps = [*doubles.traps(), *doubles.with_one_more(drawn)]
    seen: list[Seen] = []
    sets = [("drawings", drawn)]
    if _PHOTOGRAPHS.is_dir():
        sets.append(("photographs", doubles.photographs(_PHOTOGRAPHS)))
    for name, pictures in sets:
        print(f"\n{len(pictures)} {name}, each altered in twelve ways: found")
        originals, worst = copies(pictures, eye)
        print(f"bits of the codes that differ (50, 95, 99, 100 %): {worst}")
        seen += originals
    seen += eye.see((name, doubles.saved(image, "PNG")) for name, image in traps)
    different(seen)


if __name__ == "__main__":
    main()
