"""What each filter's value may be, and what is said of one that cannot be followed."""

from __future__ import annotations

import pytest

from daemon.lines import meanings, problems, understand
from imgqd.query.records import (
    And,
    Around,
    Between,
    Format,
    Inside,
    Is,
    Named,
    Not,
    Or,
    Says,
    Shape,
)


@pytest.mark.parametrize(
    ("line", "node"),
    [
        ("in:~/Pictures", Inside("~/Pictures")),
        ('in:"/a b/c"', Inside("/a b/c")),
        (r"in:/a\ b/c", Inside("/a b/c")),
        ("in:file:///a%20b", Inside("/a b")),
        ("folder:Trips", Inside("Trips")),
        ("IN:Trips", Inside("Trips")),
        ("name:IMG_*", Named("IMG_*")),
        ("name:IMG(1).jpg", Named("IMG(1).jpg")),
        ("name:a|b", Or((Named("a"), Named("b")))),
        ('name:"a|b"', Named("a|b")),
        ("type:png", Format("png")),
        ("type:JPG", Format("jpeg")),
        ("type:.tif", Format("tiff")),
        ("type:heic|raw,png", Or((Format("heif"), Format("raw"), Format("png")))),
        ("type:nef", And((Format("raw"), Named("*.nef")))),
        ("ext:jp2", Format("jpeg2000")),
        ("camera:canon", Says("camera", "canon")),
        ('model:"EOS R5"', Says("camera", "EOS R5")),
        ("lens:*50mm*", Says("lens", "*50mm*")),
        ("tag:family|friends", Or((Says("keyword", "family"), Says("keyword", "friends")))),
        ("ratio:portrait", Shape("portrait")),
        ("is:panorama", Shape("panorama")),
        ("is:screenshot", Is("screenshot")),
        ("is:raw", Format("raw")),
        ("is:favourite", Between("rating", 5, 5)),
        ("-is:animated", Not(Is("animated"))),
    ],
)
def test_names_kinds_and_shapes(line: str, node: object) -> None:
    assert understand(line).where == node
    assert problems(line) == []


@pytest.mark.parametrize(
    ("line", "node"),
    [
        ("w:>4000", Between("width", 4000, None, low_open=True)),
        ("w:>=4000", Between("width", 4000, None)),
        ("w:\u22654000px", Between("width", 4000, None)),
        ("h:<3k", Between("height", None, 3000, high_open=True)),
        ("h:<=3000", Between("height", None, 3000)),
        ("h:100px", Between("height", 100, 100)),
        ("w:4000", Between("width", 4000, 4000)),
        ("w:=4000", Between("width", 4000, 4000)),
        ("w:2000..4000", Between("width", 2000, 4000)),
        ("w:2000..", Between("width", 2000, None)),
        ("w:..4000", Between("width", None, 4000)),
        ("mp:>12", Between("pixels", 12e6, None, low_open=True)),
        ("mp:12", Between("pixels", 11.5e6, 12.5e6, high_open=True)),
        ("mp:12.1", Between("pixels", 12.05e6, 12.15e6, high_open=True)),
        ("mp:=12", Between("pixels", 12e6, 12e6)),
        ("size:>5MB", Between("size", 5e6, None, low_open=True)),
        ("size:<1.5GiB", Between("size", None, 1.5 * 2**30, high_open=True)),
        ("size:5mb", Between("size", 4.5e6, 5.5e6, high_open=True)),
        ("size:2..5MB", Between("size", 2e6, 5e6)),
        ("size:200KiB..2MiB", Between("size", 200 * 1024, 2 * 2**20)),
        ('size:"> 5 MB"', Between("size", 5e6, None, low_open=True)),
        ("rating:5", Between("rating", 5, 5)),
        ("rating:>=4", Between("rating", 4, None)),
        ("rating:3..4", Between("rating", 3, 4)),
        ("rating:rejected", Between("rating", -1, -1)),
    ],
)
def test_numbers_are_compared_in_their_units(line: str, node: Between) -> None:
    where = understand(line).where
    assert isinstance(where, Between)
    assert (where.field, where.low_open, where.high_open) == (
        node.field,
        node.low_open,
        node.high_open,
    )
    assert (where.low, where.high) == pytest.approx((node.low, node.high))
    assert problems(line) == []


