"""Sizes as people write them (``512MiB``, ``2GB``), and how much memory a service may hold."""

from __future__ import annotations

import re

_BYTES = {
    "b": 1,
    "kb": 10**3,
    "mb": 10**6,
    "gb": 10**9,
    "kib": 1 << 10,
    "mib": 1 << 20,
    "gib": 1 << 30,
}
_LEAST = 512 << 20  # the core, a text encoder and one decoder
_LEAST_PERCENT = 10

ALLOWED = "a size such as 512MiB or 2GiB"
MEMORY_ALLOWED = '"none", a share such as 50% (10% to 100%) or a size from 512MiB on'


def parse(text: str) -> int:
    """Return the bytes of a size; raises ValueError with what is allowed."""
    match = re.fullmatch(r"(\d+) ?([a-z]+)", text.lower(), re.ASCII)
    factor = _BYTES.get(match[2]) if match else None
    if match is None or factor is None:
        raise ValueError(ALLOWED)
    return int(match[1]) * factor


def memory_bound(value: object) -> str:
    """Return systemd's word for a bound of memory: `infinity`, a share `50%`, or bytes.

    Raises ValueError with what is allowed.
    """
    if value == "none":
        return "infinity"
    if not isinstance(value, str):
        raise ValueError(MEMORY_ALLOWED)  # noqa: TRY004 - a bad setting, not a bad call
    share = re.fullmatch(r"(\d{1,3})%", value, re.ASCII)
    if share is not None and _LEAST_PERCENT <= int(share[1]) <= 100:
        return f"{int(share[1])}%"
    try:
        held = parse(value)
    except ValueError:
        held = 0
    if held < _LEAST:
        raise ValueError(MEMORY_ALLOWED)
    return str(held)
