"""What a standing query tells, of which arrivals, and where its cursor stands then."""

from __future__ import annotations

import asyncio
from collections.abc import Iterator
from pathlib import Path

import pytest

from daemon.shelf import OTHER, Shelf, vector_of
from daemon.stand import WANTED, Books, fill, raw_pair, stand, start, unseen
from imgqd import standing
from imgqd.bell import Bell
from imgqd.catalog import Reader
from imgqd.records import Indexed, Picture
from imgqd.search import Wanted
from imgqd.standing import Place, Standing, begin


@pytest.fixture
def shelf(tmp_path: Path) -> Iterator[Shelf]:
    shelf = Shelf(tmp_path, "one")
    fill(shelf)
    yield shelf
    shelf.close()


@pytest.fixture
def books(shelf: Shelf) -> Books:
    return Books(shelf)


def test_what_was_there_before_is_not_told_and_what_comes_is_once(
    shelf: Shelf, books: Books
) -> None:
    before = stand(books)
    shelf.put("one/other.png", b"something else")
    shelf.put("one/wanted.png", WANTED)
    after = stand(books)
    assert before.look() == ["wanted.png"]
    shelf.put("one/another.png", b"something else again")
    assert before.look() == after.look() == []


def test_a_cursor_tells_what_came_since_and_each_event_carries_the_next(
    shelf: Shelf, books: Books
) -> None:
    cursor = start(books)[0].cursor()
    shelf.put("one/wanted.png", WANTED)
    query = stand(books, cursor)
    assert query.look() == ["wanted.png"]
    [(_, after, restarted)] = query.told
    assert not restarted
    assert stand(books, after).look() == []
    assert stand(books, cursor).look() == ["wanted.png"]


def test_nothing_is_read_while_nothing_arrived(
    books: Books, monkeypatch: pytest.MonkeyPatch
) -> None:
    query = stand(books)
    query.look()
    monkeypatch.setattr(Reader, "arrived", None)
    assert query.look(change=False) == []
    assert query.encoded == 1


def test_a_copy_a_rename_and_a_return_are_no_arrivals(shelf: Shelf, books: Books) -> None:
    shelf.put("one/wanted.png", WANTED)
    query = stand(books)
    shelf.put("one/copy.png", WANTED)
    assert query.look() == []
    for name in ("one/wanted.png", "one/copy.png"):
        (shelf.base / name).unlink()
        shelf.look(name)
    shelf.now += 100
    shelf.put("one/back.png", WANTED)
    assert query.look() == []
    before = shelf.reader.arrived()
    root = shelf.root("one")
    shelf.offline(root)
    shelf.online(shelf.root("one"))
    assert shelf.reader.arrived() == before


def test_a_picture_that_is_back_after_its_week_is_new(shelf: Shelf, books: Books) -> None:
    shelf.put("one/wanted.png", WANTED)
    query = stand(books)
    (shelf.base / "one/wanted.png").unlink()
    shelf.look("one/wanted.png")
    shelf.now += 8 * 86400
    assert shelf.writer.tidy(shelf.now) == 1
    shelf.put("one/wanted.png", WANTED)
    assert query.look() == ["wanted.png"]


def test_numbers_of_arrivals_are_never_given_again(shelf: Shelf, books: Books) -> None:
    (shelf.base / "one/p059.png").unlink()
    shelf.look("one/p059.png")
    before = shelf.reader.arrived()
    shelf.now += 8 * 86400
    shelf.writer.tidy(shelf.now)
    assert shelf.reader.arrived() == before == start(books)[0].seen


def test_a_rolled_back_commit_leaves_no_arrival(shelf: Shelf) -> None:
    before = shelf.reader.arrived()
    shelf.look(shelf.write("one/wanted.png", WANTED))
    [work] = shelf.take()
    whole = Indexed(work, Picture(b"w" * 16, "png", 4, 3), vector_of(WANTED))
    with pytest.raises(AttributeError):
        shelf.writer.commit([whole, None], [], shelf.model, shelf.model, 0)  # type: ignore[list-item]
    assert shelf.reader.arrived() == before


def test_a_file_that_vanished_this_moment_is_told_under_its_new_name(
    shelf: Shelf, books: Books
) -> None:
    query = stand(books)
    shelf.put("one/draft.png", WANTED)
    (shelf.base / "one/draft.png").rename(shelf.base / "one/final.png")
    assert query.look() == []
    kept = query.place.cursor()
    shelf.look("one/final.png")
    assert query.look(change=False) == ["final.png"]
    assert stand(books, kept).look() == ["final.png"]
    assert query.look(change=False) == []


def test_a_file_that_is_gone_for_good_holds_nothing_up(shelf: Shelf, books: Books) -> None:
    query = stand(books)
    shelf.put("one/wanted.png", WANTED)
    (shelf.base / "one/wanted.png").unlink()
    assert query.look() == []
    shelf.look("one/wanted.png")
    assert query.look(change=False) == []
    assert query.place.seen == shelf.reader.arrived()


