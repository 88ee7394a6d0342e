"""A move to another model: who is shown what, what is done once only, and when it waits."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from daemon.removal import DAMAGED, MOVED, UNREADABLE, Killed, Removal
from daemon.shelf import Shelf
from imgqd import moving


@pytest.fixture
def shelf(tmp_path: Path) -> Iterator[Shelf]:
    shelf = Shelf(tmp_path, "one", "two")
    yield shelf
    shelf.close()


@pytest.fixture
def removal(shelf: Shelf, monkeypatch: pytest.MonkeyPatch) -> Removal:
    for name in ("_AGAIN", "_NO_MODEL_PAUSE", "_CALM"):
        monkeypatch.setattr(moving, name, 0.001)
    return Removal(shelf)


def fill(shelf: Shelf, count: int, folder: str = "one") -> list[bytes]:
    contents = [b"content %d" % number for number in range(count)]
    for number, content in enumerate(contents):
        shelf.look(shelf.write(f"{folder}/{number}.png", content))
    shelf.work()
    return contents


def test_every_picture_is_shown_once_and_counted(shelf: Shelf, removal: Removal) -> None:
    contents = fill(shelf, 150)
    shelf.put("one/copy.png", contents[3])
    move = removal.run()
    assert removal.after.seen == contents
    assert removal.before.seen == []
    assert (move.done, move.total, move.left_out, removal.missing) == (150, 150, set(), [])
    assert removal.books.counters["embedded"] == 150
    assert removal.glass.released == 1
    assert shelf.reader.moved(shelf.model, removal.number) == (150, 150)


def test_with_help_from_elsewhere_nothing_is_embedded_here(shelf: Shelf, removal: Removal) -> None:
    contents = fill(shelf, 150)
    helped = removal.helped(batches=1000)
    move = removal.run()
    assert sorted(helped.seen) == sorted(contents)
    assert removal.after.seen == []
    assert (move.done, removal.missing) == (150, [])
    assert removal.books.counters["embedded"] == 150


def test_what_help_leaves_undone_is_embedded_here(shelf: Shelf, removal: Removal) -> None:
    contents = fill(shelf, 150)
    helped = removal.helped(batches=3)
    move = removal.run()
    assert len(helped.seen) == 96
    assert sorted(helped.seen + removal.after.seen) == sorted(contents)
    assert (move.done, removal.missing) == (150, [])


def test_what_an_interrupted_move_has_done_is_not_done_again(
    shelf: Shelf, removal: Removal
) -> None:
    contents = fill(shelf, 150)

    def kill() -> None:
        if len(removal.after.seen) > 64:
            raise Killed

    removal.after.then = kill
    with pytest.raises(Killed):
        removal.run()
    left = len(removal.missing)
    assert 0 < left < 150
    removal.restart()
    move = removal.run()
    assert removal.after.seen == contents[-left:]
    assert (move.done, move.total) == (150, 150)


def test_a_picture_that_comes_meanwhile_is_shown_too(shelf: Shelf, removal: Removal) -> None:
    fill(shelf, 3)

    def arrive() -> None:
        removal.after.then = lambda: None
        shelf.put("one/new.png", b"new")

    removal.after.then = arrive
    move = removal.run()
    assert removal.after.seen[-1] == b"new"
    assert (move.done, move.total) == (4, 4)


def test_a_picture_that_went_away_meanwhile_is_forgotten(shelf: Shelf, removal: Removal) -> None:
    fill(shelf, 3)
    (shelf.base / "one" / "1.png").unlink()
    shelf.look("one/1.png")
    assert len(removal.run().left_out) == 0
    assert removal.after.seen == [b"content 0", b"content 2"]


def test_a_picture_is_read_from_any_file_that_still_shows_it(
    shelf: Shelf, removal: Removal
) -> None:
    fill(shelf, 1)
    shelf.put("two/copy.png", b"content 0")
    (shelf.base / "one" / "0.png").write_bytes(b"something else")  # nobody has noticed yet
    assert removal.run().left_out == set()
    assert removal.after.seen == [b"content 0"]


@pytest.mark.parametrize("trouble", [MOVED(), UNREADABLE, OSError(24, "too many files")])
def test_a_file_that_is_in_flux_is_looked_at_again(
    shelf: Shelf, removal: Removal, trouble: Exception
) -> None:
    fill(shelf, 2)
    removal.glass.troubles[b"content 0"] = [trouble]
    assert removal.run().left_out == set()
    assert sorted(removal.after.seen) == [b"content 0", b"content 1"]


@pytest.mark.parametrize(
    "hinder",
    [
        lambda removal: removal.glass.troubles.update({b"content 0": [DAMAGED]}),
        lambda removal: removal.glass.troubles.update({b"content 0": [MOVED()] * 99}),
        lambda removal: removal.after.deadly.add(b"content 0"),
    ],
    ids=["damaged", "always in flux", "deadly to the embedder"],
)
def test_what_cannot_be_seen_holds_nothing_up(
    shelf: Shelf, removal: Removal, hinder: Callable[[Removal], object]
) -> None:
    fill(shelf, 2)
    hinder(removal)
    move = removal.run()
    assert (removal.missing, move.left_out) == ([1], {1})


def test_three_starts_that_come_no_further_leave_the_block_out(
    shelf: Shelf, removal: Removal
) -> None:
    fill(shelf, 70)

    def die() -> None:
        raise Killed

    for _ in range(3):
        removal.restart()
        removal.after.then = die
        with pytest.raises(Killed):
            removal.run()
        assert len(removal.missing) == 70
    removal.restart()
    move = removal.run()
    assert (len(move.left_out), len(removal.missing)) == (64, 64)
    assert len(removal.after.seen) == 6


def test_starts_that_come_further_each_time_leave_nothing_out(
    shelf: Shelf, removal: Removal
) -> None:
    fill(shelf, 200)
    for _ in range(5):
        removal.restart()
        removal.after.batch = 8
        shown = removal.after.seen

        def die(shown: list[bytes] = shown) -> None:
            if len(shown) > 8:
                raise Killed

        removal.after.then = die
        with pytest.raises(Killed):
            removal.run()
    removal.restart()
    assert removal.run().left_out == set()
    assert removal.missing == []


def test_an_embedder_that_does_not_start_is_tried_again_and_no_picture_is_blamed(
    shelf: Shelf, removal: Removal
) -> None:
    fill(shelf, 2)
    removal.after.absent = 2
    move = removal.run()
    assert (move.left_out, removal.missing, move.waits) == (set(), [], None)


def test_while_work_rests_nothing_is_shown_and_no_process_held(
    shelf: Shelf, removal: Removal
) -> None:
    fill(shelf, 100)

    async def scene() -> None:
        running = asyncio.create_task(removal.move.run())
        removal.rests = "paused"
        await removal.until(lambda: removal.move.waits is not None)
        assert (removal.move.waits, removal.after.seen) == ("paused", [])
        assert removal.move.remaining is None
        removal.rests = None
        removal.bell.ring()
        # On its way it rests after what is in its hands.
        removal.after.then = lambda: setattr(removal, "rests", "on battery")
        await removal.until(lambda: removal.move.waits == "on battery")
        assert len(removal.after.seen) == 64
        assert removal.after.pid is None
        removal.after.then, removal.rests = lambda: None, None
        removal.bell.ring()
        await running

    asyncio.run(asyncio.wait_for(scene(), 30))
    assert removal.missing == []


def test_new_pictures_come_first_and_one_embedder_is_there_at_a_time(
    shelf: Shelf, removal: Removal
) -> None:
    fill(shelf, 100)
    removal.before.pid = 7
    both: list[bool] = []

    async def scene() -> None:
        removal.is_idle = False
        running = asyncio.create_task(removal.move.run())
        await removal.until(lambda: removal.move.waits is not None)
        assert (removal.move.waits, removal.after.seen) == ("new pictures come first", [])
        removal.is_idle = True
        removal.after.then = lambda: both.append(removal.before.pid is not None)
        removal.bell.ring()
        await running

    asyncio.run(asyncio.wait_for(scene(), 30))
    assert removal.before.released == 1
    assert set(both) == {False}


def test_an_import_without_an_end_does_not_keep_the_move_from_its_own(
    shelf: Shelf, removal: Removal, monkeypatch: pytest.MonkeyPatch
) -> None:
    fill(shelf, 100)
    monkeypatch.setattr(moving, "_PATIENCE", 0.01)
    removal.is_idle = False
    removal.before.pid = 7
    removal.run()
    assert removal.missing == []
    assert removal.before.released == 0, "new pictures are still found at once"
