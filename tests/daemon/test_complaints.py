"""The log says what clients do wrong, and does not become another way to do wrong."""

from __future__ import annotations

import pytest

from imgqd.complaints import Complaints


def test_an_offence_is_logged_once_a_minute_with_the_number_of_the_others(
    caplog: pytest.LogCaptureFixture,
) -> None:
    now = [0.0]
    complaints = Complaints(lambda: now[0])
    for at in (0.0, 1.0, 59.9, 60.0, 61.0, 120.0, 180.0):
        now[0] = at
        complaints.say("a client was dropped", f"at {at}")
    assert caplog.messages == [
        "a client was dropped: at 0.0",
        "a client was dropped: at 60.0 (since the last such line 2 more)",
        "a client was dropped: at 120.0 (since the last such line 1 more)",
        "a client was dropped: at 180.0",
    ]


def test_each_kind_of_offence_has_a_line_of_its_own(caplog: pytest.LogCaptureFixture) -> None:
    complaints = Complaints(lambda: 0.0)
    for kind in ("bad bytes", "no place", "bad bytes"):
        complaints.say(kind)
    assert caplog.messages == ["bad bytes", "no place"]
