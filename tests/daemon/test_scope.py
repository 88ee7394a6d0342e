"""Which paths count."""

from __future__ import annotations

import os
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from imgqd.scope import Scope, is_picture_name, is_within, outermost

RULES = (".*", "node_modules", "*.tmp.png", "raw/*", "a/b", "[xyz]?.png", "über*")


def scope(*roots: bytes, exclude: tuple[str, ...] = RULES, barred: bytes = b"/state") -> Scope:
    return Scope(roots or (b"/p",), exclude, (barred,))


@pytest.mark.parametrize(
    ("name", "counts"),
    [
        (b"a.jpg", True),
        (b"A.JPEG", True),
        (b"\xff\xfe.PnG", True),
        (b"new\nline.webp", True),
        (b"photo.tar.heic", True),
        (b"a.jpg.part", False),
        (b"a.pdf", False),
        (b"jpg", False),
        (b".jpg", False),
        (b"", False),
    ],
)
def test_a_picture_is_known_by_the_end_of_its_name(name: bytes, counts: bool) -> None:  # noqa: FBT001
    assert is_picture_name(name) is counts


@pytest.mark.parametrize(
    ("path", "root"),
    [
        (b"/p/a.png", b"/p"),
        (b"/p", b"/p"),
        (b"/p/inner/a.png", b"/p/inner"),
        (b"/p/inner", b"/p/inner"),
        (b"/p/innermost/a.png", b"/p"),
        (b"/pictures/a.png", None),
        (b"/", None),
    ],
)
def test_a_path_belongs_to_the_innermost_root(path: bytes, root: bytes | None) -> None:
    assert scope(b"/p", b"/p/inner").root_of(path) == root
    assert scope(b"/p/inner", b"/p").root_of(path) == root


@pytest.mark.parametrize(
    ("path", "rule"),
    [
        (b"/p/.git/a.png", ".*"),
        (b"/p/deep/node_modules/x/a.png", "node_modules"),
        (b"/p/x.tmp.png", "*.tmp.png"),
        (b"/p/raw/a.png", "raw/*"),
        (b"/p/raw/deep/a.png", "raw/*"),
        (b"/p/a/b/c.png", "a/b"),
        (b"/p/x1.png", "[xyz]?.png"),
        ("/p/überall/a.png".encode(), "über*"),
        (b"/p/.\xff/a.png", ".*"),
        (b"/p/.new\nline/a.png", ".*"),
    ],
)
def test_an_exclude_rule_is_named_as_the_reason(path: bytes, rule: str) -> None:
    reason = scope().exclusion(path)
    assert reason is not None
    assert f"the exclude rule {rule!r}" in reason
    reason.encode()  # it goes over the wire


@pytest.mark.parametrize(
    "path",
    [
        b"/p/a.png",
        b"/p",
        b"/p/xraw/a.png",
        b"/p/deep/raw/a.png",  # a rule with a slash begins at the root
        b"/p/deep/a/b.png",
        b"/p/node_modules2/a.png",
        b"/p/xx1.png",
        b"/p/\xff\xfe/a.png",
    ],
)
def test_what_no_rule_matches_counts(path: bytes) -> None:
    assert scope().exclusion(path) is None


def test_rules_are_held_against_names_below_the_root_only() -> None:
    inside = scope(b"/home/.pictures")
    assert inside.exclusion(b"/home/.pictures/a.png") is None
    assert inside.exclusion(b"/home/.pictures/.b/a.png") is not None


def test_a_root_inside_an_excluded_folder_counts() -> None:
    both = scope(b"/p", b"/p/.hidden/mine")
    assert both.exclusion(b"/p/.hidden/mine/a.png") is None
    assert both.exclusion(b"/p/.hidden/other/a.png") is not None


def test_rules_with_a_slash_hold_below_the_root_of_the_disk_too() -> None:
    whole = scope(b"/")
    assert whole.exclusion(b"/raw/a.png") is not None
    assert whole.exclusion(b"/a/b/c.png") is not None
    assert whole.exclusion(b"/c/a.png") is None


def test_without_rules_nothing_is_excluded() -> None:
    assert scope(exclude=()).exclusion(b"/p/.git/a.png") is None


def test_a_path_outside_says_so() -> None:
    assert scope().exclusion(b"/elsewhere/a.png") == "it lies in no watched folder"


def test_the_state_folder_never_counts() -> None:
    reason = scope(barred=b"/p/state").exclusion(b"/p/state/cookies/a.png")
    assert reason == "it lies in imgq's own state folder"
    assert scope(barred=b"/p/state").exclusion(b"/p/state2/a.png") is None


def test_a_nomedia_file_keeps_its_folder_out_and_nothing_beside(tmp_path: Path) -> None:
    root = os.fsencode(tmp_path)
    for name in ("private/deep", "open"):
        (tmp_path / name).mkdir(parents=True)
    (tmp_path / "private/.nomedia").touch()
    here = scope(root)
    for path in (b"private/a.png", b"private/deep/a.png", b"private/deep"):
        reason = here.exclusion(os.path.join(root, path))
        assert reason is not None
        assert "private holds a .nomedia file" in reason
    assert here.exclusion(os.path.join(root, b"open/a.png")) is None


def test_a_nomedia_file_in_a_folder_of_any_name_is_told_over_the_wire(tmp_path: Path) -> None:
    root = os.fsencode(tmp_path)
    folder = os.path.join(root, b"\xff")
    os.mkdir(folder)
    with open(os.path.join(folder, b".nomedia"), "wb"):
        pass
    reason = scope(root).exclusion(os.path.join(folder, b"a.png"))
    assert reason is not None
    reason.encode()


def test_a_dangling_nomedia_link_counts_as_one(tmp_path: Path) -> None:
    (tmp_path / ".nomedia").symlink_to("nowhere")
    root = os.fsencode(tmp_path)
    assert scope(root).exclusion(os.path.join(root, b"a.png")) is not None


def test_outermost_drops_what_lies_inside() -> None:
    paths = [b"/a/b", b"/a", b"/ab", b"/a/b/c", b"/z"]
    assert outermost(paths) == [b"/a", b"/ab", b"/z"]
    assert outermost([]) == []


parts = st.lists(st.sampled_from([b"a", b"b", b".c", b"\xff", b"raw"]), min_size=1, max_size=5)


@given(parts, st.integers(0, 4))
def test_what_lies_in_an_excluded_folder_is_excluded(path: list[bytes], cut: int) -> None:
    whole = b"/p/" + b"/".join(path)
    above = b"/p/" + b"/".join(path[: max(1, cut)])
    assert is_within(whole, above)
    if scope().exclusion(above) is not None:
        assert scope().exclusion(whole) is not None


@given(parts)
def test_the_quick_pattern_and_the_single_rules_agree(path: list[bytes]) -> None:
    single = [scope(exclude=(rule,)).exclusion(b"/p/" + b"/".join(path)) for rule in RULES]
    together = scope().exclusion(b"/p/" + b"/".join(path))
    assert (together is None) == all(one is None for one in single)
