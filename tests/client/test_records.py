"""The records that a search makes are those of `typing`, which it does not import."""

import copy
import pickle
import typing
from typing import Any

import pytest

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
    for name in ("__doc__", "__module__", "__match_args__", "_fields", "_field_defaults"):
        assert getattr(Ours, name) == getattr(Theirs, name)
    assert issubclass(Ours, tuple)
    ours, theirs = Ours(b"/a/b", score=0.5), Theirs(b"/a/b", score=0.5)
    assert (ours.path, ours.score, ours.name) == (b"/a/b", 0.5, b"b")
    assert tuple(ours) == tuple(theirs)
    assert hash(ours) == hash(theirs)
    assert repr(ours) == repr(theirs).replace("Theirs", "Ours")
    assert ours._asdict() == theirs._asdict()
    assert Ours._make([b"/c", None]) == (b"/c", None)
    assert ours._replace(path=b"/c").name == b"c"
    assert not hasattr(ours, "__dict__")
    with pytest.raises(AttributeError):
        ours.path = b"/d"  # type: ignore[misc]
    match ours:
        case Ours(path, score=score):
            assert (path, score) == (b"/a/b", 0.5)


@pytest.mark.parametrize("made", [Ours, Theirs])
@pytest.mark.parametrize(
    ("values", "named"),
    [((), {}), ((1, 2, 3), {}), ((1,), {"path": 2}), ((1,), {"x": 2}), ((), {"score": 1})],
)
def test_a_record_is_made_of_its_fields_only(
    made: Any, values: tuple[int, ...], named: dict[str, int]
) -> None:
    with pytest.raises(TypeError):
        made(*values, **named)


def test_a_record_can_be_copied_and_sent_to_another_process() -> None:
    match = Match(b"/a", 0.5, 0.9, 1, {"machine": None})
    for twin in (copy.copy(match), copy.deepcopy(match), pickle.loads(pickle.dumps(match))):
        assert twin == match
        assert type(twin) is Match
