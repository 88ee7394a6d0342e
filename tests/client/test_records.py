"""The records that a search makes are those of `typing`, which it does not import."""

import pickle
import typing

from imgq.answers import Match

if typing.TYPE_CHECKING:
    from typing import NamedTuple
else:
    from imgq.records import NamedTuple


class Ours(NamedTuple):
    """A record."""

    path: bytes
    score: float | None = None
    """A field may have words of its own."""

    @property
    def name(self) -> bytes:
        return self.path.rpartition(b"/")[2]


class Theirs(typing.NamedTuple):
    """A record."""

    path: bytes
    score: float | None = None


def test_a_record_is_what_typing_makes_of_the_same_lines() -> None:
    for name in ("__bases__", "__doc__", "__module__", "__match_args__", "_fields"):
        assert getattr(Ours, name) == getattr(Theirs, name)
    assert Ours._field_defaults == Theirs._field_defaults
    assert tuple(Ours(b"/a")) == tuple(Theirs(b"/a")) == (b"/a", None)
    assert repr(Ours(b"/a", score=0.5)) == "Ours(path=b'/a', score=0.5)"
    assert Ours(b"/a")._replace(path=b"/p/b").name == b"b"


def test_a_match_travels_to_other_processes() -> None:
    match = Match(b"/a", 0.5, 0.9, 1, {"machine": None})
    assert pickle.loads(pickle.dumps(match)) == match
