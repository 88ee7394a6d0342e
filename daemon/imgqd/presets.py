"""The models that a person chooses by what they are good for, and what is known of the others.

Rules of this file: the standard library only. The core imports it, and the core
imports neither torch nor huggingface_hub.
"""

from __future__ import annotations

import difflib
from collections.abc import Mapping
from dataclasses import dataclass
from types import MappingProxyType
from typing import Final

DEMO: Final = "demo"
"""The small model that lies in this package: nothing is downloaded for it."""

LOCAL: Final = "local-dir:"
"""What a name starts with when the rest is a folder with a model in it."""

HUB: Final = "hf-hub:"
"""What a name starts with when the rest is a repository on Hugging Face's hub."""


@dataclass(frozen=True, slots=True)
class Preset:
    """A model under a name that a person can remember; `model` is open_clip's "ARCH/TAG".

    `size` is what its weights take, in bytes: four for each number that open_clip's
    architecture has (`tests/daemon/test_presets.py` counts them).
    """

    model: str
    licence: str
    purpose: str
    dim: int
    size: int


PRESETS: Final[Mapping[str, Preset]] = MappingProxyType(
    {
        "fast": Preset(
            "ViT-B-32-256/datacomp_s34b_b86k",
            "MIT",
            "English, quick without a GPU",
            512,
            605_155_332,
        ),
        "balanced": Preset(
            "ViT-B-32-SigLIP2-256/webli", "Apache-2.0", "better, as quick", 768, 1_507_424_264
        ),
        "best": Preset(
            "ViT-B-16-SigLIP2-256/webli",
            "Apache-2.0",
            "best, slow without a GPU",
            768,
            1_500_936_200,
        ),
        "multilingual": Preset(
            "ViT-B-16-SigLIP-i18n-256/webli",
            "Apache-2.0",
            "a hundred languages",
            768,
            1_482_504_200,
        ),
    }
)

FIGURES: Final[Mapping[str, float]] = MappingProxyType(
    {
        "ViT-B-32-256/datacomp_s34b_b86k": 0.728,
        "ViT-B-16/datacomp_xl_s13b_b90k": 0.735,
        "ViT-L-14/laion2b_s32b_b82k": 0.753,
        "ViT-H-14/laion2b_s32b_b79k": 0.780,
        "ViT-L-14/datacomp_xl_s13b_b90k": 0.792,
        "ViT-L-14-quickgelu/openai": 0.755,
    }
)
"""Zero-shot accuracy on ImageNet-1k, as README.md of open_clip 3.3.0 prints it.

Figures of retrieval stand in a table of open_clip's repository that is not in its
package; none are given here that were not read.
"""

_UNFREE: Final = (
    # (beginning of the architecture, beginning of the tag, licence): their model cards on the hub.
    ("MobileCLIP", "", "apple-amlr"),
    ("", "dfn", "apple-amlr"),
    ("", "metaclip", "CC-BY-NC-4.0"),
    ("nllb-clip", "", "CC-BY-NC-4.0"),
)
"""Licences that forbid ordinary use: research only, or nothing commercial."""

_FREE: Final = (
    ("", "openai", "MIT"),
    ("", "laion2b", "MIT"),
    ("", "datacomp", "MIT"),
    ("", "webli", "Apache-2.0"),
)


def resolve(name: str) -> str:
    """Return the model that a settings' name stands for: presets by their model, others as is."""
    preset = PRESETS.get(name)
    return name if preset is None else preset.model


def is_same(one: str, other: str) -> bool:
    """Return whether two names stand for one model."""
    return resolve(one) == resolve(other)


def licence(name: str) -> tuple[str, bool]:
    """Return (the licence of a model's weights, "" where it is not known, is it for ordinary use).

    What is not known is taken for usable: whoever names a model has chosen it.
    """
    if name == DEMO:
        return "MIT", True
    if name.startswith((LOCAL, HUB)):
        return "", True
    architecture, _, tag = resolve(name).partition("/")
    for start, beginning, terms in _UNFREE:
        if architecture.startswith(start) and tag.startswith(beginning):
            return terms, False
    for start, beginning, terms in _FREE:
        if architecture.startswith(start) and tag.startswith(beginning):
            return terms, True
    return "", True


def nearest(name: str, names: list[str]) -> str:
    """Return that no model has this name, and which may have been meant, in one line."""
    near = difflib.get_close_matches(name, names, n=3, cutoff=0.5)
    if near:
        return f"no model is called {name}: did you mean {' or '.join(near)}?"
    return (
        f'no model is called {name}: names look like "ViT-B-32/openai", '
        "and imgqctl model list shows those that are shorter"
    )
