"""Nothing half written is released, and everything is released in the end."""

from __future__ import annotations

from itertools import count

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from imgqd.records import Hint, Stamp
from imgqd.settle import Full, Settler

QUIET = 1.0
WALL = 1_000_000.0
"""Unix time at the monotonic time 0."""


def hint(path: bytes = b"/a.png", noticed: float = 5.0, *, live: bool = False) -> Hint:
    return Hint(path, noticed, live)


def stamp(changed: float, size: int = 1) -> Stamp:
    """Return what a file shows whose last change was at this monotonic time."""
    nanoseconds = int((WALL + changed) * 1e9)
    return Stamp(1, 1, size, nanoseconds, nanoseconds)


def offer(settler: Settler, what: Hint, shown: Stamp | None, now: float) -> Hint | None:
    return settler.offer(what, shown, now, WALL + now)


def test_a_path_that_shows_no_file_is_ready_at_once() -> None:
    settler = Settler(QUIET)
    assert offer(settler, hint(), None, 0.0) == hint()
    assert len(settler) == 0


def test_a_file_that_has_been_quiet_for_long_is_ready_at_once() -> None:
    settler = Settler(QUIET)
    assert offer(settler, hint(), stamp(-1.0), 0.0) == hint()
    assert settler.next_due() is None


def test_a_file_whose_status_changed_lately_waits_however_old_its_content() -> None:
    settler = Settler(QUIET)
    moved_in = stamp(-1000.0)._replace(ctime_ns=stamp(-0.1).ctime_ns)
    assert offer(settler, hint(), moved_in, 0.0) is None


def test_a_fresh_file_is_released_after_the_quiet_time() -> None:
    settler = Settler(QUIET)
    fresh = stamp(-0.1)
    assert offer(settler, hint(), fresh, 0.0) is None
    assert settler.next_due() == QUIET
    assert settler.due(0.99) == []
    assert settler.due(1.0) == [hint()]
    assert offer(settler, hint(), fresh, 1.0) == hint()
    assert len(settler) == 0
    assert settler.next_due() is None


def test_a_file_that_grows_is_not_released_before_it_is_quiet() -> None:
    settler = Settler(QUIET)
    for step in range(5):
        assert offer(settler, hint(), stamp(float(step), step), float(step)) is None
    last = stamp(4.0, 4)
    due = settler.next_due()
    assert due is not None
    assert offer(settler, hint(), last, due - 0.01) is None
    assert offer(settler, hint(), last, due) == hint()


def test_a_file_that_grows_waits_longer_each_time_but_not_for_ever() -> None:
    settler = Settler(QUIET)
    waits = []
    for step in range(6):
        now = 100.0 * step
        offer(settler, hint(), stamp(now, step), now)
        due = settler.next_due()
        assert due is not None
        waits.append(due - now)
    assert waits == [1.0, 2.0, 4.0, 8.0, 8.0, 8.0]


def test_a_time_in_the_future_costs_the_quiet_time_and_no_more() -> None:
    settler = Settler(QUIET)
    future = stamp(86400.0)
    assert offer(settler, hint(), future, 0.0) is None
    assert offer(settler, hint(), future, QUIET) == hint()


def test_the_first_notice_of_a_held_file_is_kept_and_so_is_who_waits() -> None:
    settler = Settler(QUIET)
    fresh = stamp(0.0)
    offer(settler, hint(noticed=5.0), fresh, 0.0)
    offer(settler, hint(noticed=9.0, live=True), fresh, 0.5)
    assert settler.oldest() == 5.0
    released = offer(settler, hint(noticed=7.0), fresh, 1.0)
    assert released == hint(noticed=5.0, live=True)
    assert settler.oldest() is None


def test_a_held_file_that_goes_away_is_ready_at_once_with_its_first_notice() -> None:
    settler = Settler(QUIET)
    offer(settler, hint(noticed=5.0), stamp(0.0), 0.0)
    assert offer(settler, hint(noticed=9.0), None, 0.1) == hint(noticed=5.0)
    assert settler.due(100.0) == []


def test_a_dropped_file_is_held_no_longer() -> None:
    settler = Settler(QUIET)
    offer(settler, hint(), stamp(0.0), 0.0)
    settler.drop(b"/a.png")
    settler.drop(b"/never held.png")
    assert (len(settler), settler.next_due(), settler.due(100.0)) == (0, None, [])


def test_a_file_is_due_once_for_each_change() -> None:
    settler = Settler(QUIET)
    offer(settler, hint(), stamp(0.0), 0.0)
    offer(settler, hint(), stamp(0.5, 2), 0.5)
    assert settler.due(1.0) == []  # the first look was taken back
    assert settler.due(2.5) == [hint()]


