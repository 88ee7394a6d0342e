"""A model made of its weights: by its name, in a precision, and only the half that is needed.

Beside `towers` the only home of open_clip, and as costly to import.
"""

from __future__ import annotations

import importlib.util
import logging
from collections.abc import Callable
from typing import Any, Final

import open_clip
import torch

from imgqd import pace, presets, weights
from imgqd.serving import Fault

_OPEN_CLIP: Final = {"float32": "fp32", "bfloat16": "bf16", "float16": "fp16"}
"""What open_clip calls the precisions of our settings."""

_PREPROCESS: Final = ("mean", "std", "interpolation", "resize_mode")
"""What a set of weights says of the pictures it was trained on."""

_SMALL: Final = 20_000_000
"""Parameters below which half precision on a CPU gains nothing worth its rounding."""

_TRIAL: Final = 4
"""Pictures in one of the passes that show which precision is the quicker one."""


def precision_for(name: str, found: weights.Weights, device: torch.device) -> str:
    """Return the quicker precision of a device; of a CPU it is measured, once for each model."""
    if device.type == "cuda":
        return "float16"
    # Four bytes a parameter in the usual float32 file.
    if device.type != "cpu" or found.path.stat().st_size <= 4 * _SMALL:
        return "float32"
    # Elsewhere bfloat16 is float32 with detours. (ARM writes "bf16", x86 a word with it.)
    if not any(flag in pace.flags() for flag in ("amx_bf16", "avx512_bf16", " bf16")):
        return "float32"
    what = f"precision\n{found.key}\ntorch {torch.__version__}"
    known = pace.remembered(what)
    if known not in _OPEN_CLIP:
        known = pace.quickest({one: _pass(name, found, one) for one in ("float32", "bfloat16")})
        logging.getLogger(__name__).warning("%s is the quicker precision here", known)
        pace.remember(what, known)
    return known


def _pass(name: str, found: weights.Weights, precision: str) -> Callable[[], None]:
    """Return a function that makes one forward pass of a model in a precision."""
    _, model = create(name, found, precision, torch.device("cpu"))
    keep_half(model, "image")
    shape = open_clip.get_model_preprocess_cfg(model)["size"]
    sides = shape if isinstance(shape, (tuple, list)) else (shape, shape)
    pixels = torch.rand(_TRIAL, 3, *sides).to(getattr(torch, precision))

    @torch.inference_mode()
    def once() -> None:
        model.encode_image(pixels)

    return once


def create(
    name: str, found: weights.Weights, precision: str, device: torch.device
) -> tuple[str, Any]:
    """Return open_clip's name of the architecture, and the model with the weights in it."""
    spelt = _OPEN_CLIP[precision]
    if name == presets.DEMO or name.startswith(presets.LOCAL):
        architecture = f"{presets.LOCAL}{found.path.parent}"
        model = open_clip.create_model(architecture, precision=spelt, device=device)
    elif ":" in name:
        architecture = name
        model = open_clip.create_model(architecture, precision=spelt, device=device)
    else:
        architecture, _, tag = name.partition("/")
        trained = open_clip.get_pretrained_cfg(architecture, tag)
        model = open_clip.create_model(
            architecture,
            precision=spelt,
            device=device,
            # open_clip only warns where weights were trained with another activation.
            force_quick_gelu=trained.get("quick_gelu", False),
            force_preprocess_cfg={key: trained[key] for key in _PREPROCESS if key in trained},
            pretrained_text=False,
        )
        # By path, not by tag: exactly the file that `key` describes.
        open_clip.load_checkpoint(model, str(found.path), weights_only=True)
    return architecture, model.eval()


def keep_half(model: Any, role: str) -> None:
    """Drop the tower that this process will never use, and its memory with it."""
    if role == "text":
        model.visual = None
    elif hasattr(model, "text"):
        model.text = None
    else:
        model.transformer = None
        model.token_embedding = None


def unloadable(name: str, error: Exception) -> Fault:
    """Return why a model cannot be loaded, in one line."""
    # open_clip asks for it in words of its own, here and there.
    if "transformers" in str(error) and importlib.util.find_spec("transformers") is None:
        return Fault(
            "failed",
            f"{name} needs transformers for its words: pip install 'imgq[siglip]', "
            f"then: imgqctl model use {name}",
        )
    return Fault("failed", f"{name} cannot be loaded: {error}"[:300])
