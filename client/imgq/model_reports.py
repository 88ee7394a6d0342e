"""What the daemon says about models: those there are, one on its way, what came and went.

The same rules as in `answers`.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any


@dataclass(frozen=True, slots=True)
class Migrating:
    """A move to another model: that of `before` answers until `after` has seen every picture.

    `left_out` pictures cannot be seen now. `remaining` is in seconds, None where nobody can
    tell; `waits` says why nothing is done at the moment, empty where it is.
    """

    before: str
    after: str
    done: int
    total: int
    left_out: int
    remaining: float | None
    waits: str

    @classmethod
    def from_wire(cls, raw: Mapping[str, Any]) -> Migrating:
        """Make it from `migrating`."""
        remaining = raw.get("remaining")
        return cls(
            before=str(raw["from"]),
            after=str(raw["to"]),
            done=int(raw["done"]),
            total=int(raw["total"]),
            left_out=int(raw.get("left_out") or 0),
            remaining=None if remaining is None else float(remaining),
            waits=str(raw.get("waits") or ""),
        )


@dataclass(frozen=True, slots=True)
class ModelChoice:
    """A model that can be used; `model` is its architecture and tag, as open_clip names them.

    `restricted` is true where its licence forbids ordinary use. `size` is the download in
    bytes, `imagenet` a published accuracy, `vectors` the pictures that it has seen here; each
    of the first two and `dim` is None where it is not known.
    """

    name: str
    model: str
    licence: str
    on_disk: bool
    restricted: bool = False
    purpose: str = ""
    size: int | None = None
    dim: int | None = None
    imagenet: float | None = None
    vectors: int = 0

    @classmethod
    def from_wire(cls, raw: Mapping[str, Any]) -> ModelChoice:
        """Make it from one of `available`."""
        return cls(
            name=str(raw["name"]),
            model=str(raw.get("model") or "/".join(_parts(raw, "architecture", "tag"))),
            licence=str(raw.get("licence") or ""),
            on_disk=bool(raw["on_disk"]),
            restricted=bool(raw.get("restricted")),
            purpose=str(raw.get("purpose") or ""),
            size=raw.get("size"),
            dim=raw.get("dim"),
            imagenet=raw.get("imagenet"),
            vectors=int(raw.get("vectors") or 0),
        )


@dataclass(frozen=True, slots=True)
class Models:
    """The models there are; `migrating` tells of a move that is not through yet."""

    raw: Mapping[str, Any]
    active: str
    available: tuple[ModelChoice, ...]
    migrating: Migrating | None

    @classmethod
    def from_wire(cls, raw: Mapping[str, Any]) -> Models:
        """Make it from the result of `models.list` or `models.use`."""
        moving = _mapping(raw.get("migrating"))
        return cls(
            raw=raw,
            active=str(raw["active"]),
            available=tuple(ModelChoice.from_wire(choice) for choice in raw["available"]),
            migrating=Migrating.from_wire(moving) if moving else None,
        )


@dataclass(frozen=True, slots=True)
class Pulled:
    """A model whose weights are on this disk now; `size` bytes of them came just now."""

    name: str
    files: int
    size: int

    @classmethod
    def from_wire(cls, raw: Mapping[str, Any]) -> Pulled:
        """Make it from the result of `models.pull`."""
        files = raw["files"]
        count = len(files) if isinstance(files, list) else int(files)
        return cls(str(raw["name"]), count, int(raw["bytes"]))


@dataclass(frozen=True, slots=True)
class Dropped:
    """Vectors that were deleted; `shrunk` says whether their room was given back to the disk."""

    name: str
    vectors: int
    shrunk: bool

    @classmethod
    def from_wire(cls, raw: Mapping[str, Any]) -> Dropped:
        """Make it from the result of `models.drop`."""
        return cls(str(raw["name"]), int(raw["vectors"]), bool(raw["shrunk"]))


def _parts(raw: Mapping[str, Any], *names: str) -> list[str]:
    return [str(raw[name]) for name in names if raw.get(name)]


def _mapping(value: object) -> Mapping[str, Any]:
    return value if isinstance(value, dict) else {}