def test_progress_without_matches_moves_the_cursor_now_and_then(
    shelf: Shelf, books: Books, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(standing, "_FAR", 6)
    monkeypatch.setattr(standing, "_BATCH", 3)
    query = stand(books)
    for number in range(2):
        shelf.put(f"one/x{number}.png", b"x %d" % number)
        query.look()
    assert query.told == []
    shelf.put("one/x2.png", b"x 2")
    query.look()
    assert query.told == [([], query.place.cursor(), False)]


def test_without_a_model_names_are_told_and_contents_once_there_is_one(shelf: Shelf) -> None:
    books = Books(shelf, model=0)
    query = stand(books, text="invoice")
    query.vector = None
    unseen(shelf, "one/invoice 1.png", b"an invoice")
    unseen(shelf, "one/wanted.png", b"wanted")
    assert query.look() == ["invoice 1.png"]
    assert query.place.seen < query.place.named
    # It becomes ready: every picture gets its vector, and the wanted one is new by its content.
    shelf.writer.requeue_without_vector(shelf.model, shelf.now)
    shelf.mirror(
        shelf.writer.commit(
            [
                Indexed(work, Picture(shown, "png", 4, 3), vector_of(WANTED))
                for work, shown in zip(
                    shelf.take(), (b"an invoice      ", b"wanted          "), strict=True
                )
            ],
            [], shelf.model, shelf.model, shelf.now,
        )
    )  # fmt: skip
    books.use(shelf.model)
    query.vector = vector_of(WANTED)
    assert query.look() == ["wanted.png"]
    assert not query.told[-1][2]


def test_another_model_begins_again_and_tells_only_what_came_after_the_cursor(
    shelf: Shelf, books: Books
) -> None:
    shelf.put("one/before.png", WANTED)
    query = stand(books)
    query.look()
    cursor = query.place.cursor()
    shelf.put("one/while away.png", b"away")
    other = shelf.writer.model_id(OTHER)
    shelf.writer.requeue_without_vector(other, shelf.now)
    shelf.commit(*shelf.take(), model=other, active=other)
    books.use(other)
    again = stand(books, cursor)
    again.vector = vector_of(b"away")
    assert again.look() == ["while away.png"]
    assert again.told[-1][2]
    assert again.place.model == other
    last = stand(books, again.place.cursor())
    assert last.look() == []
    assert last.told == []


def test_a_query_that_cannot_be_encoded_is_not_tried_at_every_change(
    shelf: Shelf, books: Books, monkeypatch: pytest.MonkeyPatch
) -> None:
    query = stand(books)
    query.vector = None
    shelf.put("one/wanted.png", WANTED)
    assert query.look() == query.look() == []
    tries = query.encoded
    query.vector = vector_of(WANTED)
    assert query.look() == []
    assert query.encoded == tries
    monkeypatch.setattr(query.query, "_again", 0.0)
    assert query.look() == ["wanted.png"]


def test_a_raw_file_and_its_jpeg_are_told_as_one(shelf: Shelf, books: Books) -> None:
    together, one_by_one, late = (stand(books) for _ in range(3))
    raw_pair(shelf, "one/a.cr2", "raw", vector_of(WANTED))
    assert one_by_one.look() == ["a.cr2"]
    raw_pair(shelf, "one/a.jpg", "jpeg", vector_of(WANTED))
    assert one_by_one.look() == []
    assert together.look() == ["a.jpg"]
    raw_pair(shelf, "one/b.cr2", "raw", vector_of(b"a dark rendering"))
    assert late.look() == ["a.jpg"]
    raw_pair(shelf, "one/b.jpg", "jpeg", vector_of(WANTED))
    assert late.look() == ["b.jpg"]


def test_a_catalog_built_anew_is_told_whole_and_a_restored_one_from_now(books: Books) -> None:
    here = start(books)[0]
    anew = start(books, f"1-{'0' * 16}-1-5-5-5")
    assert anew == (Place(here.catalog, 0, 0, 0, 0), True)
    restored = start(books, f"1-{here.catalog}-1-{here.named + 1}-0-0")
    assert restored == (Place(here.catalog, 0, here.named, here.named, here.named), True)
    assert start(books, here.cursor()) == (here, False)


@pytest.mark.parametrize(
    "cursor", ["", "1", "2-aaaaaaaaaaaaaaaa-1-1-1-1", f"1-{'a' * 16}-1-1-1-{'9' * 16}"]
)
def test_what_is_no_cursor_is_refused(books: Books, cursor: str) -> None:
    with pytest.raises(ValueError, match="cursor is a text that imgqd gave"):
        start(books, cursor)


def test_it_sleeps_until_the_bell_rings(shelf: Shelf, books: Books) -> None:
    async def scene() -> None:
        changed, told = Bell(), asyncio.Event()

        async def say(*_: object, **__: object) -> None:
            told.set()

        async def encode() -> Wanted:
            return Wanted(vector_of(WANTED), sight=books.sight)

        async def mean() -> Wanted:
            return Wanted()

        place, _ = await begin(books, None)
        query = Standing(books, mean, encode, place, say)
        running = asyncio.create_task(query.run(changed))
        await asyncio.sleep(0)
        shelf.put("one/wanted.png", WANTED)
        books.arrivals += 1
        changed.ring()
        async with asyncio.timeout(30):
            await told.wait()
        running.cancel()

    asyncio.run(scene())
