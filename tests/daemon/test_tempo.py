"""The rate of a first indexing, over batches and clocks that are made up."""

from __future__ import annotations

import pytest

from imgqd.tempo import Tempo


class Bench:
    """A tempo and its clock; the embedder and the decoders of a machine, by their times."""

    def __init__(self) -> None:
        self.now = 100.0
        self.tempo = Tempo(lambda: self.now)

    def batches(self, count: int, seconds: float, *, pictures: int = 32, ahead: int = 128) -> None:
        """Embed so many batches, each in so many seconds."""
        for _ in range(count):
            self.now += seconds
            self.tempo.note(1, pictures, ahead, is_last=False)

    @property
    def rate(self) -> float | None:
        measured = self.tempo.measured()
        return None if measured is None else measured.rate


@pytest.fixture
def bench() -> Bench:
    return Bench()


def test_a_rate_is_known_after_three_seconds_of_work_and_says_over_how_many(bench: Bench) -> None:
    bench.batches(1, 9.0)
    assert bench.rate is None
    bench.batches(2, 1.2)
    assert bench.rate is None
    bench.batches(1, 1.2)
    measured = bench.tempo.measured()
    assert measured is not None
    assert (measured.pictures, round(measured.seconds, 1)) == (96, 3.6)


def test_the_start_of_an_embedder_is_no_work(bench: Bench) -> None:
    bench.batches(1, 25.0)
    bench.batches(3, 4.0)
    assert bench.rate == pytest.approx(8.0)


def test_a_pause_or_an_idle_night_does_not_count(bench: Bench) -> None:
    bench.batches(4, 4.0)
    bench.tempo.skip()
    bench.now += 36_000
    bench.tempo.skip()
    bench.batches(4, 4.0)
    assert bench.rate == pytest.approx(8.0)


def test_what_was_decoded_while_the_embedder_started_does_not_make_it_fast(bench: Bench) -> None:
    """A GPU takes what waits at once; then the decoders, at 40 a second, are what it waits for."""
    bench.batches(1, 5.0, ahead=128)
    for ahead in (101, 74, 47, 20, 0, 0, 0):
        bench.batches(1, 0.8 if ahead == 0 else 0.13, ahead=ahead)
    assert bench.rate is None or bench.rate < 45
    bench.batches(3, 0.8, ahead=0)
    assert bench.rate == pytest.approx(40, rel=0.1)


def test_where_the_decoders_run_ahead_the_embedder_is_what_counts(bench: Bench) -> None:
    for ahead in (0, 64, 128, 128):
        bench.batches(1, 4.0, ahead=ahead)
    assert bench.rate == pytest.approx(8.0)


def test_that_fewer_and_fewer_wait_at_the_end_does_not_make_it_slow(bench: Bench) -> None:
    bench.batches(4, 4.0)
    for ahead in (96, 64, 32, 0):
        bench.now += 4.0
        bench.tempo.note(1, 32, ahead, is_last=True)
    assert bench.rate == pytest.approx(8.0)


def test_only_the_last_minute_of_work_counts(bench: Bench) -> None:
    bench.batches(40, 1.0)
    bench.batches(15, 4.0)
    assert bench.rate == pytest.approx(8.0)


def test_a_slow_machine_is_believed(bench: Bench) -> None:
    bench.batches(3, 200.0)
    assert bench.rate == pytest.approx(32 / 200)


def test_a_full_disk_is_not_taken_for_a_slow_machine(bench: Bench) -> None:
    bench.batches(4, 1.0)
    bench.batches(1, 1800.0)
    assert bench.rate is None
    bench.batches(4, 1.0)
    assert bench.rate == pytest.approx(32.0)


def test_a_machine_that_became_very_slow_is_believed_at_the_second_batch(bench: Bench) -> None:
    bench.batches(4, 1.0)
    bench.batches(2, 1800.0)
    assert bench.rate == pytest.approx(32 / 1800)


def test_another_model_has_another_pace(bench: Bench) -> None:
    bench.batches(4, 4.0)
    bench.now += 40.0
    bench.tempo.note(2, 32, 128, is_last=False)
    assert bench.rate is None
