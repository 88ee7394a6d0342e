"""Standing queries with filters, and of filters alone."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest

from daemon.shelf import Shelf, vector_of
from daemon.stand import WANTED, Books, fill, raw_pair, stand, unseen
from imgqd.query.sql import Condition

PNG = Condition("image.format = ?", ("png",))
JPEG = Condition("image.format = ?", ("jpeg",))


@pytest.fixture
def shelf(tmp_path: Path) -> Iterator[Shelf]:
    shelf = Shelf(tmp_path, "one")
    fill(shelf)
    yield shelf
    shelf.close()


@pytest.fixture
def books(shelf: Shelf) -> Books:
    return Books(shelf)


def test_what_matches_must_meet_the_filters_too(shelf: Shelf, books: Books) -> None:
    met, unmet = stand(books, where=PNG), stand(books, where=JPEG)
    called, elsewhere = stand(books, text="invoice", where=PNG), stand(books, None, "invoice", JPEG)
    shelf.put("one/wanted.png", WANTED)
    shelf.put("one/other.png", b"something else")
    shelf.put("one/invoice.png", b"an invoice")
    assert (met.look(), unmet.look()) == (["wanted.png"], [])
    assert called.look() == ["invoice.png", "wanted.png"]
    assert elsewhere.look() == []


def test_filters_alone_tell_all_that_meets_them_once_with_or_without_a_model(
    shelf: Shelf,
) -> None:
    books = Books(shelf, model=0)
    met, unmet = (stand(books, where=where, is_filter=True) for where in (PNG, JPEG))
    unseen(shelf, "one/a.png", b"a")
    assert (met.look(), unmet.look()) == (["a.png"], [])
    shelf.put("one/b.png", b"b")
    books.use(shelf.model)
    assert (met.look(), unmet.look()) == (["b.png"], [])
    assert met.encoded == 0
    assert met.place.seen == met.place.named == shelf.reader.arrived()
    assert stand(books, met.place.cursor(), where=PNG, is_filter=True).look() == []


def test_a_raw_file_and_its_jpeg_are_told_as_one_by_filters_alone(
    shelf: Shelf, books: Books
) -> None:
    every, together = (stand(books, is_filter=True) for _ in range(2))
    raw_pair(shelf, "one/a.cr2", "raw", vector_of(WANTED))
    assert every.look() == ["a.cr2"]
    raw_pair(shelf, "one/a.jpg", "jpeg", vector_of(WANTED))
    assert every.look() == []
    assert together.look() == ["a.jpg"]


def test_what_looks_for_something_without_a_vector_tells_nothing(
    shelf: Shelf, books: Books
) -> None:
    query = stand(books, where=PNG)
    query.vector = None
    shelf.put("one/wanted.png", WANTED)
    assert query.look() == []


def test_what_a_line_means_is_asked_anew_when_a_picture_comes(shelf: Shelf, books: Books) -> None:
    query = stand(books, where=JPEG, is_filter=True)
    shelf.put("one/before.png", b"before")
    assert query.look() == []
    query.wanted = replace(query.wanted, where=PNG)  # as "today" is another day after midnight
    shelf.put("one/after.png", b"after")
    assert query.look() == ["after.png"]
