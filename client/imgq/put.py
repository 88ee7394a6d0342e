"""Lines for people and for programs on standard output."""

from __future__ import annotations

import sys
from collections.abc import Mapping
from typing import Any


def put(*lines: str) -> None:
    """Print lines for people."""
    # Whatever the locale: what is not UTF-8 has been escaped by now.
    sys.stdout.buffer.writelines(line.encode() + b"\n" for line in lines)


def put_json(*values: Mapping[str, Any]) -> None:
    """Print one JSON object a line."""
    from imgq.jsonlines import line  # noqa: PLC0415 - few calls want JSON

    sys.stdout.buffer.writelines(map(line, values))
