"""Any picture becomes plain sRGB: 8 bits a colour, on white, its profile heeded."""

from __future__ import annotations

import io
from typing import Final

import numpy as np
from PIL import Image, ImageCms

from imgqd.decoder.rare import eight_bits

_CLEAR: Final = frozenset({"RGBA", "LA", "PA", "La", "RGBa"})
_DEEP: Final = frozenset({"I", "I;16", "I;16B", "I;16L", "I;16N"})
_SPACES: Final = {"RGB": "RGB", "GRAY": "L", "CMYK": "CMYK"}
"""Colour space of a profile (ICC.1:2022, table 19) -> the mode of pictures that it describes."""

_SRGB: Final = ImageCms.ImageCmsProfile(ImageCms.createProfile("sRGB"))


def plain(picture: Image.Image, profile: bytes | None) -> Image.Image:
    """Return a picture in mode RGB, in the colours that a person sees.

    What is transparent lies on white. A profile that cannot be used is passed over.
    """
    flat = _opaque(picture)
    if flat.mode == "F":
        flat = Image.fromarray(eight_bits(np.asarray(flat)))
    elif flat.mode in _DEEP:
        # Pillow's own conversion cuts 16 bits off at 255.
        values = np.clip(np.asarray(flat).astype(np.int64), 0, 65535).astype(np.uint16)
        flat = Image.fromarray(eight_bits(values))
    converted = _by_profile(flat, profile) if profile else None
    return flat.convert("RGB") if converted is None else converted


def is_ordinary(profile: bytes | None) -> bool:
    """Return whether a profile says no more than everybody assumes: none, or sRGB."""
    if not profile:
        return True
    try:
        opened = ImageCms.ImageCmsProfile(io.BytesIO(profile))
        return "srgb" in ImageCms.getProfileDescription(opened).casefold()
    except Exception:  # noqa: BLE001 - broken metadata never costs the picture
        return True


def _opaque(picture: Image.Image) -> Image.Image:
    if picture.mode not in _CLEAR and "transparency" not in picture.info:
        return picture
    rgba = picture.convert("RGBA")
    white = Image.new("RGBA", rgba.size, "white")
    return Image.alpha_composite(white, rgba).convert("RGB")


def _by_profile(picture: Image.Image, profile: bytes) -> Image.Image | None:
    """Return the picture in sRGB by its profile, None where that says nothing, or cannot be."""
    if is_ordinary(profile):
        return None
    try:
        opened = ImageCms.ImageCmsProfile(io.BytesIO(profile))
        mode = _SPACES.get(opened.profile.xcolor_space.strip())
        if picture.mode == "P" and mode == "RGB":
            picture = picture.convert("RGB")
        if mode is None or picture.mode != mode:
            return None
        return ImageCms.profileToProfile(picture, opened, _SRGB, outputMode="RGB")
    except Exception:  # noqa: BLE001 - broken metadata never costs the picture
        return None
