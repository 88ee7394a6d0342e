"""The daemon's answers as JSON, a line each, with a safe place for bytes that are no text."""

from __future__ import annotations

import base64
import json
from collections.abc import Mapping
from typing import Any

from imgq.answers import Match


def line(value: Mapping[str, Any]) -> bytes:
    """Return one object as one line of UTF-8."""
    text = json.dumps(ready(value), ensure_ascii=False, allow_nan=False)
    return text.encode("utf-8", "replace") + b"\n"


def match_line(match: Match, rank: int, *, weak: bool) -> bytes:
    """Return what was found as one line of JSON."""
    return line(
        {
            "path": match.path,
            "rank": rank,
            "relevance": match.relevance,
            "score": match.score,
            "weak": weak,
            "image_id": match.image_id,
            **match.metadata,
        }
    )


def ready(value: Any) -> Any:
    """Return a value from the wire as JSON can carry it.

    Bytes that are no UTF-8 become text with replacement characters, and
    beside `key` there is a `key_base64` with what they really are.
    """
    match value:
        case dict():
            return {key: item for pair in value.items() for key, item in _ready_pair(*pair)}
        case list() | tuple():
            return [ready(item) for item in value]
        case bytes():
            return value.decode("utf-8", "replace")
    return value


def _ready_pair(key: str, value: Any) -> list[tuple[str, Any]]:
    pair = (key, ready(value))
    if isinstance(value, bytes) and not _is_text(value):
        return [pair, (f"{key}_base64", _base64(value))]
    if isinstance(value, list) and any(isinstance(item, bytes) for item in value):
        return [pair, (f"{key}_base64", [_base64(item) for item in value])]
    return [pair]


def _is_text(value: bytes) -> bool:
    try:
        value.decode()
    except UnicodeDecodeError:
        return False
    return True


def _base64(value: str | bytes) -> str:
    raw = value.encode() if isinstance(value, str) else value
    return base64.b64encode(raw).decode()
