"""One picture that stands for an animation."""

from __future__ import annotations

from typing import Final

from PIL import Image

_WITHIN: Final = 128
"""Pictures of an animation that are looked through: each must be decoded to reach the next."""

_LOOKS: Final = 4
"""How many of them are compared."""

_SIDE: Final = 64
"""Pixels of a side at which they are compared."""


def representative(picture: Image.Image, frames: int) -> Image.Image:
    """Return the picture that shows most: the first is often a blank or a title.

    Of a few spread over the animation the one with the greatest entropy of brightness;
    of equal ones the first. `picture` is left at another place than it was.
    """
    count = min(frames, _WITHIN)
    best, most = None, -1.0
    for number in sorted({count * look // _LOOKS for look in range(_LOOKS)}):
        try:
            picture.seek(number)
            picture.load()
        except Exception:
            if best is None:
                raise
            break  # a later one is broken: the sound ones stand
        shown = picture.convert("RGBA")
        entropy = _brightness(shown).entropy()
        if entropy > most + 1e-6:
            best, most = shown, entropy
    assert best is not None
    return best


def _brightness(shown: Image.Image) -> Image.Image:
    small = shown.resize((_SIDE, _SIDE), Image.Resampling.BOX)
    white = Image.new("RGBA", small.size, "white")
    return Image.alpha_composite(white, small).convert("L")
