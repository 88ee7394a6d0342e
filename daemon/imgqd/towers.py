"""A model's towers: pixels or texts become unit vectors. The only home of torch and open_clip.

Importing this costs seconds and hundreds of megabytes: only the embedder
process does, and only once the weights are known to be there.
"""

from __future__ import annotations

import contextlib
import logging
import warnings
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Any

import numpy as np
import open_clip
import torch
from torch import Tensor

from imgqd import accelerator, making, weights
from imgqd.serving import Fault


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
    feed: accelerator.Feed


class Towers:
    """The half of a model that one role needs: `load`, then `images` or `texts`."""

    def __init__(self) -> None:
        self._loaded: _Loaded | None = None

    def load(self, name: str, found: weights.Weights, params: dict[str, Any]) -> dict[str, Any]:
        """Load a model and return what it is and where it runs; raises Fault."""
        role = params["role"]
        device = torch.device("cpu") if role == "text" else accelerator.find(params["device"])
        try:
            with warnings.catch_warnings():
                warnings.simplefilter("ignore")
                return self._load(name, found, role, device, params)
        except Fault:
            raise
        except Exception as error:
            # open_clip and torch raise whatever their layers raise for files that do not fit.
            logging.getLogger(__name__).warning("loading %s", name, exc_info=True)
            if (fault := accelerator.fault(error, device)) is not None:
                raise fault from error
            raise making.unloadable(name, error) from error

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
            precision = making.precision_for(name, found, device)
        if role == "image":
            accelerator.ask_for_room(device, found.path.stat().st_size)
        architecture, model = making.create(name, found, precision, device)
        shape = open_clip.get_model_preprocess_cfg(model)
        making.keep_half(model, role)
        size = shape["size"][0] if isinstance(shape["size"], (tuple, list)) else shape["size"]
        loaded = _Loaded(
            model,
            open_clip.get_tokenizer(architecture) if role == "text" else _no_texts,
            device,
            getattr(torch, precision),
            torch.tensor(shape["mean"], device=device).view(1, 3, 1, 1),
            torch.tensor(shape["std"], device=device).view(1, 3, 1, 1),
            size,
            params["batch"] or accelerator.MOST[device.type],
            accelerator.Feed(device),
        )
        self._loaded = loaded
        vectors = self._warm(role)
        if role == "image" and not params["batch"]:
            loaded.batch = accelerator.fitting(device, loaded.batch, self._blank)
        fill = shape.get("fill_color", 0)
        return {
            "key": found.key,
            "dim": int(vectors.shape[-1]),
            "size": size,
            "resize": shape.get("resize_mode") or "shortest",
            "interpolation": shape.get("interpolation", "bicubic"),
            "fill": fill[0] if isinstance(fill, (tuple, list)) else fill,
            "device": accelerator.name_of(device),
            "precision": precision,
            "batch": loaded.batch,
        }

    def _warm(self, role: str) -> Tensor:
        # The first pass allocates and plans; a person must not wait for that.
        if role == "text":
            return self._encode_texts(["warm up"])
        return self._blank(1)

    def _blank(self, count: int) -> Tensor:
        loaded = self._need()
        shape = (count, loaded.size, loaded.size, 3)
        return self._encode_images(torch.zeros(shape, dtype=torch.uint8, device=loaded.device))

    def stage(self, params: dict[str, Any]) -> None:
        """Begin to bring the `pixels` of a coming request to the device; any thread may.

        Where that fails, `images` will meet the same trouble, and tell it.
        """
        if self._loaded is None or self._loaded.device.type != "cuda":
            return
        with contextlib.suppress(RuntimeError, ValueError):
            params["staged"] = self._loaded.feed.put(self._shaped(params["pixels"]))

    def images(self, params: dict[str, Any]) -> dict[str, Any]:
        """Return `vectors`, float32 of shape (n, dim), of `pixels`: n * size * size * 3 bytes.

        `batch` is how many of them go together by now. Raises Fault: "memory", or "device"
        where that failed, and no picture is to blame.
        """
        loaded = self._need()
        try:
            staged = params.get("staged") or loaded.feed.put(self._shaped(params["pixels"]))
            vectors = self._halving(loaded.feed.take(staged)).cpu().numpy().tobytes()
            if accelerator.make_room(loaded.device):
                loaded.batch = max(1, loaded.batch // 2)
        except RuntimeError as error:
            if (fault := accelerator.fault(error, loaded.device)) is not None:
                raise fault from error
            raise
        return {"vectors": vectors, "batch": loaded.batch}

    def _shaped(self, pixels: bytes) -> accelerator.Pixels:
        size = self._need().size
        return np.frombuffer(pixels, np.uint8).reshape(-1, size, size, 3)

    def texts(self, params: dict[str, Any]) -> bytes:
        """Return the vectors, float32 of shape (n, dim), of `texts`."""
        return self._encode_texts(params["texts"]).cpu().numpy().tobytes()

    @property
    def text(self) -> tuple[Any, Any]:
        """The model with nothing but its text tower, and open_clip's tokenizer for it."""
        loaded = self._need()
        return loaded.model, loaded.tokenize

    def _halving(self, batch: Tensor) -> Tensor:
        """Embed a batch; where memory does not hold it, in halves, and so from then on."""
        loaded = self._need()
        parts: list[Tensor] = []
        start = 0
        while start < len(batch):
            try:
                parts.append(self._encode_images(batch[start : start + loaded.batch]))
            except (RuntimeError, MemoryError) as error:
                if not accelerator.is_memory(error):
                    raise
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
    def _encode_images(self, batch: Tensor) -> Tensor:
        loaded = self._need()
        pixels = batch.permute(0, 3, 1, 2).float().div_(255).sub_(loaded.mean).div_(loaded.std)
        vectors: Tensor = loaded.model.encode_image(pixels.to(loaded.dtype))
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


def looks_back(tower: Any) -> bool:
    """Tell whether a tower's texts look backwards only, and are what stands at their end.

    `tower` is a CLIP, or the text tower of any other model.
    """
    pooled = getattr(tower, "text_pool_type", getattr(tower, "pool_type", None))
    return getattr(tower, "attn_mask", None) is not None and pooled == "argmax"


@contextlib.contextmanager
def _as_long_as_needed(model: Any, tokens: Tensor) -> Iterator[Tensor]:
    """Give the tokens up to the last one that counts, to a model that takes so many meanwhile.

    CLIP's texts look backwards only, and the vector is what stands at the end's token, the
    highest of all numbers: what comes after it changes nothing, and takes most of the time.
    """
    if not (isinstance(model, open_clip.CLIP) and looks_back(model)):
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
