"""What the daemon's answers mean: one frozen record for each.

Rules of this file: records are made from the wire by `from_wire`, which raises
KeyError, TypeError or ValueError for an answer that is not in the protocol.
What a newer daemon says beside that is kept where there is a place for it
(`Match.metadata`, `Status.raw`) and is otherwise no reason to fail.
"""

from __future__ import annotations

from imgq.protocol import path_bytes

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Mapping
    from typing import Any, NamedTuple
else:
    from imgq.records import NamedTuple

_MATCH_FIELDS = frozenset({"path", "score", "relevance", "image_id"})


class Match(NamedTuple):
    """One picture that was found.

    `score` is the cosine, None for a file that was found by its name alone.
    `relevance` runs from 0 to 1 and compares across queries. `image_id` is
    None for a file whose content is not known yet.
    """

    path: bytes
    score: float | None
    relevance: float | None
    image_id: int | None
    metadata: Mapping[str, Any]

    @classmethod
    def from_wire(cls, raw: Mapping[str, Any]) -> Match:
        """Make a match from one of a search's results."""
        return cls(
            path=path_bytes(raw["path"]),
            score=_number(raw["score"]),
            relevance=_number(raw["relevance"]),
            image_id=None if raw["image_id"] is None else int(raw["image_id"]),
            metadata={key: raw[key] for key in raw if key not in _MATCH_FIELDS},
        )

    @property
    def also(self) -> tuple[bytes, ...]:
        """The other paths with the same content."""
        return tuple(path_bytes(path) for path in self.metadata.get("also") or ())

    @property
    def machine(self) -> str | None:
        """The machine that has the file; None where it is this one."""
        machine = self.metadata.get("machine")
        return None if machine is None else str(machine)

    @property
    def reachable(self) -> bool:
        """Whether `path` leads to the file here: on another machine's network folder, perhaps."""
        return self.machine is None or self.metadata.get("reachable") is True

    @property
    def elsewhere(self) -> tuple[tuple[str, bytes, bool], ...]:
        """Where else the same content is: (machine, path, whether it is reachable here)."""
        return tuple(
            (str(one["machine"]), path_bytes(one["path"]), bool(one["reachable"]))
            for one in self.metadata.get("elsewhere") or ()
        )

    @property
    def place(self) -> bytes:
        """The path, and before it the machine where the path is of no use here: `nas:/p/a.jpg`."""
        if self.reachable:
            return self.path
        return str(self.machine).encode(errors="replace") + b":" + self.path


class SearchAnswer(NamedTuple):
    """What a search found.

    `results` begin at the place `offset`; from the place `weak_from` on there
    are no real matches. Places are counted from 0, the very best. `model` is
    None where none was ready and only names were searched.
    """

    results: tuple[Match, ...]
    offset: int
    weak_from: int
    total: int
    took_s: float
    model: str | None
    as_of: float
    pending: int
    degraded: tuple[str, ...]
    understood: tuple[Mapping[str, Any], ...] = ()
    """How each piece of the line was read: kind, text, start, end, and in words what it means."""
    problems: tuple[Mapping[str, Any], ...] = ()
    """What of the line could not be followed: start, end, reason."""
    everywhere: bool | None = None
    """Whether other machines' pictures are in it; None where this one alone was asked."""

    @classmethod
    def from_wire(cls, raw: Mapping[str, Any], offset: int = 0) -> SearchAnswer:
        """Make an answer from the result of a search with that offset."""
        return cls(
            results=tuple(Match.from_wire(result) for result in raw["results"]),
            offset=offset,
            weak_from=int(raw["weak_from"]),
            total=int(raw["total"]),
            took_s=float(raw["took_ms"]) / 1000,
            model=None if raw["model"] is None else str(raw["model"]),
            as_of=float(raw["as_of"]),
            pending=int(raw["pending"]),
            degraded=reasons(raw["degraded"]),
            understood=tuple(raw.get("understood") or ()),
            problems=tuple(raw.get("problems") or ()),
            everywhere=raw.get("everywhere"),
        )

    @property
    def strong(self) -> tuple[Match, ...]:
        """The real matches."""
        return self.results[: self._strong]

    @property
    def weak(self) -> tuple[Match, ...]:
        """The rest: the nearest there is, but no real matches."""
        return self.results[self._strong :]

    @property
    def _strong(self) -> int:
        return max(0, self.weak_from - self.offset)


class Matches(NamedTuple):
    """New matches of a standing query; whoever comes back with `cursor` goes on after them.

    `restarted`: the daemon could not go on where the cursor was, since its catalog
    was built anew or another model is in use. What it holds may be told again then.
    `understood` and `problems` come with the first, as with a search's answer.
    """

    results: tuple[Match, ...]
    cursor: str
    restarted: bool
    understood: tuple[Mapping[str, Any], ...] = ()
    problems: tuple[Mapping[str, Any], ...] = ()

    @classmethod
    def from_wire(cls, raw: Mapping[str, Any]) -> Matches:
        """Make it from an event, or from the result of `subscribe`."""
        return cls(
            results=tuple(Match.from_wire(result) for result in raw.get("results", ())),
            cursor=str(raw["cursor"]),
            restarted=bool(raw["restarted"]),
            understood=tuple(raw.get("understood") or ()),
            problems=tuple(raw.get("problems") or ()),
        )


def reasons(value: object) -> tuple[str, ...]:
    """Return what the daemon says is degraded, as texts."""
    match value:
        case None | False | "":
            return ()
        case str():
            return (value,)
        case list():
            return tuple(str(reason) for reason in value)
    raise TypeError(f"degraded is a list of texts, not {value!r}")


def _number(value: object) -> float | None:
    match value:
        case None:
            return None
        case int() | float():
            return float(value)
    raise TypeError(f"{value!r} is not a number")
