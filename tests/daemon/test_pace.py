"""What is quickest here: who wins, and what is remembered of it."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest

from imgqd import pace


class Clock:
    """A clock that only the ways move; each takes the times that are written for it."""

    def __init__(self, **times: list[float]) -> None:
        self.now = 0.0
        self.taken = dict.fromkeys(times, 0)
        self.ways: dict[str, Callable[[], None]] = {
            name: lambda name=name, each=each: self._pass(name, each)  # type: ignore[misc]
            for name, each in times.items()
        }

    def _pass(self, name: str, each: list[float]) -> None:
        self.now += each[min(self.taken[name], len(each) - 1)]
        self.taken[name] += 1

    def quickest(self, budget: float = 1.0) -> str:
        return pace.quickest(self.ways, budget, lambda: self.now)


@pytest.mark.parametrize(
    ("plain", "half", "wins"),
    [
        ([0.3], [0.1], "half"),
        ([0.1], [0.3], "plain"),
        ([0.1], [0.1], "plain"),
        ([0.11], [0.1], "plain"),  # not worth its rounding
        ([9.0, 0.1], [0.2], "plain"),  # the first pass of each warms up
        ([0.3], [0.1, 0.9, 0.9, 0.1], "half"),  # somebody else was at work meanwhile
    ],
)
def test_the_quickest_is_the_first_one_unless_another_is_clearly_quicker(
    plain: list[float], half: list[float], wins: str
) -> None:
    assert Clock(plain=plain, half=half).quickest(3.0) == wins


def test_a_measurement_ends_when_its_time_is_up_and_counts_one_round_at_least() -> None:
    slow = Clock(plain=[5.0], half=[3.0])
    assert slow.quickest() == "half"
    assert slow.taken == {"plain": 2, "half": 2}
    quick = Clock(plain=[0.1], half=[0.1])
    quick.quickest()
    assert quick.now <= 1.0 + 4 * 0.1


@pytest.fixture
def cache(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path))
    return tmp_path


@pytest.mark.usefixtures("cache")
def test_what_was_found_is_known_for_the_same_thing_on_the_same_machine(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    assert pace.remembered("a model") is None
    pace.remember("a model", "half")
    assert pace.remembered("a model") == "half"
    assert pace.remembered("another") is None
    monkeypatch.setattr(pace, "flags", lambda: "model name: another one\nflags: mmx")
    assert pace.remembered("a model") is None


def test_a_cache_that_cannot_be_used_is_as_one_that_is_empty(cache: Path) -> None:
    (cache / "imgq").write_text("a file where the folder should be")
    pace.remember("a model", "half")
    assert pace.remembered("a model") is None
