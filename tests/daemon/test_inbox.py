"""What is left in the inbox comes out once; what does not fit becomes a fact."""

from __future__ import annotations

import threading
import time

from imgqd.inbox import Inbox


def inbox(limit: int = 3) -> tuple[Inbox, list[None]]:
    woken: list[None] = []
    return Inbox(lambda: woken.append(None), limit), woken


def test_paths_come_out_once_and_with_the_time_they_were_first_noticed() -> None:
    box, _ = inbox()
    before = time.time()
    for path in (b"/a", b"/b", b"/a"):
        box.put(path)
    first = box.oldest()
    assert first is not None
    assert before <= first <= time.time()
    paths, lost = box.take()
    assert (list(paths), lost) == ([b"/a", b"/b"], False)
    assert paths[b"/a"] == first
    assert box.take() == ({}, False)
    assert box.oldest() is None


def test_an_empty_inbox_wakes_its_reader_once() -> None:
    box, woken = inbox()
    box.put(b"/a")
    box.put(b"/b")
    assert len(woken) == 1
    box.take()
    box.put(b"/c")
    assert len(woken) == 2


def test_a_full_inbox_keeps_the_fact_instead_of_the_paths() -> None:
    box, woken = inbox(limit=3)
    for number in range(100):
        box.put(b"/%d" % number)
    assert box.take() == ({}, True)
    assert len(woken) == 1
    box.put(b"/a")
    paths, lost = box.take()
    assert (list(paths), lost) == ([b"/a"], False)


def test_a_path_that_is_in_already_is_no_reason_to_overflow() -> None:
    box, _ = inbox(limit=3)
    for path in (b"/a", b"/b", b"/b", b"/b"):
        box.put(path)
    assert box.take()[1] is False


def test_an_overflow_of_the_kernel_is_kept_and_wakes() -> None:
    box, woken = inbox()
    box.put(b"/a")
    box.overflow()
    assert len(woken) == 2
    paths, lost = box.take()
    assert (list(paths), lost) == ([b"/a"], True)


def test_threads_lose_nothing_and_wake_the_reader() -> None:
    box, woken = inbox(limit=10_000)

    def fill(number: int) -> None:
        for one in range(500):
            box.put(b"/%d/%d" % (number, one))

    threads = [threading.Thread(target=fill, args=(number,)) for number in range(4)]
    for thread in threads:
        thread.start()
    taken: set[bytes] = set()
    while any(thread.is_alive() for thread in threads):
        taken |= box.take()[0].keys()
    for thread in threads:
        thread.join()
    taken |= box.take()[0].keys()
    assert len(taken) == 2000
    assert woken


def test_what_was_lost_counts_as_outstanding_since_the_first_of_it() -> None:
    box = Inbox(lambda: None, 1)
    box.put(b"/a")
    first = box.oldest()
    box.put(b"/b")
    assert box.oldest() == first
    assert box.take() == ({}, True)
    assert box.oldest() is None
