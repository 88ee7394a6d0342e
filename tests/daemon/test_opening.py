"""What the decoder makes of every format: opened by content, shown as a person sees it."""

from __future__ import annotations

import io
import struct
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import tifffile
from PIL import Image

from daemon.darkroom import drawing, encoded, pixels
from daemon.profiles import BLUE, GREEN, RED, matrix_profile
from imgqd import formats
from imgqd.decoder import opening, rare, raw, shape
from imgqd.decoder.guard import guarded
from imgqd.decoder.opening import Opened, opened
from imgqd.serving import Fault

SIZE = 32
WANTED = {"size": SIZE, "resize": "squash", "interpolation": "bicubic", "fill": 0}
CORPUS = Path(__file__).parents[3] / "shared" / "corpus" / "dev" / "formats"


@pytest.fixture(autouse=True)
def _roomy(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(Image, "MAX_IMAGE_PIXELS", 100_000_000)


def shown(content: bytes) -> tuple[Opened, Image.Image]:
    """Return what was opened, and the square that a model sees of it."""
    hand = guarded(lambda: opened(content))
    data, _ = guarded(lambda: shape.pixels(hand, WANTED))
    return hand, Image.frombytes("RGB", (SIZE, SIZE), data)


def centre(image: Image.Image) -> tuple[int, ...]:
    value = image.getpixel((SIZE // 2, SIZE // 2))
    assert isinstance(value, tuple)
    return value


def off(image: Image.Image, other: bytes) -> float:
    """Return by how much two squares differ on average."""
    pairs = zip(image.tobytes(), other, strict=True)
    return sum(abs(one - two) for one, two in pairs) / len(other)


def why(content: bytes) -> str:
    with pytest.raises(Fault) as caught:
        shown(content)
    return caught.value.code


@pytest.mark.parametrize(
    ("form", "options", "name"),
    [
        ("JPEG", {"quality": 95}, "jpeg"),
        ("JPEG", {"quality": 95, "progressive": True}, "jpeg"),
        ("PNG", {}, "png"),
        ("WEBP", {"quality": 95}, "webp"),
        ("GIF", {}, "gif"),
        ("TIFF", {}, "tiff"),
        ("TIFF", {"compression": "tiff_lzw"}, "tiff"),
        ("BMP", {}, "bmp"),
        ("DIB", {}, "bmp"),
        ("AVIF", {"quality": 95}, "avif"),
        ("JPEG2000", {}, "jpeg2000"),
        ("PPM", {}, "ppm"),
    ],
)
def test_every_format_of_pillow_is_known_by_its_content(
    form: str, options: dict[str, Any], name: str
) -> None:
    hand, square = shown(encoded(drawing(), form, **options))
    assert (hand.format, hand.size, hand.frames) == (name, (96, 64), 1)
    assert off(square, pixels(drawing())) < 8


def test_jpeg_of_four_inks_and_of_two_pictures_are_read() -> None:
    inks = Image.new("CMYK", (64, 64), (0, 255, 255, 0))
    hand, square = shown(encoded(inks, "JPEG", quality=95))
    assert hand.format == "jpeg"
    assert centre(square)[0] > 200
    assert max(centre(square)[1:]) < 40
    eyes = encoded(Image.new("RGB", (64, 64), "red"), "MPO", save_all=True,
                   append_images=[Image.new("RGB", (64, 64), "blue")])  # fmt: skip
    hand, square = shown(eyes)
    assert (hand.format, hand.frames) == ("jpeg", 1)
    assert centre(square)[0] > 200


def test_jpeg_of_twelve_bits_is_scaled_to_eight() -> None:
    import imagecodecs

    ramp = np.linspace(0, 4095, 64 * 64 * 3).reshape(64, 64, 3).astype(np.uint16)
    hand, square = shown(bytes(imagecodecs.jpeg_encode(ramp, level=98, bitspersample=12)))
    assert (hand.format, hand.size) == ("jpeg", (64, 64))
    assert off(square, pixels(Image.fromarray((ramp / 4095 * 255).astype(np.uint8)))) < 3


def test_jpeg_xl_is_read_also_with_sixteen_bits_and_transparency() -> None:
    import imagecodecs

    eight = np.asarray(drawing())
    deep = eight.astype(np.uint16) * 257
    clear = np.dstack([np.full((64, 96, 3), 10, np.uint8), np.zeros((64, 96), np.uint8)])
    for array, expected in ((eight, drawing()), (deep, drawing()), (clear, None)):
        hand, square = shown(bytes(imagecodecs.jpegxl_encode(array, lossless=True)))
        assert (hand.format, hand.size) == ("jxl", (96, 64))
        whole = expected or Image.new("RGB", (96, 64), "white")
        assert off(square, pixels(whole)) < 2


@pytest.mark.parametrize("scale", [1.0, 255.0, 1e6])
def test_floats_are_taken_as_shares_or_stretched(scale: float) -> None:
    grey = drawing("L")
    grey.putpixel((0, 0), 255)
    floats = np.asarray(grey).astype(np.float32) / 255 * scale
    colours = np.dstack([floats] * 3)
    for array in (floats, colours):
        file = io.BytesIO()
        tifffile.imwrite(file, array, photometric="rgb" if array.ndim == 3 else "minisblack")
        hand, square = shown(file.getvalue())
        assert (hand.format, hand.size) == ("tiff", (96, 64))
        assert off(square, pixels(grey.convert("RGB"))) < 4


def test_numbers_that_are_none_are_black() -> None:
    values = np.array([[0.0, 1.0, np.nan, np.inf, -np.inf]], np.float32)
    assert rare.eight_bits(values).tolist() == [[0, 255, 0, 0, 0]]


def test_tiff_tiles_pages_and_inks() -> None:
    array = np.asarray(drawing(size=(160, 128)))
    file = io.BytesIO()
    tifffile.imwrite(file, array, tile=(64, 64), photometric="rgb", compression="zlib")
    hand, square = shown(file.getvalue())
    assert hand.size == (160, 128)
    assert off(square, pixels(drawing(size=(160, 128)))) < 1
    pages = encoded(Image.new("RGB", (32, 32), "red"), "TIFF", save_all=True,
                    append_images=[Image.new("RGB", (32, 32), "blue")])  # fmt: skip
    hand, square = shown(pages)
    assert (centre(square), hand.frames) == ((255, 0, 0), 1)
    _, square = shown(encoded(Image.new("CMYK", (32, 32), (255, 0, 0, 0)), "TIFF"))
    assert centre(square)[0] < 60


def test_sixteen_bits_of_colour_are_scaled() -> None:
    deep = (np.asarray(drawing()).astype(np.uint16)) * 257
    file = io.BytesIO()
    tifffile.imwrite(file, deep, photometric="rgb")
    _, square = shown(file.getvalue())
    assert off(square, pixels(drawing())) < 2


def test_the_flat_preview_of_a_layered_file_is_shown() -> None:
    # Adobe Photoshop file format, "File Header Section": 3 channels, 8 bits, RGB, no layers.
    head = struct.pack(">4sH6sHIIHH", b"8BPS", 1, b"", 3, 8, 16, 8, 3) + b"\0" * 12
    body = b"\xff" * 128 + b"\x00" * 128 + b"\x80" * 128
    hand, square = shown(head + struct.pack(">H", 0) + body)
    assert (hand.format, hand.size, centre(square)) == ("psd", (16, 8), (255, 0, 128))


@pytest.mark.parametrize("form", ["GIF", "WEBP", "PNG", "AVIF"])
def test_of_an_animation_the_picture_that_shows_something_stands_for_it(form: str) -> None:
    blank = Image.new("RGB", (96, 64), "white")
    options = {"quality": 95} if form in {"WEBP", "AVIF"} else {}
    many = [blank.copy(), blank.copy(), drawing(), drawing(), drawing(), blank.copy()]
    content = encoded(
        blank, form, save_all=True, append_images=many, duration=100, loop=0, **options
    )
    hand, square = shown(content)
    assert hand.frames > 1
    assert off(square, pixels(drawing())) < 12


def test_an_animation_whose_later_pictures_are_broken_is_shown_by_the_sound_ones() -> None:
    noise = [
        Image.fromarray(np.random.default_rng(seed).integers(0, 256, (64, 64, 3), np.uint8))
        for seed in range(4)
    ]
    content = encoded(noise[0], "GIF", save_all=True, append_images=noise[1:])
    hand, _ = shown(content[: len(content) * 3 // 5])
    assert hand.format == "gif"


@pytest.mark.parametrize("number", range(1, 9))
@pytest.mark.parametrize("form", ["JPEG", "TIFF", "PNG", "WEBP", "AVIF"])
def test_all_eight_orientations_are_turned_in_every_format_that_has_them(
    form: str, number: int
) -> None:
    exif = Image.Exif()
    exif[0x0112] = number
    options = {"exif": exif, **({} if form in {"PNG", "TIFF"} else {"quality": 95})}
    turned = opening.upright(drawing(), number)
    hand, square = shown(encoded(drawing(), form, **options))
    assert hand.size == turned.size
    assert off(square, pixels(turned)) < 8


def swapped() -> bytes:
    """Return a profile by which red is green and green is red."""
    return matrix_profile(GREEN, RED, BLUE)


@pytest.mark.parametrize("form", ["JPEG", "PNG", "TIFF", "WEBP", "AVIF"])
def test_colours_are_what_the_profile_says(form: str) -> None:
    red = Image.new("RGB", (64, 64), (255, 0, 0))
    options = {} if form in {"PNG", "TIFF"} else {"quality": 95}
    _, square = shown(encoded(red, form, icc_profile=swapped(), **options))
    assert centre(square)[0] < 60
    assert centre(square)[1] > 200
    _, square = shown(encoded(red, form, icc_profile=b"no profile at all", **options))
    assert centre(square)[0] > 200


def test_a_large_picture_with_a_profile_is_converted_as_a_small_one() -> None:
    large = drawing(size=(640, 480))
    _, square = shown(encoded(large, "PNG", icc_profile=swapped()))
    _, small = shown(encoded(drawing(size=(64, 48)), "PNG", icc_profile=swapped()))
    assert off(square, small.tobytes()) < 6


def test_transparent_pixels_are_white_whatever_the_profile() -> None:
    clear = Image.new("RGBA", (32, 32), (255, 0, 0, 0))
    _, square = shown(encoded(clear, "PNG", icc_profile=swapped()))
    assert min(centre(square)) > 250


def dng(preview: Image.Image | None, orientation: int = 1, form: str = "jpeg") -> bytes:
    """Return a small DNG: a mosaic of one value and, if there is one, a preview."""
    mosaic = np.full((480, 640), 2000, np.uint16)
    tags: list[tuple[Any, ...]] = [
        (50706, 1, 4, bytes([1, 4, 0, 0]), True),  # DNGVersion
        (50708, 2, 0, "imgq", True),  # UniqueCameraModel
        (274, 3, 1, orientation, True),
        (271, 2, 0, "imgq", True),
        (272, 2, 0, "camera", True),
        (33421, 3, 2, (2, 2), True),  # CFARepeatPatternDim
        (33422, 1, 4, bytes([0, 1, 1, 2]), True),  # CFAPattern: RGGB
        (50714, 3, 1, 0, True),  # BlackLevel
        (50717, 3, 1, 4095, True),  # WhiteLevel
    ]
    how: dict[str, Any] = {"photometric": "rgb"}
    if form == "jpeg":
        how = {"photometric": "minisblack", "compression": "jpeg"}
    file = io.BytesIO()
    with tifffile.TiffWriter(file) as writer:
        writer.write(
            mosaic, photometric=32803, extratags=tags, metadata=None,
            subifds=0 if preview is None else 1,
        )  # fmt: skip
        if preview is not None:
            array = np.asarray(preview)
            writer.write(array, subfiletype=1, metadata=None, rowsperstrip=preview.height, **how)
    return file.getvalue()


@pytest.mark.parametrize("form", ["jpeg", "bitmap"])
def test_a_raw_file_shows_the_preview_that_the_camera_made(form: str) -> None:
    preview = drawing("L" if form == "jpeg" else "RGB", size=(600, 448))
    hand, square = shown(dng(preview, form=form))
    assert (hand.format, hand.size) == ("raw", (640, 480))
    assert off(square, pixels(preview.convert("RGB"))) < 8


@pytest.mark.parametrize("form", ["jpeg", "bitmap"])
def test_a_raw_file_that_was_held_upright_is_shown_upright(form: str) -> None:
    preview = drawing("L" if form == "jpeg" else "RGB", size=(600, 448))
    hand, square = shown(dng(preview, orientation=6, form=form))
    assert hand.size == (480, 640)
    assert off(square, pixels(opening.upright(preview, 6).convert("RGB"))) < 8


def test_a_raw_file_without_a_preview_is_developed() -> None:
    hand, square = shown(dng(None))
    assert (hand.format, hand.size) == ("raw", (640, 480))
    assert len({channel // 64 for channel in centre(square)}) <= 2


def floats() -> bytes:
    file = io.BytesIO()
    tifffile.imwrite(file, np.zeros((8, 8, 3), np.float32), photometric="rgb")
    return file.getvalue()


@pytest.mark.parametrize(
    ("module", "name", "content", "package"),
    [
        (rare, "imagecodecs", b"\xff\x0a" + b"x" * 30, "imagecodecs"),
        (rare, "tifffile", floats(), "tifffile"),
        (raw, "rawpy", b"FUJIFILMCCD-RAW" + b"x" * 30, "rawpy"),
        (opening, "has_heif", b"\0\0\0\x18ftypheic" + b"x" * 30, "pi-heif"),
    ],
)
def test_what_a_missing_package_would_read_says_which(
    module: Any, name: str, content: bytes, package: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(module, name, None)
    if name == "has_heif":
        monkeypatch.setattr(formats, "READERS", tuple(r for r in formats.READERS if r != "HEIF"))
    with pytest.raises(Fault, match=f"pip install {package}") as caught:
        shown(content)
    assert caught.value.code == "no_decoder"


CUT: list[tuple[str, Callable[[bytes], bytes], set[str]]] = [
    ("JPEG", lambda content: content[: len(content) // 2], {"truncated"}),
    ("PNG", lambda content: content[: len(content) // 2], {"truncated", "damaged"}),
    ("BMP", lambda content: content[: len(content) // 2], {"truncated"}),
    ("TIFF", lambda content: content[: len(content) // 2], {"truncated", "damaged"}),
    ("WEBP", lambda content: content[: len(content) // 2], {"truncated", "damaged"}),
]


@pytest.mark.parametrize(("form", "cut", "reasons"), CUT, ids=[form for form, _, _ in CUT])
def test_what_ends_too_early_is_no_picture(
    form: str, cut: Callable[[bytes], bytes], reasons: set[str]
) -> None:
    noise = Image.fromarray(np.random.default_rng(1).integers(0, 256, (200, 200, 3), np.uint8))
    assert why(cut(encoded(noise, form))) in reasons


@pytest.mark.skipif(not CORPUS.is_dir(), reason=f"no collection of picture files at {CORPUS}")
def test_heic_files_are_read_and_are_not_turned_twice() -> None:
    found = 0
    for path in sorted((CORPUS / "pillow_heif").glob("*.hei[cf]")):
        if path.stat().st_size < 200_000:
            hand, _ = shown(path.read_bytes())
            assert hand.format in {"heif", "avif"}
            found += 1
    assert found > 3
