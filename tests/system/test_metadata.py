"""What pictures and the sidecars beside them say: in answers, and current like all else."""

from __future__ import annotations

import io
import os
import shutil
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from daemon.test_opening import dng
from house import House, picture
from imgq.answers import Match

pytestmark = pytest.mark.system

XMP = """<x:xmpmeta xmlns:x="adobe:ns:meta/"><rdf:RDF
 xmlns:rdf="http://www.w3.org/1999/02/22-rdf-syntax-ns#"
 xmlns:xmp="http://ns.adobe.com/xap/1.0/" xmlns:dc="http://purl.org/dc/elements/1.1/">
 <rdf:Description rdf:about="" xmp:Rating="{rating}"><dc:subject><rdf:Bag>
 <rdf:li>{word}</rdf:li></rdf:Bag></dc:subject></rdf:Description></rdf:RDF></x:xmpmeta>"""


def photograph(path: Path, seed: int, taken: str = "2023:07:14 18:20:05") -> None:
    """Write a JPEG as a camera would."""
    exif = Image.Exif()
    exif[0x010F], exif[0x0110] = "Canon", "Canon EOS 5D"
    exif.get_ifd(0x8769)[0x9003] = taken
    exif.get_ifd(0x8769)[0x9011] = "+01:00"
    file = io.BytesIO()
    # Plain colours that differ by one become the same file: these are of many.
    pixels = np.random.default_rng(seed).integers(0, 256, (48, 64, 3), dtype=np.uint8)
    Image.fromarray(pixels).save(file, "JPEG", exif=exif)
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(file.getvalue())


def say(path: Path, rating: int, word: str = "lisbon") -> None:
    path.write_text(XMP.format(rating=rating, word=word))


def answer(house: House, name: str) -> Match:
    """Return the match for a file by its name, once every change is in."""
    house.sync()
    with house.client() as client:
        found = client.search(name, limit=50, weak=True).results
    [match] = [one for one in found if os.path.basename(one.path).startswith(name.encode())]
    return match


def test_what_a_picture_says_of_itself_is_in_the_answer(house: House) -> None:
    photograph(house.pictures / "tram.jpg", 1)
    said = answer(house, "tram").metadata
    assert said["camera"] == "Canon EOS 5D"
    assert (said["taken_at"], said["taken_offset"]) == (1689355205.0, 3600)
    assert said["taken_from"] == "exif"
    picture(house.pictures / "plain.png", 2)
    os.utime(house.pictures / "plain.png", (1.5e9, 1.5e9))
    said = answer(house, "plain").metadata
    assert (said["taken_at"], said["taken_from"]) == (1.5e9, "file")


@pytest.mark.parametrize("name", ["tram.xmp", "tram.jpg.xmp"])
def test_a_sidecar_that_comes_changes_and_goes_is_heeded_and_nothing_is_embedded_again(
    house: House, name: str
) -> None:
    photograph(house.pictures / "tram.jpg", 11 + len(name))
    assert answer(house, "tram").metadata["rating"] is None
    before = house.counters()
    say(house.pictures / name, 5)
    said = answer(house, "tram").metadata
    assert (said["rating"], said["keywords"]) == (5, ["lisbon"])
    say(house.pictures / name, 2, "porto")
    said = answer(house, "tram").metadata
    assert (said["rating"], said["keywords"]) == (2, ["porto"])
    (house.pictures / name).unlink()
    said = answer(house, "tram").metadata
    assert (said["rating"], said["keywords"]) == (None, [])
    done = house.counters() - before
    assert (done["embedded"], done["decoded"]) == (0, 0)


def test_a_renamed_folder_of_pictures_with_sidecars_is_not_read_again(house: House) -> None:
    before = house.pictures / "before"
    for number in range(12):
        photograph(before / f"{number}.jpg", 100 + number)
        say(before / f"{number}.xmp", number % 6)
    house.sync()
    counted = house.counters()
    before.rename(house.pictures / "after")
    assert answer(house, "7").metadata["rating"] == 1
    done = house.counters() - counted
    assert (done["embedded"], done["decoded"], done["reused"]) == (0, 0, 12)


