"""A search within what a filter leaves gives what looking at every picture would give."""

from __future__ import annotations

import asyncio
from collections.abc import Iterator

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from imgqd import search
from imgqd.bell import Bell
from imgqd.catalog import Reader, Writer
from imgqd.library import Library
from imgqd.query.sql import Condition
from imgqd.records import Model, Vector
from imgqd.search import Wanted

DIM = 16
COUNT = 3000


@pytest.fixture(scope="module")
def library(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Library]:
    """Give a library of pictures that have nothing but vectors: those of even width are alike."""
    path = tmp_path_factory.mktemp("filtered") / "catalog.sqlite3"
    library = Library(path, Bell())
    chance = np.random.default_rng(7)
    vectors = chance.standard_normal((COUNT, DIM)).astype(np.float32)
    vectors[1::2, 0] += 8.0
    vectors /= np.linalg.norm(vectors, axis=1, keepdims=True)

    def fill(writer: Writer) -> None:
        model = writer.model_id(Model("m", "k", DIM, 8, "shortest", "bicubic", 0))
        with writer._db as db:
            db.executemany(
                "INSERT INTO image (id, hash, format, width, height, live) "
                "VALUES (?, ?, ?, ?, 1, 1)",
                [(one, b"%d" % one, "png", one) for one in range(1, COUNT + 1)],
            )
            db.executemany(
                "INSERT INTO vector (image, model, data) VALUES (?, ?, ?)",
                [
                    (place + 1, model, row.astype(np.float16).tobytes())
                    for place, row in enumerate(vectors)
                ],
            )

    asyncio.run(library.write(fill))
    asyncio.run(library.use_model(Model("m", "k", DIM, 8, "shortest", "bicubic", 0)))
    yield library
    library.close()


def everything(library: Library, where: str) -> list[int]:
    ids = library.ask(lambda reader: reader.matching(Condition(where)))
    return sorted(ids.tolist())


def by_hand(library: Library, vector: Vector, where: str) -> list[tuple[int, float]]:
    ids = everything(library, where)
    found = library.ask(lambda reader: list(reader.vectors(1, DIM, ids)))
    pairs = [pair for images, rows in found for pair in zip(images, rows @ vector, strict=True)]
    return sorted(((image, float(score)) for image, score in pairs), key=lambda pair: -pair[1])


@settings(
    max_examples=60,
    deadline=None,
    suppress_health_check=[HealthCheck.function_scoped_fixture],
)
@given(
    seed=st.integers(0, 999),
    part=st.sampled_from([0, 1, 5, 40, 300, 1500, 2900, 3000]),
    side=st.sampled_from(["", " AND width % 2 = 0", " AND width % 2 = 1"]),
    count=st.sampled_from([1, 20, 300, 1000]),
)
def test_a_filter_of_any_size_leaves_the_right_pictures_in_the_right_order(
    library: Library,
    monkeypatch: pytest.MonkeyPatch,
    seed: int,
    part: int,
    side: str,
    count: int,
) -> None:
    # As in a library a hundred times as large, the nearest are a small part of it.
    monkeypatch.setattr(search, "_AHEAD", 40)
    monkeypatch.setattr(search, "BEST", 8)
    vector = np.random.default_rng(seed).standard_normal(DIM).astype(np.float32)
    vector[0] += 5.0 * (seed % 3)
    vector /= np.linalg.norm(vector)
    where = f"(width * 7919 % {COUNT} < {part}{side})"
    wanted = Wanted(vector, "", Condition(where), sight=library.sight)
    near, _, left = asyncio.run(search.nearest(library, wanted, count))
    expected = by_hand(library, vector, where)[:count]
    np.testing.assert_allclose(
        [score for _, score in near], [score for _, score in expected], atol=2e-3
    )
    assert {image for image, _ in near} <= set(everything(library, where))
    assert len(near) <= left <= COUNT


def test_a_filter_that_leaves_much_is_not_listed_unless_the_nearest_are_not_left(
    library: Library, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(search, "_AHEAD", 40)
    monkeypatch.setattr(search, "BEST", 8)
    listed: list[str] = []
    matching = Reader.matching

    def noted(reader: Reader, where: Condition) -> object:
        listed.append(where.sql)
        return matching(reader, where)

    monkeypatch.setattr(Reader, "matching", noted)
    vector = np.eye(1, DIM, dtype=np.float32)[0]

    def ask(where: str) -> int:
        near, _, _ = asyncio.run(
            search.nearest(library, Wanted(vector, "", Condition(where), sight=library.sight), 8)
        )
        return len(near)

    assert ask("(width >= 0)") == 8
    assert listed == []
    # All of the nearest are of the other half.
    assert ask("(width % 2 = 1)") == 8
    assert listed == ["(width % 2 = 1)"]


def test_a_filter_is_answered_once_until_something_is_written(
    library: Library, monkeypatch: pytest.MonkeyPatch
) -> None:
    asked: list[str] = []
    matching = Reader.matching

    def noted(reader: Reader, where: Condition) -> object:
        asked.append(where.sql)
        return matching(reader, where)

    monkeypatch.setattr(Reader, "matching", noted)

    async def scene() -> None:
        some = [Condition("(width = ?)", (number,)) for number in range(8)]
        for _ in range(3):
            assert (await library.matching(some[3])).tolist() == [3]
        assert len(asked) == 1
        await library.write(
            lambda writer: writer._db.execute("UPDATE image SET width = 4000 WHERE id = 3")
        )
        assert (await library.matching(some[3])).tolist() == []
        await library.write(
            lambda writer: writer._db.execute("UPDATE image SET width = 3 WHERE id = 3")
        )
        for one in some:
            await library.matching(one)
        assert len(library._matching) == 4

    asyncio.run(scene())
