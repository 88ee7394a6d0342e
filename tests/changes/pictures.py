"""Small pictures, made once: a change costs a write, and keeps the size if it is to."""

from __future__ import annotations

import functools
import io
import random
from typing import Final

from PIL import Image

COUNT: Final = 300
"""How many different pictures there are."""


@functools.cache
def content(number: int) -> bytes:
    """Return the bytes of one picture; all have the same size."""
    noise = random.Random(number).randbytes(12 * 12 * 3)
    file = io.BytesIO()
    Image.frombytes("RGB", (12, 12), noise).save(file, "PNG", compress_level=0)
    return file.getvalue()


def half(number: int) -> bytes:
    """Return what a slow writer has written of a picture after half of the time."""
    whole = content(number)
    return whole[: len(whole) // 2]


@functools.lru_cache(4096)
def is_sound(data: bytes) -> bool:
    """Return whether these bytes are a picture that can be decoded to its end."""
    try:
        with Image.open(io.BytesIO(data)) as picture:
            picture.load()
    except (OSError, SyntaxError, ValueError):
        return False
    return True
