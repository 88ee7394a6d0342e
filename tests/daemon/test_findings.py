"""What a check found, as it goes over the wire and as a person reads it."""

from __future__ import annotations

from imgqd.findings import bad, counted, fine, size


def test_a_finding_travels_as_one_line_of_text_whatever_is_in_a_path() -> None:
    row = bad("a\nb \udcff\r", "rm 'a\nb'").row("state")
    assert row == {
        "name": "state",
        "state": "bad",
        "detail": "a\\nb \\xff\\r",
        "remedy": "rm 'a\\nb'",
    }
    assert fine("x").row("state")["remedy"] is None


def test_numbers_are_written_for_people() -> None:
    assert [size(count) for count in (0, 1023, 1536, 20 << 30, 5 << 50)] == [
        "0 B", "1023 B", "1.5 KiB", "20 GiB", "5120 TiB",
    ]  # fmt: skip
    assert (counted(1, "file"), counted(12345, "file")) == ("1 file", "12,345 files")
