"""The queue, what a batch came to, models, and the search by name."""

from __future__ import annotations

import os
import unicodedata
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest

from daemon.shelf import DIM, MODEL, OTHER, Shelf, digest, indexed_of, vector_of
from imgqd.records import Change, Failed, Indexed, Observed, Totals


@pytest.fixture
def shelf(tmp_path: Path) -> Iterator[Shelf]:
    shelf = Shelf(tmp_path, "one", "two")
    yield shelf
    assert shelf.shown == shelf.live() == shelf.with_file()
    shelf.close()


def names(shelf: Shelf, limit: int = 100) -> list[str]:
    return [os.fsdecode(os.path.basename(work.path)) for work in shelf.take(limit)]


def test_what_a_person_waits_for_goes_first(shelf: Shelf) -> None:
    folder = os.fsencode(shelf.base / "one")
    root_of = {folder: shelf.root("one").id}
    for name, live in (("a.png", False), ("b.png", True), ("c.png", False), ("d.png", True)):
        path = os.fsencode(shelf.write(f"one/{name}", name.encode()))
        shelf.look(path)
        stamp = shelf.row(f"one/{name}").stamp._replace(ctime_ns=1)
        shelf.writer.apply([Observed(path, stamp, 1.0, live)], root_of, shelf.now)
    assert names(shelf) == ["b.png", "d.png", "a.png", "c.png"]


def test_a_file_that_was_tried_goes_behind_those_that_were_not(shelf: Shelf) -> None:
    for name in ("a.png", "b.png", "c.png"):
        shelf.look(shelf.write(f"one/{name}", name.encode()))
    assert names(shelf, 1) == ["a.png"]
    assert names(shelf, 1) == ["b.png"]
    assert names(shelf, 3) == ["c.png", "a.png", "b.png"]


def test_files_that_the_daemon_died_with_three_times_come_one_by_one(shelf: Shelf) -> None:
    for name in ("a.png", "b.png"):
        shelf.look(shelf.write(f"one/{name}", name.encode()))
    for _ in range(3):
        assert len(shelf.take()) == 2
    [suspect] = shelf.take()
    assert shelf.writer.take(10, [suspect.file]) == []
    # What was not there then is not held up.
    shelf.look(shelf.write("one/c.png", b"c"))
    [new] = shelf.writer.take(10, [suspect.file])
    assert os.path.basename(new.path) == b"c.png"
    # Only who was alone is blamed: the other has its three attempts still.
    assert [work.attempts for work in shelf.take(1)] == [1]
    shelf.commit(new)
    assert [work.attempts for work in shelf.take()] == [3]


def test_an_attempt_is_on_the_disk_before_the_file_is_given_out(shelf: Shelf) -> None:
    shelf.look(shelf.write("one/a.png", b"a"))
    assert [work.attempts for work in shelf.take()] == [0]
    assert [work.attempts for work in shelf.take()] == [1]


def test_attempts_begin_anew_when_the_file_changes_or_is_dealt_with(shelf: Shelf) -> None:
    shelf.look(shelf.write("one/a.png", b"a"))
    shelf.take()
    shelf.look(shelf.write("one/a.png", b"b"))
    [work] = shelf.take()
    assert work.attempts == 0
    shelf.commit(work)
    other = shelf.writer.model_id(OTHER)
    shelf.writer.requeue_without_vector(other, shelf.now)
    assert [work.attempts for work in shelf.take()] == [0]


def test_busy_files_are_not_given_out_and_do_not_count(shelf: Shelf) -> None:
    for name in ("a.png", "b.png", "c.png"):
        shelf.look(shelf.write(f"one/{name}", name.encode()))
    busy = [work.file for work in shelf.take(2)]
    left = shelf.writer.take(2, busy)
    assert [os.path.basename(work.path) for work in left] == [b"c.png"]


def test_a_file_that_changed_meanwhile_keeps_waiting_for_its_new_content(shelf: Shelf) -> None:
    shelf.look(shelf.write("one/a.png", b"a"))
    [work] = shelf.take()
    seen = indexed_of(work)
    shelf.look(shelf.write("one/a.png", b"b"))
    change = shelf.mirror(shelf.writer.commit([seen], [], shelf.model, shelf.model, shelf.now))
    assert change == Change()
    assert shelf.row("one/a.png").state == "pending"
    # What was seen is kept: it may come back under another name.
    assert shelf.reader.image_by_hash(digest(b"a"), shelf.model) == (1, True)
    shelf.work()
    assert shelf.rows()[os.fsencode(shelf.base / "one/a.png")] == ("indexed", digest(b"b"))


