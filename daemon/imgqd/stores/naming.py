"""What things are called in Milvus, without its library."""

from __future__ import annotations

import hashlib
import re
from collections.abc import Iterator, Sequence
from typing import Final

from imgqd.query.milvus import quoted
from imgqd.records import Model
from imgqd.rows import Key
from imgqd.stores.columns import key_text

_KEYS: Final = 1000
"""Keys in one expression: 60 KB."""


def collection(prefix: str, model: Model) -> str:
    """Return the name of a model's collection: of its weights, whatever a machine calls them."""
    digest = hashlib.sha256(model.key.encode()).hexdigest()[:16]
    return f"{prefix}_{model.dim}_{digest}"


def expressions(keys: Sequence[Key]) -> Iterator[str]:
    """Yield expressions that the rows of these keys meet, and no others."""
    for start in range(0, len(keys), _KEYS):
        texts = ", ".join(quoted(key_text(key)) for key in keys[start : start + _KEYS])
        yield f"key in [{texts}]"


def has_infix(version: str) -> bool:
    """Return whether LIKE takes % at both ends, by what a server says of its version."""
    numbers = re.search(r"(\d+)\.(\d+)", version)
    return numbers is not None and (int(numbers[1]), int(numbers[2])) >= (2, 4)
