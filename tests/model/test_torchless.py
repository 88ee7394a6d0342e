"""The tower that the system tests run without torch sees what the demo model sees."""

from __future__ import annotations

import numpy as np
import pytest
import torch

from demo.sample import draw
from imgqd import weights
from imgqd.towers import Towers
from torchless.tower import Towers as Torchless

pytestmark = pytest.mark.model

ASKED = {"role": "image", "device": "cpu", "precision": "float32", "batch": None}


def test_the_tower_without_torch_says_of_itself_and_sees_what_the_demo_model_does() -> None:
    found = weights.find("demo")
    real, light = Towers(), Torchless()
    told = light.load("demo", found, ASKED)
    with torch.random.fork_rng():
        assert told == real.load("demo", found, {**ASKED, "batch": told["batch"]})
    drawn = [draw(line, 1).resize((64, 64)) for line in ("red car", "beach sunset", "rain")]
    pixels = np.stack([np.asarray(image.convert("RGB")) for image in drawn])
    plain = np.stack([np.full_like(pixels[0], level) for level in (0, 7, 255)])
    noise = np.random.default_rng(0).integers(0, 256, (150, 64, 64, 3), np.uint8)
    asked = {"pixels": np.concatenate([pixels, plain, noise]).tobytes()}
    theirs, ours = (
        np.frombuffer(towers.images(asked)["vectors"], np.float32).reshape(-1, told["dim"])
        for towers in (real, light)
    )
    assert len(ours) == 156
    assert np.abs(ours - theirs).max() < 1e-5
    # Two pictures' vectors are further apart than that.
    assert (ours @ ours.T - 2 * np.eye(len(ours))).max() < 0.9999
