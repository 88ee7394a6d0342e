"""The built-in model on drawings by a hand that it has not learnt from."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from demo.exam import ASKED, BUILT_IN, PICTURES, SEED, Examinee, Gallery, misses
from demo.sample import COLOURS_OF, draw, sample_folder, small_pictures

if TYPE_CHECKING:
    from pathlib import Path

pytestmark = pytest.mark.model


@pytest.fixture(scope="module")
def gallery(tmp_path_factory: pytest.TempPathFactory) -> Gallery:
    folder = tmp_path_factory.mktemp("gallery")
    return Gallery(Examinee(BUILT_IN), folder, PICTURES, SEED)


def drawn(gallery: Gallery) -> list[str]:
    known = {query for drawing in gallery.drawings for query in drawing.queries}
    things = [f"{colour} {noun}" for noun, colours in COLOURS_OF.items() for colour in colours]
    return [thing for thing in things if thing in known]


def test_the_model_and_all_that_it_needs_is_eight_megabytes_at_most() -> None:
    assert sum(path.stat().st_size for path in BUILT_IN.iterdir()) <= 8_000_000


def test_the_right_drawing_comes_first_for_ninety_five_of_a_hundred_queries(
    gallery: Gallery,
) -> None:
    asked = gallery.questions(ASKED)
    queries = [query for kind in asked.values() for query in kind]
    assert len(queries) == 200
    missed = misses(gallery, queries)
    assert len(missed) <= 10, missed


def test_every_kind_of_drawing_is_found_nine_times_of_ten(gallery: Gallery) -> None:
    for kind, queries in gallery.questions(ASKED).items():
        assert len(misses(gallery, queries)) <= len(queries) / 10, kind


def phrasings(thing: str) -> list[str]:
    colour, noun = thing.split()
    return [f"a {thing}", f"photo of a {thing}", thing, f"{noun}, {colour}"]


def test_everyday_phrasings_find_the_same_red_car_first(gallery: Gallery) -> None:
    found = gallery.first(phrasings("red car"))
    assert "red car" in found[0].queries
    assert len({drawing.name for drawing in found}) == 1


def test_everyday_phrasings_of_nine_things_of_ten_find_the_same_picture_first(
    gallery: Gallery,
) -> None:
    things = drawn(gallery)
    names = [drawing.name for drawing in gallery.first([q for t in things for q in phrasings(t)])]
    agreed = [len(set(names[start : start + 4])) == 1 for start in range(0, len(names), 4)]
    assert sum(agreed) >= 0.9 * len(things)


@pytest.mark.parametrize("phrase", ["gorgeous {}", "{} in Lisbon", "our {} yesterday"])
def test_words_the_model_has_not_seen_do_little_harm(gallery: Gallery, phrase: str) -> None:
    things = drawn(gallery)
    found = gallery.first([phrase.format(thing) for thing in things])
    right = [thing in drawing.queries for thing, drawing in zip(things, found, strict=True)]
    assert sum(right) >= 0.9 * len(things)


def test_a_beach_sunset_is_told_from_a_beach_and_from_a_sunset(gallery: Gallery) -> None:
    assert gallery.first(["beach sunset"])[0].caption == "beach sunset"
    assert "beach" in gallery.first(["sunny beach by day"])[0].queries


def test_the_samples_are_the_same_for_the_same_seed(tmp_path: Path) -> None:
    one, two = sample_folder(tmp_path / "one", 12, 5), sample_folder(tmp_path / "two", 12, 5)
    assert one == two
    files = sorted(path.relative_to(tmp_path / "one") for path in (tmp_path / "one").rglob("*.*"))
    for file in files:
        assert (tmp_path / "one" / file).read_bytes() == (tmp_path / "two" / file).read_bytes()
    assert {file.suffix for file in files} == {".jpg", ".png"}
    assert {file.parts[0] for file in files} == {"shapes", "travel", "things"}


def test_a_subject_nobody_can_draw_is_said_so() -> None:
    with pytest.raises(ValueError, match="no drawing is known for 'a purple idea'"):
        draw("a purple idea", 1)


def test_small_pictures_are_all_different(tmp_path: Path) -> None:
    paths = small_pictures(tmp_path, 200, 3)
    assert len({path.read_bytes() for path in paths}) == 200
