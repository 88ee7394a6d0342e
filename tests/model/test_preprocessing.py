"""The decoder's pixels are those of open_clip's own transform, whatever the model asks for."""

from __future__ import annotations

import os
import warnings
from pathlib import Path

import numpy as np
import pytest
from numpy.typing import NDArray
from PIL import Image

from imgqd.decoder.process import Decoder
from imgqd.serving import Fault

pytestmark = pytest.mark.model

MODES = ("shortest", "longest", "squash")
INTERPOLATIONS = ("bicubic", "bilinear", "random")
SIDES = ((640, 480), (480, 641), (333, 333), (224, 224), (225, 224), (5, 7), (1000, 31), (1, 90))
FILL = 40


def noise(path: Path, sides: tuple[int, int]) -> Path:
    width, height = sides
    random = np.random.default_rng(width * height)
    Image.fromarray(random.integers(0, 256, (height, width, 3), np.uint8)).save(path)
    return path


def ours(path: Path, size: int, resize: str, interpolation: str) -> NDArray[np.int64]:
    decoder = Decoder()
    decoder.identify({"fds": [os.open(path, os.O_RDONLY)]})
    wanted = {"size": size, "resize": resize, "interpolation": interpolation, "fill": FILL}
    pixels = np.frombuffer(decoder.pixels(wanted)[0], np.uint8)
    return pixels.reshape(size, size, 3).astype(np.int64)


def theirs(path: Path, size: int, resize: str, interpolation: str) -> NDArray[np.int64]:
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        from open_clip.transform import image_transform
    transform = image_transform(
        size,
        is_train=False,
        mean=(0.0, 0.0, 0.0),
        std=(1.0, 1.0, 1.0),
        resize_mode=resize,
        interpolation=interpolation,
        fill_color=FILL,
    )
    with Image.open(path) as image:
        pixels = transform(image.convert("RGB")).permute(1, 2, 0).numpy()
    rounded: NDArray[np.int64] = np.rint(pixels * 255).astype(np.int64)
    return rounded


@pytest.mark.parametrize("sides", SIDES, ids=lambda sides: f"{sides[0]}x{sides[1]}")
@pytest.mark.parametrize("interpolation", INTERPOLATIONS)
@pytest.mark.parametrize("resize", MODES)
def test_every_pixel_is_that_of_open_clip(
    tmp_path: Path, resize: str, interpolation: str, sides: tuple[int, int]
) -> None:
    path = noise(tmp_path / "a.png", sides)
    for size in (224, 256):
        difference = ours(path, size, resize, interpolation) - theirs(
            path, size, resize, interpolation
        )
        assert abs(difference).max() <= 1


def test_the_three_ways_to_resize_give_three_pictures(tmp_path: Path) -> None:
    path = noise(tmp_path / "a.png", (640, 480))
    shortest, longest, squash = (ours(path, 224, mode, "bicubic") for mode in MODES)
    assert abs(shortest - squash).max() > 10
    assert abs(shortest - longest).max() > 10
    assert (longest[0] == FILL).all()


def test_a_strip_too_thin_for_open_clip_is_padded_all_the_same(tmp_path: Path) -> None:
    path = noise(tmp_path / "a.png", (900, 1))
    pixels = ours(path, 224, "longest", "bicubic")
    assert (pixels == FILL).all(axis=(1, 2)).sum() == 223


def test_a_camera_held_upright_gives_the_pixels_of_the_upright_picture(tmp_path: Path) -> None:
    upright = noise(tmp_path / "upright.png", (300, 400))
    with Image.open(upright) as image:
        lying = image.transpose(Image.Transpose.ROTATE_90)
    lying.getexif()[0x0112] = 6
    lying.save(tmp_path / "lying.png", exif=lying.getexif())
    for mode in MODES:
        same = ours(tmp_path / "lying.png", 224, mode, "bicubic")
        assert (same == ours(upright, 224, mode, "bicubic")).all()


def test_what_is_transparent_is_white(tmp_path: Path) -> None:
    Image.new("RGBA", (64, 64), (0, 0, 0, 0)).save(tmp_path / "a.png")
    assert (ours(tmp_path / "a.png", 224, "shortest", "bicubic") == 255).all()


def test_a_picture_is_taken_out_of_the_hand_only_once(tmp_path: Path) -> None:
    decoder = Decoder()
    decoder.identify({"fds": [os.open(noise(tmp_path / "a.png", (9, 9)), os.O_RDONLY)]})
    wanted = {"size": 224, "resize": "squash", "interpolation": "bicubic", "fill": 0}
    decoder.pixels(wanted)
    with pytest.raises(Fault, match="no picture"):
        decoder.pixels(wanted)
