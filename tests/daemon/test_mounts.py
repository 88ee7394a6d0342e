"""Which file system holds a path, and which of them tell nobody of their changes."""

from __future__ import annotations

import os
import sys
from pathlib import Path

import pytest

from imgqd import mounts

TABLE = {b"/": "ext4", b"/home": "btrfs", b"/home/me/nas": "nfs4", b"/home/me/nas/in": "ext4"}


@pytest.mark.parametrize(
    ("path", "kind"),
    [
        (b"/etc", "ext4"),
        (b"/home", "btrfs"),
        (b"/homes/x", "ext4"),
        (b"/home/me/nas/a/b", "nfs4"),
        (b"/home/me/nas/in/a", "ext4"),
        (b"/home/me/nas2", "btrfs"),
    ],
)
def test_the_innermost_mount_holds_a_path(path: bytes, kind: str) -> None:
    assert mounts.kind_of(path, TABLE) == kind


def test_without_a_mount_around_it_the_kind_is_unknown() -> None:
    assert mounts.kind_of(b"/a", {b"/b": "ext4"}) == ""


def test_the_mounts_inside_a_folder_are_those_below_it() -> None:
    assert mounts.below(b"/home/me", TABLE).keys() == {b"/home/me/nas", b"/home/me/nas/in"}
    assert mounts.below(b"/home/me/nas", TABLE).keys() == {b"/home/me/nas/in"}


@pytest.mark.parametrize("kind", ["nfs", "nfs4", "cifs", "smb3", "9p", "fuse.sshfs", "fuse.rclone"])
def test_a_file_system_that_changes_elsewhere_is_remote(kind: str) -> None:
    assert mounts.is_remote(kind)


@pytest.mark.parametrize("kind", ["ext4", "btrfs", "xfs", "tmpfs", "zfs", "fuseblk", "exfat", ""])
def test_a_disk_of_this_machine_is_not(kind: str) -> None:
    assert not mounts.is_remote(kind)


def test_the_real_table_knows_a_real_folder(tmp_path: Path) -> None:
    table = mounts.table()
    assert b"/" in table
    assert mounts.kind_of(os.fsencode(tmp_path), table) != ""


@pytest.mark.skipif(sys.platform != "linux", reason="only Linux tells")
def test_without_a_change_there_is_no_news() -> None:
    news = mounts.News()
    try:
        news.came()
        assert news.fileno() is not None
        assert not news.came()
    finally:
        news.close()
