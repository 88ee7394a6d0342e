"""What the daemon says about itself: its status, its folders, its models, one file's state.

The same rules as in `answers`. Searching does not need these records: they
are apart so that `imgq` starts without them.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from imgq.answers import reasons
from imgq.model_reports import Migrating
from imgq.protocol import path_bytes
from imgq.store_reports import Store


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
    def store(self) -> Store | None:
        """The store that several machines share; None without one."""
        return Store.from_wire({"store": self.raw.get("store")})

    @property
    def embedder(self) -> Mapping[str, Any]:
        """The process that embeds: running, device, precision."""
        return _mapping(self.raw.get("embedder"))

    @property
    def cluster(self) -> Mapping[str, Any]:
        """The machines that bulk work goes to: scheduler, workers, batches; empty for none."""
        return _mapping(self.raw.get("cluster"))

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
        """Pictures a second; 0 while nothing is being indexed, or nobody knows yet."""
        return float(self.raw.get("rate") or 0)

    @property
    def measured(self) -> int:
        """Over how many pictures the rate was measured."""
        return int(_mapping(self.raw.get("measured")).get("pictures") or 0)

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


def _mapping(value: object) -> Mapping[str, Any]:
    return value if isinstance(value, dict) else {}
