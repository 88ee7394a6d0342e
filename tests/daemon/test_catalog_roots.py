"""Roots that come, go, are unplugged and lie in each other."""

from __future__ import annotations

import os
from collections.abc import Iterator
from pathlib import Path

import pytest

from daemon.shelf import Shelf
from imgqd.records import Change


@pytest.fixture
def shelf(tmp_path: Path) -> Iterator[Shelf]:
    shelf = Shelf(tmp_path, "one", "two")
    yield shelf
    assert shelf.shown == shelf.live() == shelf.with_file()
    shelf.close()


def test_a_root_is_offline_until_it_was_seen(shelf: Shelf) -> None:
    shelf.writer.set_roots([b"/nowhere"], shelf.now)
    [root] = shelf.writer.roots()
    assert (root.online, root.identity) == (False, None)


def test_an_offline_root_hides_its_pictures_and_deletes_none(shelf: Shelf) -> None:
    image, other = shelf.put("one/a.png", b"a"), shelf.put("two/b.png", b"b")
    assert shelf.offline(shelf.root("one")).vanished == (image,)
    assert shelf.shown == {other}
    assert shelf.reader.files_of([image]) == {}
    assert shelf.named("a") == []
    assert shelf.row("one/a.png").image == image
    assert shelf.online(shelf.root("one")).appeared == (image,)
    assert shelf.named("a") == ["one/a.png"]


def test_a_picture_with_a_copy_on_another_root_stays_when_one_goes_offline(shelf: Shelf) -> None:
    image = shelf.put("one/a.png", b"a")
    shelf.put("two/b.png", b"a")
    assert shelf.offline(shelf.root("one")) == Change()
    [found] = shelf.reader.files_of([image])[image]
    assert found.path == os.fsencode(shelf.base / "two/b.png")


def test_a_root_that_is_told_twice_to_be_offline_changes_nothing(shelf: Shelf) -> None:
    shelf.put("one/a.png", b"a")
    shelf.offline(shelf.root("one"))
    assert shelf.offline(shelf.root("one")) == Change()


def test_pending_files_of_an_offline_root_wait_and_are_not_counted(shelf: Shelf) -> None:
    shelf.look(shelf.write("one/a.png", b"a"))
    shelf.offline(shelf.root("one"))
    assert shelf.take() == []
    assert shelf.reader.pending() == 0
    assert shelf.reader.oldest_pending() is None
    shelf.online(shelf.root("one"))
    assert len(shelf.take()) == 1
    assert shelf.reader.oldest_pending() == shelf.now


def test_a_disk_that_comes_back_under_another_number_is_not_read_again(shelf: Shelf) -> None:
    shelf.put("one/a.png", b"a")
    seen = shelf.row("one/a.png").stamp
    shelf.offline(shelf.root("one"))
    shelf.online(shelf.root("one"), dev=seen.dev + 7)
    assert shelf.row("one/a.png").stamp == seen._replace(dev=seen.dev + 7)


def test_another_disk_number_changes_only_that_roots_files(shelf: Shelf) -> None:
    shelf.put("one/a.png", b"a")
    shelf.put("two/b.png", b"b")
    seen = shelf.row("two/b.png").stamp
    shelf.online(shelf.root("one"), dev=seen.dev + 7)
    assert shelf.row("two/b.png").stamp == seen


def test_a_file_is_no_twin_of_one_on_an_offline_root(shelf: Shelf) -> None:
    shelf.put("one/a.png", b"a")
    shelf.offline(shelf.root("one"))
    (shelf.base / "one/a.png").rename(shelf.base / "two/a.png")
    assert shelf.look("two/a.png").queued == 1
    shelf.work()
    shelf.online(shelf.root("one"))
    shelf.look("one/a.png")


def test_a_root_that_is_removed_takes_its_files_along(shelf: Shelf) -> None:
    image, other = shelf.put("one/a.png", b"a"), shelf.put("two/b.png", b"b")
    change = shelf.watch("two")
    assert (change.vanished, change.removed) == ((image,), 1)
    assert shelf.rows().keys() == {os.fsencode(shelf.base / "two/b.png")}
    assert shelf.shown == {other}


def test_the_same_roots_again_change_nothing(shelf: Shelf) -> None:
    shelf.put("one/a.png", b"a")
    before = shelf.writer.roots()
    assert shelf.watch("two", "one") == Change()
    assert shelf.writer.roots() == before


def test_a_root_added_inside_another_takes_its_folders_over(shelf: Shelf) -> None:
    image = shelf.put("one/disk/deep/a.png", b"a")
    outer = shelf.put("one/diskette/b.png", b"b")
    shelf.watch("one", "two", "one/disk")
    assert shelf.shown == {image, outer}
    assert shelf.reader.totals(None).files_of_root[shelf.root("one/disk").id] == 1
    assert shelf.offline(shelf.root("one/disk")).vanished == (image,)
    shelf.offline(shelf.root("one"))
    assert shelf.online(shelf.root("one/disk")).appeared == (image,)


def test_a_root_removed_inside_another_gives_its_folders_back(shelf: Shelf) -> None:
    shelf.watch("one", "two", "one/disk")
    image = shelf.put("one/disk/a.png", b"a")
    assert shelf.watch("one", "two").removed == 0
    assert shelf.shown == {image}
    assert shelf.reader.totals(None).files_of_root == {shelf.root("one").id: 1}


def test_the_outer_of_two_roots_can_go_without_the_inner(shelf: Shelf) -> None:
    shelf.put("one/a.png", b"a")
    image = shelf.put("one/disk/b.png", b"b")
    shelf.watch("one/disk")
    assert shelf.shown == {image}


def test_what_ends_in_the_outer_root_leaves_the_inner_one_alone(shelf: Shelf) -> None:
    # An exclude rule of the outer root, or a folder that was replaced, ends at a root inside.
    shelf.watch("one", "two", "one/.hidden/disk")
    image = shelf.put("one/.hidden/disk/a.png", b"a")
    paths = [os.fsencode(shelf.base / "one/.hidden")]
    shelf.write("one/.hidden/b.png", b"b")
    shelf.look("one/.hidden/b.png")
    shelf.mirror(shelf.writer.forget_folders(paths, shelf.now))
    assert shelf.shown == {image}
    assert shelf.absent("one/.hidden/b.png")


def test_a_removed_folder_of_the_outer_root_leaves_the_inner_one_alone(shelf: Shelf) -> None:
    shelf.watch("one", "two", "one/mount/disk")
    image = shelf.put("one/mount/disk/a.png", b"a")
    (shelf.base / "one/mount").rename(shelf.base / "elsewhere")
    shelf.look("one/mount")
    assert shelf.row("one/mount/disk/a.png").image == image


def test_the_whole_disk_can_be_a_root(tmp_path: Path) -> None:
    shelf = Shelf(tmp_path)
    shelf.writer.set_roots([b"/"], 0.0)
    folder = os.fsencode(tmp_path)
    [root] = shelf.writer.roots()
    shelf.online(root)
    path = shelf.write("a.png", b"a")
    shelf.look(path)
    shelf.work()
    assert shelf.reader.folders_below(b"/") == [folder]
    shelf.mirror(shelf.writer.forget_folders([folder], shelf.now))
    assert shelf.shown == set()
    shelf.close()
