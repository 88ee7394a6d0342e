"""PNG, as far as thumbnails need it: written without any library of pictures, its texts read.

The core writes the files itself, from pixels, and takes none from a decoder: what a picture has
taken over can then give wrong colours, but no file that harms the program that shows it.

Source: PNG (Third Edition), W3C 2025: 5.3 chunks, 9 filters, 11.3.3.2 tEXt.
"""

from __future__ import annotations

import struct
import zlib
from collections.abc import Iterator, Mapping
from typing import BinaryIO, Final

import numpy as np

_SIGNATURE: Final = b"\x89PNG\r\n\x1a\n"
_UP: Final = 2
"""The filter that takes the line above away: quick, and half the bytes of none."""

_LEVEL: Final = 6
_CHUNKS: Final = 1000
_LONGEST: Final = 1 << 16
"""Bytes of the longest text that is read; a URI is shorter."""


def written(width: int, height: int, rgb: bytes, texts: Mapping[str, str]) -> bytes:
    """Return the file of a picture of width * height * 3 bytes, with texts in Latin-1."""
    lines = np.frombuffer(rgb, np.uint8).reshape(height, width * 3)
    filtered = np.empty((height, 1 + width * 3), np.uint8)
    filtered[:, 0] = _UP
    filtered[0, 1:] = lines[0]
    np.subtract(lines[1:], lines[:-1], out=filtered[1:, 1:])
    header = struct.pack(">IIBBBBB", width, height, 8, 2, 0, 0, 0)
    chunks = [(b"IHDR", header)]
    for key, value in texts.items():
        chunks.append((b"tEXt", key.encode("latin-1") + b"\0" + value.encode("latin-1")))
    chunks += [(b"IDAT", zlib.compress(filtered.tobytes(), _LEVEL)), (b"IEND", b"")]
    return _SIGNATURE + b"".join(_chunk(kind, content) for kind, content in chunks)


def texts(file: BinaryIO) -> dict[str, str]:
    """Return the plain texts of an open PNG, none where it is no whole PNG."""
    if file.read(len(_SIGNATURE)) != _SIGNATURE:
        return {}
    found: dict[str, str] = {}
    for kind, content in _chunks(file):
        if kind == b"IEND":
            return found
        key, _, value = content.partition(b"\0")
        if kind == b"tEXt":
            found[key.decode("latin-1")] = value.decode("latin-1")
    return {}


def _chunks(file: BinaryIO) -> Iterator[tuple[bytes, bytes]]:
    for _ in range(_CHUNKS):
        head = file.read(8)
        if len(head) < 8:
            return
        length, kind = struct.unpack(">I4s", head)
        if kind == b"tEXt" and length <= _LONGEST:
            yield kind, file.read(length)
            file.seek(4, 1)
        else:
            file.seek(length + 4, 1)
            yield kind, b""


def _chunk(kind: bytes, content: bytes) -> bytes:
    body = kind + content
    return struct.pack(">I", len(content)) + body + struct.pack(">I", zlib.crc32(body))
