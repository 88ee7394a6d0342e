"""What each setting may be: a value of the file becomes ours, or a ValueError says what may stand.

Rules of this file: one function a kind, one row a key. The ValueError's text follows "… is not".
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from typing import Any, Final
from urllib.parse import urlsplit

from imgq import durations, sizes


def duration(value: object) -> float:
    """Return the seconds of a duration."""
    if not isinstance(value, str):
        raise ValueError(durations.ALLOWED)  # noqa: TRY004 - a bad setting, not a bad call
    try:
        return durations.parse(value)
    except ValueError as error:
        raise ValueError(durations.ALLOWED) from error


def size(value: object) -> int:
    """Return the bytes of a size."""
    if not isinstance(value, str):
        raise ValueError(sizes.ALLOWED)  # noqa: TRY004 - a bad setting, not a bad call
    return sizes.parse(value)


def stall(value: object) -> float:
    """Return the seconds that a client may take over half a message."""
    seconds = duration(value)
    if not 0.1 <= seconds <= 600:
        raise ValueError("a duration from 100ms to 10min")
    return seconds


def query(value: object) -> int:
    """Return the bytes of the longest query."""
    length = size(value)
    # A message of 1 MiB holds it whatever else is asked.
    if not 64 <= length <= 256 << 10:
        raise ValueError("a size from 64B to 256KiB")
    return length


def strings(value: object) -> tuple[str, ...]:
    """Return texts that may be paths."""
    if not isinstance(value, list) or not all(
        isinstance(one, str) and one and "\0" not in one for one in value
    ):
        raise ValueError("a list of texts")
    return tuple(value)


def batch(value: object) -> int | None:
    """Return the pictures in a batch, None for "auto"."""
    if value == "auto":
        return None
    if isinstance(value, int) and not isinstance(value, bool) and 1 <= value <= 4096:
        return value
    raise ValueError('"auto" or a number from 1 to 4096')


def device(value: object) -> str:
    """Return the name of a device."""
    if isinstance(value, str) and re.fullmatch(r"auto|cpu|mps|cuda(:\d+)?", value):
        return value
    raise ValueError('"auto", "cpu", "cuda", "cuda:1" or "mps"')


def precision(value: object) -> str:
    """Return the name of a precision."""
    if isinstance(value, str) and value in {"auto", "float32", "bfloat16", "float16"}:
        return value
    raise ValueError('"auto", "float32", "bfloat16" or "float16"')


def model(value: object) -> str:
    """Return the name of a model."""
    if isinstance(value, str) and re.fullmatch(
        r"fast|balanced|best|multilingual|demo|local-dir:.+|hf-hub:[^/]+/[^/]+|[^/:\s]+/[^/:\s]+",
        value,
    ):
        return value
    raise ValueError(
        'fast, balanced, best, multilingual, demo, an open_clip "ARCH/TAG" or "local-dir:/path"'
    )


def scheduler(value: object) -> str:
    """Return the address of a cluster's scheduler, "" for none."""
    if value == "":
        return ""
    # Dask unpickles what it receives: nothing is taken but what TLS vouches for.
    if isinstance(value, str) and is_scheduler(value):
        return value
    raise ValueError('an address like "tls://host:8786" (no other kind), or ""')


def is_scheduler(address: str) -> bool:
    """Return whether an address is that of a scheduler that is asked for its certificate."""
    try:
        parts = urlsplit(address)
        port = parts.port
    except ValueError:
        return False
    plain = not (parts.path or parts.query or parts.fragment or "@" in parts.netloc)
    return parts.scheme == "tls" and bool(parts.hostname) and bool(port) and plain


def text(value: object) -> str:
    """Return a text that may be a path, or empty."""
    if not isinstance(value, str) or "\0" in value:
        raise ValueError("a text")
    return value


def number(least: int, most: int) -> Callable[[object], int]:
    """Return the check of a whole number within bounds."""

    def check(value: object) -> int:
        if isinstance(value, int) and not isinstance(value, bool) and least <= value <= most:
            return value
        raise ValueError(f"a number from {least} to {most}")

    return check


def boolean(value: object) -> bool:
    """Return a yes or no."""
    if not isinstance(value, bool):
        raise ValueError("true or false")  # noqa: TRY004 - a bad setting, not a bad call
    return value


def form(pattern: str, words: str) -> Callable[[object], str]:
    """Return the check of a text that may be empty, or is of a form."""

    def check(value: object) -> str:
        if isinstance(value, str) and (not value or re.fullmatch(pattern, value, re.ASCII)):
            return value
        raise ValueError(words)

    return check


def address(value: object) -> str:
    """Return the address of a store; empty for none."""
    if value == "":
        return ""
    # Its embedded form, a file, can be read by everybody on the machine while it is in use.
    if isinstance(value, str) and re.fullmatch(
        r"https?://(\[[0-9A-Fa-f:.]+\]|[A-Za-z0-9._-]+)(:\d{1,5})?(/[A-Za-z0-9._-]*)?", value
    ):
        return value
    raise ValueError(
        '"" or an address of a server like "https://nas.example:19530", without a token'
    )


UNSAID: Final = frozenset({"store.url", "store.token_file", "store.token_variable"})
"""Keys whose wrong values are not repeated: somebody may have written a secret there."""

CHECKS: Final[Mapping[str, Callable[[object], Any]]] = {
    "folders": strings,
    "exclude": strings,
    "model.name": model,
    "model.device": device,
    "model.precision": precision,
    "model.batch": batch,
    "model.release_after": duration,
    "watch.settle": duration,
    "watch.rescan": duration,
    "limits.max_megapixels": number(1, 4000),
    "limits.decode_timeout": duration,
    "limits.decode_memory": size,
    "power.pause_on_battery": boolean,
    "power.pause_on_power_saver": boolean,
    "power.pause_when_hot": boolean,
    "power.pause_when_memory_is_short": boolean,
    "desktop.notifications": boolean,
    # With those who have not asked yet, three times as many descriptors of the usual 1,024.
    "server.connections": number(1, 256),
    # One that is sent, and one that supersedes what is not.
    "server.requests": number(2, 256),
    "server.stall": stall,
    "server.max_query": query,
    # So many of 512 numbers take half a gigabyte for each million.
    "index.exact_up_to": number(1000, 100_000_000),
    "cluster.scheduler": scheduler,
    "cluster.ca_file": text,
    "cluster.cert_file": text,
    "cluster.key_file": text,
    # SQLite takes 32,766 values in one question; names and content may each find so many.
    "server.max_results": number(1, 10_000),
    "service.memory_high": sizes.memory_bound,
    "store.url": address,
    "store.token_file": form(r"[~/][^\0]*", "an absolute path of a file, or one from ~"),
    "store.token_variable": form(r"[A-Za-z_][A-Za-z0-9_]*", "the name of a variable"),
    "store.ca_file": form(r"[~/][^\0]*", "an absolute path of a file, or one from ~"),
    "store.collection": form(r"[A-Za-z_][A-Za-z0-9_]{0,31}", "up to 32 letters, digits and _"),
    "store.machine": form(
        r"[A-Za-z0-9][A-Za-z0-9._-]{0,62}", "a name of letters, digits, dots and dashes"
    ),
    "store.everywhere": boolean,
}
"""The check of each key, by its dotted name."""
