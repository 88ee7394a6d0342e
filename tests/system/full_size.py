"""A full-size model with random weights: as large and as slow as a real one, made in seconds.

Its vectors mean nothing, and that is the point: they are open_clip's or they are
not. Nothing is downloaded for it.
"""

from __future__ import annotations

import contextlib
import os
import shutil
import sqlite3
import warnings
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import open_clip
import pytest
import safetensors.torch
import torch
from numpy.typing import NDArray
from open_clip.push_to_hf_hub import save_config_for_hf
from PIL import Image, ImageOps

from house import House, running
from imgqd import exports, weights

ARCHITECTURE = "ViT-B-32"

PHOTOGRAPHS = Path(__file__).parents[2].parent / "shared" / "corpus" / "dev" / "photos"
"""Real photographs, where this checkout has them beside it."""

EAGER = Path(__file__).parents[1] / "eager"
"""Whoever embeds does not step back behind the rest of the suite."""

WORDLESS = Path(__file__).parents[1] / "wordless"
"""The same, and a text tower that says the same of everything."""

PATIENCE = 100.0
"""Seconds for all of the photographs: a slow machine takes its time."""

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


@contextlib.contextmanager
def daemon_in(base: Path, precision: str, *, reads: bool = True) -> Iterator[House]:
    """Run a daemon with the model in a precision; unless it `reads`, its words mean nothing.

    It is written down that the model cannot be exported: torch answers for good.
    """
    model = f"local-dir:{saved_in(base)}"
    house = House(base / precision, model=model, settings=f'precision = "{precision}"\n')
    house.put_before(EAGER if reads else WORDLESS)
    with contextlib.ExitStack() as stack:
        patch = stack.enter_context(pytest.MonkeyPatch.context())
        patch.setenv("XDG_CACHE_HOME", house.environment["XDG_CACHE_HOME"])
        key = weights.find(model).key
        with exports.making(key) as place:
            exports.write(place, exports.Manifest(key, "torch is asked here"))
        yield stack.enter_context(running(house))


@contextlib.contextmanager
def photographed_in(base: Path) -> Iterator[House]:
    """Run a daemon in float32 that has seen the photographs, where this checkout has them."""
    with daemon_in(base, "float32") as house:
        if PHOTOGRAPHS.is_dir():
            shutil.copytree(PHOTOGRAPHS, house.pictures, dirs_exist_ok=True)
        with house.client() as client:
            client.sync(PATIENCE)
        yield house


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
