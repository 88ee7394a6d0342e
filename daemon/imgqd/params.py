"""What a method's params must be: each check returns the value, or raises a `Problem`."""

from __future__ import annotations

import os
from typing import Any, Final

from imgq.protocol import path_bytes
from imgqd.server import Problem

Params = dict[str, Any]

_YEAR: Final = 366 * 86400
"""Seconds of the longest pause."""


def only(params: Params, *allowed: str) -> None:
    """Refuse every param that is not allowed: a misspelt one must not change what is asked."""
    # Names may be bytes, too, and those have no order among texts.
    unknown = sorted(repr(name) for name in set(params) - set(allowed))
    if unknown:
        raise Problem("usage", f"unknown parameter {unknown[0]}")


def text(params: Params, name: str, default: str | None = None) -> str:
    """Return a text."""
    value = params.get(name, default)
    if not isinstance(value, str):
        raise Problem("usage", f"{name} is a text")
    return value


def query(params: Params, most: int) -> str:
    """Return what the pictures show, in at most so many bytes; it may be empty."""
    value = text(params, "query", "").strip()
    if len(value.encode()) > most:
        raise Problem("too_large", f"a query is at most {most} bytes")
    return value


def page(params: Params, most: int) -> tuple[int, int]:
    """Return limit and offset; no place beyond the most is given."""
    limit = number(params, "limit", min(20, most), 1, most)
    offset = number(params, "offset", 0, 0, most)
    return min(limit, most - offset), offset


def path_of(value: object) -> bytes:
    """Return a path as the catalog holds it: absolute, its folder resolved."""
    try:
        path = path_bytes(value)
    except ValueError as error:
        raise Problem("usage", str(error)) from error
    if not path.startswith(b"/"):
        raise Problem("usage", "a path must be absolute: the daemon has no current folder")
    # The folder's links are resolved as the roots are; the last name is taken as it is.
    directory, name = os.path.split(os.path.normpath(path))
    return os.path.join(os.path.realpath(directory), name)


def flag(params: Params, name: str) -> bool:
    """Return a yes or no; no where it is left out."""
    value = params.get(name, False)
    if not isinstance(value, bool):
        raise Problem("usage", f"{name} is true or false")
    return value


def choice(params: Params, name: str, default: bool) -> bool:  # noqa: FBT001 - a setting's value
    """Return a yes or no; nil is what the settings say, and left out is no."""
    if name in params and params[name] is None:
        return default
    return flag(params, name)


def number(params: Params, name: str, default: int, least: int, most: int) -> int:
    """Return a whole number within bounds."""
    value = params.get(name, default)
    if not isinstance(value, int) or isinstance(value, bool) or not least <= value <= most:
        raise Problem("usage", f"{name} is a number from {least} to {most}")
    return value


def is_number(value: object) -> bool:
    """Return whether a value is a number, whole or not."""
    return isinstance(value, (int, float)) and not isinstance(value, bool)


def seconds(params: Params, default: float) -> float:
    """Return the deadline of a wait."""
    value = params.get("timeout_s", default)
    if not is_number(value) or not 0 < value <= 86400:
        raise Problem("usage", "timeout_s is a number of seconds above 0")
    return float(value)


def duration(params: Params) -> float | None:
    """Return how long a pause is to be, None for one without an end."""
    value = params.get("duration_s")
    # An endless number would be kept, and be no time of day at every start from then on.
    if value is not None and not (is_number(value) and 0 < value <= _YEAR):
        raise Problem("usage", f"duration_s is a number above 0, up to {_YEAR} (a year)")
    return value
