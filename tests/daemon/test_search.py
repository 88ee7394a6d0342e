"""From cosines and names to a ranked list of files that exist."""

from __future__ import annotations

import asyncio
import os
from collections.abc import Callable, Iterator
from dataclasses import replace
from datetime import datetime
from pathlib import Path
from typing import TypeVar

import numpy as np
import pytest
from numpy.typing import NDArray

from daemon.shelf import DIM, MODEL, Shelf, vector_of
from imgqd import search
from imgqd.catalog import Reader
from imgqd.index import Index
from imgqd.library import Library, Sight
from imgqd.meaning import Line
from imgqd.query import Sort, parse
from imgqd.query.sql import Condition
from imgqd.ranking import name_relevance
from imgqd.records import Found, Vector
from imgqd.search import Answer, Wanted

T = TypeVar("T")


class Books(Library):
    """A library over a shelf, without threads or a writer of its own."""

    def __init__(self, shelf: Shelf, *, indexed: bool = True) -> None:
        self.shelf = shelf
        index = Index(DIM)
        for images, vectors in shelf.reader.vectors(shelf.model, DIM):
            index.add(images, vectors)
        self.sight = Sight(MODEL, shelf.model, index) if indexed else None

    def ask(self, question: Callable[[Reader], T]) -> T:
        return question(self.shelf.reader)

    async def read(self, question: Callable[[Reader], T]) -> T:
        return self.ask(question)

    async def matching(self, where: Condition) -> NDArray[np.int64]:
        return self.shelf.reader.matching(where)


@pytest.fixture
def shelf(tmp_path: Path) -> Iterator[Shelf]:
    shelf = Shelf(tmp_path, "one", "two")
    yield shelf
    shelf.close()


def ask(
    shelf: Shelf,
    vector: Vector | None,
    text: str = "",
    limit: int = 20,
    offset: int = 0,
    *,
    indexed: bool = True,
) -> Answer:
    books = Books(shelf, indexed=indexed)
    wanted = Wanted(vector, text, sight=books.sight)
    return asyncio.run(search.run(books, wanted, limit, offset))


def names(answer: Answer) -> list[str]:
    return [hit.files[0].path.decode().rsplit("/", 1)[1] for hit in answer.hits]


def fill(shelf: Shelf, count: int) -> None:
    for number in range(count):
        shelf.look(shelf.write(f"one/p{number:03}.png", b"content %d" % number))
    shelf.work()


def test_the_picture_itself_is_first_and_sure(shelf: Shelf) -> None:
    fill(shelf, 40)
    answer = ask(shelf, vector_of(b"content 17"))
    assert names(answer)[0] == "p017.png"
    best = answer.hits[0]
    assert best.score == pytest.approx(1.0, abs=2e-3)
    assert best.relevance > 0.5
    assert best.matched == "content"
    assert answer.total == 40
    assert 1 <= answer.weak_from < 20


def test_pages_of_an_answer_join_without_gap_or_overlap(shelf: Shelf) -> None:
    fill(shelf, 30)
    query = vector_of(b"any")
    whole = names(ask(shelf, query, limit=30))
    pages = [names(ask(shelf, query, limit=7, offset=offset)) for offset in range(0, 30, 7)]
    assert [name for page in pages for name in page] == whole
    assert ask(shelf, query, limit=7, offset=7).weak_from == ask(shelf, query, limit=30).weak_from


def test_two_files_of_one_picture_are_one_place(shelf: Shelf) -> None:
    shelf.put("one/a.png", b"same")
    shelf.put("two/b.png", b"same")
    [hit] = ask(shelf, vector_of(b"same")).hits
    assert [one.path.rsplit(b"/", 1)[1] for one in hit.files] == [b"a.png", b"b.png"]


def test_a_file_that_is_gone_is_not_answered_and_its_copy_is(shelf: Shelf) -> None:
    shelf.put("one/a.png", b"same")
    shelf.put("two/b.png", b"same")
    shelf.put("one/c.png", b"other")
    (shelf.base / "one/a.png").unlink()
    (shelf.base / "one/c.png").unlink()
    answer = ask(shelf, vector_of(b"same"))
    assert names(answer) == ["b.png"]
    assert len(answer.hits[0].files) == 1


def test_files_that_are_gone_cost_no_places(shelf: Shelf) -> None:
    fill(shelf, 20)
    query = vector_of(b"any")
    for name in names(ask(shelf, query, limit=10)):
        (shelf.base / "one" / name).unlink()
    assert len(ask(shelf, query, limit=10).hits) == 10


def test_an_offline_root_answers_nothing(shelf: Shelf) -> None:
    shelf.put("one/a.png", b"a")
    shelf.offline(shelf.root("one"))
    assert ask(shelf, vector_of(b"a"), "a").hits == ()


def test_without_a_model_names_still_answer(shelf: Shelf) -> None:
    shelf.look(shelf.write("one/Hörnle.png", b"unread"))
    for indexed in (False, True):
        [hit] = ask(shelf, None, "hornle", indexed=indexed).hits
        assert (hit.score, hit.matched) == (None, "name")
        assert hit.relevance == pytest.approx(0.99)


def test_a_name_that_is_the_query_comes_before_what_only_looks_like_it(shelf: Shelf) -> None:
    fill(shelf, 40)
    answer = ask(shelf, vector_of(b"content 5"), "p031")
    assert names(answer)[:2] == ["p031.png", "p005.png"]
    assert answer.hits[0].matched == "name"


