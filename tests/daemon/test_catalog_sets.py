"""The vectors of several models in one catalog: what is lacking, counted, stored and dropped."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from daemon.shelf import OTHER, WEEK, Shelf, stamp, vector_of
from daemon.stand import WANTED, Books, fill, stand
from imgqd.catalog import Reader
from imgqd.records import Lacking, VectorSet


@pytest.fixture
def shelf(tmp_path: Path) -> Iterator[Shelf]:
    shelf = Shelf(tmp_path, "one", "two")
    yield shelf
    shelf.close()


@pytest.fixture
def other(shelf: Shelf) -> int:
    return shelf.writer.model_id(OTHER)


def lacking(shelf: Shelf, other: int, after: int = 0, limit: int = 100) -> list[Lacking]:
    return shelf.reader.lacking(shelf.model, other, after, limit)


def see(shelf: Shelf, other: int, *images: int) -> None:
    vectors = [(image, vector_of(b"%d" % image)) for image in images]
    shelf.writer.put_vectors(other, vectors)


def test_what_one_model_has_seen_and_another_not_comes_in_order_with_its_files(
    shelf: Shelf, other: int
) -> None:
    first, second, third = (shelf.put(f"one/{name}.png", name.encode()) for name in "abc")
    shelf.put("two/copy.png", b"b")
    see(shelf, other, first)
    paths = [bytes(shelf.base / "one/b.png"), bytes(shelf.base / "two/copy.png")]
    found = lacking(shelf, other)
    assert [one.image for one in found] == [second, third]
    assert [path for path, _ in found[0].files] == paths
    assert [known for _, known in found[0].files] == [stamp(path) for path in paths]
    assert [one.image for one in lacking(shelf, other, after=second)] == [third]
    assert [one.image for one in lacking(shelf, other, limit=1)] == [second]
    assert shelf.reader.moved(shelf.model, other) == (3, 1)


def test_what_no_model_has_seen_or_lies_on_a_drive_that_is_away_is_not_lacking(
    shelf: Shelf, other: int
) -> None:
    shelf.put("two/away.png", b"away")
    shelf.offline(shelf.root("two"))
    shelf.look(shelf.write("one/new.png", b"new"))
    assert lacking(shelf, other) == []
    assert shelf.reader.moved(shelf.model, other) == (0, 0)


def test_a_vector_of_a_picture_that_was_forgotten_meanwhile_is_not_kept(
    shelf: Shelf, other: int
) -> None:
    image = shelf.put("one/a.png", b"a")
    (shelf.base / "one/a.png").unlink()
    shelf.look("one/a.png")
    shelf.writer.tidy(shelf.now + 2 * WEEK)
    see(shelf, other, image)
    assert [one.number for one in shelf.reader.sets()] == []


def test_the_sets_are_counted_by_the_pictures_that_are_there(shelf: Shelf, other: int) -> None:
    a, b = shelf.put("one/a.png", b"a"), shelf.put("one/b.png", b"b")
    see(shelf, other, a, b)
    (shelf.base / "one/a.png").unlink()
    shelf.look("one/a.png")
    assert shelf.reader.sets() == [
        VectorSet(shelf.model, "sha256:1", "demo", 32, 1),
        VectorSet(other, "sha256:2", "other", 32, 1),
    ]


def test_a_set_is_dropped_bit_by_bit_and_the_other_stays(shelf: Shelf, other: int) -> None:
    images = [shelf.put(f"one/{number}.png", b"%d" % number) for number in range(5)]
    see(shelf, other, *images)
    assert [shelf.writer.drop_vectors(shelf.model, 2) for _ in range(4)] == [2, 2, 1, 0]
    assert [one.name for one in shelf.reader.sets()] == ["other"]
    [(held, _)] = shelf.reader.vectors(other, 32)
    assert held == images


def test_room_is_given_back_while_questions_are_answered(shelf: Shelf, other: int) -> None:
    images = [shelf.put(f"one/{number}.png", b"%d" % number) for number in range(100)]
    see(shelf, other, *images)
    shelf.writer.put_vectors(other, [(image, vector_of(b"x" * image)) for image in images])
    reading = shelf.reader.vectors(other, 32)
    shelf.writer.drop_vectors(shelf.model, 1000)
    assert shelf.writer.shrink()
    assert next(reading)[0] == images
    [free] = shelf.writer._db.execute("PRAGMA freelist_count").fetchone()
    assert free == 0
    shelf.put("one/new.png", b"new")
    assert shelf.named("new") == ["one/new.png"]


def test_a_disk_without_room_keeps_the_catalog_as_it_is(
    shelf: Shelf, monkeypatch: pytest.MonkeyPatch
) -> None:
    image = shelf.put("one/a.png", b"a")
    monkeypatch.setattr("shutil.disk_usage", lambda _: type("Usage", (), {"free": 0}))
    shelf.writer.drop_vectors(shelf.model, 10)
    assert shelf.writer.shrink() is False
    assert shelf.live() == {image}


def moved(shelf: Shelf, other: int) -> None:
    """Show another model everything, as a move does: what was wanted is wanted still."""
    for one in lacking(shelf, other, limit=1000):
        content = Path(one.files[0][0].decode()).read_bytes()
        shelf.writer.put_vectors(other, [(one.image, vector_of(content))])


def test_a_standing_query_is_told_nothing_twice_because_of_a_move(shelf: Shelf, other: int) -> None:
    books = Books(shelf)
    fill(shelf)
    query = stand(books)
    assert query.look() == []
    shelf.put("one/first.png", WANTED)
    books.use(shelf.model)
    assert query.look() == ["first.png"]
    moved(shelf, other)
    assert query.look() == [], "the vectors of a model that does not answer are no news"
    books.use(other)
    assert query.look() == []
    # And who comes back with the cursor from before hears nothing of old either.
    assert stand(books, query.place.cursor()).look() == []


def test_a_standing_query_misses_nothing_that_came_during_a_move(shelf: Shelf, other: int) -> None:
    books = Books(shelf)
    fill(shelf)
    query = stand(books)
    query.look()
    cursor = query.place.cursor()
    moved(shelf, other)
    shelf.put("one/late.png", WANTED)
    moved(shelf, other)
    # The switch comes before anybody has judged it by the model before.
    books.use(other)
    assert query.look() == ["late.png"]
    assert query.look() == []
    assert stand(books, cursor).look() == ["late.png"]


def test_a_picture_that_the_next_model_sees_only_after_the_switch_is_told_then(
    shelf: Shelf, other: int
) -> None:
    books = Books(shelf)
    fill(shelf)
    moved(shelf, other)
    query = stand(books)
    query.look()
    shelf.put("one/late.png", WANTED)
    books.use(other)
    assert query.look() == []
    moved(shelf, other)
    books.use(other)
    assert query.look() == ["late.png"]


def test_dropping_the_set_before_makes_old_pictures_new_to_nobody(shelf: Shelf, other: int) -> None:
    books = Books(shelf)
    fill(shelf)
    shelf.put("one/old.png", WANTED)
    books.use(shelf.model)
    query = stand(books)
    query.look()
    cursor = query.place.cursor()
    moved(shelf, other)
    shelf.writer.drop_vectors(shelf.model, 1000)
    books.use(other)
    assert query.look() == []
    assert stand(books, cursor).look() == []


def test_what_the_next_model_sees_in_the_moment_of_the_switch_is_not_passed_over(
    shelf: Shelf, other: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    books = Books(shelf)
    fill(shelf)
    query = stand(books)
    query.look()
    moved(shelf, other)
    read = books.read

    async def in_between(question: Callable[[Reader], Any]) -> Any:
        # The query has looked which model answers, and not yet how far the arrivals are.
        monkeypatch.setattr(books, "read", read)
        books.use(other)
        shelf.look(shelf.write("one/late.png", WANTED))
        shelf.commit(*shelf.take(), model=other, active=other)
        books.use(other)
        return await read(question)

    monkeypatch.setattr(books, "read", in_between)
    assert query.look() == ["late.png"]
    assert query.look() == []
