"""What the catalog makes of files that come, go, move and are copied. Real files, no decoding."""

from __future__ import annotations

import os
import shutil
from collections.abc import Iterator
from pathlib import Path

import pytest

from daemon.shelf import WEEK, Shelf, digest
from imgqd.records import Change, Observed, Stamp


@pytest.fixture
def shelf(tmp_path: Path) -> Iterator[Shelf]:
    shelf = Shelf(tmp_path, "one", "two")
    yield shelf
    assert shelf.shown == shelf.live() == shelf.with_file()
    shelf.close()


def file_id(shelf: Shelf, name: str) -> int:
    found = shelf.writer._db.execute("SELECT id FROM file WHERE name = ?", (name.encode(),))
    return int(found.fetchone()[0])


def test_a_new_file_waits_and_shows_its_picture_once_committed(shelf: Shelf) -> None:
    assert shelf.look(shelf.write("one/a.png", b"a")) == Change(queued=1)
    assert shelf.row("one/a.png").state == "pending"
    assert shelf.shown == set()
    shelf.work()
    row = shelf.row("one/a.png")
    assert row.state == "indexed"
    assert shelf.shown == {row.image}


def test_a_file_that_did_not_change_costs_nothing(shelf: Shelf) -> None:
    shelf.put("one/a.png", b"a")
    assert shelf.look("one/a.png") == Change()
    assert shelf.take() == []


@pytest.mark.parametrize("order", ["gone first", "new first", "together"])
@pytest.mark.parametrize("target", ["one/b.png", "two/deep/b.png"])
def test_a_moved_file_keeps_its_picture_unread(shelf: Shelf, order: str, target: str) -> None:
    image = shelf.put("one/a.png", b"a")
    (shelf.base / target).parent.mkdir(exist_ok=True)
    (shelf.base / "one/a.png").rename(shelf.base / target)
    if order == "gone first":
        shelf.look("one/a.png")
        shelf.look(target)
    elif order == "new first":
        assert shelf.look(target) == Change(reused=1)
        assert shelf.look("one/a.png") == Change()
    else:
        shelf.look("one/a.png", target)
    assert shelf.absent("one/a.png")
    assert (shelf.row(target).state, shelf.row(target).image) == ("indexed", image)
    assert shelf.take() == []
    assert shelf.shown == {image}


def test_a_renamed_file_keeps_its_id_and_is_found_under_its_new_name_only(shelf: Shelf) -> None:
    shelf.put("one/before.png", b"a")
    number = file_id(shelf, "before.png")
    (shelf.base / "one/before.png").rename(shelf.base / "one/after.png")
    shelf.look("one/after.png", "one/before.png")
    assert file_id(shelf, "after.png") == number
    assert shelf.named("after") == ["one/after.png"]
    assert shelf.named("before") == []


def test_a_rename_onto_another_file_leaves_one_picture(shelf: Shelf) -> None:
    first, second = shelf.put("one/a.png", b"a"), shelf.put("one/b.png", b"b")
    (shelf.base / "one/a.png").rename(shelf.base / "one/b.png")
    change = shelf.look("one/b.png", "one/a.png")
    assert change.vanished == (second,)
    assert shelf.row("one/b.png").image == first
    assert shelf.absent("one/a.png")


def test_two_files_that_swap_their_names_swap_their_pictures(shelf: Shelf) -> None:
    first, second = shelf.put("one/a.png", b"a"), shelf.put("one/b.png", b"b")
    one, other, between = (shelf.base / "one" / name for name in ("a.png", "b.png", "t.png"))
    one.rename(between)
    other.rename(one)
    between.rename(other)
    shelf.look("one/a.png", "one/b.png")
    shelf.work()
    assert (shelf.row("one/a.png").image, shelf.row("one/b.png").image) == (second, first)


def test_a_hard_link_is_a_second_file_of_the_same_picture(shelf: Shelf) -> None:
    image = shelf.put("one/a.png", b"a")
    os.link(shelf.base / "one/a.png", shelf.base / "two/b.png")
    shelf.look("two/b.png", "one/a.png")
    shelf.work()
    assert shelf.row("one/a.png").image == shelf.row("two/b.png").image == image
    (shelf.base / "one/a.png").unlink()
    assert shelf.look("one/a.png").vanished == ()


def test_a_copy_is_read_but_shares_the_picture(shelf: Shelf) -> None:
    image = shelf.put("one/a.png", b"a")
    shutil.copy2(shelf.base / "one/a.png", shelf.base / "one/b.png")
    assert shelf.look("one/b.png").queued == 1
    assert shelf.work().appeared in {(), (image,)}
    assert shelf.row("one/b.png").image == image
    assert {found.path for found in shelf.reader.files_of([image])[image]} == {
        os.fsencode(shelf.base / name) for name in ("one/a.png", "one/b.png")
    }


def test_a_file_whose_content_changed_shows_nothing_until_it_is_read(shelf: Shelf) -> None:
    image = shelf.put("one/a.png", b"a")
    change = shelf.look(shelf.write("one/a.png", b"b"))
    assert (change.vanished, change.queued) == ((image,), 1)
    shelf.work()
    assert shelf.row("one/a.png").image != image


def test_a_touch_alone_is_read_again_because_bytes_may_hide_behind_it(shelf: Shelf) -> None:
    image = shelf.put("one/a.png", b"a")
    path = shelf.base / "one/a.png"
    path.write_bytes(b"b")
    os.utime(path, ns=(0, shelf.row("one/a.png").stamp.mtime_ns))
    assert shelf.look("one/a.png").queued == 1
    shelf.work()
    assert shelf.row("one/a.png").image != image