def test_a_file_that_went_away_meanwhile_stays_away(shelf: Shelf) -> None:
    shelf.look(shelf.write("one/a.png", b"a"))
    [work] = shelf.take()
    seen = indexed_of(work)
    (shelf.base / "one/a.png").unlink()
    shelf.look("one/a.png")
    shelf.mirror(shelf.writer.commit([seen], [], shelf.model, shelf.model, shelf.now))
    assert shelf.absent("one/a.png")
    assert shelf.shown == set()


def test_a_failure_is_told_and_the_file_not_tried_again_until_it_changes(shelf: Shelf) -> None:
    shelf.look(shelf.write("one/a.png", b"a"))
    shelf.fail(shelf.take()[0], "damaged")
    row = shelf.row("one/a.png")
    assert (row.state, row.reason, row.detail) == ("failed", "damaged", "it is damaged")
    assert shelf.look("one/a.png") == Change()
    assert shelf.take() == []
    assert shelf.reader.totals(shelf.model).failed == {"damaged": 1}
    shelf.look(shelf.write("one/a.png", b"b"))
    shelf.work()
    row = shelf.row("one/a.png")
    assert (row.state, row.reason, row.detail) == ("indexed", None, None)


def test_a_failure_of_an_older_version_is_not_held_against_the_newer(shelf: Shelf) -> None:
    shelf.look(shelf.write("one/a.png", b"a"))
    [work] = shelf.take()
    shelf.look(shelf.write("one/a.png", b"b"))
    shelf.fail(work, "damaged")
    assert shelf.row("one/a.png").state == "pending"


def test_one_batch_may_hold_good_and_bad_and_twins(shelf: Shelf) -> None:
    for name, content in (("a", b"x"), ("b", b"x"), ("c", b"y")):
        shelf.look(shelf.write(f"one/{name}.png", content))
    first, second, third = shelf.take()
    good = indexed_of(first)
    change = shelf.writer.commit(
        [good, Indexed(second, good.picture, None)],
        [Failed(third, "memory", "too much")],
        shelf.model,
        shelf.model,
        shelf.now,
    )
    shelf.mirror(change)
    assert len(change.appeared) == 1
    assert shelf.row("one/a.png").image == shelf.row("one/b.png").image
    assert shelf.row("one/c.png").reason == "memory"


def test_a_vector_is_kept_as_it_was_made(shelf: Shelf) -> None:
    image = shelf.put("one/a.png", b"a")
    stored = shelf.reader.vector(shelf.model, image)
    assert stored is not None
    assert np.allclose(stored, vector_of(b"a"), atol=1e-3)
    [(ids, vectors)] = shelf.reader.vectors(shelf.model, DIM)
    assert ids == [image]
    assert np.array_equal(vectors[0], stored)
    assert list(shelf.reader.vectors(shelf.model, DIM, [image + 1])) == []


def test_only_live_images_give_vectors(shelf: Shelf) -> None:
    shelf.put("one/a.png", b"a")
    image = shelf.put("two/b.png", b"b")
    shelf.offline(shelf.root("one"))
    [(ids, _)] = shelf.reader.vectors(shelf.model, DIM)
    assert ids == [image]
    shelf.online(shelf.root("one"))


def test_a_model_keeps_its_number_and_takes_its_new_name(shelf: Shelf) -> None:
    assert shelf.writer.model_id(MODEL) == shelf.model
    assert shelf.writer.model_id(OTHER) != shelf.model


def test_another_model_queues_every_picture_once(shelf: Shelf) -> None:
    shelf.put("one/a.png", b"a")
    shelf.put("one/copy.png", b"a")
    shelf.put("one/b.png", b"b")
    other = shelf.writer.model_id(OTHER)
    assert shelf.writer.requeue_without_vector(other, shelf.now) == 2
    assert shelf.reader.totals(other).without_vector == 2
    works = shelf.take()
    change = shelf.commit(*works, model=other, active=other)
    assert set(change.appeared) == shelf.live()
    assert shelf.writer.requeue_without_vector(other, shelf.now) == 0
    assert shelf.writer.requeue_without_vector(shelf.model, shelf.now) == 0


def test_a_queued_picture_stays_findable_by_the_model_that_knows_it(shelf: Shelf) -> None:
    image = shelf.put("one/a.png", b"a")
    other = shelf.writer.model_id(OTHER)
    shelf.writer.requeue_without_vector(other, shelf.now)
    assert shelf.shown == shelf.live() == {image}
    assert shelf.row("one/a.png").image == image


