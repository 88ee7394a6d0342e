"""The table of formats, the document that shows it, and how first bytes are recognised."""

from __future__ import annotations

from pathlib import Path

import pytest

from imgqd import formats
from imgqd.scope import is_picture_name

DOCUMENT = Path(__file__).parents[2] / "docs" / "formats.md"


def test_the_document_has_every_format_with_its_endings_and_its_decoder() -> None:
    text = DOCUMENT.read_text(encoding="utf-8")
    for one in formats.FORMATS:
        decoder = one.package or "Pillow"
        row = f"| {one.name} | {one.suffixes} | {decoder} | {one.note} |"
        assert row in text, row
    for package, reads in formats.PACKAGES.items():
        assert f"| {package} | {reads} |" in text


def test_every_ending_belongs_to_one_format_and_is_looked_at() -> None:
    endings = [suffix for one in formats.FORMATS for suffix in one.suffixes.split()]
    assert len(endings) == len(set(endings))
    for ending in endings:
        assert is_picture_name(f"a.{ending}".encode())
        assert is_picture_name(f"a.{ending.upper()}".encode())


def test_what_starts_other_programs_or_is_no_picture_is_not_read() -> None:
    assert not {"EPS", "PDF", "WMF", "EMF", "FITS", "MPEG", "GRIB", "HDF5"} & set(formats.READERS)


@pytest.mark.parametrize(
    ("head", "kind"),
    [
        (b"FUJIFILMCCD-RAW 0", "raw"),
        (b"\0\0\0\x18ftypcrx \0\0\0\1", "raw"),
        (b"II*\0\x10\0\0\0CR\2\0\0\0\0\0", "raw"),
        (b"\0\0\0\x18ftypheic\0\0\0\0", "heif"),
        (b"\xff\x0a\x7f" + b"\0" * 13, "jxl"),
        (b"\0\0\0\x0cJXL \r\n\x87\n\0\0\0\0", "jxl"),
        (b"II*\0" + b"\0" * 12, None),
        (b"\xff\xd8\xff\xe0" + b"\0" * 12, None),
        (b"", None),
    ],
)
def test_first_bytes_tell_what_pillow_does_not_read(head: bytes, kind: str | None) -> None:
    assert formats.kind(head) == kind


def test_installed_decoders_are_told_with_their_versions() -> None:
    found = formats.installed()
    assert "pillow" in found
    assert set(found) <= {"pillow", *formats.PACKAGES}
