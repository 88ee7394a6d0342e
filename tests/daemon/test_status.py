"""The estimate in the status: what was measured, held against what is still to do."""

from __future__ import annotations

from types import SimpleNamespace
from typing import Any, cast

import pytest

from imgqd.status import Status
from imgqd.tempo import Measured

UNKNOWN = {"rate": 0.0, "remaining": None, "measured": None}


class Parts:
    """A daemon at work that has measured 120 pictures in 15 seconds."""

    def __init__(self) -> None:
        self.measured: Measured | None = Measured(120, 15.0)
        self.models = SimpleNamespace(state=SimpleNamespace(state="ready"))
        tempo = SimpleNamespace(measured=lambda: self.measured)
        self.pipeline = SimpleNamespace(tempo=tempo, bulk_waits=False)
        models, pipeline = cast("Any", self.models), cast("Any", self.pipeline)
        nothing = cast("Any", None)
        self.courtesy = cast("Any", SimpleNamespace(reason=None))
        self.status = Status(
            "1",
            nothing,
            models,
            nothing,
            nothing,
            pipeline,
            nothing,
            nothing,
            self.courtesy,
            nothing,
            nothing,
            nothing,
        )

    def estimate(self, pending: int = 12_000) -> dict[str, Any]:
        return self.status._estimate(pending)


@pytest.fixture
def parts() -> Parts:
    return Parts()


def test_what_is_pending_takes_as_long_as_was_measured(parts: Parts) -> None:
    assert parts.estimate() == {
        "rate": 8.0,
        "remaining": 1500.0,
        "measured": {"pictures": 120, "seconds": 15.0},
    }


def test_nothing_is_said_before_anything_was_measured_or_when_nothing_is_to_do(
    parts: Parts,
) -> None:
    assert parts.estimate(0) == UNKNOWN
    parts.measured = None
    assert parts.estimate() == UNKNOWN


def test_nobody_knows_how_long_a_rest_is(parts: Parts) -> None:
    parts.status.paused = "paused"
    assert parts.estimate() == UNKNOWN
    parts.status.paused = None
    assert parts.estimate() != UNKNOWN
    parts.pipeline.bulk_waits, parts.courtesy.reason = True, "on battery"
    assert parts.estimate() == UNKNOWN


@pytest.mark.parametrize("state", ["loading", "missing", "failed"])
def test_without_a_model_there_is_no_rate_of_one(parts: Parts, state: str) -> None:
    parts.models.state.state = state
    assert parts.estimate() == UNKNOWN
