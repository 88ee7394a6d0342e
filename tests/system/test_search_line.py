"""The line that a person types, against the real daemon: words, filters, orders, pages."""

from __future__ import annotations

import io
import os
import shutil
from collections.abc import Iterator
from pathlib import Path

import pytest
from PIL import Image

from house import House, picture, running
from imgq.answers import SearchAnswer

pytestmark = pytest.mark.system

COLOURS = {"red": (220, 20, 20), "green": (20, 160, 40), "blue": (20, 40, 220)}


def photo(
    path: Path, colour: str, taken: str, camera: str = "Canon EOS 5D", size: int = 64, **gps: float
) -> None:
    exif = Image.Exif()
    exif[0x010F], exif[0x0110] = camera.split(maxsplit=1)[0], camera
    exif.get_ifd(0x8769)[0x9003] = taken
    if gps:
        place = exif.get_ifd(0x8825)
        place[1], place[2] = "N" if gps["lat"] >= 0 else "S", _degrees(abs(gps["lat"]))
        place[3], place[4] = "E" if gps["lon"] >= 0 else "W", _degrees(abs(gps["lon"]))
    file = io.BytesIO()
    image = Image.new("RGB", (size * 2, size), "white")
    image.paste(COLOURS[colour], (size // 2, size // 6, size * 7 // 6, size * 5 // 6))
    image.save(file, "JPEG", quality=95, exif=exif, comment=path.name)
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(file.getvalue())


def _degrees(value: float) -> tuple[float, float, float]:
    whole = int(value)
    minutes = int((value - whole) * 60)
    return float(whole), float(minutes), (value - whole - minutes / 60) * 3600


@pytest.fixture(scope="module")
def library(tmp_path_factory: pytest.TempPathFactory) -> Iterator[House]:
    house = House(tmp_path_factory.mktemp("line"), torchless=True)
    top = house.pictures
    photo(top / "Lisbon" / "tram.jpg", "red", "2023:07:14 18:20:05", lat=38.72, lon=-9.14)
    photo(top / "Lisbon" / "river.jpg", "blue", "2023:09:02 09:00:00", lat=38.70, lon=-9.18)
    photo(
        top / "Oslo" / "park.jpg", "green", "2022:05:01 12:00:00", "NIKON D300", lat=59.9, lon=10.7
    )
    photo(top / "IMG_2041.jpg", "green", "2021:01:01 00:00:01", size=512)
    for number in range(30):
        picture(top / "other" / f"noise-{number:02}.png", number)
    (top / "Lisbon" / "tram.xmp").write_text(
        '<x:xmpmeta xmlns:x="adobe:ns:meta/"><rdf:RDF xmlns:xmp="http://ns.adobe.com/xap/1.0/" '
        'xmlns:dc="http://purl.org/dc/elements/1.1/" '
        'xmlns:rdf="http://www.w3.org/1999/02/22-rdf-syntax-ns#"><rdf:Description xmp:Rating="5">'
        "<dc:subject><rdf:Bag><rdf:li>alfama</rdf:li></rdf:Bag></dc:subject>"
        "</rdf:Description></rdf:RDF></x:xmpmeta>"
    )
    with running(house):
        house.sync()
        yield house


def ask(house: House, line: str, limit: int = 100, offset: int = 0) -> SearchAnswer:
    with house.client() as client:
        return client.search(line, limit=limit, offset=offset, weak=True)


def names(answer: SearchAnswer) -> list[str]:
    return [os.path.basename(one.path).decode() for one in answer.results]


@pytest.mark.parametrize(
    ("line", "expected"),
    [
        ("taken:2023", {"tram.jpg", "river.jpg"}),
        ("taken:2023-07", {"tram.jpg"}),
        ("after:2022 before:2023 camera:nikon", {"park.jpg"}),
        ("camera:canon -taken:2023", {"IMG_2041.jpg"}),
        ("in:Lisbon", {"tram.jpg", "river.jpg"}),
        ("near:38.71,-9.15~20km", {"tram.jpg", "river.jpg"}),
        ("near:Oslo~30km", {"park.jpg"}),
        ("rating:>=4", {"tram.jpg"}),
        ("tag:alfama", {"tram.jpg"}),
        ("w:>1000", {"IMG_2041.jpg"}),
        ("type:jpeg -in:Lisbon", {"park.jpg", "IMG_2041.jpg"}),
        ("(taken:2021 OR taken:2022) type:jpeg", {"park.jpg", "IMG_2041.jpg"}),
        ("name:IMG_*", {"IMG_2041.jpg"}),
        ("ratio:landscape taken:2022", {"park.jpg"}),
    ],
)
def test_a_filter_leaves_exactly_what_meets_it(
    library: House, line: str, expected: set[str]
) -> None:
    answer = ask(library, line)
    assert set(names(answer)) == expected
    assert answer.total == len(expected)
    assert answer.weak_from == len(expected)


def test_a_filter_beside_words_keeps_the_order_of_the_words(library: House) -> None:
    assert names(ask(library, "red square taken:2023"))[0] == "tram.jpg"
    assert names(ask(library, "blue square taken:2023"))[0] == "river.jpg"
    assert set(names(ask(library, "red square type:jpeg"))) == {
        "tram.jpg", "river.jpg", "park.jpg", "IMG_2041.jpg",
    }  # fmt: skip


def test_a_filter_that_leaves_many_gives_the_same_as_the_whole_without_the_rest(
    library: House,
) -> None:
    everything = [name for name in names(ask(library, "red")) if name.endswith(".png")]
    assert names(ask(library, "red type:png")) == everything


def test_a_files_name_comes_first_and_a_folders_name_does_not_hijack_a_phrase(
    library: House,
) -> None:
    assert names(ask(library, "IMG_2041"))[0] == "IMG_2041.jpg"
    assert names(ask(library, "alfama"))[0] == "tram.jpg"
    answer = ask(library, "lisbon tram")
    assert "tram.jpg" in names(answer)[: answer.weak_from]
    [river] = [one for one in answer.results if one.path.endswith(b"river.jpg")]
    assert river.metadata["matched"] == "content"


def test_dates_in_a_phrase_are_filters_and_the_answer_says_how_it_was_understood(
    library: House,
) -> None:
    with library.client() as client:
        answer = client.search("red square july 2023", weak=True)
    assert names(answer) == ["tram.jpg"]
    assert [one["kind"] for one in answer.understood] == ["words", "date"]
    assert "2023-07-01 to 2023-07-31" in answer.understood[1]["means"]


def test_what_cannot_be_followed_is_said_with_its_place_and_the_rest_runs(library: House) -> None:
    with library.client() as client:
        answer = client.search("red square taken:2023 w:>wide", weak=True)
    assert names(answer)[0] == "tram.jpg"
    [problem] = answer.problems
    assert "red square taken:2023 w:>wide"[problem["start"] : problem["end"]] == "w:>wide"


def test_orders_that_are_asked_for(library: House) -> None:
    jpegs = "type:jpeg "
    assert names(ask(library, f"{jpegs}sort:date")) == [
        "river.jpg", "tram.jpg", "park.jpg", "IMG_2041.jpg",
    ]  # fmt: skip
    assert names(ask(library, f"{jpegs}sort:-date"))[0] == "IMG_2041.jpg"
    assert names(ask(library, f"{jpegs}sort:name")) == [
        "IMG_2041.jpg", "park.jpg", "river.jpg", "tram.jpg",
    ]  # fmt: skip
    assert names(ask(library, f"{jpegs}sort:size"))[0] == "IMG_2041.jpg"


def test_negatives_take_pictures_down(library: House) -> None:
    plain = names(ask(library, "red square type:jpeg"))
    less = names(ask(library, 'blue square -"red square" type:jpeg'))
    assert less[0] == "river.jpg"
    assert less[-1] == "tram.jpg"
    assert plain[0] == "tram.jpg"


def test_a_picture_is_a_query_by_its_path_and_by_its_number_also_with_words(
    library: House, tmp_path: Path
) -> None:
    tram = library.pictures / "Lisbon" / "tram.jpg"
    [match] = ask(library, "name:tram.jpg").results
    assert names(ask(library, f"like:{tram}"))[0] == "tram.jpg"
    assert names(ask(library, f"like:#{match.image_id}"))[0] == "tram.jpg"
    assert names(ask(library, f"like:{tram} in:Oslo")) == ["park.jpg"]
    stranger = tmp_path / "stranger.jpg"
    shutil.copy(library.pictures / "Lisbon" / "river.jpg", stranger)
    photo(stranger, "blue", "2001:01:01 00:00:00")
    assert names(ask(library, f"like:{stranger} type:jpeg"))[0] == "river.jpg"
    said = library.run("imgq", f"like:{tmp_path / 'nothing.jpg'}")
    assert said.returncode == 4
    assert "does not exist" in said.stderr


def test_pages_fit_together_while_pictures_come_and_go(library: House) -> None:
    whole = names(ask(library, "noise", limit=30))
    first = names(ask(library, "noise", limit=10))
    for number in range(5):
        picture(library.pictures / "other" / f"noise-new-{number}.png", 100 + number)
    library.sync()
    second = names(ask(library, "noise", limit=10, offset=10))
    third = names(ask(library, "noise", limit=10, offset=20))
    assert first + second + third == whole
    for number in range(5):
        (library.pictures / "other" / f"noise-new-{number}.png").unlink()
    library.sync()
