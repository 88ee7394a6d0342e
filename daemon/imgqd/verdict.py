"""What a decoder says, checked: a picture may have taken it, and then it says anything at all."""

from __future__ import annotations

import math
import re
from collections.abc import Callable
from typing import Any, Final

from imgqd import formats, prints
from imgqd.records import Metadata, Picture

REASONS: Final = frozenset(
    {
        "empty", "truncated", "damaged", "not_an_image", "no_decoder", "too_many_pixels",
        "too_large", "memory", "internal",
    }
)  # fmt: skip
"""The reasons that a decoder gives; those of the core's own are not its to give."""

_FORMATS: Final = frozenset(one.name for one in formats.FORMATS)
_SIDE: Final = 1 << 31
_TEXT: Final = 4096
_WORDS: Final = 300
_CLOCK: Final = re.compile(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d", re.ASCII)


class Nonsense(Exception):
    """An answer that no decoder of ours gives; the text says of what."""


def picture(said: Any) -> Picture:
    """Return what a file was identified as; raises Nonsense."""
    if not isinstance(said, dict) or not isinstance(said.get("metadata"), dict):
        raise Nonsense("no map")
    content, name = said.get("hash"), said.get("format")
    if not isinstance(content, bytes) or len(content) != 16:
        raise Nonsense("its hash")
    if not isinstance(name, str) or name not in _FORMATS:
        raise Nonsense("its format")
    width, height = (_side(said.get(side)) for side in ("width", "height"))
    return Picture(content, name, width, height, _metadata(said["metadata"]))


def pixels(said: Any, size: int) -> tuple[bytes, bytes]:
    """Return the pixels of a square, and the picture's print; raises Nonsense."""
    if not isinstance(said, list) or len(said) != 2:
        raise Nonsense("no pair")
    if not isinstance(said[0], bytes) or len(said[0]) != size * size * 3:
        raise Nonsense("its pixels")
    return said[0], print_of(said[1])


def small(said: Any, size: int) -> tuple[int, int, bytes]:
    """Return (width, height, RGB) of a picture that fits into a square; raises Nonsense."""
    if not isinstance(said, list) or len(said) != 3:
        raise Nonsense("no picture")
    width, height, rgb = _side(said[0]), _side(said[1]), said[2]
    if max(width, height) > size or not isinstance(rgb, bytes) or len(rgb) != width * height * 3:
        raise Nonsense("its pixels")
    return width, height, rgb


def print_of(said: Any) -> bytes:
    """Return what a picture looks like; raises Nonsense."""
    if not isinstance(said, bytes) or len(said) != prints.SIZE:
        raise Nonsense("its print")
    return said


def refusal(code: str, text: str) -> tuple[str, str]:
    """Return (reason, one line for a person) of an error."""
    words = "".join(one if one.isprintable() else " " for one in text[: 4 * _WORDS])
    detail = " ".join(words.split())[:_WORDS] or "no more is known"
    return (code if code in REASONS else "damaged"), detail


def _side(value: Any) -> int:
    if type(value) is not int or not 0 < value < _SIDE:
        raise Nonsense("its size")
    return value


def _metadata(said: dict[Any, Any]) -> Metadata:
    keywords = said.get("keywords")
    if said.keys() != _FIELDS.keys() | {"keywords"} or not isinstance(keywords, list):
        raise Nonsense("its metadata")
    for name, is_sound in _FIELDS.items():
        if said[name] is not None and not is_sound(said[name]):
            raise Nonsense(f"its metadata ({name})")
    if len(keywords) > 1000 or not all(map(_is_text, keywords)):
        raise Nonsense("its keywords")
    return Metadata(
        **{name: said[name] for name in _FIELDS if name not in {"is_screenshot", "frames"}},
        is_screenshot=bool(said["is_screenshot"]),
        frames=said["frames"] or 1,
        keywords=tuple(keywords),
    )


def _is_text(value: Any) -> bool:
    return isinstance(value, str) and len(value) <= _TEXT and "\n" not in value


def _is_angle(most: int) -> Callable[[Any], bool]:
    return lambda value: type(value) is float and math.isfinite(value) and abs(value) <= most


def _is_number(least: int, most: int) -> Callable[[Any], bool]:
    return lambda value: type(value) is int and least <= value <= most


_FIELDS: Final[dict[str, Callable[[Any], bool]]] = {
    "taken": lambda value: isinstance(value, str) and bool(_CLOCK.fullmatch(value)),
    "taken_offset": _is_number(-86400, 86400),
    "taken_from": lambda value: isinstance(value, str) and value in {"exif", "xmp", "iptc"},
    "camera": _is_text,
    "lens": _is_text,
    "latitude": _is_angle(90),
    "longitude": _is_angle(180),
    "rating": _is_number(-1, 5),
    "title": _is_text,
    "description": _is_text,
    "software": _is_text,
    "is_screenshot": lambda value: isinstance(value, bool),
    "frames": _is_number(1, 1 << 31),
}
"""Field of the metadata -> whether a value of it, that is not None, makes sense."""
