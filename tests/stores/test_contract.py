"""What every store promises, asked of each of them alike."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest

from imgqd.query.truth import holds
from imgqd.stores.interface import Freshness
from stores.grounds import Ground, Taking, ground
from stores.pictures import (
    DIM,
    GALLERY,
    HERE,
    LINES,
    THERE,
    key,
    row,
    unit,
    vector,
    vectors,
    within,
)

KINDS = ("memory", "local", "milvus-lite", pytest.param("milvus", marks=pytest.mark.server))
EVERYTHING = Freshness.EVERYTHING


@pytest.fixture(params=KINDS)
def empty(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Ground]:
    made = ground(request.param, request, tmp_path)
    yield made
    made.close()


@pytest.fixture(scope="module", params=KINDS)
def hung(
    request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[Ground]:
    """One with the whole gallery, which nobody changes."""
    made = ground(request.param, request, tmp_path_factory.mktemp("hung"))
    made.put(list(GALLERY.values()), vectors(*GALLERY))
    yield made
    made.close()


def put(ground: Ground, *names: str) -> None:
    ground.put([row(name) for name in names], vectors(*names))


def test_an_empty_store_answers_with_nothing(empty: Ground) -> None:
    assert empty.store.count() == 0
    assert empty.store.get([key("a")]) == []
    assert empty.store.search(vector("a"), 5) == []
    assert list(empty.store.keys(HERE)) == []
    assert empty.store.health().trouble is None
    empty.drop([key("a")])


def test_rows_come_back_as_they_were_put(hung: Ground) -> None:
    wanted = sorted(GALLERY.values(), key=lambda one: one.key)
    found = hung.store.get([*(one.key for one in wanted), key("unknown")])
    assert sorted(found, key=lambda one: one.key) == wanted


def test_the_nearest_comes_first_with_its_cosine(hung: Ground) -> None:
    query = unit(vector("canon") + 0.3 * vector("pixel"))
    hits = hung.store.search(query, 5, None, EVERYTHING)
    scores = {name: float(np.dot(query, vector(name))) for name in GALLERY}
    best = sorted(scores, key=lambda name: -scores[name])[:5]
    assert [hit.row for hit in hits] == [GALLERY[name] for name in best]
    assert [hit.score for hit in hits] == pytest.approx([scores[name] for name in best], abs=2e-3)


def test_no_more_than_asked_for_and_no_more_than_there_are(hung: Ground) -> None:
    assert len(hung.store.search(vector("x"), 3)) == 3
    assert len(hung.store.search(vector("x"), 1000)) == len(GALLERY)
    assert hung.store.search(vector("x"), 0) == []


@pytest.mark.parametrize("line", LINES)
def test_a_filter_leaves_what_it_says(hung: Ground, line: str) -> None:
    where = within(line)
    hits = hung.store.search(vector("x"), len(GALLERY), where, EVERYTHING)
    left = {name for name, one in GALLERY.items() if holds(where, one)}
    found = [hit.row.key for hit in hits]
    assert len(found) == len(set(found))
    assert {name for name, one in GALLERY.items() if one.key in found} == left


def test_of_what_a_filter_leaves_the_nearest_are_found(hung: Ground) -> None:
    where = within("-camera:canon name:*.jpg")
    left = [name for name, one in GALLERY.items() if holds(where, one)]
    best = max(left, key=lambda name: float(np.dot(vector("raw"), vector(name))))
    [hit] = hung.store.search(vector("raw"), 1, where, EVERYTHING)
    assert hit.row == GALLERY[best]


def test_keys_come_in_order_and_of_one_machine(hung: Ground) -> None:
    assert list(hung.store.keys(HERE)) == sorted(one.key for one in GALLERY.values())
    assert list(hung.store.keys(THERE)) == []
    assert hung.store.count() == hung.store.count(HERE) == len(GALLERY)
    assert hung.store.count(THERE) == 0


def test_what_is_removed_is_gone_and_the_rest_stays(empty: Ground) -> None:
    put(empty, "a", "b", "c")
    empty.drop([key("b"), key("unknown")])
    assert sorted(empty.store.keys(HERE)) == sorted([key("a"), key("c")])
    assert empty.store.get([key("b")]) == []
    found = empty.store.search(vector("b"), 5, None, EVERYTHING)
    assert {hit.row.key for hit in found} == {key("a"), key("c")}
    put(empty, "b")
    assert empty.store.count() == 3


def test_what_is_put_twice_is_there_once_as_it_was_put_last(empty: Ground) -> None:
    put(empty, "a", "b")
    put(empty, "a")
    later = row("a", "/elsewhere/a.png", rating=4, keywords=("new",))
    empty.put([later], vectors("a"))
    assert empty.store.count() == 2
    assert empty.store.get([key("a")]) == [later]
    where = within("rating:4 tag:new in:/elsewhere")
    assert [hit.row for hit in empty.store.search(vector("a"), 5, where, EVERYTHING)] == [later]
    assert empty.store.search(vector("a"), 5, within("in:/pictures name:a.jpg"), EVERYTHING) == []


def test_machines_with_the_same_picture_do_not_touch_each_other(empty: Ground) -> None:
    if not isinstance(empty, Taking):
        pytest.skip("it holds the pictures of one machine")
    for machine in (HERE, THERE):
        empty.put([row("a", machine=machine)], vectors("a"))
    empty.put([row("b", machine=THERE)], vectors("b"))
    found = empty.store.search(vector("a"), 2, None, EVERYTHING)
    assert {hit.row.key for hit in found} == {key("a"), key("a", THERE)}
    empty.drop([key("a")])
    assert list(empty.store.keys(HERE)) == []
    assert list(empty.store.keys(THERE)) == sorted([key("a", THERE), key("b", THERE)])
    assert empty.store.count(THERE) == empty.store.count() == 2


def test_nothing_is_a_change_too(empty: Ground) -> None:
    empty.put([], np.empty((0, DIM), np.float32))
    empty.drop([])
    assert empty.store.count() == 0


def test_rows_of_any_size_and_any_bytes_are_taken(empty: Ground) -> None:
    if not isinstance(empty, Taking):
        pytest.skip("its rows come from a disk")
    paths = [f"/{'d' * 200}/{number}/" + "\u00e9" * 120 + ".jpg" for number in range(300)]
    words = tuple(f"{number} " + "\U0001f436" * 90 for number in range(200))
    large = row("large", *paths, keywords=words, description="\u00e9" * 4000)
    long = row("long", camera="\u00e9" * 9000, lens="x" * 70_000, title="\U0001f436" * 9000)
    odd = row("odd", b"/p/\xff\n/\x80.jpg", camera="a\0b\ud800", keywords=("\udc80 x", "\0"))
    deep = row("deep", "/" + "/".join(["d" * 40] * 90) + "/a.jpg")
    some = [large, long, odd, deep]
    empty.put(some, vectors("large", "long", "odd", "deep"))
    assert empty.store.count() == 4
    held = {one.key: one for one in empty.store.get([one.key for one in some])}
    assert held[odd.key] == odd
    assert held[deep.key] == deep
    assert held[large.key].files[0] == large.files[0]
    assert held[long.key].files == long.files
    [hit] = empty.store.search(vector("odd"), 1, within("in:/p"), EVERYTHING)
    assert hit.row == odd


def test_the_pictures_of_one_machine_may_be_left_out(empty: Ground) -> None:
    put(empty, "a")
    assert empty.store.search(vector("a"), 5, None, EVERYTHING, beyond=HERE) == []
    assert len(empty.store.search(vector("a"), 5, None, EVERYTHING, beyond=THERE)) == 1
    if not isinstance(empty, Taking):
        return  # it holds the pictures of one machine
    empty.put([row("b", machine=THERE)], vectors("b"))
    for where in (None, within("w:>10")):
        [hit] = empty.store.search(vector("a"), 5, where, EVERYTHING, beyond=HERE)
        assert hit.row.key == key("b", THERE)