def test_a_new_quiet_time_counts_for_what_comes_next() -> None:
    settler = Settler(QUIET)
    settler.quiet = 10.0
    offer(settler, hint(), stamp(-5.0), 0.0)
    assert settler.next_due() == 10.0


@pytest.mark.parametrize("quiet", [0.0, 0.001])
def test_a_tiny_quiet_time_holds_nothing_back(quiet: float) -> None:
    assert offer(Settler(quiet), hint(), stamp(-0.1), 0.0) == hint()


def written(settler: Settler, shown: Stamp, now: float, *, is_written: bool) -> Hint | None:
    return settler.offer(hint(), shown, now, WALL + now, is_written=is_written)


def test_a_file_in_a_writers_hands_waits_however_long_it_has_been_quiet() -> None:
    settler = Settler(QUIET)
    quiet = stamp(-10.0)
    assert written(settler, quiet, 0.0, is_written=True) is None
    for now in (1.0, 3.0, 7.0, 15.0):
        assert settler.next_due() == now
        assert written(settler, quiet, now, is_written=True) is None
    assert written(settler, quiet, 15.5, is_written=False) == hint()


def test_a_file_that_is_closed_is_released_a_quiet_time_after_its_last_change() -> None:
    settler = Settler(QUIET)
    for step in range(5):
        shown = stamp(10.0 * step, step)
        assert written(settler, shown, 10.0 * step, is_written=True) is None
    assert written(settler, shown, 40.5, is_written=False) is None
    assert settler.next_due() == 41.0
    assert written(settler, shown, 41.0, is_written=False) == hint()


def test_who_keeps_a_file_open_and_writes_nothing_for_a_minute_is_not_waited_for() -> None:
    settler = Settler(QUIET)
    fresh = stamp(0.0)
    assert written(settler, fresh, 0.0, is_written=True) is None
    assert written(settler, fresh, 59.0, is_written=True) is None
    assert written(settler, fresh, 61.0, is_written=True) == hint()


def test_more_than_the_limit_is_refused_and_what_is_held_is_kept() -> None:
    settler = Settler(QUIET, limit=2)
    for path in (b"/a", b"/b"):
        offer(settler, hint(path), stamp(0.0), 0.0)
    assert settler.room == 0
    with pytest.raises(Full):
        offer(settler, hint(b"/c"), stamp(0.0), 0.0)
    assert offer(settler, hint(b"/c"), stamp(-10.0), 0.0) == hint(b"/c")  # quiet: not held
    assert offer(settler, hint(b"/a"), stamp(0.0), 1.0) == hint(b"/a")
    assert settler.room == 1


gaps = st.floats(0.0, 3.0, allow_nan=False)


@settings(max_examples=150)
@given(
    writes=st.lists(st.tuples(st.sampled_from([b"/a", b"/b", b"/c"]), gaps), max_size=15),
    looks=st.lists(gaps, max_size=25),
)
def test_no_file_is_released_half_written_and_all_are_released(  # noqa: C901 - one story
    writes: list[tuple[bytes, float]], looks: list[float]
) -> None:
    """Writes at some times, looks at others: the disk shows the last write before each look."""
    settler = Settler(QUIET)
    sizes = count(1)
    moment = 0.0
    events: list[tuple[float, bytes | None]] = []
    for path, gap in writes:
        moment += gap
        events.append((moment, path))
    moment = 0.0
    for gap in looks:
        moment += gap
        events.append((moment, None))
    disk: dict[bytes, Stamp] = {}
    changed: dict[bytes, float] = {}
    first: dict[bytes, float] = {}
    waiting: set[bytes] = set()

    def look(path: bytes, now: float) -> None:
        noticed = first.setdefault(path, now)
        released = offer(settler, Hint(path, now, live=True), disk[path], now)
        if released is None:
            waiting.add(path)
            return
        assert now - changed[path] >= QUIET - 1e-6
        assert released.noticed == noticed
        waiting.discard(path)
        del first[path]

    for now, written in sorted(events, key=lambda event: event[0]):
        if written is not None:
            disk[written], changed[written] = stamp(now, next(sizes)), now
            look(written, now)
            continue
        for one in settler.due(now):
            look(one.path, now)
        for path in disk.keys() - waiting:
            look(path, now)
    assert len(settler) == len(waiting)
    assert (settler.oldest() is None) == (not waiting)
    now = max((moment for moment, _ in events), default=0.0)
    while (due := settler.next_due()) is not None:
        assert due <= now + 8 * QUIET
        now = max(now, due)
        for one in settler.due(now):
            look(one.path, now)
    assert waiting == set()