def test_a_copy_that_is_online_is_queued_rather_than_one_that_is_not(shelf: Shelf) -> None:
    shelf.put("one/a.png", b"a")
    shelf.put("two/b.png", b"a")
    shelf.offline(shelf.root("one"))
    assert shelf.writer.requeue_without_vector(shelf.writer.model_id(OTHER), shelf.now) == 1
    assert names(shelf) == ["b.png"]


def test_what_the_old_model_made_leaves_the_file_waiting_for_the_new_one(shelf: Shelf) -> None:
    shelf.look(shelf.write("one/a.png", b"a"))
    other = shelf.writer.model_id(OTHER)
    shelf.commit(*shelf.take(), model=shelf.model, active=other)
    assert shelf.row("one/a.png").state == "pending"
    shelf.commit(*shelf.take(), model=other, active=other)
    assert shelf.row("one/a.png").state == "indexed"


def test_without_any_model_a_readable_file_is_done(shelf: Shelf) -> None:
    shelf.look(shelf.write("one/a.png", b"a"))
    [work] = shelf.take()
    seen = indexed_of(work)
    bare = Indexed(work, seen.picture, None)
    shelf.mirror(shelf.writer.commit([bare], [], None, None, shelf.now))
    assert shelf.row("one/a.png").state == "indexed"
    image = shelf.row("one/a.png").image
    assert image is not None
    assert shelf.reader.image_by_hash(digest(b"a"), shelf.model) == (image, False)
    assert shelf.reader.hash_of(image) == digest(b"a")
    assert shelf.reader.picture(image) == ("png", 4, 3)


def test_totals_count_what_there_is(shelf: Shelf) -> None:
    shelf.put("one/a.png", b"a")
    shelf.put("one/copy.png", b"a")
    shelf.look(shelf.write("two/b.png", b"b"))
    assert shelf.reader.totals(shelf.model) == Totals(
        files=3,
        pictures=1,
        pending=1,
        without_vector=0,
        failed={},
        files_of_root={shelf.root("one").id: 2, shelf.root("two").id: 1},
    )


def test_a_fact_is_remembered_and_replaced(shelf: Shelf) -> None:
    assert shelf.reader.setting("paused") is None
    shelf.writer.remember("paused", "1")
    shelf.writer.remember("paused", "2")
    assert shelf.reader.setting("paused") == "2"


@pytest.mark.parametrize(
    ("query", "found"),
    [
        ("hörnle", ["one/2019 Urlaub/Hörnle_Gipfel.png"]),
        ("hornle", ["one/2019 Urlaub/Hörnle_Gipfel.png"]),
        (unicodedata.normalize("NFD", "hörnle"), ["one/2019 Urlaub/Hörnle_Gipfel.png"]),
        ("GIPFEL urlaub", ["one/2019 Urlaub/Hörnle_Gipfel.png"]),
        ("hörnle_gip", ["one/2019 Urlaub/Hörnle_Gipfel.png"]),
        ("gip", ["one/2019 Urlaub/Hörnle_Gipfel.png"]),
        ("gip urlaub", []),  # only the last word may be a beginning
        ("2019", ["one/2019 Urlaub/Hörnle_Gipfel.png"]),
        ("IMG-2019", ["two/IMG_2019.png"]),
        ("img 2019", ["two/IMG_2019.png"]),
        ("图书馆", ["two/图书馆.png"]),
        ('a" OR "b', []),
        ("NOT", []),
        ("*", []),
        ("", []),
    ],
)
def test_names_and_folders_are_found_by_their_words(
    shelf: Shelf, query: str, found: list[str]
) -> None:
    shelf.put("one/2019 Urlaub/Hörnle_Gipfel.png", b"a")
    shelf.put("two/图书馆.png", b"b")
    shelf.look(shelf.write("two/IMG_2019.png", b"not even read"))
    expected = [*found, "two/IMG_2019.png"] if query == "2019" else found
    assert sorted(shelf.named(query)) == sorted(expected)


def test_a_name_counts_more_than_a_folder(shelf: Shelf) -> None:
    shelf.put("one/cat/a.png", b"a")
    shelf.put("one/pets/cat.png", b"b")
    assert shelf.named("cat") == ["one/pets/cat.png", "one/cat/a.png"]


def test_the_path_above_a_root_is_not_searched(shelf: Shelf) -> None:
    shelf.put("one/a.png", b"a")
    assert shelf.named(shelf.base.name) == []
    assert shelf.named("one") == []
