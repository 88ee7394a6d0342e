"""Camera RAW files: the preview that the camera made, else a quick development. Home of rawpy."""

from __future__ import annotations

import importlib
import io
from dataclasses import dataclass
from typing import Any, Final

from PIL import Image, UnidentifiedImageError

from imgqd import formats
from imgqd.serving import Fault

importlib.import_module("multiprocessing")  # which rawpy would import at each picture
rawpy: Any
try:
    rawpy = importlib.import_module("rawpy")
except ImportError:
    rawpy = None

_LEAST: Final = 320
"""Pixels of a preview's shorter side that are enough for a model; a smaller one is not used."""

_FLIPS: Final = {0: 1, 3: 3, 5: 8, 6: 6}
"""LibRaw's `flip` (degrees counted its own way) -> EXIF's orientation; see `libraw_image_sizes_t`.
"""


@dataclass(frozen=True, slots=True)
class Preview:
    """A picture that shows a RAW file: `size` is that of the photograph as a person sees it."""

    image: Image.Image
    size: tuple[int, int]
    turned: int


def preview(content: bytes) -> Preview:
    """Return the picture in a RAW file; raises Fault, or UnidentifiedImageError for another file.

    The camera's own JPEG is opened and not yet decoded, so that 50 MB cost milliseconds.
    """
    if rawpy is None:
        raise Fault("no_decoder", formats.lacking("rawpy"))
    try:
        return _preview(content)
    except rawpy.LibRawFileUnsupportedError as error:
        raise UnidentifiedImageError from error
    except rawpy.LibRawIOError as error:
        raise Fault("truncated", "the RAW file ends too early") from error
    except rawpy.LibRawError as error:
        words = error.args[0] if error.args else b""
        said = words.decode("ascii", "replace") if isinstance(words, bytes) else str(words)
        raise Fault("damaged", f"LibRaw: {said}") from error


def _preview(content: bytes) -> Preview:
    with rawpy.imread(io.BytesIO(content)) as file:
        sizes = file.sizes
        turned = _FLIPS.get(sizes.flip, 1)
        sensor = (sizes.iwidth, sizes.iheight)
        size = sensor[::-1] if turned >= 5 else sensor
        image = _made_by_the_camera(file)
        if image is None or min(image.size) < min(_LEAST, *sensor):
            array = file.postprocess(half_size=True, use_camera_wb=True, output_bps=8)
            return Preview(Image.fromarray(array), size, 1)  # LibRaw has turned it
    return Preview(image, size, _turn_of(image, turned, sensor))


def _made_by_the_camera(file: Any) -> Image.Image | None:
    try:
        thumb = file.extract_thumb()
    except rawpy.LibRawError:
        return None
    if thumb.format == rawpy.ThumbFormat.JPEG:
        try:
            return Image.open(io.BytesIO(thumb.data), formats=("JPEG",))
        except OSError:
            return None
    return Image.fromarray(thumb.data)


def _turn_of(image: Image.Image, turned: int, sensor: tuple[int, int]) -> int:
    """Return how a preview is to be turned: some cameras turn it themselves, some say so in it."""
    try:
        own = int(image.getexif().get(0x0112, 1))
    except Exception:  # noqa: BLE001 - broken metadata never costs the picture
        own = 1
    if own != 1:
        return own if 1 <= own <= 8 else 1
    is_turned = (image.width < image.height) != (sensor[0] < sensor[1])
    return 1 if turned >= 5 and is_turned else turned
