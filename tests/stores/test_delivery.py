"""A store is told of everything, in order, over outages and kills, and never of too much."""

from __future__ import annotations

import random
from collections.abc import Iterator
from pathlib import Path

import pytest

from daemon.shelf import DIM, WEEK, digest
from imgqd.rows import Key
from imgqd.stores.delivery import block, send
from imgqd.stores.interface import StoreAway
from imgqd.stores.local import Local
from imgqd.stores.verifying import differences, mend
from stores.memory import Memory
from stores.post import STORE, Post

HERE = "laptop"


@pytest.fixture
def post(tmp_path: Path) -> Iterator[Post]:
    post = Post(tmp_path)
    yield post
    post.shelf.close()


def of(content: bytes) -> Key:
    return Key(HERE, digest(content))


def test_all_that_was_there_and_all_that_comes_arrives(post: Post) -> None:
    for number in range(10):
        post.shelf.put(f"one/{number}.png", b"%d" % number)
    post.begin()
    post.shelf.put("one/new.png", b"new")
    post.deliver()
    post.check()
    assert len(post.store.held) == 11
    assert post.shelf.reader.waiting(post.told) == 0
    assert post.deliver() == 0


def test_a_rename_a_copy_and_a_drive_that_goes_change_what_a_row_says(post: Post) -> None:
    post.shelf.put("one/a.png", b"a")
    post.begin()
    post.deliver()
    (post.shelf.base / "one/a.png").rename(post.shelf.base / "one/b.png")
    post.shelf.look("one/a.png", "one/b.png")
    post.deliver()
    post.check()
    post.shelf.put("two/copy.png", b"a")
    post.deliver()
    post.check()
    assert post.store.held[of(b"a")][0].is_duplicate
    post.shelf.offline(post.shelf.root("two"))
    post.deliver()
    post.check()
    assert len(post.store.held[of(b"a")][0].files) == 1
    post.shelf.offline(post.shelf.root("one"))
    post.deliver()
    assert post.store.held == {}
    post.shelf.online(post.shelf.root("one"))
    post.deliver()
    post.check()


def test_a_copy_of_a_picture_that_waits_already_gets_in(post: Post) -> None:
    post.begin()
    post.shelf.put("one/a.png", b"a")
    post.shelf.put("one/copy.png", b"a")
    post.shelf.write("one/a.png", b"other")
    post.shelf.look("one/a.png")
    post.shelf.work()
    post.deliver()
    post.check()


def test_while_a_store_is_away_a_picture_waits_once_however_often_it_changes(post: Post) -> None:
    post.begin()
    post.deliver()
    post.store.away = True
    path = post.shelf.base / "one/a.png"
    post.shelf.put("one/a.png", b"a")
    for number in range(30):
        path = path.rename(path.with_name(f"{number}.png"))
        post.shelf.look("one/a.png", f"one/{number - 1}.png", f"one/{number}.png")
        with pytest.raises(StoreAway):
            post.deliver()
    assert post.shelf.reader.waiting(post.told) == 1
    assert sum(post.count(model) for model in (-1, 0, post.shelf.model)) <= 3
    post.store.away = False
    assert post.deliver() == 1
    post.check()


def test_what_was_sent_and_not_noted_is_sent_again_and_changes_nothing(post: Post) -> None:
    for number in range(5):
        post.shelf.put(f"one/{number}.png", b"%d" % number)
    post.begin()
    what = block(post.shelf.reader, post.told, HERE, DIM, 3)
    assert what is not None
    send(post.store, what)
    before = dict(post.store.held)
    again = block(post.shelf.reader, post.told, HERE, DIM, 3)
    assert again is not None
    assert again.rows == what.rows
    send(post.store, again)
    assert post.store.held.keys() == before.keys()
    post.deliver()
    post.check()


def test_a_picture_that_went_while_the_store_was_away_for_weeks_goes_there_too(post: Post) -> None:
    post.shelf.put("one/a.png", b"a")
    post.begin()
    post.deliver()
    (post.shelf.base / "one/a.png").unlink()
    post.shelf.look("one/a.png")
    assert post.shelf.writer.tidy(post.shelf.now + 2 * WEEK) == 0
    post.deliver()
    assert post.store.held == {}
    assert post.shelf.writer.tidy(post.shelf.now + 2 * WEEK) == 1


