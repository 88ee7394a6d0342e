"""Pictures to pixels: the decoder beside plain Pillow at full size, and what that does to vectors.

`python benchmarks/decoding.py`: with the corpus of photographs where it lies beside the checkout.
"""

from __future__ import annotations

import os
import time
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

from measure import (
    Result,
    Table,
    arguments,
    finish,
    ms,
    number,
    percentile,
    photograph,
    places,
)

if TYPE_CHECKING:
    from numpy.typing import NDArray

_SIZE: Final = 224
_WANTED: Final = {"size": _SIZE, "resize": "shortest", "interpolation": "bicubic", "fill": 0}

_GENERATED: Final = {"12 MP": (4000, 3000), "24 MP": (6000, 4000), "50 MP": (8192, 6144)}
_OF_EACH: Final = 3

_LARGE: Final = 11_900_000
"""Pixels from which on a photograph counts as one of 12 megapixels."""


@dataclass(frozen=True, slots=True)
class Taken:
    """The best times of one file in seconds, and the pixels of both sides."""

    plain: float
    ours: float
    exact: bytes
    fast: bytes
    pixels: int


def main() -> None:
    """Decode everything in both ways by turns, embed both outcomes, and print it."""
    told = arguments("decoding beside plain Pillow", rounds=3)
    from system.full_size import ARCHITECTURE, PHOTOGRAPHS, saved_in

    with places() as base:
        groups = {"photographs": sorted(path for path in PHOTOGRAPHS.rglob("*.jp*g"))}
        for name, sides in _GENERATED.items():
            groups[f"generated, {name}"] = [
                photograph(base / f"{name}-{turn}.jpg", sides, turn) for turn in range(_OF_EACH)
            ]
        taken = {
            name: [_taken(path, told.rounds) for path in paths]
            for name, paths in groups.items()
            if paths
        }
        large = [one for one in taken.get("photographs", ()) if one.pixels >= _LARGE]
        if large:
            taken["of them, 12 MP and more"] = large
        cosines = _cosines(saved_in(base), taken)
    text = (
        f"Each file is read, identified (hash, metadata) and made into the {_SIZE} pixels that a "
        f"model wants: by the decoder's own code, and by Pillow at full size with open_clip's "
        f"steps, without hash and metadata. Both in one process, by turns, the best of "
        f"{told.rounds} rounds. The cosine compares the vectors that {ARCHITECTURE} (random "
        f"weights, float32) makes of the two outcomes."
    )
    finish(Result("Pictures to pixels", text, (_table(taken, cosines),)), told)


def _taken(path: Path, rounds: int) -> Taken:
    from PIL import Image

    from imgqd.decoder.process import Decoder

    Image.MAX_IMAGE_PIXELS = 250_000_000
    decoder = Decoder()
    plain, ours = [], []
    exact = fast = b""
    for _ in range(rounds):
        began = time.perf_counter()
        exact = _plain(path)
        middle = time.perf_counter()
        said = decoder.identify({"fds": [os.open(path, os.O_RDONLY)]})
        fast, _ = decoder.pixels(_WANTED)
        plain.append(middle - began)
        ours.append(time.perf_counter() - middle)
    return Taken(min(plain), min(ours), exact, fast, said["width"] * said["height"])


def _plain(path: Path) -> bytes:
    """Return the pixels as open_clip's own transform makes them of the whole picture."""
    from PIL import Image, ImageOps

    with Image.open(path) as opened:
        picture = ImageOps.exif_transpose(opened).convert("RGB")
    width, height = picture.size
    short = min(width, height)
    scaled = (int(_SIZE * width / short), int(_SIZE * height / short))
    resized = picture.resize(scaled, Image.Resampling.BICUBIC)
    left, top = round((scaled[0] - _SIZE) / 2), round((scaled[1] - _SIZE) / 2)
    return resized.crop((left, top, left + _SIZE, top + _SIZE)).tobytes()


def _cosines(model: Path, taken: dict[str, list[Taken]]) -> dict[str, float]:
    """Return the least cosine between the vectors of both outcomes, group by group."""
    import open_clip
    import torch

    clip, _, preprocess = open_clip.create_model_and_transforms(f"local-dir:{model}")
    clip.eval()
    normalize: Any = preprocess.transforms[-1]

    def vectors(squares: list[bytes]) -> NDArray[Any]:
        rows = torch.frombuffer(bytearray(b"".join(squares)), dtype=torch.uint8)
        pictures = rows.reshape(-1, _SIZE, _SIZE, 3).permute(0, 3, 1, 2).float() / 255
        with torch.inference_mode():
            found = clip.encode_image(normalize(pictures))
        made: NDArray[Any] = torch.nn.functional.normalize(found, dim=-1).numpy()
        return made

    least = {}
    for name, ones in taken.items():
        exact, fast = vectors([one.exact for one in ones]), vectors([one.fast for one in ones])
        least[name] = float((exact * fast).sum(axis=1).min())
    return least


def _table(taken: dict[str, list[Taken]], cosines: dict[str, float]) -> Table:
    rows = []
    for name, ones in taken.items():
        plain = percentile([one.plain for one in ones], 50)
        ours = percentile([one.ours for one in ones], 50)
        slowest = min(one.plain / one.ours for one in ones)
        rows.append(
            (
                name, str(len(ones)), ms(plain), ms(ours), number(plain / ours), number(slowest),
                f"{cosines[name]:.4f}",
            )
        )  # fmt: skip
    columns = (
        "", "files", "Pillow, median", "imgq, median", "times as fast", "least of a file",
        "least cosine",
    )  # fmt: skip
    return Table(columns, tuple(rows))


if __name__ == "__main__":
    main()
