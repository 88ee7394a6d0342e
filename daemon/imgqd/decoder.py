"""The decoder process: an open file becomes pixels. The only home of Pillow.

Rules of this file: it never opens a path. It gets a descriptor, reads it once
into memory, and everything that follows (hash, size, pixels) is of those very
bytes, whatever happens to the file meanwhile. It runs under resource limits
and may die at any moment: nobody loses more than the one picture.
"""

from __future__ import annotations

import hashlib
import io
import os
import resource
import sys
import warnings
from dataclasses import dataclass
from typing import Any, Final

# Pillow would import all of its plug-ins at the first picture, and from the disk.
from PIL import (
    AvifImagePlugin,  # noqa: F401 - registers itself, as the next ones do
    BmpImagePlugin,  # noqa: F401
    GifImagePlugin,  # noqa: F401
    IcoImagePlugin,  # noqa: F401
    Image,
    ImageFile,
    ImageOps,
    Jpeg2KImagePlugin,  # noqa: F401
    JpegImagePlugin,  # noqa: F401
    MpoImagePlugin,  # noqa: F401
    PngImagePlugin,  # noqa: F401
    PpmImagePlugin,  # noqa: F401
    TiffImagePlugin,  # noqa: F401
    UnidentifiedImageError,
    WebPImagePlugin,  # noqa: F401
)

from imgqd import serving
from imgqd.serving import Fault

FORMATS: Final = (
    "JPEG", "PNG", "WEBP", "GIF", "TIFF", "BMP", "DIB", "AVIF", "JPEG2000", "ICO", "PPM",
)  # fmt: skip
"""The decoders that may run (MPO comes with JPEG).

Not among them: EPS (starts Ghostscript), PDF, FITS, WMF and all that a person's
picture folder does not hold.
"""

_LARGEST: Final = 1 << 30
"""Bytes of the largest file that is read; a larger one is no photograph."""

_RESAMPLING: Final = {"bilinear": Image.Resampling.BILINEAR}
"""What is not named here is bicubic, open_clip's `random` among it."""

_DRAFT: Final = 2
"""A JPEG is decoded at the smallest scale that leaves this times the model's size."""


@dataclass(slots=True)
class _Open:
    """The picture in hand, between `identify` and `pixels`."""

    picture: Image.Image | None = None


class Decoder:
    """Answers `identify` (hash and size of an open file) and `pixels` (of the same file)."""

    def __init__(self) -> None:
        self._hand = _Open()

    def limit(self, params: dict[str, Any]) -> None:
        """Take the limits: `memory` in bytes, `pixels` in one picture."""
        for kind, bound in (
            (resource.RLIMIT_AS, params["memory"]),
            (resource.RLIMIT_FSIZE, 0),
            (resource.RLIMIT_CORE, 0),
        ):
            hard = resource.getrlimit(kind)[1]
            lowest = bound if hard == resource.RLIM_INFINITY else min(bound, hard)
            resource.setrlimit(kind, (lowest, lowest))
        Image.MAX_IMAGE_PIXELS = params["pixels"]

    def identify(self, params: dict[str, Any]) -> dict[str, Any]:
        """Read the file in `fd` and return its hash, format and size as a person sees it."""
        self._hand.picture = None
        with os.fdopen(params["fd"], "rb", buffering=0) as file:
            content = _guard(lambda: _read(file))
        picture = _guard(lambda: Image.open(io.BytesIO(content), formats=FORMATS))
        limit = Image.MAX_IMAGE_PIXELS or 0
        if picture.width * picture.height > limit:
            raise Fault(
                "too_many_pixels",
                f"{picture.width} x {picture.height} pixels are more than "
                f"limits.max_megapixels allows ({limit // 1_000_000})",
            )
        self._hand.picture = picture
        turned = _orientation(picture, content) in {5, 6, 7, 8}
        return {
            "hash": hashlib.blake2b(content, digest_size=16).digest(),
            "format": (picture.format or "?").lower(),
            "width": picture.height if turned else picture.width,
            "height": picture.width if turned else picture.height,
        }

    def pixels(self, params: dict[str, Any]) -> bytes:
        """Return the picture in hand as the model wants it: size * size * 3 bytes, RGB.

        The same steps as open_clip's own preprocessing, after the EXIF
        orientation and before the normalisation (which the embedder does).
        """
        picture, self._hand.picture = self._hand.picture, None
        if picture is None:
            raise Fault("internal", "no picture in hand")
        prepared: bytes = _guard(lambda: _prepare(picture, params))
        return prepared

    def look(self, _: dict[str, Any]) -> None:
        """Decode the picture in hand to the end, to know that it can be: no model is ready."""
        picture, self._hand.picture = self._hand.picture, None
        if picture is not None:
            _guard(picture.load)