def test_a_move_counts_for_a_minute_and_then_the_file_is_read(shelf: Shelf) -> None:
    image = shelf.put("one/a.png", b"a")
    (shelf.base / "one/a.png").rename(shelf.base / "one/b.png")
    shelf.look("one/a.png")
    assert shelf.shown == set()
    shelf.now += 61
    shelf.look("one/nothing.png")
    assert shelf.look("one/b.png").queued == 1
    shelf.work()
    assert shelf.row("one/b.png").image == image


def test_a_picture_that_went_away_is_kept_for_a_week_with_its_vector(shelf: Shelf) -> None:
    image = shelf.put("one/a.png", b"a")
    (shelf.base / "one/a.png").unlink()
    shelf.look("one/a.png")
    shelf.now += WEEK - 1
    assert shelf.writer.tidy(shelf.now) == 0
    assert shelf.reader.image_by_hash(digest(b"a"), shelf.model) == (image, True)
    assert shelf.put("two/again.png", b"a") == image


def test_after_a_week_a_picture_is_forgotten_and_its_number_not_given_again(shelf: Shelf) -> None:
    image = shelf.put("one/a.png", b"a")
    (shelf.base / "one/a.png").unlink()
    shelf.look("one/a.png")
    shelf.now += WEEK + 1
    assert shelf.writer.tidy(shelf.now) == 1
    assert shelf.reader.image_by_hash(digest(b"a"), shelf.model) is None
    assert shelf.reader.vector(shelf.model, image) is None
    assert shelf.put("one/b.png", b"a") > image


def test_a_picture_with_a_file_is_never_forgotten(shelf: Shelf) -> None:
    image = shelf.put("one/a.png", b"a")
    shelf.offline(shelf.root("one"))
    shelf.now += 100 * WEEK
    assert shelf.writer.tidy(shelf.now) == 0
    shelf.online(shelf.root("one"))
    assert shelf.shown == {image}


def test_a_folder_that_is_gone_takes_all_below_it_along_and_nothing_beside(shelf: Shelf) -> None:
    kept = shelf.put("one/sub-b/a.png", b"a")
    shelf.put("one/sub/b.png", b"b")
    shelf.put("one/sub/deep/c.png", b"c")
    also = shelf.put("one/sub0.png", b"d")
    shutil.rmtree(shelf.base / "one/sub")
    assert shelf.look("one/sub").removed == 2
    assert shelf.shown == {kept, also}
    top = os.fsencode(shelf.base / "one")
    assert shelf.reader.folders_below(top) == [top, os.path.join(top, b"sub-b")]


def test_a_folder_with_a_pictures_name_that_becomes_a_file_is_not_mistaken_for_it(
    shelf: Shelf,
) -> None:
    shelf.put("one/x.png/a.png", b"a")
    shutil.rmtree(shelf.base / "one/x.png")
    image = shelf.put("one/x.png", b"b")
    gone = [os.fsencode(shelf.base / "one/x.png")]
    shelf.mirror(shelf.writer.forget_folders(gone, shelf.now))
    assert shelf.row("one/x.png").image == image
    assert shelf.absent("one/x.png/a.png")
    shelf.mirror(shelf.writer.forget_folders(gone, shelf.now))
    assert shelf.row("one/x.png").image == image


def test_folders_that_a_walk_did_not_meet_are_forgotten(shelf: Shelf) -> None:
    image = shelf.put("one/sub/deep/a.png", b"a")
    gone = [os.fsencode(shelf.base / name) for name in ("one/sub", "one/sub/deep", "one/never")]
    change = shelf.mirror(shelf.writer.forget_folders(gone, shelf.now))
    assert (change.vanished, change.removed) == ((image,), 1)


def test_a_name_of_any_bytes_is_kept_byte_for_byte(shelf: Shelf) -> None:
    for name in (b"\xff\xfe.png", b"new\nline.png", b"u\xcc\x88.png", b"%s.png"):
        path = os.path.join(os.fsencode(shelf.base), b"one", name)
        with open(path, "wb") as file:
            file.write(name)
        shelf.look(path)
        shelf.work()
        assert shelf.reader.row(path) is not None
        assert path in shelf.rows()


def test_the_stamps_of_a_folder_are_those_of_the_disk(shelf: Shelf) -> None:
    shelf.put("one/a.png", b"a")
    shelf.put("one/sub/b.png", b"b")
    status = os.lstat(shelf.base / "one/a.png")
    found = shelf.reader.stamps(os.fsencode(shelf.base / "one"))
    assert found.keys() == {b"a.png"}
    assert found[b"a.png"] == Stamp.of(status)


def test_an_inode_beyond_63_bits_is_kept(shelf: Shelf) -> None:
    fields = list(os.lstat(shelf.base))
    fields[1] = (1 << 64) - 5
    huge = Stamp.of(os.stat_result(fields, {"st_mtime_ns": 1, "st_ctime_ns": 1}))
    folder = os.fsencode(shelf.base / "one")
    one = Observed(os.path.join(folder, b"huge.png"), huge, 0.0, live=False)
    shelf.writer.apply([one], {folder: shelf.root("one").id}, shelf.now)
    assert shelf.reader.stamps(folder) == {b"huge.png": huge}


def test_a_file_that_changed_names_its_other_links_until_their_rows_agree(shelf: Shelf) -> None:
    first = shelf.write("one/a.png", b"before")
    second = shelf.base / "two/b.png"
    os.link(first, second)
    shelf.look("one/a.png", "two/b.png")
    shelf.work()
    shelf.write("one/a.png", b"after")
    assert shelf.look("one/a.png").kin == (os.fsencode(second),)
    shelf.work()
    assert shelf.look("two/b.png").kin == ()
    shelf.work()
    assert shelf.row("two/b.png").image == shelf.row("one/a.png").image
