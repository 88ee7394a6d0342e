"""The models that a person chooses by what they are good for.

Rules of this file: the standard library only. The core imports it, and the core
imports neither torch nor huggingface_hub.
"""

from __future__ import annotations

from dataclasses import dataclass
from types import MappingProxyType
from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from collections.abc import Mapping

DEMO: Final = "demo"
"""The small model that lies in this package: nothing is downloaded for it."""

LOCAL: Final = "local-dir:"
"""What a name starts with when the rest is a folder with a model in it."""


@dataclass(frozen=True, slots=True)
class Preset:
    """A model under a name that a person can remember; `model` is open_clip's "ARCH/TAG"."""

    model: str
    licence: str
    purpose: str


PRESETS: Final[Mapping[str, Preset]] = MappingProxyType(
    {
        "fast": Preset("ViT-B-32-256/datacomp_s34b_b86k", "MIT", "English, quick without a GPU"),
        "balanced": Preset("ViT-B-32-SigLIP2-256/webli", "Apache-2.0", "better, as quick"),
        "best": Preset("ViT-B-16-SigLIP2-256/webli", "Apache-2.0", "best, slow without a GPU"),
        "multilingual": Preset(
            "ViT-B-16-SigLIP-i18n-256/webli", "Apache-2.0", "a hundred languages"
        ),
    }
)


def resolve(name: str) -> str:
    """Return the model that a settings' name stands for: presets by their model, others as is."""
    preset = PRESETS.get(name)
    return name if preset is None else preset.model
