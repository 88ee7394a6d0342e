"""Which device is asked for, as it fails and works again."""

from __future__ import annotations

from imgqd.fallback import Fallback


def test_the_wanted_device_is_asked_for_until_it_fails() -> None:
    one = Fallback("cuda:1")
    assert one.device(0.0) == "cuda:1"
    assert not one.is_due(1e9)
    assert one.detail == ""
    one.failed("it fell off the bus", 1000.0)
    assert one.device(1000.0) == "cpu"
    assert "it fell off the bus" in one.detail
    assert not one.is_due(1059.0)
    assert one.is_due(1060.0)
    assert one.device(1060.0) == "cuda:1"


def test_each_failure_is_followed_by_a_longer_pause_up_to_an_hour() -> None:
    one, now = Fallback("auto"), 0.0
    pauses = []
    for _ in range(8):
        one.failed("it failed", now)
        began = now
        while not one.is_due(now):
            now += 10.0
        pauses.append(now - began)
    assert pauses == [60, 120, 240, 480, 960, 1920, 3600, 3600]


def test_a_device_that_worked_begins_anew() -> None:
    one = Fallback("auto")
    one.failed("it failed", 0.0)
    one.failed("it failed", 60.0)
    one.worked()
    assert (one.detail, one.device(61.0)) == ("", "auto")
    one.failed("it failed", 100.0)
    assert one.is_due(160.0)


def test_scarce_memory_is_known_as_such_only_while_it_is_waited_for() -> None:
    one = Fallback("auto")
    one.failed("taken", 0.0, is_scarce=True)
    assert one.is_scarce(59.0)
    assert not one.is_scarce(60.0)
    one.failed("broken", 60.0)
    assert not one.is_scarce(61.0)
