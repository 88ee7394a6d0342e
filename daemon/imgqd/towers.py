"""A model's towers: pixels or texts become unit vectors. The only home of torch and open_clip.

Importing this costs seconds and hundreds of megabytes: only the embedder
process does, and only once the weights are known to be there.
"""

from __future__ import annotations

import contextlib
import importlib.util
import logging
import warnings
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

import numpy as np
import open_clip
import torch
from torch import Tensor

from imgqd import presets, weights
from imgqd.serving import Fault

_BATCH: Final = {"cpu": 32, "mps": 64, "cuda": 256}
"""Pictures in one forward pass where the settings say `auto`."""

_OPEN_CLIP: Final = {"float32": "fp32", "bfloat16": "bf16", "float16": "fp16"}
"""What open_clip calls the precisions of our settings."""

_PREPROCESS: Final = ("mean", "std", "interpolation", "resize_mode")
"""What a set of weights says of the pictures it was trained on."""

_SMALL: Final = 20_000_000
"""Parameters below which half precision on a CPU gains nothing worth its rounding."""


@dataclass(slots=True)
class _Loaded:
    model: Any
    tokenize: Callable[[list[str]], Tensor]
    device: torch.device
    dtype: torch.dtype
    mean: Tensor
    std: Tensor
    size: int
    batch: int


class Towers:
    """The half of a model that one role needs: `load`, then `images` or `texts`."""

    def __init__(self) -> None:
        self._loaded: _Loaded | None = None

    def load(self, name: str, found: weights.Weights, params: dict[str, Any]) -> dict[str, Any]:
        """Load a model and return what it is and where it runs; raises Fault."""
        role = params["role"]
        device = torch.device("cpu") if role == "text" else _device(params["device"])
        try:
            with warnings.catch_warnings():
                warnings.simplefilter("ignore")
                return self._load(name, found, role, device, params)
        except Fault:
            raise
        except Exception as error:
            # open_clip and torch raise whatever their layers raise for files that do not fit.
            logging.getLogger(__name__).warning("loading %s", name, exc_info=True)
            raise _unloadable(name, error) from error

    def _load(
        self,
        name: str,
        found: weights.Weights,
        role: str,
        device: torch.device,
        params: dict[str, Any],
    ) -> dict[str, Any]:
        precision = params["precision"]
        if role == "text":
            precision = "float32"
        elif precision == "auto":
            precision = _precision(device, found.path)
        architecture, model = _create(name, found, _OPEN_CLIP[precision], device)
        shape = open_clip.get_model_preprocess_cfg(model)
        _keep_half(model, role)
        size = shape["size"][0] if isinstance(shape["size"], (tuple, list)) else shape["size"]
        loaded = _Loaded(
            model,
            open_clip.get_tokenizer(architecture) if role == "text" else _no_texts,
            device,
            getattr(torch, precision),
            torch.tensor(shape["mean"], device=device).view(1, 3, 1, 1),
            torch.tensor(shape["std"], device=device).view(1, 3, 1, 1),
            size,
            params["batch"] or _BATCH[device.type],
        )
        self._loaded = loaded
        fill = shape.get("fill_color", 0)
        return {
            "key": found.key,
            "dim": int(self._warm(role).shape[-1]),
            "size": size,
            "resize": shape.get("resize_mode") or "shortest",
            "interpolation": shape.get("interpolation", "bicubic"),
            "fill": fill[0] if isinstance(fill, (tuple, list)) else fill,
            "device": _device_name(device),
            "precision": precision,
            "batch": loaded.batch,
        }

    def _warm(self, role: str) -> Tensor:
        # The first pass allocates and plans; a person must not wait for that.
        loaded = self._need()
        if role == "text":
            return self._encode_texts(["warm up"])
        blank = np.zeros((1, loaded.size, loaded.size, 3), np.uint8)
        return self._encode_images(blank)

    def images(self, params: dict[str, Any]) -> bytes:
        """Return the vectors, float32 of shape (n, dim), of `pixels`: n * size * size * 3 bytes."""
        loaded = self._need()
        pixels = np.frombuffer(params["pixels"], np.uint8)
        batch = pixels.reshape(-1, loaded.size, loaded.size, 3)
        return self._halving(batch).cpu().numpy().tobytes()

    def texts(self, params: dict[str, Any]) -> bytes:
        """Return the vectors, float32 of shape (n, dim), of `texts`."""
        return self._encode_texts(params["texts"]).cpu().numpy().tobytes()

    def _halving(self, batch: np.ndarray[Any, np.dtype[np.uint8]]) -> Tensor:
        """Embed a batch; where memory does not hold it, in halves, and so from then on."""
        loaded = self._need()
        parts: list[Tensor] = []
        start = 0
        while start < len(batch):
            try:
                parts.append(self._encode_images(batch[start : start + loaded.batch]))
            except (torch.OutOfMemoryError, MemoryError):
                if loaded.batch == 1:
                    raise Fault("memory", "one picture alone needs more memory") from None
                loaded.batch //= 2
                logging.getLogger(__name__).warning("out of memory: batch is now %d", loaded.batch)
                if loaded.device.type == "cuda":
                    torch.cuda.empty_cache()
                continue
            start += len(parts[-1])
        return torch.cat(parts)

    @torch.inference_mode()
    def _encode_images(self, batch: np.ndarray[Any, np.dtype[np.uint8]]) -> Tensor:
        loaded = self._need()
        tensor = torch.from_numpy(batch.copy()).to(loaded.device).permute(0, 3, 1, 2)
        tensor = (tensor.float() / 255 - loaded.mean) / loaded.std
        vectors: Tensor = loaded.model.encode_image(tensor.to(loaded.dtype))
        return torch.nn.functional.normalize(vectors.float(), dim=-1)

    @torch.inference_mode()
    def _encode_texts(self, texts: list[str]) -> Tensor:
        loaded = self._need()
        tokens = loaded.tokenize(texts).to(loaded.device)
        with _as_long_as_needed(loaded.model, tokens) as needed:
            vectors: Tensor = loaded.model.encode_text(needed)
        return torch.nn.functional.normalize(vectors.float(), dim=-1)

    def _need(self) -> _Loaded:
        if self._loaded is None:
            raise Fault("internal", "no model is loaded")
        return self._loaded


