import pytest
from hypothesis import given
from hypothesis import strategies as st

from imgq.text import clip, counted, readable, readable_path, width


@pytest.mark.parametrize(
    ("path", "shown"),
    [
        (b"/home/ada/a.jpg", "~/a.jpg"),
        (b"/home/ada", "~"),
        (b"/home/adalbert/a.jpg", "/home/adalbert/a.jpg"),
        (b"/x/\xff\xc3\xa9.jpg", r"/x/\xffé.jpg"),
        (b"/x/\x1b]0;owned\x07.jpg", r"/x/\x1b]0;owned\x07.jpg"),
        (b"/x/two\nlines", r"/x/two\nlines"),
        ("/x/\u202egpj.exe".encode(), r"/x/\u202egpj.exe"),
        ("/x/\x9b31m".encode(), r"/x/\x9b31m"),
        ("/x/at\u202f1.00".encode(), "/x/at\u202f1.00"),
        ("/x/👩\u200d🔬".encode(), "/x/👩\u200d🔬"),
        ("/x/\u2028".encode(), r"/x/\u2028"),
    ],
)
def test_a_path_is_shown_without_anything_that_a_terminal_obeys(path: bytes, shown: str) -> None:
    assert readable_path(path, b"/home/ada") == shown


@given(st.binary())
def test_no_name_gets_a_control_character_into_the_terminal(name: bytes) -> None:
    shown = readable_path(name)
    assert not [char for char in shown if ord(char) < 32 or 127 <= ord(char) < 160]
    shown.encode()


def test_a_home_folder_that_is_unknown_shortens_nothing() -> None:
    assert readable_path(b"/a", b"") == "/a"


@given(st.text())
def test_what_is_readable_stays_as_it_is(text: str) -> None:
    assert readable(readable(text)) == readable(text)


@pytest.mark.parametrize(
    ("text", "columns"), [("abc", 3), ("é", 1), ("e\u0301", 1), ("写真", 4), ("", 0)]
)
def test_width_counts_columns_and_not_characters(text: str, columns: int) -> None:
    assert width(text) == columns


def test_the_end_of_a_long_path_is_what_stays() -> None:
    assert clip("/a/very/long/folder/name/IMG_1234.jpg", 22) == "/a/very…e/IMG_1234.jpg"


@given(st.text(), st.integers(0, 60))
def test_nothing_is_ever_wider_than_its_room(text: str, room: int) -> None:
    assert width(clip(text, room)) <= room


@given(st.text(st.characters(categories=["L", "N"]), max_size=20))
def test_what_fits_is_not_clipped(text: str) -> None:
    assert clip(text, width(text)) == text


def test_a_mark_does_not_lose_its_letter() -> None:
    assert "…\u0301" not in clip("ae\u0301" * 20, 14)


def test_a_number_comes_with_its_noun() -> None:
    assert [counted(n, "copy", "copies") for n in (0, 1, 2000)] == [
        "0 copies",
        "1 copy",
        "2,000 copies",
    ]
