"""Examine the built-in model on drawings by a hand that it has not learnt from.

`python daemon/demo/exam.py [MODEL [SEED]]` prints the figures that the model card states.
"""

from __future__ import annotations

import random
import sys
import tempfile
from pathlib import Path
from typing import TYPE_CHECKING

import open_clip
import torch
from PIL import Image

from demo.sample import Drawing, sample_folder

if TYPE_CHECKING:
    from collections.abc import Sequence

    from torch import Tensor

BUILT_IN = Path(__file__).parent.parent / "imgqd" / "data" / "demo"
PICTURES = 600
SEED = 1999
ASKED = {"shape": 72, "thing": 72, "scene": 56}


class Examinee:
    """A model as open_clip loads it."""

    def __init__(self, folder: Path) -> None:
        name = f"local-dir:{folder}"
        self.model, _, self.prepare = open_clip.create_model_and_transforms(name)
        self.tokenizer = open_clip.get_tokenizer(name)
        self.model.eval()

    @torch.inference_mode()
    def look(self, paths: Sequence[Path]) -> Tensor:
        """Give the vectors of picture files."""
        vectors = []
        for start in range(0, len(paths), 64):
            batch = []
            for path in paths[start : start + 64]:
                with Image.open(path) as image:
                    batch.append(self.prepare(image.convert("RGB")))
            vectors.append(self.model.encode_image(torch.stack(batch), normalize=True))
        return torch.cat(vectors)

    @torch.inference_mode()
    def read(self, texts: Sequence[str]) -> Tensor:
        """Give the vectors of texts."""
        vectors: Tensor = self.model.encode_text(self.tokenizer(list(texts)), normalize=True)
        return vectors


class Gallery:
    """A folder of sample pictures as a model sees it."""

    def __init__(self, examinee: Examinee, folder: Path, count: int, seed: int) -> None:
        self.examinee = examinee
        self.drawings = sample_folder(folder, count, seed)
        files = {path.stem: path for path in folder.rglob("*.*")}
        self.vectors = examinee.look([files[drawing.name] for drawing in self.drawings])

    def first(self, queries: Sequence[str]) -> list[Drawing]:
        """Give the drawing that comes first for each query."""
        best = (self.examinee.read(queries) @ self.vectors.T).argmax(1)
        return [self.drawings[index] for index in best.tolist()]

    def questions(self, asked: dict[str, int]) -> dict[str, list[str]]:
        """Draw queries of each kind, each of which some drawing answers."""
        known: dict[str, set[str]] = {kind: set() for kind in asked}
        for drawing in self.drawings:
            known[drawing.kind].update(drawing.queries)
        dice = random.Random(1)
        return {kind: dice.sample(sorted(known[kind]), count) for kind, count in asked.items()}


def misses(gallery: Gallery, queries: Sequence[str]) -> list[tuple[str, str]]:
    """List the queries whose first drawing is a wrong one, with what it shows."""
    found = zip(queries, gallery.first(queries), strict=True)
    return [(query, drawing.caption) for query, drawing in found if query not in drawing.queries]


def main(arguments: Sequence[str]) -> None:
    """Print how many queries of each kind found a right drawing first."""
    examinee = Examinee(Path(arguments[0]) if arguments else BUILT_IN)
    seed = int(arguments[1]) if len(arguments) > 1 else SEED
    with tempfile.TemporaryDirectory() as folder:
        gallery = Gallery(examinee, Path(folder), PICTURES, seed)
        wrong = 0
        for kind, queries in gallery.questions(ASKED).items():
            missed = misses(gallery, queries)
            wrong += len(missed)
            print(f"{kind}s: {len(queries) - len(missed)} of {len(queries)} right first")
            for query, caption in missed:
                print(f"  {query!r} found {caption!r}")
        count = sum(ASKED.values())
        print(f"all: {count - wrong} of {count} ({100 * (count - wrong) / count:.1f} %)")


if __name__ == "__main__":
    main(sys.argv[1:])
