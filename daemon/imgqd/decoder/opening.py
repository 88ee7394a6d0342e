"""A file's bytes become an open picture: by Pillow, or by what reads what Pillow does not.

Nothing is decoded here that need not be: a JPEG is opened, its pixels come later and
smaller. What the bytes are is decided by the bytes; the file's ending is not even known.
"""

from __future__ import annotations

import io
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
    Jpeg2KImagePlugin,  # noqa: F401
    JpegImagePlugin,  # noqa: F401
    MpoImagePlugin,  # noqa: F401
    PngImagePlugin,  # noqa: F401
    PpmImagePlugin,  # noqa: F401
    PsdImagePlugin,  # noqa: F401
    TiffImagePlugin,
    UnidentifiedImageError,
    WebPImagePlugin,  # noqa: F401
)

from imgqd import formats
from imgqd.decoder import rare, raw
from imgqd.serving import Fault

try:
    import pi_heif
except ImportError:
    has_heif = False
else:
    pi_heif.register_heif_opener(thumbnails=False)
    has_heif = True

_NAMES: Final = {
    "MPO": "jpeg",  # which Pillow's JPEG reader finds out
    **{reader: one.name for one in formats.FORMATS for reader in one.readers},
}
_ORIENTATION: Final = 0x0112
_DNG_VERSION: Final = 50706
_SUB_IFDS: Final = 330
_NEW_SUBFILE_TYPE: Final = 254

# A truncated file is a broken file, also where Pillow could show its first half.
ImageFile.LOAD_TRUNCATED_IMAGES = False


@dataclass(slots=True)
class Opened:
    """A picture in hand: `size` is as a person sees it, `turned` how it is to be turned.

    `frames` are the pictures of an animation, 1 of a still one.
    """

    picture: Image.Image
    format: str
    size: tuple[int, int]
    turned: int
    frames: int = 1


def opened(content: bytes) -> Opened:
    """Return the picture in a file's bytes.

    Raises Fault (`not_an_image`, `no_decoder`, `too_many_pixels`) or whatever a decoder raises.
    """
    kind = formats.kind(content[:16])
    if kind == "raw":
        return _raw(content)
    try:
        picture = Image.open(io.BytesIO(content), formats=formats.READERS)
    except UnidentifiedImageError:
        return _without_pillow(content, kind)
    if picture.format == "TIFF" and _is_raw(picture):
        return _raw(content)
    _check_size(picture.size)
    turned = _orientation(picture, content)
    size = picture.size if turned < 5 else picture.size[::-1]
    name = _NAMES.get(picture.format or "", "?")
    return Opened(picture, name, size, turned, _frames(picture, name))


def _without_pillow(content: bytes, kind: str | None) -> Opened:
    if kind == "heif" and not has_heif:
        raise Fault("no_decoder", formats.lacking("pi-heif"))
    array = rare.read(content, kind)
    if array is not None:
        _check_size(array.image.size)
        return Opened(array.image, array.format, array.image.size, 1, array.frames)
    if content.startswith((b"II*\0", b"MM\0*")):
        return _raw(content)  # the last that may know a TIFF
    raise UnidentifiedImageError


def _raw(content: bytes) -> Opened:
    found = raw.preview(content)
    _check_size(found.size)
    return Opened(found.image, "raw", found.size, found.turned)


def _is_raw(picture: Image.Image) -> bool:
    """Return whether a TIFF is a camera's RAW file, whose first picture is a mere thumbnail."""
    assert isinstance(picture, TiffImagePlugin.TiffImageFile)
    tags: Any = picture.tag_v2
    # TIFF/EP (ISO 12234-2): the first picture is marked as reduced, the raw one lies in SubIFDs.
    return _DNG_VERSION in tags or (_SUB_IFDS in tags and tags.get(_NEW_SUBFILE_TYPE) == 1)


def _check_size(size: tuple[int, int]) -> None:
    limit = Image.MAX_IMAGE_PIXELS or 0
    if size[0] * size[1] > limit:
        raise Fault(
            "too_many_pixels",
            f"{size[0]} x {size[1]} pixels are more than "
            f"limits.max_megapixels allows ({limit // 1_000_000})",
        )


def _orientation(picture: Image.Image, content: bytes) -> int:
    if picture.format == "TIFF":
        return 1  # Pillow turns it by itself
    if picture.format == "PNG" and "exif" not in picture.info:
        # Pillow would look for it by decoding the picture, and take what a failed decoding
        # left of it for the whole when asked again.
        if b"eXIf" not in content:
            return 1
        picture = Image.open(io.BytesIO(content), formats=formats.READERS)
    try:
        turned = int(picture.getexif().get(_ORIENTATION, 1))
    except Exception:  # noqa: BLE001 - broken metadata never costs the picture
        return 1
    return turned if 1 <= turned <= 8 else 1


def _frames(picture: Image.Image, name: str) -> int:
    # What several pictures mean elsewhere is another matter: pages, layers, eyes, sizes.
    if name not in {"gif", "png", "webp", "avif"}:
        return 1
    try:
        return int(getattr(picture, "n_frames", 1))
    except Exception:  # noqa: BLE001 - the first picture may be sound all the same
        return 1


def upright(picture: Image.Image, turned: int) -> Image.Image:
    """Turn a picture by the number of its EXIF orientation (1 to 8)."""
    method = _TURNS.get(turned)
    return picture if method is None else picture.transpose(method)


_TURNS: Final = {
    2: Image.Transpose.FLIP_LEFT_RIGHT,
    3: Image.Transpose.ROTATE_180,
    4: Image.Transpose.FLIP_TOP_BOTTOM,
    5: Image.Transpose.TRANSPOSE,
    6: Image.Transpose.ROTATE_270,
    7: Image.Transpose.TRANSVERSE,
    8: Image.Transpose.ROTATE_90,
}
"""CIPA DC-008 (EXIF), tag Orientation, as Pillow's own ImageOps.exif_transpose has it."""