def test_name_and_content_together_count_more_than_either(shelf: Shelf) -> None:
    fill(shelf, 40)
    alone = ask(shelf, vector_of(b"content 5")).hits[0]
    both = ask(shelf, vector_of(b"content 5"), "p005").hits[0]
    assert (both.matched, names(ask(shelf, vector_of(b"content 5"), "p005"))[0]) == (
        "both",
        "p005.png",
    )
    assert both.relevance > alone.relevance


def test_a_folder_alone_is_a_hint_and_no_match(shelf: Shelf) -> None:
    shelf.put("one/beach/img1.png", b"a")
    answer = ask(shelf, None, "beach")
    assert answer.hits[0].relevance < 0.5
    assert answer.weak_from == 0


def test_pictures_of_the_same_relevance_keep_one_order(shelf: Shelf) -> None:
    for name in ("c", "a", "b"):
        shelf.look(shelf.write(f"one/{name}/cat.png", name.encode()))
    answers = [ask(shelf, None, "cat") for _ in range(3)]
    assert [hit.files[0].path for hit in answers[0].hits] == sorted(
        hit.files[0].path for hit in answers[0].hits
    )
    assert answers[0] == answers[1] == answers[2]


@pytest.mark.parametrize(
    ("text", "path", "least", "most"),
    [
        ("IMG_2017", b"/p/IMG_2017.jpg", 0.99, 0.99),
        ("img 2017.jpg", b"/p/IMG_2017.jpg", 0.99, 0.99),
        ("uber", "/p/Über.jpg".encode(), 0.99, 0.99),
        ("über", "/p/U\u0308ber.jpg".encode(), 0.99, 0.99),
        ("straße", b"/p/Strasse.jpg", 0.99, 0.99),
        ("cat", b"/p/my cat sleeping.jpg", 0.5, 0.7),
        ("sleeping cat", b"/p/my cat sleeping.jpg", 0.7, 0.9),
        ("sleep", b"/p/sleeping.jpg", 0.5, 0.9),
        ("beach", b"/p/beach/img1.jpg", 0.0, 0.49),
        ("beach img1", b"/p/beach/img1.jpg", 0.5, 0.6),
        ("", b"/p/a.jpg", 0.0, 0.49),
        ("...", b"/p/\xff.jpg", 0.0, 0.49),
    ],
)
def test_a_name_is_believed_as_far_as_it_says_what_was_asked(
    text: str, path: bytes, least: float, most: float
) -> None:
    assert least <= name_relevance(text, Found(1, path, 1, 1, "png", 1, 1)) <= most


def test_a_file_found_by_its_name_comes_with_its_copies_and_before_them(shelf: Shelf) -> None:
    shelf.put("one/holiday.png", b"same")
    shelf.put("two/IMG_2041.png", b"same")
    [hit] = ask(shelf, None, "IMG_2041").hits
    assert [one.path.rsplit(b"/", 1)[1] for one in hit.files] == [b"IMG_2041.png", b"holiday.png"]


@pytest.mark.parametrize(("error", "stays"), [(PermissionError, True), (FileNotFoundError, False)])
def test_what_may_not_be_looked_at_stays_and_what_is_gone_does_not(
    shelf: Shelf,
    monkeypatch: pytest.MonkeyPatch,
    error: type[OSError],
    stays: bool,  # noqa: FBT001
) -> None:
    shelf.put("one/a.png", b"a")

    def refuse(path: bytes) -> None:
        raise error(path)

    monkeypatch.setattr("imgqd.gathering.os.lstat", refuse)
    assert bool(ask(shelf, vector_of(b"a")).hits) is stays


def test_an_order_alone_lists_everything_and_what_no_model_understands_lists_nothing(
    shelf: Shelf,
) -> None:
    fill(shelf, 5)

    def run(wanted: Wanted) -> Answer:
        return asyncio.run(search.run(Books(shelf), wanted, 20, 0))

    assert len(run(Wanted(sort=Sort("date"))).hits) == 5
    assert run(Wanted(looks=True)).hits == ()


@pytest.mark.parametrize(
    ("line", "first"),
    [
        ("cat", "one/cat.png"),
        ("cat in:two", "two/cat.png"),
        ("cat in:two OR rating:5", "two/cat.png"),
        ("in:two", "two/cat.png"),
        ("name:other*", "two/other.png"),
        ("cat name:other*", "two/other.png"),
        ("taken:2001", "two/other.png"),
    ],
)
def test_of_the_files_of_a_picture_the_one_that_meets_the_filters_is_shown(
    shelf: Shelf, line: str, first: str
) -> None:
    for name in ("one/cat.png", "two/cat.png", "two/other.png"):
        shelf.put(name, b"a cat")
    os.utime(shelf.base / "two/other.png", (1e9, 1e9))  # in 2001
    shelf.look("two/other.png")
    shelf.work()
    shelf.put("one/dog.png", b"a dog")
    now = datetime(2024, 3, 13, 12)  # noqa: DTZ001 - a wall clock's
    asked = Line(line, None, parse(line, now), now).without_vector()
    hit = asyncio.run(search.run(Books(shelf), asked, 20, 0)).hits[0]
    assert hit.files[0].path == os.fsencode(shelf.base / first)
    assert len(hit.files) == 3


def test_what_no_online_file_shows_is_neither_answered_nor_counted_by_a_filter(
    shelf: Shelf,
) -> None:
    shelf.put("one/a.png", b"a")
    shelf.put("two/b.png", b"b")
    shelf.offline(shelf.root("two"))
    every = Wanted(vector_of(b"b"), where=Condition("image.format = 'png'"))
    books = Books(shelf)
    near, _, left = asyncio.run(search.nearest(books, replace(every, sight=books.sight), 20))
    assert books.shelf.reader.matching(every.where or Condition("1")).tolist() == [1, 2]
    assert ([image for image, _ in near], left) == ([1], 1)
