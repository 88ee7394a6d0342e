"""A picture as it is known beyond the catalog: what any store holds of it, beside its vector.

A row says all that a filter may ask and an answer shows, so that a machine which never saw
the catalog can judge it. Its key is the machine that has the files and the hash of their
bytes: a catalog that was lost and made anew gives the same keys.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import Final

from imgqd.records import Metadata

MACHINE: Final = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]{0,62}", re.ASCII)
"""What a machine may be called: it becomes part of keys and expressions."""


@dataclass(frozen=True, slots=True, order=True)
class Key:
    """Which picture on which machine."""

    machine: str
    hash: bytes
    """Of the bytes of the files, as the catalog has it."""

    def __post_init__(self) -> None:
        if MACHINE.fullmatch(self.machine) is None:
            raise ValueError(
                f"{self.machine!r} is no name of a machine: write letters, digits, dots and dashes"
            )


@dataclass(frozen=True, slots=True)
class File:
    """One of the files that show a picture."""

    path: bytes
    size: int
    mtime_ns: int


@dataclass(frozen=True, slots=True)
class Row:
    """A picture with at least one file that can be reached on its machine."""

    key: Key
    files: tuple[File, ...]
    format: str
    width: int
    height: int
    added: float
    """Unix time at which its machine met it first."""
    metadata: Metadata
    is_duplicate: bool = False
    """Whether its machine has another file of it, or one that looks the same."""
