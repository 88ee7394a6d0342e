"""A picture's perceptual print, as imgqd.prints reads it."""

from __future__ import annotations

from PIL import Image

from imgqd.prints import COLOUR_SIDE, SIDE


def of(picture: Image.Image) -> bytes:
    """Return the print of an upright picture in mode RGB.

    Bilinear, since each pixel then counts by where it lies: a box filter gives whole pixels to
    one cell or the other, and a picture of half the size would have another print.
    """
    small = picture.resize((SIDE, SIDE), Image.Resampling.BILINEAR, reducing_gap=3.0)
    light, *colours = small.convert("YCbCr").split()
    halved = [one.reduce(SIDE // COLOUR_SIDE) for one in colours]
    return b"".join(one.tobytes() for one in (light, *halved))
