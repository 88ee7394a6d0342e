"""The demo model's picture tower in numpy: the same vectors as with torch, for a tenth of its cost.

It stands in for `imgqd.towers` in the embedder of a house in which torch is not the matter.
`tests/model/test_torchless.py` holds it to open_clip.
"""

from __future__ import annotations

import functools
import itertools
import json
from typing import Any, Final

import numpy as np
import safetensors.numpy
from numpy.typing import NDArray

from imgqd import weights

Rows = NDArray[np.float32]

_EPSILON: Final = 1e-5
"""What batch normalisation adds to a variance, as everywhere."""

_TOGETHER: Final = 64


class Towers:
    """What `imgqd.towers.Towers` is to the embedder, for pictures and models of the demo's form."""

    def load(self, _name: str, found: weights.Weights, _params: dict[str, Any]) -> dict[str, Any]:
        """Load the weights and return what the core asks of a model."""
        assert found.config is not None
        described = json.loads(found.config.read_bytes())
        self._shape = described["preprocess_cfg"]
        form = described["model_cfg"]["vision_cfg"]
        self._size, self._blocks = form["image_size"], form["layers"]
        self._heads = 32 * form["width"] // form["head_width"]
        self._tensors = {
            name.removeprefix("visual."): tensor.astype(np.float32)
            for name, tensor in safetensors.numpy.load_file(found.path).items()
            if name.startswith("visual.")
        }
        return {
            "key": found.key,
            "dim": described["model_cfg"]["embed_dim"],
            "size": self._size,
            "resize": self._shape["resize_mode"],
            "interpolation": self._shape["interpolation"],
            "fill": 0,
            "device": "cpu",
            "precision": "float32",
            "batch": _TOGETHER,
        }

    def stage(self, params: dict[str, Any]) -> None:
        """Do nothing: there is no card to bring the pixels to."""

    def images(self, params: dict[str, Any]) -> dict[str, Any]:
        """Return the `vectors` of `pixels`."""
        pixels = np.frombuffer(params["pixels"], np.uint8)
        batch = pixels.reshape(-1, self._size, self._size, 3)
        parts = [self.look(batch[at : at + _TOGETHER]) for at in range(0, len(batch), _TOGETHER)]
        return {"vectors": np.concatenate(parts).tobytes(), "batch": _TOGETHER}

    def look(self, pixels: NDArray[np.uint8]) -> Rows:
        """Return the unit vectors, of shape (n, dim), of pixels of shape (n, size, size, 3)."""
        mean, std = (np.array(self._shape[name], np.float32) for name in ("mean", "std"))
        x: Rows = (pixels.astype(np.float32) / np.float32(255) - mean) / std
        x = _relu(self._conv(x, "conv1", "bn1", step=2))
        x = _relu(self._conv(x, "conv2", "bn2"))
        x = _halved(_relu(self._conv(x, "conv3", "bn3")))
        for layer, blocks in enumerate(self._blocks, 1):
            for block in range(blocks):
                x = self._block(x, f"layer{layer}.{block}.", halve=layer > 1 and block == 0)
        vectors = self._pool(x)
        unit: Rows = vectors / np.linalg.norm(vectors, axis=1, keepdims=True)
        return unit

    def _block(self, x: Rows, at: str, *, halve: bool) -> Rows:
        out = _relu(self._conv(x, f"{at}conv1", f"{at}bn1"))
        out = _relu(self._conv(out, f"{at}conv2", f"{at}bn2"))
        if halve:
            x, out = _halved(x), _halved(out)
        if f"{at}downsample.0.weight" in self._tensors:
            x = self._conv(x, f"{at}downsample.0", f"{at}downsample.1")
        return _relu(self._conv(out, f"{at}conv3", f"{at}bn3") + x)

    def _conv(self, x: Rows, kernel: str, norm: str, step: int = 1) -> Rows:
        weight, shift = self._folded(kernel, norm)
        if len(weight) > x.shape[-1]:
            height, width = x.shape[1:3]
            x = np.pad(x, ((0, 0), (1, 1), (1, 1), (0, 0)))
            shifts = itertools.product(range(3), repeat=2)
            x = np.concatenate(
                [
                    x[:, down : down + height : step, right : right + width : step]
                    for down, right in shifts
                ],
                -1,
            )
        out: Rows = x @ weight
        out += shift
        return out

    @functools.cache  # noqa: B019 - there is one for the whole process
    def _folded(self, kernel: str, norm: str) -> tuple[Rows, Rows]:
        """Return a convolution and the norm behind it as one: (places x in, out) and (out,)."""
        tensors = self._tensors
        weight = tensors[f"{kernel}.weight"].transpose(2, 3, 1, 0)
        scale = tensors[f"{norm}.weight"] / np.sqrt(tensors[f"{norm}.running_var"] + _EPSILON)
        shift = tensors[f"{norm}.bias"] - tensors[f"{norm}.running_mean"] * scale
        return np.ascontiguousarray(weight.reshape(-1, weight.shape[-1]) * scale), shift

    def _pool(self, x: Rows) -> Rows:
        """Let the mean of all places ask the places: open_clip's attention pool."""
        tokens = x.reshape(len(x), -1, x.shape[-1])
        tokens = np.concatenate([tokens.mean(1, keepdims=True), tokens], 1)
        tokens = tokens + self._tensors["attnpool.positional_embedding"]
        q, k, v = (
            self._linear(part, f"attnpool.{name}_proj").reshape(
                len(x), part.shape[1], self._heads, -1
            )
            for name, part in (("q", tokens[:, :1]), ("k", tokens), ("v", tokens))
        )
        asked = np.einsum("nqhd,nkhd->nhk", q, k) * q.shape[-1] ** -0.5
        asked = np.exp(asked - asked.max(-1, keepdims=True))
        asked /= asked.sum(-1, keepdims=True)
        seen = np.einsum("nhk,nkhd->nhd", asked, v).reshape(len(x), -1)
        return self._linear(seen, "attnpool.c_proj")

    def _linear(self, x: Rows, name: str) -> Rows:
        out: Rows = x @ self._tensors[f"{name}.weight"].T + self._tensors[f"{name}.bias"]
        return out


def _relu(x: Rows) -> Rows:
    return np.maximum(x, 0, out=x)


def _halved(x: Rows) -> Rows:
    quarter: Rows = x[:, ::2, ::2] + x[:, ::2, 1::2] + x[:, 1::2, ::2] + x[:, 1::2, 1::2]
    quarter *= 0.25
    return quarter
