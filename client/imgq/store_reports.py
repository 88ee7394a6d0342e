"""What the daemon says about the store that several machines share. The rules of `answers` hold."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from imgq.protocol import path_bytes


@dataclass(frozen=True, slots=True)
class Machine:
    """A machine whose pictures the store holds, as one model sees them.

    `rows` is None where that is not the model of who asks.
    """

    name: str
    model: str
    complete: bool
    seen: float
    answers: bool
    rows: int | None

    @classmethod
    def from_wire(cls, raw: Mapping[str, Any]) -> Machine:
        """Make it from one of `machines`."""
        return cls(
            str(raw["machine"]),
            str(raw["model"]),
            bool(raw["is_complete"]),
            float(raw["seen"]),
            bool(raw["answers"]),
            None if raw["rows"] is None else int(raw["rows"]),
        )


@dataclass(frozen=True, slots=True)
class Store:
    """How the store is; `raw` holds all that was said of it."""

    raw: Mapping[str, Any]
    host: str
    machine: str
    state: str
    detail: str
    behind: int
    filling: tuple[int, int] | None
    rows: int | None
    unindexed: int
    waits_for: tuple[str, ...]
    machines: tuple[Machine, ...] | None
    """None where the store did not say."""

    @classmethod
    def from_wire(cls, raw: Mapping[str, Any]) -> Store | None:
        """Make it from the result of `store.status`, or from a status; None without a store."""
        said = raw["store"]
        if said is None:
            return None
        filling, machines = said.get("filling"), raw.get("machines")
        return cls(
            raw=said,
            host=str(said["host"]),
            machine=str(said["machine"]),
            state=str(said["state"]),
            detail=str(said.get("detail") or ""),
            behind=int(said.get("behind") or 0),
            filling=None if filling is None else (int(filling["done"]), int(filling["total"])),
            rows=None if said.get("rows") is None else int(said["rows"]),
            unindexed=int(said.get("unindexed") or 0),
            waits_for=tuple(map(str, said.get("waits_for") or ())),
            machines=None if machines is None else tuple(map(Machine.from_wire, machines)),
        )

    @property
    def work(self) -> tuple[str, int, int] | None:
        """What long work is done for it: what, how much of how much."""
        work = self.raw.get("work")
        if not isinstance(work, dict):
            return None
        return str(work["what"]), int(work["done"]), int(work["total"])


@dataclass(frozen=True, slots=True)
class Difference:
    """A picture that only one side has; `path` is None where this machine has none."""

    path: bytes | None
    hash: str
    missing: bool
    """The store lacks it; else it holds it in vain."""


@dataclass(frozen=True, slots=True)
class Verified:
    """What a comparison found; `named` are some of the differences."""

    checked: int
    missing: int
    vain: int
    named: tuple[Difference, ...]

    @classmethod
    def from_wire(cls, raw: Mapping[str, Any]) -> Verified:
        """Make it from the result of `store.verify`."""
        named = tuple(
            Difference(
                None if one["path"] is None else path_bytes(one["path"]),
                str(one["hash"]),
                bool(one["missing"]),
            )
            for one in raw["named"]
        )
        return cls(int(raw["checked"]), int(raw["missing"]), int(raw["vain"]), named)
