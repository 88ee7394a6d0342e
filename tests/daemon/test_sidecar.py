"""Which file is whose sidecar, and what tells it from another."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from imgqd import sidecar


@pytest.mark.parametrize(
    ("name", "picture", "whose"),
    [
        (b"a.xmp", b"a.jpg", True),
        (b"a.XMP", b"a.CR3", True),
        (b"a.jpg.xmp", b"a.jpg", True),
        (b"a.jpg.xmp", b"a.png", False),
        (b"a.b.xmp", b"a.b.jpg", True),
        (b"a.xmp", b"a.b.jpg", False),
        (b"a.xmp", b"a.txt", False),
        (b"\xff.xmp", b"\xff.jpg", True),
    ],
)
def test_a_sidecar_has_the_name_of_its_picture_with_or_without_the_ending(
    name: bytes,
    picture: bytes,
    whose: bool,  # noqa: FBT001 - the expected answer
) -> None:
    assert sidecar.is_name(name)
    assert sidecar.belongs(name, picture) is whose
    if whose:
        base, low, high = sidecar.pictures_of(name)
        assert picture == base or low < picture < high


@pytest.mark.parametrize("name", [b"a.jpg", b".xmp", b"xmp", b"a.xmp.bak"])
def test_other_files_are_no_sidecars(name: bytes) -> None:
    assert not sidecar.is_name(name)


def test_the_key_changes_with_the_sidecar_and_the_longer_name_is_the_surer(tmp_path: Path) -> None:
    picture = os.fsencode(tmp_path / "a.jpg")
    assert sidecar.key(picture) is None
    (tmp_path / "a.xmp").write_text("one")
    first = sidecar.key(picture)
    assert first is not None
    (tmp_path / "a.jpg.xmp").write_text("two")
    second = sidecar.key(picture)
    assert second not in {None, first}
    (tmp_path / "a.jpg.xmp").unlink()
    assert sidecar.key(picture) == first
    (tmp_path / "a.xmp").rename(tmp_path / "b.xmp")
    assert sidecar.key(os.fsencode(tmp_path / "b.jpg")) == first


def test_a_sidecar_is_lent_open_and_nothing_else_is(tmp_path: Path) -> None:
    picture = os.fsencode(tmp_path / "a.jpg")
    with sidecar.lent(picture) as (fd, key):
        assert (fd, key) == (None, None)
    (tmp_path / "a.xmp").write_bytes(b"said")
    with sidecar.lent(picture) as (fd, key):
        assert fd is not None
        assert os.read(fd, 10) == b"said"
        assert key == sidecar.key(picture)
    (tmp_path / "a.xmp").write_bytes(b" " * ((1 << 20) + 1))
    with sidecar.lent(picture) as (fd, key):
        assert fd is None
        assert key is not None
    (tmp_path / "a.xmp").unlink()
    os.mkfifo(tmp_path / "a.xmp")
    (tmp_path / "a.jpg.xmp").symlink_to("/etc/passwd")
    with sidecar.lent(picture) as (fd, key):
        assert (fd, key) == (None, None)
