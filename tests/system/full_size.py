"""A full-size model with random weights: as large and as slow as a real one, made in seconds.

Its vectors mean nothing, and that is the point: they are open_clip's or they are
not. Nothing is downloaded for it.
"""

from __future__ import annotations

import os
import sqlite3
import warnings
from pathlib import Path

import numpy as np
import open_clip
import safetensors.torch
import torch
from numpy.typing import NDArray
from open_clip.push_to_hf_hub import save_config_for_hf
from PIL import Image, ImageOps

ARCHITECTURE = "ViT-B-32"

PHOTOGRAPHS = Path(__file__).parents[2].parent / "shared" / "corpus" / "dev" / "photos"
"""Real photographs, where this checkout has them beside it."""

Rows = NDArray[np.float32]


def saved_in(base: Path, architecture: str = ARCHITECTURE) -> Path:
    """Return a folder with the model, as open_clip's `local-dir:` wants it; made at first."""
    folder = base / architecture
    if folder.is_dir():
        return folder
    with torch.random.fork_rng(), warnings.catch_warnings():
        warnings.simplefilter("ignore")
        torch.manual_seed(32)
        model = open_clip.create_model(architecture)
    folder.mkdir()
    safetensors.torch.save_file(model.state_dict(), folder / "open_clip_model.safetensors")
    config = open_clip.get_model_config(architecture)
    save_config_for_hf(model, folder / "open_clip_config.json", config)
    return folder


class Reference:
    """What open_clip itself makes of pictures and texts, in float32."""

    def __init__(self, folder: Path) -> None:
        name = f"local-dir:{folder}"
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            model, _, self._preprocess = open_clip.create_model_and_transforms(name)
        self._model = model.eval()
        self._tokenize = open_clip.get_tokenizer(name)
        self._seen: dict[Path, Rows] = {}

    def picture(self, path: Path) -> Rows:
        """Return the unit vector of a file."""
        if path not in self._seen:
            self._seen[path] = self._look(path)
        return self._seen[path]

    @torch.inference_mode()
    def _look(self, path: Path) -> Rows:
        with Image.open(path) as image:
            pixels = self._preprocess(as_seen(image))
        return _unit(self._model.encode_image(pixels.unsqueeze(0)))

    @torch.inference_mode()
    def text(self, text: str) -> Rows:
        """Return the unit vector of a text."""
        return _unit(self._model.encode_text(self._tokenize([text])))


def as_seen(image: Image.Image) -> Image.Image:
    """Return the picture as a person sees it: upright, and on white where it is transparent."""
    upright = ImageOps.exif_transpose(image)
    if "A" in upright.getbands() or "transparency" in upright.info:
        upright = upright.convert("RGBA")
        white = Image.new("RGBA", upright.size, "white")
        return Image.alpha_composite(white, upright).convert("RGB")
    return upright.convert("RGB")


def stored(catalog: Path) -> dict[Path, Rows]:
    """Return the vectors in a daemon's catalog by the files that show them."""
    database = sqlite3.connect(f"{catalog.as_uri()}?mode=ro", uri=True)
    try:
        rows = database.execute(
            "SELECT folder.path, file.name, vector.data FROM file "
            "JOIN folder ON folder.id = file.folder JOIN vector ON vector.image = file.image"
        ).fetchall()
    finally:
        database.close()
    return {
        Path(os.fsdecode(os.path.join(folder, name))): np.frombuffer(data, np.float16).astype(
            np.float32
        )
        for folder, name, data in rows
    }


def _unit(rows: torch.Tensor) -> Rows:
    vector: Rows = torch.nn.functional.normalize(rows.float(), dim=-1).numpy()[0]
    return vector