def prove(path: str) -> None:
    """Read a pickle's numbers and nothing else of it; raises what torch says of any other."""
    torch.load(path, map_location="meta", weights_only=True)


def _unloadable(name: str, error: Exception) -> Fault:
    """Return why a model cannot be loaded, in one line."""
    # open_clip asks for it in words of its own, here and there.
    if "transformers" in str(error) and importlib.util.find_spec("transformers") is None:
        return Fault(
            "failed",
            f"{name} needs transformers for its words: pip install 'imgq[siglip]', "
            f"then: imgqctl model use {name}",
        )
    return Fault("failed", f"{name} cannot be loaded: {error}"[:300])


def _create(
    name: str, found: weights.Weights, precision: str, device: torch.device
) -> tuple[str, Any]:
    """Return open_clip's name of the architecture, and the model with the weights in it."""
    if name == presets.DEMO or name.startswith(presets.LOCAL):
        architecture = f"{presets.LOCAL}{found.path.parent}"
        model = open_clip.create_model(architecture, precision=precision, device=device)
    elif ":" in name:
        architecture = name
        model = open_clip.create_model(architecture, precision=precision, device=device)
    else:
        architecture, _, tag = name.partition("/")
        trained = open_clip.get_pretrained_cfg(architecture, tag)
        model = open_clip.create_model(
            architecture,
            precision=precision,
            device=device,
            # open_clip only warns where weights were trained with another activation.
            force_quick_gelu=trained.get("quick_gelu", False),
            force_preprocess_cfg={key: trained[key] for key in _PREPROCESS if key in trained},
            pretrained_text=False,
        )
        # By path, not by tag: exactly the file that `key` describes.
        open_clip.load_checkpoint(model, str(found.path), weights_only=True)
    return architecture, model.eval()


@contextlib.contextmanager
def _as_long_as_needed(model: Any, tokens: Tensor) -> Iterator[Tensor]:
    """Give the tokens up to the last one that counts, to a model that takes so many meanwhile.

    CLIP's texts look backwards only, and the vector is what stands at the end's token, the
    highest of all numbers: what comes after it changes nothing, and takes most of the time.
    """
    looks_back = isinstance(model, open_clip.CLIP) and model.attn_mask is not None
    if not looks_back or model.text_pool_type != "argmax":
        yield tokens
        return
    needed = int(tokens.argmax(dim=-1).max()) + 1
    places, mask = model.positional_embedding, model.attn_mask
    model.positional_embedding = torch.nn.Parameter(places[:needed], requires_grad=False)
    model.attn_mask = mask[:needed, :needed]
    try:
        yield tokens[:, :needed]
    finally:
        model.positional_embedding, model.attn_mask = places, mask


def _no_texts(_: list[str]) -> Tensor:
    raise Fault("internal", "this process embeds pictures")


def _keep_half(model: Any, role: str) -> None:
    """Drop the tower that this process will never use, and its memory with it."""
    if role == "text":
        model.visual = None
    elif hasattr(model, "text"):
        model.text = None
    else:
        model.transformer = None
        model.token_embedding = None


def _device(wanted: str) -> torch.device:
    if wanted == "auto":
        wanted = (
            "cuda"
            if torch.cuda.is_available()
            else "mps"
            if torch.backends.mps.is_available()
            else "cpu"
        )
    device = torch.device(wanted)
    if device.type == "cuda" and not torch.cuda.is_available():
        raise Fault("failed", "no CUDA device: set model.device to auto or cpu")
    return device


def _device_name(device: torch.device) -> str:
    if device.type == "cuda":
        return f"{device} ({torch.cuda.get_device_name(device)})"
    return str(device)


def _precision(device: torch.device, path: Path) -> str:
    if device.type == "cuda":
        return "float16"
    # Four bytes a parameter in the usual float32 file.
    if device.type == "cpu" and path.stat().st_size > 4 * _SMALL and _has_bfloat16():
        return "bfloat16"
    return "float32"


def _has_bfloat16() -> bool:
    """Return whether this CPU is quicker in bfloat16 (Linux says so; else assume not).

    AVX-512's bfloat16 alone is not: measured with ViT-B-32, it takes 1.7 times as long as float32.
    """
    try:
        flags = Path("/proc/cpuinfo").read_text(encoding="ascii", errors="replace")
    except OSError:
        return False
    return any(flag in flags for flag in ("amx_bf16", " bf16"))
