"""The PNGs that the core writes, read by another hand."""

import io
import random

import pytest
from PIL import Image

from imgqd import png
from imgqd.verdict import Nonsense, small


@pytest.mark.parametrize("size", [(1, 1), (3, 2), (2, 3), (128, 77)])
def test_what_is_written_is_what_was_given(size: tuple[int, int]) -> None:
    width, height = size
    rgb = random.Random(1).randbytes(width * height * 3)
    written = png.written(width, height, rgb, {"Thumb::URI": "file:///a%20b"})
    with Image.open(io.BytesIO(written)) as image:
        assert (image.mode, image.size, image.tobytes()) == ("RGB", size, rgb)
    assert png.texts(io.BytesIO(written)) == {"Thumb::URI": "file:///a%20b"}


def test_half_a_file_has_no_texts() -> None:
    written = png.written(4, 4, bytes(48), {"Thumb::MTime": "1"})
    for end in range(0, len(written) - 12, 5):
        assert png.texts(io.BytesIO(written[:end])) == {}


@pytest.mark.parametrize(
    "said",
    [None, [1, 1], [1, 1, b""], [0, 1, b""], [129, 1, bytes(387)], [1, "1", b"abc"], [1, 1, "abc"]],
)
def test_what_a_decoder_says_is_checked(said: object) -> None:
    with pytest.raises(Nonsense):
        small(said, 128)