def _read(file: io.FileIO) -> bytes:
    if os.fstat(file.fileno()).st_size > _LARGEST:
        raise Fault("too_large", f"the file is larger than {_LARGEST >> 20} MiB")
    parts = []
    while part := file.read(1 << 20):
        parts.append(part)
    if not parts:
        raise Fault("empty", "the file is empty")
    return b"".join(parts)


def _guard(action: Any) -> Any:
    """Run Pillow; turn what it raises into a reason that a person understands."""
    try:
        return action()
    except Fault:
        raise
    except UnidentifiedImageError as error:
        raise Fault("not_an_image", "no picture format that imgq reads") from error
    except (Image.DecompressionBombError, Image.DecompressionBombWarning) as error:
        raise Fault("too_many_pixels", str(error)) from error
    except MemoryError as error:
        raise Fault("memory", "decoding needs more than limits.decode_memory") from error
    except Exception as error:
        # Decoders of hostile files raise anything at all, from struct.error to RecursionError.
        raise Fault("damaged", (str(error) or type(error).__name__)[:200]) from error


def _orientation(picture: Image.Image, content: bytes) -> int:
    if picture.format == "PNG" and "exif" not in picture.info:
        # Pillow would look for it by decoding the picture, and take what a failed decoding
        # left of it for the whole when asked again.
        if b"eXIf" not in content:
            return 1
        picture = Image.open(io.BytesIO(content), formats=FORMATS)
    try:
        return int(picture.getexif().get(0x0112, 1))
    except Exception:  # noqa: BLE001 - broken metadata never costs the picture
        return 1


def _prepare(picture: Image.Image, params: dict[str, Any]) -> bytes:
    size = params["size"]
    if picture.format in {"JPEG", "MPO"}:
        picture.draft("RGB", (_DRAFT * size, _DRAFT * size))
    picture.load()
    upright = _upright(picture)
    flat = _on_white(upright)
    resampling = _RESAMPLING.get(params["interpolation"], Image.Resampling.BICUBIC)
    match params["resize"]:
        case "squash":
            fitted = flat.resize((size, size), resampling)
        case "longest":
            fitted = _padded(flat, size, resampling, params["fill"])
        case _:
            fitted = _cropped(flat, size, resampling)
    return fitted.tobytes()


def _upright(picture: Image.Image) -> Image.Image:
    try:
        return ImageOps.exif_transpose(picture)
    except Exception:  # noqa: BLE001 - broken metadata never costs the picture
        return picture


def _on_white(picture: Image.Image) -> Image.Image:
    if picture.mode in {"RGBA", "LA", "PA", "La", "RGBa"} or "transparency" in picture.info:
        rgba = picture.convert("RGBA")
        white = Image.new("RGBA", rgba.size, "white")
        return Image.alpha_composite(white, rgba).convert("RGB")
    if picture.mode in {"I", "I;16", "I;16B", "I;16L"}:
        # Pillow's own conversion cuts 16 bits off at 255.
        picture = picture.convert("F").point(lambda value: value * (1 / 257)).convert("L")
    return picture.convert("RGB")


def _cropped(picture: Image.Image, size: int, how: Image.Resampling) -> Image.Image:
    # torchvision's Resize(size) and CenterCrop(size), to the pixel.
    width, height = picture.size
    if width <= height:
        scaled = (size, int(size * height / width))
    else:
        scaled = (int(size * width / height), size)
    resized = picture.resize(scaled, how)
    left = round((scaled[0] - size) / 2.0)
    top = round((scaled[1] - size) / 2.0)
    return resized.crop((left, top, left + size, top + size))


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


def main() -> None:
    """Serve the core on the inherited socket whose number is the first argument."""
    os.nice(19)
    ImageFile.LOAD_TRUNCATED_IMAGES = False
    warnings.simplefilter("ignore")
    warnings.simplefilter("error", Image.DecompressionBombWarning)
    decoder = Decoder()
    serving.Line(int(sys.argv[1])).serve(
        {
            "limit": decoder.limit,
            "identify": decoder.identify,
            "pixels": decoder.pixels,
            "look": decoder.look,
        }
    )


if __name__ == "__main__":
    main()
