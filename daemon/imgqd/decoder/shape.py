"""A picture becomes the square that a model wants, as open_clip's own preprocessing makes it."""

from __future__ import annotations

from typing import Any, Final

from PIL import Image

from imgqd.decoder import animation, colour, prints
from imgqd.decoder.opening import Opened, upright

_RESAMPLING: Final = {"bilinear": Image.Resampling.BILINEAR}
"""What is not named here is bicubic, open_clip's `random` among it."""

_GLANCE: Final = 224
"""The size that a picture is decoded for when no model is ready: that of most models."""

_DRAFT: Final = 2
"""A JPEG is decoded at the smallest scale that leaves this times the model's size."""


def pixels(opened: Opened, wanted: dict[str, Any]) -> tuple[bytes, bytes]:
    """Return size * size * 3 bytes, RGB, of a picture in hand, and its print.

    The same steps as open_clip's, after orientation and colours, before the normalisation
    (which the embedder does). `wanted` names `size`, `resize`, `interpolation` and `fill`.
    """
    size = wanted["size"]
    flat = _flat(opened, size)
    resampling = _RESAMPLING.get(wanted["interpolation"], Image.Resampling.BICUBIC)
    match wanted["resize"]:
        case "squash":
            fitted = flat.resize((size, size), resampling)
        case "longest":
            fitted = _padded(flat, size, resampling, wanted["fill"])
        case _:
            fitted = _cropped(flat, size, resampling)
    return fitted.tobytes(), prints.of(flat)


def glance(opened: Opened) -> bytes:
    """Decode a picture to the end, without a model to do it for, and return its print."""
    return prints.of(_flat(opened, _GLANCE))


def small(opened: Opened, size: int) -> tuple[int, int, bytes]:
    """Return (width, height, width * height * 3 bytes of RGB) of a picture for a person's eyes.

    The whole of it, no side longer than `size`; a smaller picture stays as it is.
    """
    flat = _flat(opened, size)
    flat.thumbnail((size, size), Image.Resampling.LANCZOS)
    return flat.width, flat.height, flat.tobytes()


def _flat(opened: Opened, size: int) -> Image.Image:
    """Return the whole picture, upright and in plain colours, at least as large as needed."""
    picture = opened.picture
    if picture.format in {"JPEG", "MPO"}:
        picture.draft(None, (_DRAFT * size, _DRAFT * size))
    profile = picture.info.get("icc_profile")
    if opened.frames > 1 and hasattr(picture, "seek"):
        picture = animation.representative(picture, opened.frames)
    else:
        picture.load()
    if not colour.is_ordinary(profile):
        picture = _lighter(picture, size)
    return upright(colour.plain(picture, profile), opened.turned)


def _lighter(picture: Image.Image, size: int) -> Image.Image:
    """Make a large picture smaller before its colours are converted, which costs by the pixel."""
    factor = min(picture.size) // (2 * _DRAFT * size)
    if factor < 2 or picture.mode not in {"RGB", "L", "CMYK"}:
        return picture
    return picture.reduce(factor)


def _cropped(picture: Image.Image, size: int, how: Image.Resampling) -> Image.Image:
    # torchvision's Resize(size) and CenterCrop(size), to the pixel.
    width, height = picture.size
    if width <= height:
        scaled = (size, int(size * height / width))
    else:
        scaled = (int(size * width / height), size)
    left = round((scaled[0] - size) / 2.0)
    top = round((scaled[1] - size) / 2.0)
    if max(scaled) <= _STRIP * size:
        resized = picture.resize(scaled, how)
        return resized.crop((left, top, left + size, top + size))
    # Of a thin strip only the middle is scaled: the whole of it would take gigabytes.
    across, along = width / scaled[0], height / scaled[1]
    box = (left * across, top * along, (left + size) * across, (top + size) * along)
    return picture.resize((size, size), how, box=box)


_STRIP: Final = 100
"""Times its short side that a picture's long one may be to be scaled as open_clip does."""


def _padded(picture: Image.Image, size: int, how: Image.Resampling, fill: int) -> Image.Image:
    # open_clip's ResizeKeepRatio (longest side) and CenterCropOrPad.
    width, height = picture.size
    ratio = max(width, height) / size
    # open_clip has no answer to a strip whose short side comes to nothing.
    sides = (max(1, round(width / ratio)), max(1, round(height / ratio)))
    scaled = picture.resize(sides, how)
    canvas = Image.new("RGB", (size, size), (fill, fill, fill))
    canvas.paste(scaled, ((size - scaled.width) // 2, (size - scaled.height) // 2))
    return canvas
