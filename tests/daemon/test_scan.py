"""A walk names what differs from the catalog, and nothing else."""

from __future__ import annotations

import os
import shutil
import stat
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from imgqd.records import Observed, Stamp
from imgqd.scan import Tally, differences, observe
from imgqd.scope import Scope

Catalog = dict[bytes, dict[bytes, Stamp]]


@pytest.fixture
def root(tmp_path: Path) -> bytes:
    (tmp_path / "root").mkdir()
    return os.fsencode(tmp_path / "root")


def make(root: bytes, *names: bytes) -> None:
    for name in names:
        path = os.path.join(root, name)
        os.makedirs(os.path.dirname(path), exist_ok=True)
        with open(path, "wb") as file:
            file.write(name)


def stamp(path: bytes) -> Stamp:
    return Stamp.of(os.lstat(path))


def walk(
    root: bytes, catalog: Catalog | None = None, scope: Scope | None = None
) -> tuple[set[bytes], Tally]:
    """Return the names below the root that differ from the catalog, and the tally."""
    known = catalog or {}

    def stamps(folder: bytes) -> Mapping[bytes, Stamp]:
        return known.get(folder, {})

    tally = Tally()
    blocks = differences(root, scope or Scope((root,), (".*",)), stamps, tally)
    return {os.path.relpath(path, root) for block in blocks for path in block}, tally


def everything(root: bytes) -> Catalog:
    return {
        folder: {name: stamp(os.path.join(folder, name)) for name in names}
        for folder, _, names in os.walk(root)
    }


def test_all_pictures_of_an_unknown_folder_are_named(root: bytes) -> None:
    make(root, b"a.png", b"sub/deep/b.JPG", b"notes.txt")
    different, tally = walk(root)
    assert different == {b"a.png", b"sub/deep/b.JPG"}
    assert tally.files == 2
    assert tally.folders.keys() == {root, root + b"/sub", root + b"/sub/deep"}
    assert tally.unreadable == []


def test_an_unchanged_tree_names_nothing(root: bytes) -> None:
    make(root, b"a.png", b"sub/b.png")
    different, tally = walk(root, everything(root))
    assert (different, tally.files) == (set(), 2)


def test_new_changed_and_missing_files_are_named(root: bytes) -> None:
    make(root, b"same.png", b"changed.png", b"gone.png", b"sub/gone.png")
    before = everything(root)
    os.unlink(os.path.join(root, b"gone.png"))
    os.unlink(os.path.join(root, b"sub/gone.png"))
    os.utime(os.path.join(root, b"changed.png"), (1, 1))
    make(root, b"new.png")
    assert walk(root, before)[0] == {b"changed.png", b"gone.png", b"sub/gone.png", b"new.png"}


def test_a_file_that_became_something_else_is_named(root: bytes) -> None:
    make(root, b"a.png", b"b.png", b"c.png")
    before = everything(root)
    for name in (b"a.png", b"b.png", b"c.png"):
        os.unlink(os.path.join(root, name))
    os.mkdir(os.path.join(root, b"a.png"))
    os.symlink(b"nowhere", os.path.join(root, b"b.png"))
    os.mkfifo(os.path.join(root, b"c.png"))
    assert walk(root, before)[0] == {b"a.png", b"b.png", b"c.png"}


def test_links_are_not_followed_and_a_loop_ends(root: bytes) -> None:
    make(root, b"sub/a.png")
    os.symlink(root, os.path.join(root, b"sub/loop"))
    os.symlink(b"a.png", os.path.join(root, b"sub/link.png"))
    different, tally = walk(root)
    assert different == {b"sub/a.png"}
    assert len(tally.folders) == 2


def test_excluded_folders_are_not_entered_and_their_known_files_not_named(root: bytes) -> None:
    make(root, b".git/a.png", b"raw/b.png", b".c.png", b"d.png")
    scope = Scope((root,), (".*", "raw/*", "raw"))
    different, tally = walk(root, everything(root), scope)
    assert different == {b".c.png"}  # known, and no longer in scope
    assert tally.folders.keys() == {root}


def test_a_rule_with_a_slash_is_held_against_the_path_below_the_root(root: bytes) -> None:
    make(root, b"raw/a.png", b"deep/raw/b.png")
    assert walk(root, scope=Scope((root,), ("raw/*",)))[0] == {b"deep/raw/b.png"}


def test_a_nomedia_file_ends_the_walk_there(root: bytes) -> None:
    make(root, b"private/.nomedia", b"private/a.png", b"private/deep/b.png", b"c.png")
    different, tally = walk(root)
    assert different == {b"c.png"}
    assert tally.folders.keys() == {root}


def test_a_root_inside_and_the_state_folder_are_left_to_themselves(root: bytes) -> None:
    make(root, b"inner/a.png", b"state/b.png", b"c.png")
    scope = Scope((root, root + b"/inner"), (), (root + b"/state",))
    assert walk(root, scope=scope)[0] == {b"c.png"}
    assert walk(root + b"/inner", scope=scope)[0] == {b"a.png"}