@pytest.mark.parametrize(
    ("line", "words"),
    [
        ("size:>5", "the unit is missing"),
        ("size:5 MB", "the unit is missing"),
        ("w:5cm", "no unit 'cm'"),
        ("w:wide", "no width"),
        ("w:>", "no width"),
        ("w:..", "missing"),
        ("rating:****", "no rating"),
        ("type:mp4", "no films"),
        ("type:zip", "no type 'zip'"),
        ("ratio:16:9", "no ratio"),
        ("is:blurry", "no kind"),
        ("has:soul", "no has:soul"),
        ("name:a/b", "in:FOLDER"),
        ("camera:*", "needs a name"),
        ("tag:", "a value is missing: write tag:family"),
        ("tag:|", "a value is missing"),
    ],
)
def test_a_value_that_cannot_be_followed_is_left_out_with_a_remedy(line: str, words: str) -> None:
    assert understand(line).where is None
    (piece, reason) = problems(line)[0]
    assert line.startswith(piece)
    assert words in reason
    assert reason.startswith(f"{line.partition(':')[0]}: ")


@pytest.mark.parametrize(
    ("line", "node", "words"),
    [
        ("w:2000..4", Between("width", 2000, None), "4 is less than 2000"),
        ("w:2000..x", Between("width", 2000, None), "no width"),
        ("type:png|nonsense", Format("png"), "no type"),
        ("near:Lisbon~", Around(38.72509, -9.1498, 10), "no distance"),
    ],
)
def test_what_is_valid_of_a_value_holds_while_the_rest_is_typed(
    line: str, node: object, words: str
) -> None:
    assert understand(line).where == node
    assert words in problems(line)[0][1]


@pytest.mark.parametrize(
    ("line", "expected"),
    [
        ("near:48.85,2.35~10km", (48.85, 2.35, 10)),
        ("near:48.85,2.35", (48.85, 2.35, 10)),
        ("near:-33.9,+18.4~800m", (-33.9, 18.4, 0.8)),
        ("near:48,2~5", (48, 2, 5)),
        ("near:Lisbon", (38.72509, -9.1498, 10)),
        ("near:lisbon~5mi", (38.72509, -9.1498, 5 * 1.609344)),
        ("near:New York~5km bridge", (40.71427, -74.00597, 5)),
        ('near:"New York"~5km', (40.71427, -74.00597, 5)),
        ("near:New York bridge", (40.71427, -74.00597, 10)),
    ],
)
def test_near_takes_degrees_or_a_town(line: str, expected: tuple[float, float, float]) -> None:
    where = understand(line).where
    assert isinstance(where, Around)
    assert (where.latitude, where.longitude, where.kilometres) == pytest.approx(expected)
    assert understand(line).text == ("bridge" if "bridge" in line else "")
    assert problems(line) == []


@pytest.mark.parametrize(
    ("line", "words"),
    [
        ("near:Atlantis", "knows no town 'Atlantis'"),
        ("near:France", "France is larger"),
        ("near:48.85", "two numbers without a space"),
        ("near:48.85,", "two numbers without a space"),
        ("near:91,0", "from -90,-180"),
        ("near:", "a value is missing"),
    ],
)
def test_near_says_what_it_lacks(line: str, words: str) -> None:
    assert understand(line).where is None
    assert words in problems(line)[0][1]


def test_an_ambiguous_town_says_which_one_is_meant() -> None:
    means = meanings("near:Lisbon~5km")[0][2]
    assert means == "taken within 5 km of Lisbon, Portugal (the most populous of 2 so called)"


def test_a_filter_is_told_in_words() -> None:
    assert [
        means for _, _, means in meanings("size:5MB w:<=9 camera:a? tag:x in:y rating:none")
    ] == [
        "size about 5 MB",
        "width <= 9",
        "camera matches a?",
        "tag is x",
        "in the folder y or below it",
        "no rating",
    ]
