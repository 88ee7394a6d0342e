"""Which folders no event comes from, what may be claimed of them, and when they are walked."""

from __future__ import annotations

import pytest

from imgqd.coverage import Cover
from imgqd.inotify import Covered
from imgqd.records import Walked

ROOT = b"/p"
RESCAN = 3600.0
FOLDERS = {ROOT: (1, 1), b"/p/a": (1, 2), b"/p/a/x": (1, 3), b"/p/b": (1, 4)}


def walk(top: bytes = ROOT, began: float = 1000.0, spent: float = 1.0, **more: object) -> Walked:
    folders = {path: one for path, one in FOLDERS.items() if path.startswith(top)}
    values = {"folders": folders, "unreadable": (), **more}
    return Walked(top, ROOT, began, spent, **values)  # type: ignore[arg-type]


def judged(cover: Cover, *watched: bytes) -> set[bytes]:
    missing = cover.without_watch(Covered(FOLDERS[one] for one in watched))
    cover.judge(missing, RESCAN, 8)
    return missing


def test_where_every_folder_has_a_watch_nothing_is_blind() -> None:
    cover = Cover(since=5.0)
    cover.note(walk(), RESCAN)
    assert judged(cover, *FOLDERS) == set()
    assert (cover.watch, cover.why, cover.blind_since()) == ("live", None, None)
    assert cover.walked == 1000.0
    assert 1000 + 0.75 * RESCAN <= cover.due <= 1000 + 1.25 * RESCAN


def test_full_walks_come_at_moments_of_their_own() -> None:
    dues = set()
    for _ in range(20):
        cover = Cover(since=5.0)
        cover.note(walk(), RESCAN)
        dues.add(cover.due)
    assert len(dues) > 10


def test_a_folder_without_a_watch_is_blind_since_its_walk_and_named_with_the_remedy() -> None:
    cover = Cover(since=5.0)
    cover.note(walk(), RESCAN)
    assert judged(cover, ROOT, b"/p/b") == {b"/p/a", b"/p/a/x"}
    assert cover.watch == "partial"
    assert cover.why is not None
    assert cover.why.startswith("2 folders have no watch")
    assert "max_user_watches (now 8)" in cover.why
    assert cover.blind_tops(ROOT) == [b"/p/a"]
    assert cover.blind_since() == 1000.0


def test_the_less_a_walk_costs_the_sooner_what_is_blind_is_walked_again() -> None:
    cover = Cover(since=5.0)
    cover.note(walk(), RESCAN)
    judged(cover, ROOT, b"/p/b")
    for spent, pause in ((0.01, 60.0), (3.0, 300.0), (100.0, RESCAN)):
        cover.note(walk(b"/p/a", 2000.0, spent), RESCAN)
        assert cover.blind[b"/p/a"].due == 2000.0 + pause
    assert cover.blind_since() == 2000.0


def test_a_due_walk_is_asked_for_once() -> None:
    cover = Cover(since=5.0)
    cover.note(walk(), RESCAN)
    judged(cover, ROOT, b"/p/b")
    assert {top for top, _ in cover.due_walks(ROOT)} == {ROOT, b"/p/a"}
    for top in (ROOT, b"/p/a"):
        cover.is_walked(ROOT, top)
    assert {due for _, due in cover.due_walks(ROOT)} == {float("inf")}


def test_a_walk_of_one_folder_says_nothing_of_the_others() -> None:
    cover = Cover(since=5.0)
    cover.note(walk(), RESCAN)
    judged(cover, ROOT, b"/p/b")
    cover.note(walk(b"/p/b", 1500.0), RESCAN)
    judged(cover, ROOT)
    assert cover.uncovered == {b"/p/a", b"/p/a/x", b"/p/b"}
    assert cover.blind_since() == 1000.0
    cover.note(walk(b"/p/a", 1600.0), RESCAN)
    judged(cover, b"/p/a", b"/p/a/x")
    assert cover.uncovered == {b"/p/b"}
    assert cover.blind_since() == 1500.0


def test_a_blind_folder_that_is_gone_is_blind_no_longer() -> None:
    cover = Cover(since=5.0)
    cover.note(walk(), RESCAN)
    judged(cover, ROOT, b"/p/b")
    cover.note(walk(b"/p/a", folders={}), RESCAN)
    judged(cover)
    assert (cover.watch, cover.blind) == ("live", {})


def test_a_folder_that_only_an_earlier_one_of_two_walks_met_is_not_missing() -> None:
    cover = Cover(since=5.0)
    cover.note(walk(b"/p/b"), RESCAN)
    cover.note(walk(folders={ROOT: FOLDERS[ROOT]}), RESCAN)
    assert judged(cover, ROOT) == set()
    assert (cover.watch, cover.blind) == ("live", {})


def test_a_root_that_is_only_walked_is_blind_since_its_last_walk() -> None:
    cover = Cover(since=5.0, watch="scan_only")
    assert cover.blind_since() == 5.0
    assert cover.blind_tops(ROOT) == [ROOT]
    cover.note(walk(spent=2.0), RESCAN)
    assert cover.blind_since() == 1000.0
    assert cover.due == 1200.0


def test_a_network_mount_inside_is_blind_although_it_has_watches() -> None:
    cover = Cover(since=5.0, remote={b"/p/a": "nfs4"})
    cover.note(walk(), RESCAN)
    assert judged(cover, *FOLDERS) == set()
    assert cover.watch == "partial"
    assert cover.why == "/p/a lies on nfs4, which tells of no changes that are made elsewhere"
    assert cover.blind_tops(ROOT) == [b"/p/a"]
    assert len(cover.uncovered) == 2


def test_where_the_system_does_not_tell_every_folder_counts_as_watched() -> None:
    cover = Cover(since=5.0)
    cover.note(walk(), RESCAN)
    assert cover.without_watch(None) == set()


@pytest.mark.parametrize("top", [ROOT, b"/p/a"])
def test_a_folder_that_could_not_be_read_is_remembered_until_it_can(top: bytes) -> None:
    cover = Cover(since=5.0)
    cover.note(walk(unreadable=(b"/p/a/x",)), RESCAN)
    assert cover.unreadable == {b"/p/a/x"}
    cover.note(walk(b"/p/b"), RESCAN)
    assert cover.unreadable == {b"/p/a/x"}
    cover.note(walk(top), RESCAN)
    assert cover.unreadable == set()
