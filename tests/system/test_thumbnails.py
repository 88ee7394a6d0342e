"""Thumbnails by the real daemon: in the desktop's own cache, true, and of our folders only."""

from __future__ import annotations

import hashlib
import os
import shutil
import stat
import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest
from PIL import Image

from house import House, picture, running
from imgq.errors import Refused
from imgq.paths import file_uri

pytestmark = pytest.mark.system


@pytest.fixture(scope="module")
def home(tmp_path_factory: pytest.TempPathFactory) -> Iterator[House]:
    with running(House(tmp_path_factory.mktemp("thumbnails") / "house", torchless=True)) as house:
        picture(house.pictures / "wide.png", 1, (900, 300))
        picture(house.pictures / "tiny.png", 2, (20, 10))
        (house.pictures / "broken.jpg").write_bytes(b"\xff\xd8\xff\xe0 no picture")
        house.sync()
        yield house


def thumbnail(house: House, path: Path | bytes, size: int = 128) -> Path:
    with house.client() as client:
        return Path(os.fsdecode(client.thumbnail(path, size=size)))


def refusal(house: House, path: Path | bytes) -> str:
    with house.client() as client, pytest.raises(Refused) as refused:
        client.thumbnail(path)
    return str(refused.value)


def test_a_thumbnail_lies_where_the_desktop_looks_for_it(home: House) -> None:
    source = home.pictures / "wide.png"
    for size, folder in ((128, "normal"), (256, "large"), (512, "x-large"), (1024, "xx-large")):
        made = thumbnail(home, source, size)
        name = hashlib.md5(file_uri(os.fsencode(source)).encode()).hexdigest() + ".png"
        assert made == home.base / "cache" / "thumbnails" / folder / name
        assert stat.S_IMODE(made.stat().st_mode) == 0o600
        assert stat.S_IMODE(made.parent.stat().st_mode) == 0o700
        assert stat.S_IMODE(made.parent.parent.stat().st_mode) == 0o700
        assert os.listdir(made.parent) == [name] or size != 512
        with Image.open(made) as image:
            assert (image.format, image.mode) == ("PNG", "RGB")
            assert image.size == (min(size, 900), round(min(size, 900) / 3))
            assert image.info["Thumb::URI"] == file_uri(os.fsencode(source))
            assert image.info["Thumb::MTime"] == str(int(source.stat().st_mtime))
            assert image.info["Software"].startswith("imgq ")


def test_a_thumbnail_shows_the_picture_the_right_way_up(home: House) -> None:
    source = home.pictures / "turned.jpg"
    image = Image.new("RGB", (200, 100), "blue")
    image.paste("red", (0, 0, 100, 100))
    exif = Image.Exif()
    exif[0x0112] = 6  # the left of the file is the top of the picture
    image.save(source, quality=95, exif=exif)
    home.sync()
    with Image.open(thumbnail(home, source)) as small:
        assert small.size == (64, 128)
        top, bottom = small.getpixel((32, 20)), small.getpixel((32, 108))
    assert isinstance(top, tuple)
    assert isinstance(bottom, tuple)
    assert top[0] > top[2] + 150
    assert bottom[2] > bottom[0] + 150


def test_a_small_picture_is_not_made_larger(home: House) -> None:
    with Image.open(thumbnail(home, home.pictures / "tiny.png")) as small:
        assert small.size == (20, 10)


def test_what_lies_in_the_cache_is_used_while_it_is_true(home: House) -> None:
    source = home.pictures / "wide.png"
    made = thumbnail(home, source)
    before = made.stat()
    assert thumbnail(home, source) == made
    assert made.stat().st_ino == before.st_ino
    # Within the same second, which the standard cannot see: picture, thumbnail, picture.
    second = 1_600_000_000 * 10**9
    os.utime(source, ns=(second, second))
    assert thumbnail(home, source) == made
    os.utime(made, ns=(second, second + 300_000_000))
    picture(source, 3, (300, 900))
    os.utime(source, ns=(second, second + 600_000_000))
    with Image.open(thumbnail(home, source)) as small:
        assert small.size == (43, 128)
    picture(source, 1, (900, 300))
    home.sync()


def test_a_file_that_is_no_thumbnail_is_replaced(home: House) -> None:
    made = thumbnail(home, home.pictures / "tiny.png", 256)
    for content in (b"", b"no PNG at all", made.read_bytes()[:60], made.read_bytes()[:-12]):
        made.write_bytes(content)
        assert thumbnail(home, home.pictures / "tiny.png", 256) == made
        with Image.open(made) as small:
            assert small.size == (20, 10)
            small.load()


def test_a_picture_is_shown_by_its_number_too(home: House) -> None:
    with home.client() as client:
        [match] = client.search("name:wide.png").results
        by_number = client.thumbnail(image_id=match.image_id, size=128)
        with pytest.raises(Refused, match="no picture has the image_id 999"):
            client.thumbnail(image_id=999)
    assert by_number == os.fsencode(thumbnail(home, home.pictures / "wide.png"))


def test_what_cannot_be_shown_is_refused_in_one_line(home: House, tmp_path: Path) -> None:
    outside = picture(tmp_path / "outside.png", 4)
    (home.pictures / "link.png").symlink_to(outside)
    (home.pictures / "folder.png").mkdir()
    picture(home.pictures / ".hidden" / "a.png", 5)
    said = {
        "lies in no watched folder": outside,
        "exclude rule": home.pictures / ".hidden" / "a.png",
        "does not exist": home.pictures / "gone.png",
        "cannot be shown": home.pictures / "broken.jpg",
        "is no file": home.pictures / "folder.png",
    }
    for words, path in said.items():
        text = refusal(home, path)
        assert words in text
        assert "\n" not in text
    refusal(home, home.pictures / "link.png")
    kept = {path.name for path in (home.base / "cache" / "thumbnails").rglob("*")}
    for path in (*said.values(), home.pictures / "link.png"):
        assert hashlib.md5(file_uri(os.fsencode(path)).encode()).hexdigest() + ".png" not in kept
    assert "fail" not in kept


def test_glib_finds_our_thumbnails(home: House) -> None:
    if shutil.which("gio") is None:
        pytest.skip("gio is not installed (libglib2.0-bin)")
    names = [b"plain.png", "größe & (co)'s, #1 100%.png".encode(), b"not utf-8 \xff.png"]
    for seed, name in enumerate(names):
        source = os.fsencode(home.pictures) + b"/" + name
        picture(source, 100 + seed)
        home.sync()
        made = thumbnail(home, source, 256)
        asked = subprocess.run(
            [b"gio", b"info", b"-a", b"thumbnail::*,thumbnail*::*", source],
            env=home.environment,
            capture_output=True,
            check=True,
        )
        assert os.fsencode(made) in asked.stdout, asked.stdout
        assert b"is-valid: TRUE" in asked.stdout or b"is-valid-large: TRUE" in asked.stdout
