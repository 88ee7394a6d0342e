"""Whether a root is there: the same, another, empty, closed or gone."""

from __future__ import annotations

import os
from pathlib import Path

from imgqd import places
from imgqd.records import Root


def root(path: Path, identity: tuple[int, int] | None) -> Root:
    return Root(1, os.fsencode(path), identity, online=True)


def test_a_folder_is_known_by_its_device_and_inode(tmp_path: Path) -> None:
    found, why = places.identity(os.fsencode(tmp_path))
    assert (found, why) == ((tmp_path.stat().st_dev, tmp_path.stat().st_ino), "")
    assert places.look(root(tmp_path, found)) == (found, "")
    assert places.look(root(tmp_path, None)) == (found, "")


def test_what_is_gone_or_no_folder_is_offline_with_the_reason(tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    assert places.identity(os.fsencode(tmp_path / "gone")) == (None, "No such file or directory")
    assert places.identity(os.fsencode(tmp_path / "file")) == (None, "not a folder")


def test_an_empty_folder_of_another_disk_is_where_that_disk_belongs(tmp_path: Path) -> None:
    found, _ = places.identity(os.fsencode(tmp_path))
    assert found is not None
    elsewhere = (found[0] + 1, found[1])
    assert places.look(root(tmp_path, elsewhere)) == (None, "its disk is not mounted")
    (tmp_path / "a.png").touch()
    assert places.look(root(tmp_path, elsewhere)) == (found, "")


def test_an_empty_folder_of_the_same_disk_is_a_new_folder(tmp_path: Path) -> None:
    found, _ = places.identity(os.fsencode(tmp_path))
    assert found is not None
    assert places.look(root(tmp_path, (found[0], found[1] + 1))) == (found, "")
