"""A thumbnail as coloured half-blocks, for terminals that show characters only.

Reads the PNGs that the daemon makes (8 bits a colour, RGB), and those of other programs that
are RGB with transparency. Source: PNG (Third Edition), W3C 2025, 9 and 11.2.1.
"""

from __future__ import annotations

import struct
import zlib
from typing import Final

_SIGNATURE: Final = b"\x89PNG\r\n\x1a\n"
_LARGEST: Final = 1024
_CHANNELS: Final = {2: 3, 6: 4}


def size_of(png: bytes) -> tuple[int, int]:
    """Return (width, height); raises ValueError for what is no thumbnail."""
    if png[:8] != _SIGNATURE or len(png) < 33:
        raise ValueError("no PNG")
    width, height = struct.unpack(">II", png[16:24])
    if not (0 < width <= _LARGEST and 0 < height <= _LARGEST):
        raise ValueError("no thumbnail")
    return width, height


def blocks(png: bytes, columns: int, rows: int) -> bytes:
    """Return so many lines of so many characters, two pixels in each; raises ValueError."""
    (width, height), (channels, lines) = size_of(png), _lines(png)

    def pixel(x: int, y: int) -> str:
        line = lines[(2 * y + 1) * height // (4 * rows)]
        at = (2 * x + 1) * width // (2 * columns) * channels
        return f"{line[at]};{line[at + 1]};{line[at + 2]}"

    drawn = []
    for row in range(rows):
        cells = (
            f"\x1b[38;2;{pixel(x, 2 * row)};48;2;{pixel(x, 2 * row + 1)}m▀" for x in range(columns)
        )
        drawn.append("".join(cells) + "\x1b[0m\n")
    return "".join(drawn).encode()


def _lines(png: bytes) -> tuple[int, list[bytearray]]:
    width, height = size_of(png)
    depth, kind, _, _, interlaced = png[24:29]
    channels = _CHANNELS.get(kind)
    if depth != 8 or channels is None or interlaced:
        raise ValueError("a PNG of another kind")
    length = width * channels
    try:
        # Never more than the picture that it says it is.
        data = zlib.decompressobj().decompress(_data(png), (length + 1) * height)
    except zlib.error as error:
        raise ValueError(str(error)) from error
    if len(data) < (length + 1) * height:
        raise ValueError("too short")
    lines, above = [], bytearray(length)
    for at in range(0, len(data), length + 1):
        above = _unfiltered(data[at], bytearray(data[at + 1 : at + 1 + length]), above, channels)
        lines.append(above)
    return channels, lines


def _data(png: bytes) -> bytes:
    at, found = 8, []
    while at + 8 <= len(png):
        length, kind = struct.unpack(">I4s", png[at : at + 8])
        if kind == b"IDAT":
            found.append(png[at + 8 : at + 8 + length])
        at += 12 + length
    return b"".join(found)


def _unfiltered(how: int, line: bytearray, above: bytearray, step: int) -> bytearray:
    for at in range(len(line)):
        left = line[at - step] if at >= step else 0
        corner = above[at - step] if at >= step else 0
        match how:
            case 1:
                by = left
            case 2:
                by = above[at]
            case 3:
                by = (left + above[at]) // 2
            case 4:
                by = _nearest(left, above[at], corner)
            case _:
                by = 0
        line[at] = (line[at] + by) & 255
    return line


def _nearest(left: int, above: int, corner: int) -> int:
    guess = left + above - corner
    return min((left, above, corner), key=lambda one: abs(guess - one))
