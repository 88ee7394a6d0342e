"""Answers of a decoder that was taken: none of them reaches the catalog."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from imgqd import prints, verdict
from imgqd.records import Metadata, Picture
from imgqd.verdict import Nonsense

PRINT = b"p" * prints.SIZE
METADATA: dict[str, Any] = {
    "taken": "2023-07-14T18:20:05", "taken_offset": 3600, "taken_from": "exif",
    "camera": "Canon EOS 5D", "lens": None, "latitude": 38.7, "longitude": -9.1, "rating": 4,
    "keywords": ["lisbon"], "title": None, "description": None, "software": None,
    "is_screenshot": False, "frames": 1,
}  # fmt: skip
SAID: dict[str, Any] = {
    "hash": b"h" * 16, "format": "jpeg", "width": 4, "height": 3, "metadata": METADATA,
}  # fmt: skip

nonsense = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text() | st.binary(),
    lambda inner: st.lists(inner) | st.dictionaries(st.text() | st.integers(), inner),
    max_leaves=8,
)


def test_what_makes_sense_is_believed() -> None:
    found = verdict.picture(SAID)
    assert (found.hash, found.format, found.width, found.height) == (b"h" * 16, "jpeg", 4, 3)
    assert found.metadata.keywords == ("lisbon",)
    assert verdict.pixels([b"x" * 12, PRINT], 2) == (b"x" * 12, PRINT)


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("hash", 5), ("hash", b"short"), ("format", "evil"), ("format", None), ("width", "4"),
        ("width", 0), ("height", -1), ("height", 10**12), ("width", True), ("metadata", []),
    ],
)  # fmt: skip
def test_a_picture_that_cannot_be_is_nonsense(name: str, value: object) -> None:
    with pytest.raises(Nonsense):
        verdict.picture({**SAID, name: value})


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("taken", "yesterday"), ("taken_offset", 10**9), ("taken_from", ["exif"]),
        ("camera", "x" * 5000), ("lens", b"x"), ("latitude", float("nan")), ("longitude", 181.0),
        ("rating", 6), ("keywords", ["a", 5]), ("keywords", "lisbon"), ("keywords", ["a\nb"]),
        ("is_screenshot", 1), ("frames", 0), ("more", 1),
    ],
)  # fmt: skip
def test_metadata_that_cannot_be_is_nonsense(name: str, value: object) -> None:
    with pytest.raises(Nonsense):
        verdict.picture({**SAID, "metadata": {**METADATA, name: value}})


@pytest.mark.parametrize("data", [b"", b"x" * 11, b"x" * 13, "x" * 12, 12, None])
def test_pixels_of_another_size_are_nonsense(data: object) -> None:
    for said in ([data, PRINT], [b"x" * 12, data], [b"x" * 12], data):
        with pytest.raises(Nonsense):
            verdict.pixels(said, 2)


def test_an_error_is_one_printable_line_with_a_reason_that_there_is() -> None:
    assert verdict.refusal("damaged", "a\n\x1b[31mb") == ("damaged", "a [31mb")
    assert verdict.refusal("timeout", "") == ("damaged", "no more is known")
    assert len(verdict.refusal("memory", "x" * 10_000)[1]) <= 300


@given(nonsense, st.sampled_from([*SAID, *METADATA]))
def test_whatever_is_said_is_a_picture_or_nonsense(value: Any, name: str) -> None:
    changed = {**SAID, name: value} if name in SAID else None
    for said in (value, changed or {**SAID, "metadata": {**METADATA, name: value}}):
        try:
            found = verdict.picture(said)
        except Nonsense:
            continue
        assert isinstance(found, Picture)
        assert isinstance(found.metadata, Metadata)
