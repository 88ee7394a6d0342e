"""The decoder's requests: an open file in, what it is and what a model sees of it out."""

from __future__ import annotations

import hashlib
import os
import sys
import warnings
from typing import Any, Final

from PIL import Image

from imgqd import serving
from imgqd.decoder import metadata, sandbox, shape
from imgqd.decoder.guard import guarded
from imgqd.decoder.opening import Opened, opened
from imgqd.serving import Fault

_LARGEST: Final = 1 << 30
"""Bytes of the largest file that is read; a larger one is no photograph."""

_LARGEST_SIDECAR: Final = 1 << 20


class Decoder:
    """Answers `identify` (what an open file is), and then what is to be seen in the same one."""

    def __init__(self) -> None:
        self._hand: Opened | None = None
        self._seconds: float | None = None

    def limit(self, params: dict[str, Any]) -> dict[str, Any]:
        """Enter the sandbox for good, and say what holds.

        `memory` is in bytes, `pixels` in one picture, `seconds` of a core's time for each.
        """
        Image.MAX_IMAGE_PIXELS = params["pixels"]
        self._seconds = params["seconds"]
        return sandbox.enter(params["memory"])

    def identify(self, params: dict[str, Any]) -> dict[str, Any]:
        """Read the lent file (and its sidecar, if a second one is lent), and say what it is."""
        self._hand = None
        if self._seconds is not None:
            sandbox.allow_cpu(self._seconds)
        files = [os.fdopen(number, "rb", buffering=0) for number in params["fds"]]
        try:
            content = guarded(lambda: _read(files[0], _LARGEST))
            sidecar = _sidecar(files[1]) if len(files) > 1 else None
        finally:
            for file in files:
                file.close()
        self._hand = hand = guarded(lambda: opened(content))
        # The picture's own bytes: a JPEG XL or a RAW file is another to Pillow.
        own = hand.picture if hand.format not in {"raw", "jxl"} else None
        return {
            "hash": hashlib.blake2b(content, digest_size=16).digest(),
            "format": hand.format,
            "width": hand.size[0],
            "height": hand.size[1],
            "metadata": {
                **metadata.read(content, own, sidecar),
                "frames": hand.frames,
            },
        }

    def pixels(self, params: dict[str, Any]) -> tuple[bytes, bytes]:
        """Return the picture in hand as the model wants it, and its print.

        As the model wants it: size * size * 3 bytes, RGB.
        """
        hand, self._hand = self._hand, None
        if hand is None:
            raise Fault("internal", "no picture in hand")
        return guarded(lambda: shape.pixels(hand, params))

    def look(self, _: dict[str, Any]) -> bytes:
        """Decode the picture in hand to the end, to know that it can be, and return its print."""
        hand, self._hand = self._hand, None
        if hand is None:
            raise Fault("internal", "no picture in hand")
        return guarded(lambda: shape.glance(hand))

    def small(self, params: dict[str, Any]) -> tuple[int, int, bytes]:
        """Return (width, height, RGB) of the picture in hand, no side longer than `size`."""
        hand, self._hand = self._hand, None
        if hand is None:
            raise Fault("internal", "no picture in hand")
        return guarded(lambda: shape.small(hand, params["size"]))


def _read(file: Any, most: int) -> bytes:
    size = os.fstat(file.fileno()).st_size
    if size > most:
        raise Fault("too_large", f"the file is larger than {most >> 20} MiB")
    content: bytes = file.read(size)  # in one piece: to join pieces would take twice the memory
    while len(content) < size and (more := file.read(size - len(content))):
        content += more
    if not content:
        raise Fault("empty", "the file is empty")
    return content


def _sidecar(file: Any) -> bytes | None:
    try:
        return _read(file, _LARGEST_SIDECAR)
    except (Fault, OSError):
        return None  # broken metadata never costs the picture


def main() -> None:
    """Serve the core on the inherited socket whose number is the first argument.

    The second is how far it steps back behind other programs, as nice(1) counts.
    """
    os.nice(int(sys.argv[2]))
    warnings.simplefilter("ignore")
    warnings.simplefilter("error", Image.DecompressionBombWarning)
    decoder = Decoder()
    serving.Line(int(sys.argv[1])).serve(
        {
            "limit": decoder.limit,
            "identify": decoder.identify,
            "pixels": decoder.pixels,
            "look": decoder.look,
            "small": decoder.small,
        }
    )