def test_a_sidecar_that_changed_while_the_daemon_was_off_is_found_at_its_start(
    own_house: House,
) -> None:
    house = own_house
    photograph(house.pictures / "tram.jpg", 31)
    say(house.pictures / "tram.xmp", 3)
    photograph(house.pictures / "boat.jpg", 32)
    house.start()
    assert answer(house, "tram").metadata["rating"] == 3
    assert house.stop() == 0
    say(house.pictures / "tram.xmp", 4, "harbour")
    say(house.pictures / "boat.jpg.xmp", 1)
    house.start()
    assert answer(house, "tram").metadata["rating"] == 4
    assert answer(house, "boat").metadata["rating"] == 1
    assert house.counters()["embedded"] == 0


def test_a_copy_without_a_sidecar_does_not_undo_what_the_others_says(house: House) -> None:
    photograph(house.pictures / "tram.jpg", 41)
    say(house.pictures / "tram.xmp", 5)
    assert answer(house, "tram").metadata["rating"] == 5
    photograph(house.pictures / "copy" / "other.jpg", 41)
    assert answer(house, "tram").metadata["rating"] == 5
    match = answer(house, "tram")
    assert [os.path.basename(path) for path in (match.path, *match.also)] == [
        b"tram.jpg",
        b"other.jpg",
    ]


def test_a_raw_file_and_the_jpeg_beside_it_are_one_result(house: House) -> None:
    raw, developed = house.pictures / "IMG_7.dng", house.pictures / "IMG_7.jpg"
    raw.write_bytes(dng(Image.new("RGB", (600, 448), "red"), form="bitmap"))
    os.utime(raw, (1.6e9, 1.6e9))
    Image.new("RGB", (600, 448), (250, 0, 10)).save(developed)
    os.utime(developed, (1.6e9, 1.6e9))
    other = house.pictures / "other" / "IMG_7.dng"
    other.parent.mkdir()
    other.write_bytes(dng(Image.new("RGB", (600, 448), "blue"), form="bitmap"))
    house.sync()
    assert house.status().failed == {}
    with house.client() as client:
        for query in ("IMG_7", "red"):
            found = client.search(query, limit=50, weak=True).results
            paths = [match.path for match in found]
            assert os.fsencode(developed) in paths
            assert os.fsencode(raw) not in paths
            [match] = [one for one in found if one.path == os.fsencode(developed)]
            assert match.also == (os.fsencode(raw),)
            assert os.fsencode(other) in paths
    developed.unlink()
    house.sync()
    with house.client() as client:
        paths = [match.path for match in client.search("IMG_7", limit=50, weak=True).results]
    assert os.fsencode(raw) in paths


def test_a_file_comes_in_once_its_decoder_is_installed_without_a_restart(
    plain_house: House, tmp_path: Path
) -> None:
    import imagecodecs

    house = plain_house
    # Stands in front of the installed package as if that had never been there.
    gone = tmp_path / "packages"
    (gone / "imagecodecs").mkdir(parents=True)
    (gone / "imagecodecs" / "__init__.py").write_text("raise ImportError('not installed')\n")
    about = gone / "imagecodecs-0.0.dist-info"
    about.mkdir()
    (about / "METADATA").write_text("Metadata-Version: 2.1\nName: imagecodecs\nVersion: 0.0\n")
    house.put_before(gone)
    photo = house.pictures / "photo.jxl"
    photo.write_bytes(bytes(imagecodecs.jpegxl_encode(np.zeros((9, 9, 3), np.uint8))))
    house.start()
    house.sync()
    assert house.status().failed == {"no_decoder": 1}
    said = house.run("imgqctl", "why", os.fspath(photo))
    assert "pip install imagecodecs" in said.stdout
    pid = house.pid
    shutil.rmtree(gone / "imagecodecs")
    shutil.rmtree(about)
    assert house.run("imgqctl", "rescan").returncode == 0
    house.sync()
    assert house.status().failed == {}
    assert house.rows()[os.fsencode(photo)][0] == "indexed"
    assert house.pid == pid