def test_what_a_snapshot_has_is_kept_until_the_store_has_it_too(post: Post) -> None:
    post.begin()
    post.deliver()
    post.shelf.put("one/a.png", b"a")
    reader, writer = post.shelf.reader, post.shelf.writer
    writer.forget_touched(reader.touched(), post.shelf.model)
    assert reader.untouched() <= post.told.seq
    post.deliver()
    post.check()
    writer.forget_touched(reader.touched(), post.shelf.model)
    assert reader.touched_since(0, post.shelf.model) == []


def test_who_is_told_no_more_leaves_nothing_behind(post: Post) -> None:
    post.begin()
    post.shelf.put("one/a.png", b"a")
    assert post.count(-1) > 0
    post.shelf.writer.stop_telling(STORE)
    assert post.count(-1) == 0
    assert post.shelf.reader.told(STORE, post.shelf.model) is None
    post.shelf.put("one/b.png", b"b")
    assert post.count(-1) == 0


def test_the_slower_of_two_stores_loses_nothing(post: Post) -> None:
    post.begin()
    post.shelf.writer.begin_telling("other", post.shelf.model)
    post.deliver()
    path = post.shelf.base / "one/a.png"
    post.shelf.put("one/a.png", b"a")
    path.rename(path.with_name("b.png"))
    post.shelf.look("one/a.png", "one/b.png")
    post.deliver()
    place = post.shelf.reader.told("other", post.shelf.model)
    assert place is not None
    assert post.shelf.reader.waiting(place) == 1
    assert post.count(-1) == 1


@pytest.mark.parametrize("seed", range(8))
def test_whatever_happens_in_the_end_the_store_says_what_the_catalog_says(
    post: Post, seed: int
) -> None:
    chance = random.Random(seed)
    shelf = post.shelf
    began = chance.randrange(20)
    for step in range(60):
        if step == began:
            post.begin()
        name = f"{chance.choice(['one', 'two'])}/{chance.randrange(6)}.png"
        what = chance.randrange(8)
        if what < 3:
            shelf.write(name, b"%d" % chance.randrange(8))
        elif what == 3:
            (shelf.base / name).unlink(missing_ok=True)
        elif what == 4 and (shelf.base / name).exists():
            (shelf.base / name).rename(shelf.base / "one/moved.png")
            shelf.look("one/moved.png")
        elif what == 5:
            root = shelf.root("two")
            if root.online:
                shelf.offline(root)
            else:
                shelf.online(root)
        elif what == 6:
            shelf.writer.tidy(shelf.now + 2 * WEEK)
            shelf.writer.forget_touched(shelf.reader.touched(), shelf.model)
        post.store.away = chance.random() < 0.3
        shelf.look(name)
        shelf.work()
        if step >= began and chance.random() < 0.5:
            kill(post, chance)
    post.store.away = False
    post.deliver()
    post.check()


def kill(post: Post, chance: random.Random) -> None:
    """Deliver until the store is away, or somebody kills who delivers before the place is noted."""
    for _ in range(chance.randrange(4)):
        what = block(post.shelf.reader, post.told, HERE, DIM, 2)
        if what is None:
            return
        try:
            send(post.store, what)
        except StoreAway:
            return
        if chance.random() < 0.3:
            return
        post.shelf.writer.note_told(what.after)


def test_a_store_that_differs_is_mended(post: Post) -> None:
    for number in range(6):
        post.shelf.put(f"one/{number}.png", b"%d" % number)
    post.begin()
    post.deliver()
    there = Key("another", digest(b"0"))
    post.store.held[there] = post.store.held[of(b"0")]
    del post.store.held[of(b"1")], post.store.held[of(b"4")]
    post.store.held[of(b"never")] = post.store.held[of(b"0")]
    local = Local(HERE, post)
    found = list(differences(local, post.store, HERE))
    assert {(one.key, one.is_missing) for one in found} == {
        (of(b"1"), True),
        (of(b"4"), True),
        (of(b"never"), False),
    }
    mend(post.shelf.reader, post.store, found, post.shelf.model, DIM)
    assert list(differences(local, post.store, HERE)) == []
    assert there in post.store.held
    del post.store.held[there]
    post.check()


def test_of_a_store_that_lost_everything_everything_is_missing(post: Post) -> None:
    for number in range(3):
        post.shelf.put(f"one/{number}.png", b"%d" % number)
    found = list(differences(Local(HERE, post), Memory(), HERE))
    assert [one.is_missing for one in found] == [True] * 3
    assert list(differences(Local(HERE, post), Local(HERE, post), HERE)) == []
