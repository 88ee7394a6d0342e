"""What may be claimed of an answer, and what bounds it."""

from __future__ import annotations

import pytest

from imgqd.freshness import LAG, Freshness


@pytest.fixture(autouse=True)
def _at_1000(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("imgqd.freshness.time.time", lambda: 1000.0)


def test_when_nothing_is_outstanding_the_claim_is_now_but_for_the_lag() -> None:
    assert Freshness(0.0).as_of(None, None) == 1000.0 - LAG


def test_the_oldest_of_everything_outstanding_bounds_the_claim() -> None:
    fresh = Freshness(0.0)
    source: list[float | None] = [900.0]
    fresh.include(lambda: source[0])
    fresh.include(lambda: None)
    ticket = fresh.hold(800.0)
    assert fresh.oldest(700.0) == 700.0
    assert fresh.as_of(700.0, None) == 700.0 - LAG
    assert fresh.as_of(None, None) == 800.0 - LAG
    fresh.release(ticket)
    assert fresh.as_of(None, None) == 900.0 - LAG
    source[0] = None
    assert fresh.oldest(None) is None


def test_folders_that_nobody_watches_bound_the_claim_by_their_last_walk() -> None:
    assert Freshness(0.0).as_of(None, 500.0) == 500.0
    assert Freshness(0.0).as_of(400.0, 500.0) == 400.0 - LAG


def test_what_is_held_twice_is_released_one_by_one() -> None:
    fresh = Freshness(0.0)
    first, second = fresh.hold(900.0), fresh.hold(900.0)
    fresh.release(first)
    assert fresh.oldest(None) == 900.0
    fresh.release(second)
    assert fresh.oldest(None) is None


def test_what_is_held_for_a_block_is_released_even_when_it_fails() -> None:
    fresh = Freshness(0.0)

    def fail() -> None:
        with fresh.holding(900.0):
            assert fresh.oldest(None) == 900.0
            raise ValueError("broken")

    with pytest.raises(ValueError, match="broken"):
        fail()
    assert fresh.oldest(None) is None


def test_only_a_claim_without_anything_outstanding_is_proved() -> None:
    fresh = Freshness(100.0)
    fresh.as_of(950.0, None)
    assert fresh.proved() == 100.0
    fresh.as_of(None, 500.0)
    assert fresh.proved() == 500.0
    fresh.as_of(None, None)
    assert fresh.proved() == 1000.0 - LAG


def test_what_was_proved_is_never_taken_back(monkeypatch: pytest.MonkeyPatch) -> None:
    fresh = Freshness(0.0)
    fresh.as_of(None, None)
    monkeypatch.setattr("imgqd.freshness.time.time", lambda: 10.0)  # the clock was set back
    assert fresh.as_of(None, None) == 10.0 - LAG
    assert fresh.proved() == 1000.0 - LAG


def test_an_event_that_was_lost_reaches_back_to_what_an_earlier_run_proved() -> None:
    assert Freshness(123.0).proved() == 123.0


def test_while_in_doubt_nothing_beyond_what_is_proved_is_claimed() -> None:
    fresh = Freshness(0.0)
    fresh.as_of(None, 500.0)
    fresh.doubt()
    assert fresh.as_of(None, None) == 500.0
    fresh.trust(fresh.doubts)
    assert fresh.as_of(None, None) == 1000.0 - LAG


def test_a_second_doubt_is_not_taken_back_with_the_first() -> None:
    fresh = Freshness(500.0)
    fresh.doubt()
    first = fresh.doubts
    fresh.doubt()
    fresh.trust(first)
    assert fresh.as_of(None, None) == 500.0
