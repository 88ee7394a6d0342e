"""What Pillow does not read: JPEG XL, JPEG of 12 bits, TIFF of floats.

Home of imagecodecs and tifffile.
All of it is decoded at once and in full: these formats have no smaller scale to offer.
"""

from __future__ import annotations

import contextlib
import importlib
import io
from dataclasses import dataclass
from typing import Any, Final

import numpy as np
from PIL import Image

from imgqd import formats
from imgqd.serving import Fault

imagecodecs: Any
tifffile: Any
try:
    imagecodecs = importlib.import_module("imagecodecs")
    # Its parts are loaded at their first mention, which must not be in the sandbox.
    _loaded = [
        getattr(imagecodecs, f"{name}_decode")
        for name in ("jpeg8", "jpegxl", "jpeg2k", "lerc", "png", "webp", "lzw", "packbits")
    ]
except ImportError:
    imagecodecs = None
try:
    tifffile = importlib.import_module("tifffile")
    for _number in ("LZW", "ADOBE_DEFLATE", "DEFLATE", "PACKBITS", "LZMA", "ZSTD"):
        with contextlib.suppress(KeyError):
            _ = tifffile.TIFF.DECOMPRESSORS[tifffile.COMPRESSION[_number]]
    for _number in tifffile.PREDICTOR:
        with contextlib.suppress(KeyError):
            _ = tifffile.TIFF.UNPREDICTORS[_number]
except ImportError:
    tifffile = None

_MOSAICS: Final = (32803, 34892)
"""CFA and LinearRaw: what photometric interpretation says of a camera's raw data (DNG 1.7)."""

_SOF: Final = range(0xC0, 0xD0)
_NO_SOF: Final = frozenset({0xC4, 0xC8, 0xCC})
"""ITU T.81, table B.1: markers among the frame headers that are none."""


@dataclass(frozen=True, slots=True)
class Read:
    """A decoded picture."""

    image: Image.Image
    format: str
    frames: int = 1


def read(content: bytes, kind: str | None) -> Read | None:
    """Return the picture in these bytes, None where nothing here reads them.

    Raises Fault(`no_decoder`), or what the decoder raises.
    """
    if kind == "jxl":
        _need(imagecodecs, "imagecodecs")
        array = imagecodecs.jpegxl_decode(content)
        frames = len(array) if array.ndim == 4 else 1
        return Read(_image(array[frames // 2] if array.ndim == 4 else array), "jxl", frames)
    if content.startswith(b"\xff\xd8") and (bits := _bits_of_jpeg(content)) not in {None, 8}:
        _need(imagecodecs, "imagecodecs")
        return Read(_image(imagecodecs.jpeg8_decode(content), (1 << (bits or 8)) - 1), "jpeg")
    if content.startswith((b"II*\0", b"MM\0*", b"II+\0", b"MM\0+")):
        _need(tifffile, "tifffile")
        return _tiff(content)
    return None


def eight_bits(values: Any, most: float | None = None) -> Any:
    """Scale an array of numbers to 0 to 255 (uint8); `most` is what white is, where it is known.

    Whole numbers go by their type. Floats from 0 to 1 are taken as such; others are
    stretched from the least to the most; what is no number is black.
    """
    values = np.asarray(values)
    if values.dtype == np.uint8:
        return values
    if values.dtype == bool:
        return values.astype(np.uint8) * 255
    if most is None and values.dtype.kind in "ui":
        most = float(np.iinfo(values.dtype).max)
    numbers = np.nan_to_num(values.astype(np.float32), nan=0.0, posinf=0.0, neginf=0.0)
    low = 0.0
    if most is None:
        low, most = float(numbers.min(initial=0.0)), float(numbers.max(initial=0.0))
        if low >= 0.0 and most <= 255.0:
            low, most = 0.0, 1.0 if most <= 1.0 else 255.0
    scaled = (numbers - low) * (255.0 / max(most - low, 1e-30))
    return np.clip(scaled + 0.5, 0.0, 255.0).astype(np.uint8)


def _tiff(content: bytes) -> Read | None:
    try:
        with tifffile.TiffFile(io.BytesIO(content)) as file:
            page = file.pages[0]
            if page.photometric in _MOSAICS:
                return None  # LibRaw's
            array = page.asarray()
            axes = page.axes
    except (tifffile.TiffFileError, ValueError):
        return None  # LibRaw may know it
    if axes.startswith("S") and array.ndim == 3:
        array = np.moveaxis(array, 0, -1)
    return Read(_image(array), "tiff")


def _image(array: Any, most: float | None = None) -> Image.Image:
    while array.ndim > 3:
        array = array[0]
    values = eight_bits(array, most)
    if values.ndim == 3 and values.shape[-1] > 4:
        values = values[..., :3]
    if values.ndim == 3 and values.shape[-1] == 1:
        values = values[..., 0]
    return Image.fromarray(np.ascontiguousarray(values))


def _bits_of_jpeg(content: bytes) -> int | None:
    """Return the bits a colour of a JPEG, from its frame header (ITU T.81, B.2.2)."""
    at = 2
    while at + 5 <= len(content) and content[at] == 0xFF:
        marker = content[at + 1]
        if marker in _SOF and marker not in _NO_SOF:
            return content[at + 4]
        at += 2 + int.from_bytes(content[at + 2 : at + 4], "big")
    return None


def _need(module: object, package: str) -> None:
    if module is None:
        raise Fault("no_decoder", formats.lacking(package))
