"""A query's vector, its model and its index are of one model, whoever takes over meanwhile."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Iterator
from pathlib import Path
from types import SimpleNamespace
from typing import Any, cast

import numpy as np
import pytest

from daemon.shelf import DIM, MODEL, OTHER, Shelf, vector_of
from daemon.stand import WANTED, Books
from imgqd import among, search
from imgqd.config import ServerSettings, Settings
from imgqd.core import Core
from imgqd.embed import NoModel
from imgqd.index import Index
from imgqd.library import Sight
from imgqd.meaning import Meaning
from imgqd.search import Wanted

OLD, NEW = Sight(MODEL, 1, Index(DIM)), Sight(OTHER, 2, Index(DIM))


class Words:
    """Models whose encoder answers when `then` was called; `asked` are the numbers asked for."""

    def __init__(self, then: Callable[[], None] = lambda: None) -> None:
        self.library = SimpleNamespace(sight=OLD)
        self.asked: list[int] = []
        self.then = then
        self.gone: set[int] = set()

    async def settled(self) -> None:
        pass

    async def encode(self, text: str, number: int) -> Any:
        self.asked.append(number)
        if number in self.gone:
            raise NoModel("another model has taken over")
        self.then()
        return np.eye(1, DIM, len(text), np.float32)[0]


def meant(words: Words, query: str = "a dog") -> Wanted:
    settings = Settings(server=ServerSettings())
    core = SimpleNamespace(models=words, library=words.library, settings=settings)

    async def scene() -> Wanted:
        meaning = Meaning(cast("Core", core))
        return await meaning.wanted(await meaning.line({"query": query}))

    return asyncio.run(asyncio.wait_for(scene(), 20))


def test_a_model_that_takes_over_while_a_query_is_encoded_gets_none_of_it() -> None:
    words = Words()
    words.then = lambda: setattr(words.library, "sight", NEW)
    wanted = meant(words)
    assert (wanted.sight, words.asked) == (OLD, [1])


def test_all_parts_of_a_line_are_encoded_by_the_same_model() -> None:
    words = Words()
    words.then = lambda: setattr(words.library, "sight", NEW)
    wanted = meant(words, "a dog -grasses")
    assert (wanted.sight, words.asked) == (OLD, [1, 1])


def test_one_that_was_on_its_way_out_is_not_asked_twice() -> None:
    words = Words()
    words.gone = {1}
    encode = words.encode

    async def leaving(text: str, number: int) -> Any:
        words.library.sight = NEW
        return await encode(text, number)

    words.encode = leaving  # type: ignore[method-assign]
    wanted = meant(words)
    assert (wanted.sight, words.asked) == (NEW, [1, 2])
    assert wanted.vector is not None


def test_without_a_model_that_answers_names_are_looked_for() -> None:
    words = Words()
    words.gone = {1}
    wanted = meant(words)
    assert (wanted.vector, wanted.sight, words.asked) == (None, OLD, [1])


@pytest.fixture
def shelf(tmp_path: Path) -> Iterator[Shelf]:
    shelf = Shelf(tmp_path, "one")
    yield shelf
    shelf.close()


def test_a_search_stays_with_the_model_that_it_began_with(shelf: Shelf) -> None:
    image = shelf.put("one/a.png", WANTED)
    books = Books(shelf)
    wanted = Wanted(vector_of(WANTED), sight=books.sight)
    books.sight = Sight(OTHER, shelf.writer.model_id(OTHER), Index(DIM))
    [hit] = asyncio.run(search.run(books, wanted, 5, 0)).hits
    assert hit.files[0].image == image
    assert hit.score is not None
    assert hit.score > 0.99

    async def judged() -> Any:
        judge = await among.judge_of(books, wanted)
        return await among.hits(books, wanted, judge, {image}, set())

    [[told], _] = asyncio.run(judged())
    assert told.score is not None
    assert told.score > 0.99
