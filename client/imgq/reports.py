"""What the daemon says about itself: its status, its folders, its models, one file's state.

The same rules as in `answers`. Searching does not need these records: they
are apart so that `imgq` starts without them.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from imgq.answers import reasons
from imgq.protocol import path_bytes


@dataclass(frozen=True, slots=True)
class Hello:
    """Who answers."""

    name: str
    version: str
    protocol: int

    @classmethod
    def from_wire(cls, raw: Mapping[str, Any]) -> Hello:
        """Make it from the result of `hello`."""
        return cls(str(raw["name"]), str(raw["version"]), int(raw["protocol"]))


@dataclass(frozen=True, slots=True)
class Root:
    """A watched folder."""

    path: bytes
    state: str
    files: int
    watch: str

    @classmethod
    def from_wire(cls, raw: Mapping[str, Any]) -> Root:
        """Make it from one of `roots`."""
        return cls(path_bytes(raw["path"]), str(raw["state"]), int(raw["files"]), str(raw["watch"]))


@dataclass(frozen=True, slots=True)
class Download:
    """A model's weights on their way."""

    file: str
    done: int
    total: int

    @classmethod
    def from_wire(cls, raw: Mapping[str, Any]) -> Download:
        """Make it from a model's `download`."""
        return cls(str(raw["file"]), int(raw["done"]), int(raw["total"]))


@dataclass(frozen=True, slots=True)
class Status:
    """How the daemon is; `raw` holds all that it said."""

    raw: Mapping[str, Any]
    state: str
    pictures: int
    files: int
    pending: int
    as_of: float
    failed: Mapping[str, int]
    roots: tuple[Root, ...]
    degraded: tuple[str, ...]

    @classmethod
    def from_wire(cls, raw: Mapping[str, Any]) -> Status:
        """Make it from the result of `status`, or from an event of that topic."""
        return cls(
            raw=raw,
            state=str(raw["state"]),
            pictures=int(raw["pictures"]),
            files=int(raw["files"]),
            pending=int(raw["pending"]),
            as_of=float(raw["as_of"]),
            failed={str(reason): int(count) for reason, count in raw["failed"].items()},
            roots=tuple(Root.from_wire(root) for root in raw["roots"]),
            degraded=reasons(raw["degraded"]),
        )

    @property
    def version(self) -> str:
        """The daemon's version."""
        return str(self.raw.get("version", ""))

    @property
    def pid(self) -> int | None:
        """The daemon's process."""
        pid = self.raw.get("pid")
        return pid if isinstance(pid, int) else None

    @property
    def model(self) -> Mapping[str, Any]:
        """The model that answers: name, state, vectors, waiting and so on."""
        return _mapping(self.raw.get("model"))

    @property
    def download(self) -> Download | None:
        """The weights that are being fetched now."""
        raw = _mapping(self.model.get("download"))
        return Download.from_wire(raw) if raw else None

    @property
    def migrating(self) -> Migrating | None:
        """The move to another model, where there is one."""
        raw = _mapping(self.model.get("migrating"))
        return Migrating.from_wire(raw) if raw else None

    @property
    def embedder(self) -> Mapping[str, Any]:
        """The process that embeds: running, device, precision."""
        return _mapping(self.raw.get("embedder"))

    @property
    def memory(self) -> Mapping[str, int]:
        """The memory of each of the daemon's processes, in bytes."""
        return _mapping(self.raw.get("memory"))

    @property
    def paused(self) -> str:
        """Why the daemon rests, in words; empty where it does not."""
        return str(self.raw.get("paused") or "")

    @property
    def rate(self) -> float:
        """Pictures a second; 0 while nothing is being indexed."""
        return float(self.raw.get("rate") or 0)

    @property
    def remaining(self) -> float | None:
        """Seconds until nothing is pending, as far as the daemon can tell."""
        remaining = self.raw.get("remaining")
        return None if remaining is None else float(remaining)


@dataclass(frozen=True, slots=True)
class Synced:
    """Every change up to `as_of` is in; `pending` is 0."""

    as_of: float
    pending: int

    @classmethod
    def from_wire(cls, raw: Mapping[str, Any]) -> Synced:
        """Make it from the result of `sync`."""
        return cls(float(raw["as_of"]), int(raw["pending"]))


@dataclass(frozen=True, slots=True)
class Why:
    """Why one file is searchable, or is not."""

    path: bytes
    state: str
    reason: str
    detail: str

    @classmethod
    def from_wire(cls, raw: Mapping[str, Any]) -> Why:
        """Make it from the result of `why`."""
        reason, detail = raw.get("reason") or "", raw.get("detail") or ""
        return cls(path_bytes(raw["path"]), str(raw["state"]), str(reason), str(detail))


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


@dataclass(frozen=True, slots=True)
class Check:
    """What the doctor found; `state` is fine, warning or bad, `remedy` says what to do about it."""

    name: str
    state: str
    detail: str
    remedy: str | None

    @classmethod
    def from_wire(cls, raw: Mapping[str, Any]) -> Check:
        """Make it from one of the `checks` of `doctor`."""
        remedy = raw.get("remedy")
        return cls(
            name=str(raw["name"]),
            state=str(raw["state"]),
            detail=str(raw["detail"]),
            remedy=None if remedy is None else str(remedy),
        )


def _parts(raw: Mapping[str, Any], *names: str) -> list[str]:
    return [str(raw[name]) for name in names if raw.get(name)]


def _mapping(value: object) -> Mapping[str, Any]:
    return value if isinstance(value, dict) else {}
