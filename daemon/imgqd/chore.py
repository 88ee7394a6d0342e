"""What daemon and workers of a cluster agree on: the task, and the word for who can do it.

Dask sends a function by its name, so this file is imported by the scheduler and by every
worker. Rules of this file: the standard library only.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from typing import Final

_FORM: Final = 1
"""Grows with each change of what `embed` takes or returns: those of another form are no help."""

_PREFIX: Final = f"imgq:{_FORM}:"


class Unable(Exception):
    """A worker cannot do this batch; `code` and `text` go to the daemon, which does it itself."""

    def __init__(self, code: str, text: str) -> None:
        super().__init__(code, text)  # both, so that it survives being pickled
        self.code = code
        self.text = text


@dataclass(frozen=True, slots=True)
class Held:
    """The model of this process: `see` makes vectors, of pictures of `size` pixels a side."""

    key: str
    size: int
    see: Callable[[bytes], Awaitable[bytes]]


_held: Held | None = None


def hold(held: Held | None) -> None:
    """Do what is asked with this model from now on; None: with none."""
    global _held  # noqa: PLW0603 - Dask calls a function, which knows nothing but its module
    _held = held


def tag(key: str) -> str:
    """Return the name of the resource of a worker that holds the model with this key."""
    return _PREFIX + key


def key_of(resource: str) -> str | None:
    """Return the key of the model that a resource stands for; None for any other resource."""
    return resource.removeprefix(_PREFIX) if resource.startswith(_PREFIX) else None


async def embed(key: str, pixels: bytes) -> bytes:
    """Return vectors, float32 of shape (n, dim), of n * size * size * 3 bytes; raises Unable."""
    held = _held
    if held is None or held.key != key:
        raise Unable("model", "this worker holds another model")
    if not pixels or len(pixels) % (3 * held.size**2):
        raise Unable("shape", f"these are no pictures of {held.size} pixels a side")
    return await held.see(pixels)
