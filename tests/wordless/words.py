"""A text tower that has the same vector for every text, for open_clip's models in `local-dir:`."""

from __future__ import annotations

import json
from typing import Any

import numpy as np

from imgqd import weights


class Towers:
    """What `imgqd.towers.Towers` is to the embedder of texts."""

    def load(self, _name: str, found: weights.Weights, _params: dict[str, Any]) -> dict[str, Any]:
        """Return what the core asks of a model, as its folder has it."""
        assert found.config is not None
        described = json.loads(found.config.read_bytes())
        shape = described["preprocess_cfg"]
        self._dim = described["model_cfg"]["embed_dim"]
        return {
            "key": found.key,
            "dim": self._dim,
            "size": described["model_cfg"]["vision_cfg"]["image_size"],
            "resize": shape["resize_mode"],
            "interpolation": shape["interpolation"],
            "fill": 0,
            "device": "cpu",
            "precision": "float32",
            "batch": 1,
        }

    def stage(self, params: dict[str, Any]) -> None:
        """Do nothing: there are no pixels."""

    def texts(self, params: dict[str, Any]) -> bytes:
        """Return a unit vector for each of `texts`."""
        alike = np.full(self._dim, self._dim**-0.5, np.float32)
        return np.tile(alike, (len(params["texts"]), 1)).tobytes()