def test_a_folder_that_is_gone_is_an_empty_walk(root: bytes) -> None:
    make(root, b"a.png")
    assert walk(root + b"/never")[0] == set()
    assert walk(root + b"/a.png")[1].unreadable == []


def test_a_folder_that_cannot_be_read_is_reported_and_keeps_what_is_known(
    root: bytes, monkeypatch: pytest.MonkeyPatch
) -> None:
    # Mocked: root may read everything.
    make(root, b"closed/a.png", b"b.png")
    real = os.scandir

    def scandir(path: bytes) -> Any:
        if path.endswith(b"closed"):
            raise PermissionError(13, "Permission denied", path)
        return real(path)

    monkeypatch.setattr(os, "scandir", scandir)
    closed = root + b"/closed"
    different, tally = walk(root, {closed: {b"a.png": Stamp(1, 1, 1, 1, 1)}})
    assert different == {b"b.png"}
    assert tally.unreadable == [closed]
    assert closed not in tally.folders


class Refusing:
    """An entry of a folder that may be listed but not entered, where listing tells no kinds."""

    def __init__(self, folder: bytes) -> None:
        self.name = b"a.png"
        self.path = os.path.join(folder, self.name)

    def is_dir(self, *, follow_symlinks: bool) -> bool:
        raise PermissionError(13, "Permission denied", follow_symlinks)

    def stat(self, *, follow_symlinks: bool) -> os.stat_result:
        raise PermissionError(13, "Permission denied", follow_symlinks)


def test_a_folder_that_may_be_listed_but_not_entered_ends_no_walk(
    root: bytes, monkeypatch: pytest.MonkeyPatch
) -> None:
    class Listing:
        def __init__(self, folder: bytes) -> None:
            self._folder = folder

        def __enter__(self) -> Iterator[Refusing]:
            return iter([Refusing(self._folder)])

        def __exit__(self, *_: object) -> None:
            pass

    monkeypatch.setattr(os, "scandir", Listing)
    different, _ = walk(root, {root: {b"a.png": Stamp(1, 1, 1, 1, 1)}})
    # Named, so that it is looked at; the look says "may not", and nothing is forgotten.
    assert different == {b"a.png"}


name_bytes = (
    st.binary(min_size=1, max_size=20)
    .filter(lambda name: not set(name) & {0, ord("/")} and not name.startswith(b"."))
    .map(lambda name: name + b".png")
)


@settings(
    max_examples=40, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture]
)
@given(names=st.sets(name_bytes, max_size=6), known=st.sets(name_bytes, max_size=3))
def test_names_of_any_bytes_come_back_as_they_are(
    root: bytes, names: set[bytes], known: set[bytes]
) -> None:
    shutil.rmtree(root)
    os.mkdir(root)
    make(root, *names)
    catalog = {root: dict.fromkeys(known, Stamp(0, 0, 0, 0, 0))}
    assert walk(root, catalog)[0] == names | known


def look(path: bytes, *roots: bytes) -> Observed | None:
    return observe(path, Scope(roots, (".*",)), 7.0, live=True)


def test_a_look_at_a_picture_gives_its_stamp(root: bytes) -> None:
    make(root, b"a.png")
    path = root + b"/a.png"
    assert look(path, root) == Observed(path, stamp(path), 7.0, live=True)


@pytest.mark.parametrize(
    "name", [b"gone.png", b"a.png/b.png", b"notes.txt", b"link.png", b"fifo.png", b".h.png"]
)
def test_a_look_at_anything_else_gives_no_stamp(root: bytes, name: bytes) -> None:
    make(root, b"a.png", b"notes.txt", b".h.png")
    os.symlink(b"a.png", root + b"/link.png")
    os.mkfifo(root + b"/fifo.png")
    path = os.path.join(root, name)
    assert look(path, root) == Observed(path, None, 7.0, live=True)


def test_a_look_at_a_folder_asks_for_a_walk_unless_it_is_excluded(root: bytes) -> None:
    make(root, b"sub.png/a.png", b".git/a.png")
    assert look(root + b"/sub.png", root) is None
    assert look(root + b"/.git", root) == Observed(root + b"/.git", None, 7.0, live=True)


def test_a_look_that_is_refused_is_not_taken_for_a_missing_file(
    root: bytes, monkeypatch: pytest.MonkeyPatch
) -> None:
    def refused(path: bytes) -> os.stat_result:
        raise PermissionError(13, "Permission denied", path)

    monkeypatch.setattr("imgqd.scan.os.lstat", refused)
    with pytest.raises(PermissionError):
        look(root + b"/a.png", root)


def test_only_ordinary_files_are_regular() -> None:
    from imgqd.records import is_regular

    kinds = (stat.S_IFREG, stat.S_IFDIR, stat.S_IFLNK, stat.S_IFIFO, stat.S_IFSOCK, stat.S_IFCHR)
    assert [is_regular(kind) for kind in kinds] == [True, False, False, False, False, False]
