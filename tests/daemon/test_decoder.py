"""The decoder's own process: formats, orientation, colours, shapes."""

from __future__ import annotations

import asyncio
import os
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image, ImageOps

from daemon.darkroom import (
    MODEL,
    SIZE,
    decode,
    decoded,
    decoding,
    drawing,
    encoded,
    pixels,
)
from daemon.shelf import digest
from imgqd import prints
from imgqd.decode import Decoders, Moved, Undecodable, opened
from imgqd.records import Stamp

pytestmark = pytest.mark.system


def test_every_format_is_read_and_named(tmp_path: Path) -> None:
    image = drawing()
    forms: dict[str, dict[str, Any]] = {
        "JPEG": {"quality": 95}, "PNG": {}, "WEBP": {"lossless": True}, "GIF": {}, "TIFF": {},
        "BMP": {}, "DIB": {}, "AVIF": {"quality": 95}, "JPEG2000": {}, "ICO": {}, "PPM": {},
    }  # fmt: skip

    async def scene() -> None:
        async with decoding() as decoders:
            for form, options in forms.items():
                content = encoded(image, form, **options)
                path = tmp_path / f"a.{form.lower()}"
                path.write_bytes(content)
                picture, data = await decode(decoders, path)
                assert picture.hash == digest(content)
                assert picture.format == {"DIB": "bmp"}.get(form, form.lower())
                assert len(data) == SIZE * SIZE * 3
                expected = pixels(image)
                if form != "ICO":  # which makes its pictures square
                    assert (picture.width, picture.height) == image.size
                    off = sum(abs(a - b) for a, b in zip(data, expected, strict=True)) / len(data)
                    assert off < 8, form

    asyncio.run(scene())


def test_all_eight_orientations_are_turned_before_anything_else(tmp_path: Path) -> None:
    async def scene() -> None:
        async with decoding() as decoders:
            for number in range(1, 9):
                exif = Image.Exif()
                exif[0x0112] = number
                path = tmp_path / f"{number}.png"
                path.write_bytes(encoded(drawing(), "PNG", exif=exif))
                with Image.open(path) as stored:
                    upright = ImageOps.exif_transpose(stored)
                picture, data = await decode(decoders, path)
                assert (picture.width, picture.height) == upright.size
                assert data == pixels(upright.convert("RGB")), number

    asyncio.run(scene())


def test_what_is_transparent_lies_on_white(tmp_path: Path) -> None:
    clear = Image.new("RGBA", (8, 8), (255, 0, 0, 0))
    half = Image.new("LA", (8, 8), (0, 128))
    palette = Image.new("P", (8, 8), 0)
    palette.putpalette([10, 20, 30])
    for content, value in (
        (encoded(clear, "PNG"), 255),
        (encoded(half, "PNG"), 127),
        (encoded(palette, "PNG", transparency=0), 255),
    ):
        _, data = decoded(tmp_path, content)
        assert set(data) == {value}


def test_sixteen_bits_are_scaled_and_not_cut_off(tmp_path: Path) -> None:
    for value in (0, 0x4000, 0x8000, 0xFFFF):
        grey = Image.new("I;16", (8, 8), value)
        for form in ("PNG", "TIFF"):
            _, data = decoded(tmp_path, encoded(grey, form))
            assert set(data) <= {value // 257 - 1, value // 257, value // 257 + 1}


@pytest.mark.parametrize("mode", ["1", "L", "P", "CMYK", "YCbCr", "LAB", "F", "I"])
def test_every_colour_mode_becomes_rgb(tmp_path: Path, mode: str) -> None:
    image = drawing().convert("RGB").convert(mode) if mode != "LAB" else Image.new("LAB", (8, 8))
    _, data = decoded(tmp_path, encoded(image, "TIFF"))
    assert len(data) == SIZE * SIZE * 3


@pytest.mark.parametrize("resize", ["shortest", "longest", "squash"])
@pytest.mark.parametrize("size", [(500, 3), (3, 500), (1, 1), (32, 32)])
def test_pictures_of_any_shape_get_the_models_size(
    tmp_path: Path, resize: str, size: tuple[int, int]
) -> None:
    content = encoded(drawing(size=size), "PNG")
    picture, data = decoded(tmp_path, content, replace(MODEL, resize=resize))
    assert (picture.width, picture.height) == size
    assert len(data) == SIZE * SIZE * 3


def test_a_picture_can_be_looked_at_without_a_model(tmp_path: Path) -> None:
    content = encoded(drawing(size=(400, 300)), "JPEG")
    good, bad = tmp_path / "good.jpg", tmp_path / "bad.jpg"
    good.write_bytes(content)
    bad.write_bytes(content[: len(content) // 2])

    async def look(decoders: Decoders, path: Path) -> bytes:
        name = os.fsencode(path)
        async with decoders.session() as session:
            with opened(name, Stamp.of(os.lstat(name))) as fd:
                await session.identify(fd)
                return await session.look()

    async def scene() -> None:
        async with decoding() as decoders:
            without_model = await look(decoders, good)
            with_model = (await decode(decoders, good))[0].print
            first, second = prints.read(without_model), prints.read(with_model)
            assert first is not None
            assert second is not None
            assert prints.distance(first, second) < 0.5
            with pytest.raises(Undecodable) as caught:
                await look(decoders, bad)
            assert caught.value.reason == "truncated"

    asyncio.run(scene())


def test_a_file_that_changes_under_the_hand_is_looked_at_again(tmp_path: Path) -> None:
    path = tmp_path / "a.png"
    path.write_bytes(b"a")
    name, stamp = os.fsencode(path), Stamp.of(os.lstat(path))

    def open_and(change: bytes | None) -> None:
        with opened(name, stamp):
            if change is not None:
                path.write_bytes(change)

    open_and(None)
    with pytest.raises(Moved):
        open_and(b"longer")
    with pytest.raises(Moved):
        open_and(None)
    path.unlink()
    with pytest.raises(Moved):
        open_and(None)
    os.mkfifo(path)
    with pytest.raises(Moved):
        open_and(None)
    path.unlink()
    path.symlink_to("/etc/passwd")
    with pytest.raises(Undecodable):
        open_and(None)


def test_a_png_that_is_damaged_after_its_first_half_is_never_taken_for_whole(
    tmp_path: Path,
) -> None:
    random = np.random.default_rng(1)
    halves = [
        encoded(Image.fromarray(random.integers(0, 256, (64, 64, 3), np.uint8)), "PNG")
        for _ in range(2)
    ]
    mixed = halves[0][:6000] + halves[1][6000 : len(halves[0])]
    with pytest.raises(Undecodable) as caught:
        decoded(tmp_path, mixed)
    assert caught.value.reason in {"damaged", "truncated"}


def test_a_png_tells_its_orientation_wherever_it_stands_in_the_file(tmp_path: Path) -> None:
    exif = Image.Exif()
    exif[0x0112] = 6
    plain = encoded(drawing(size=(40, 20)), "PNG")
    turned = encoded(drawing(size=(40, 20)), "PNG", exif=exif)
    start = turned.index(b"eXIf") - 4
    length = 12 + int.from_bytes(turned[start : start + 4], "big")
    chunk = turned[start : start + length]
    late = turned.replace(chunk, b"").replace(plain[-12:], chunk + plain[-12:])
    for content in (turned, late):
        picture, _ = decoded(tmp_path, content)
        assert (picture.width, picture.height) == (20, 40)
