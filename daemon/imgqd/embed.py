"""What the model's processes have in common, seen from the core: their questions and states.

Its words: `texts`; its pictures: `pictures`.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Final

import numpy as np

from imgqd.child import Child
from imgqd.config import ModelSettings
from imgqd.records import Model, Vector

ENVIRONMENT: Final = {
    # Whatever is not on this machine is not fetched behind a person's back.
    "HF_HUB_OFFLINE": "1",
    "HF_HUB_DISABLE_TELEMETRY": "1",
    "TOKENIZERS_PARALLELISM": "false",
    # Threads that spin while they wait take the processor from those they wait for: on a
    # busy machine a query's text takes 2 ms instead of 150.
    "OMP_WAIT_POLICY": "PASSIVE",
}


class NoModel(Exception):
    """There is no model to ask; the text says why and what mends it."""


@dataclass(frozen=True, slots=True)
class ModelState:
    """`state` is loading, ready, missing (no weights here) or failed; `detail` says more."""

    state: str
    detail: str = ""


def is_sound(vector: Vector) -> bool:
    """Return whether a vector can be compared with others: all finite, of unit length."""
    # FAISS never finds a NaN, and a vector that is not of unit length would rank wrongly.
    return bool(np.isfinite(vector).all()) and abs(float(np.linalg.norm(vector)) - 1) < 1e-2


def request(settings: ModelSettings, role: str) -> dict[str, Any]:
    """Return the params of `load` for a process of a role, `text` or `image`."""
    return {
        "role": role,
        "name": settings.name,
        "device": settings.device,
        "precision": settings.precision,
        "batch": settings.batch,
    }


def model_of(name: str, loaded: dict[str, Any]) -> Model:
    """Return the model that a process has loaded, by what it answered."""
    fields = ("key", "dim", "size", "resize", "interpolation", "fill")
    return Model(name=name, **{field: loaded[field] for field in fields})


def pid_of(running: Child | None) -> int | None:
    """Return the number of a process while it runs."""
    return running.pid if running is not None and running.alive else None
