"""Filters in a real database: what each leaves, and that it begins with an index."""

from __future__ import annotations

import time
import unicodedata
from datetime import UTC, datetime
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from daemon.gallery import Gallery
from daemon.lines import understand
from imgqd.query import sql
from imgqd.query.patterns import folded_match, matching

GALLERY = Gallery(UTC)
"""An empty one, for questions that need no pictures."""


@pytest.fixture
def gallery() -> Gallery:
    return Gallery(UTC)


def test_numbers(gallery: Gallery) -> None:
    gallery.hang("small", width=800, height=600, size=90_000)
    gallery.hang("large", width=6000, height=4000, size=9_000_000)
    gallery.hang("tall", width=3000, height=4000, size=5_000_000)
    assert gallery.found("w:>3000") == ["large"]
    assert gallery.found("w:>=3000") == ["large", "tall"]
    assert gallery.found("w:..3000") == ["small", "tall"]
    assert gallery.found("h:4000") == ["large", "tall"]
    assert gallery.found("mp:12") == ["tall"]
    assert gallery.found("mp:>12") == ["large"]
    assert gallery.found("size:>5MB") == ["large"]
    assert gallery.found("size:5MB") == ["tall"]
    assert gallery.found("size:<100KB") == ["small"]
    assert gallery.found("-size:<100KB") == ["large", "tall"]


def test_shapes(gallery: Gallery) -> None:
    for name, width, height in (
        ("portrait", 3000, 4000),
        ("landscape", 4000, 3000),
        ("square", 1040, 1000),
        ("panorama", 2000, 1000),
    ):
        gallery.hang(name, width=width, height=height)
    assert gallery.found("ratio:portrait") == ["portrait"]
    assert gallery.found("ratio:landscape") == ["landscape", "panorama"]
    assert gallery.found("ratio:square") == ["square"]
    assert gallery.found("ratio:panorama") == ["panorama"]


def test_ratings(gallery: Gallery) -> None:
    for name, rating in (("none", None), ("zero", 0), ("two", 2), ("five", 5), ("bad", -1)):
        gallery.hang(name, rating=rating)
    assert gallery.found("rating:5") == gallery.found("is:favorite") == ["five"]
    assert gallery.found("rating:>=2") == ["two", "five"]
    assert gallery.found("rating:<=2") == ["none", "zero", "two"]
    assert gallery.found("rating:<2") == ["none", "zero"]
    assert gallery.found("rating:0") == gallery.found("rating:0..1") == ["none", "zero"]
    assert gallery.found("rating:none") == ["none", "zero"]
    assert gallery.found("has:rating") == ["two", "five", "bad"]
    assert gallery.found("rating:rejected") == ["bad"]
    assert gallery.found("rating:>0") == ["two", "five"]


def test_a_picture_without_a_camera_is_not_of_that_camera(gallery: Gallery) -> None:
    gallery.hang("canon", camera="Canon EOS R5", lens="RF50mm F1.2")
    gallery.hang("pixel", camera="Google Pixel 8")
    gallery.hang("unknown")
    assert gallery.found("camera:canon") == ["canon"]
    assert gallery.found('camera:"eos r5"') == ["canon"]
    assert gallery.found("camera:canon*5") == ["canon"]
    assert gallery.found("camera:canon*4") == []
    assert gallery.found("camera:*pixel?8") == ["pixel"]
    assert gallery.found("-camera:canon") == ["pixel", "unknown"]
    assert gallery.found("camera:none") == ["unknown"]
    assert gallery.found("lens:50mm") == ["canon"]
    assert gallery.found("-(camera:canon OR camera:pixel)") == ["unknown"]
    assert gallery.found("-(camera:canon type:jpeg)") == ["pixel", "unknown"]


def test_wildcards_of_sql_are_letters(gallery: Gallery) -> None:
    gallery.hang("percent", "/p/100%_a.jpg")
    gallery.hang("other", "/p/1000xa.jpg")
    assert gallery.found("name:100%_a") == ["percent"]
    assert gallery.found('name:"\'; DROP TABLE image; --"') == []
    assert gallery.found("name:\\") == []
    assert gallery.found("name:*") == ["percent", "other"]


def test_capitals_and_accents_do_not_count_in_names(gallery: Gallery) -> None:
    gallery.hang("composed", "/p/\u00dcber Caf\u00e9.jpg", tags="\u00c9t\u00e9")
    gallery.hang("decomposed", "/p/U\u0308ber Cafe\u0301 2.jpg", camera="\u00dcberCam")
    for name in ("name:\u00fcber", "name:\u00dcBER*", "name:*caf\u00e9*", "name:cafE\u0301"):
        assert gallery.found(name) == ["composed", "decomposed"], name
    assert gallery.found("name:uber") == []
    assert gallery.found("camera:\u00fcbercam") == ["decomposed"]
    assert gallery.found("tag:\u00e9t\u00e9") == gallery.found("tag:\u00c9T\u00c9") == ["composed"]
    assert gallery.found("tag:\u00e9*") == ["composed"]


def test_keywords_match_whole(gallery: Gallery) -> None:
    gallery.hang("trip", tags="Lisbon tram")
    gallery.hang("home", tags="cat")
    gallery.hang("bare")
    assert gallery.found("tag:lisbon") == ["trip"]
    assert gallery.found("tag:lis") == []
    assert gallery.found("tag:lis*|cat") == ["trip", "home"]
    assert gallery.found("-tag:lisbon") == ["home", "bare"]
    assert gallery.found("tag:none") == ["bare"]
    assert gallery.found("tag:lisbon tag:tram") == ["trip"]


def test_folders(gallery: Gallery) -> None:
    gallery.hang("a", "/home/me/Pictures/2023/Lisbon/a.jpg")
    gallery.hang("b", "/home/me/Pictures/2023/b.jpg")
    gallery.hang("c", "/home/me/Pictures2/c.jpg")
    gallery.hang("d", "/mnt/Lisbon trip/d.jpg")
    assert gallery.found("in:~/Pictures") == ["a", "b"]
    assert gallery.found("in:/home/me/Pictures/2023/") == ["a", "b"]
    assert gallery.found("in:~/Pictures/./2023/../2023/Lisbon") == ["a"]
    assert gallery.found("in:lisbon") == ["a"]
    assert gallery.found('in:"Lisbon trip"') == ["d"]
    assert gallery.found("in:2023/lisbon") == ["a"]
    assert gallery.found("in:*trip") == ["d"]
    assert gallery.found("in:/") == gallery.found("in:~|/mnt") == ["a", "b", "c", "d"]
    assert gallery.found("-in:2023") == ["c", "d"]
    assert gallery.found("in:nowhere") == []


def test_names_that_are_not_utf_8_stand_in_no_filters_way(gallery: Gallery) -> None:
    gallery.hang("strange", "/pictures/\udcff/\udcfeü.jpg")
    gallery.hang("inside", "/pictures/\udcff/Übung/a.jpg")
    gallery.hang("plain", "/pictures/übung/b.jpg")
    assert gallery.found("in:übung") == ["inside", "plain"]
    assert gallery.found("-in:übung") == ["strange"]
    assert gallery.found("name:*Ü.jpg") == ["strange"]


def test_a_folder_that_is_being_typed_is_every_one_that_begins_so(gallery: Gallery) -> None:
    gallery.hang("a", "/home/me/Pictures/a.jpg")
    gallery.hang("b", "/home/me/Pictures/Lisbon/b.jpg")
    gallery.hang("c", "/home/me/Postcards/c.jpg")
    assert gallery.found("in:~/P") == ["a", "b", "c"]
    assert gallery.found("in:~/pic") == ["a", "b"]
    assert gallery.found("in:~/pictures") == ["a", "b"]
    assert gallery.found("in:Lis") == ["b"]
    assert gallery.found("in:Pictures/L") == ["b"]


def test_any_online_file_is_enough_and_not_means_none(gallery: Gallery) -> None:
    gallery.hang("twice", "/p/holiday/a.jpg", "/p/backup/b.png")
    gallery.hang("once", "/p/holiday/c.jpg")
    gallery.hang("hidden", "/p/x/d.jpg", "/off/holiday/d.jpg")
    assert gallery.found("in:holiday") == ["twice", "once"]
    assert gallery.found("in:backup") == ["twice"]
    assert gallery.found("-in:backup") == ["once", "hidden"]
    assert gallery.found("name:*.png") == ["twice"]
    assert gallery.found("is:duplicate") == ["twice"]
    assert gallery.found("-is:duplicate") == ["once", "hidden"]
    gallery.db.execute("INSERT INTO file VALUES (99, 1, x'00', 5, 5, NULL)")  # still pending
    assert gallery.found("-in:backup") == ["once", "hidden"]


def test_times_of_pictures_and_of_files_in_their_stead(gallery: Gallery) -> None:
    gallery.hang("july", taken="2023-07-31T23:59:59", mtime="2024-01-01")
    gallery.hang("august", taken="2023-08-01T00:00:00")
    gallery.hang("undated", mtime="2023-07-01")
    gallery.hang("copies", "/a/x.jpg", "/off/x.jpg", mtime="2022-05-05")
    for line in ("taken:2023-07", "beach july 2023", 'taken:"july 2023"'):
        assert gallery.found(line) == ["july", "undated"], line
    assert gallery.found("taken:2024") == []
    assert gallery.found("-taken:2023-07") == ["august", "copies"]
    assert gallery.found("taken:2023-08..") == ["august"]
    assert gallery.found("taken:..2022") == ["copies"]
    assert gallery.found("taken:2000..2023-07") == ["july", "undated", "copies"]
    assert gallery.found("taken:none") == ["undated", "copies"]


def test_the_clock_on_the_wall_decides_with_its_summer_time() -> None:
    gallery = Gallery(ZoneInfo("America/New_York"))
    gallery.hang("late", mtime="2023-07-14 23:30", added=1_700_000_000)
    assert gallery.found("taken:2023-07-14") == ["late"]
    assert gallery.found("taken:2023-07-15") == []
    # 1,700,000,000 is 2023-11-14, 22:13:20 in UTC and 17:13:20 there.
    assert gallery.found('added:"2023-11-14 17:13"') == ["late"]
    assert gallery.found("added:2023-11-15") == []


def test_without_a_zone_it_is_this_machines(gallery: Gallery) -> None:
    moment = datetime.fromisoformat("2023-07-14 12:00")
    gallery.hang("noon", added=moment.timestamp())
    where = understand("added:2023-07-14").where
    assert where is not None
    condition = sql.condition(where, "/home/me")
    rows = gallery.db.execute(f"SELECT id FROM image WHERE {condition.sql}", condition.values)
    assert len(rows.fetchall()) == 1


def test_near(gallery: Gallery) -> None:
    gallery.hang("lisbon", latitude=38.72, longitude=-9.14)
    gallery.hang("sintra", latitude=38.80, longitude=-9.39)
    gallery.hang(
        "corner", latitude=38.72 + 0.08, longitude=-9.14 + 0.1
    )  # in the box, not the circle
    gallery.hang("fiji", latitude=-17.0, longitude=179.99)
    gallery.hang("fiji2", latitude=-17.0, longitude=-179.99)
    gallery.hang("pole", latitude=89.99, longitude=10.0)
    gallery.hang("pole2", latitude=89.99, longitude=-170.0)
    gallery.hang("nowhere")
    assert gallery.found("near:38.72,-9.14") == ["lisbon"]
    assert gallery.found("near:Lisbon~30km") == ["lisbon", "sintra", "corner"]
    assert gallery.found("near:-17,180~5km") == ["fiji", "fiji2"]
    assert gallery.found("near:-17,-179.995~5km") == ["fiji", "fiji2"]
    assert gallery.found("near:90,0~5km") == ["pole", "pole2"]
    assert len(gallery.found("near:0,0~20030km")) == 7
    assert gallery.found("near:none") == ["nowhere"]
    assert "nowhere" in gallery.found("-near:Lisbon")


def test_kinds_and_formats(gallery: Gallery) -> None:
    gallery.hang("screen", screenshot=1, format="png")
    gallery.hang("moving", frames=12, format="gif", screenshot=0)
    gallery.hang("raw", "/p/a.NEF", frames=1, format="raw", title="x", description="y")
    gallery.hang("plain")
    assert gallery.found("is:screenshot") == ["screen"]
    assert gallery.found("-is:screenshot") == ["moving", "raw", "plain"]
    assert gallery.found("is:animated") == ["moving"]
    assert gallery.found("type:raw") == gallery.found("type:nef") == ["raw"]
    assert gallery.found("type:cr2") == []
    assert gallery.found("type:png|gif") == ["screen", "moving"]
    assert gallery.found("has:title has:description") == ["raw"]
    assert gallery.found("type:png OR is:animated type:gif") == ["moving"]
    assert gallery.found("(type:png OR is:animated) -type:gif") == ["screen"]


@pytest.mark.parametrize(
    ("line", "index"),
    [
        ("taken:2023-07", "image_taken"),
        ("taken:2023-07", "file_mtime"),
        ("added:today", "image_added"),
        ("camera:canon", "image_camera"),
        ("lens:50mm", "image_lens"),
        ("near:48.85,2.35~10km", "image_place"),
        ("near:-17,180~5km", "image_place"),
        ("rating:>=4", "image_rating"),
        ("type:png", "image_format"),
        ("type:png|raw", "image_format"),
        ("w:>4000", "image_width"),
        ("h:>4000", "image_height"),
        ("mp:>12", "image_pixels"),
        ("size:>5MB", "file_size"),
        ("in:~/Pictures/2023", "file_folder"),
        ("name:IMG_*", "file_name"),
        ("tag:cat", "keyword_word"),
        ("is:animated", "image_frames"),
        ("is:screenshot", "image_screenshot"),
        ("is:duplicate", "file_image"),
    ],
)
def test_a_filter_begins_with_an_index(gallery: Gallery, line: str, index: str) -> None:
    plan = gallery.plan(line)
    assert index in plan
    assert "SCAN image\n" not in f"{plan}\n"
    assert "SCAN file\n" not in f"{plan}\n"


def test_a_wide_span_asks_each_picture_once_for_its_files(gallery: Gallery) -> None:
    plan = gallery.plan("taken:2010..")
    assert "SEARCH file USING INDEX file_image (image=?)" in plan


def test_a_pattern_of_many_stars_is_no_burden(gallery: Gallery) -> None:
    gallery.hang("long", "/p/" + "a" * 250 + ".jpg")
    began = time.process_time()
    assert gallery.found("name:" + "*a" * 100 + "*b") == []
    assert gallery.found("name:" + "*\u00e4" * 100 + "*b") == []
    assert gallery.found("in:" + "*a" * 100) == []
    assert time.process_time() - began < 1


@settings(deadline=None)
@given(
    st.text(st.sampled_from("aAbB\u00e4\u00c4\u00df\u0308%_\\*?."), max_size=6),
    st.text(st.sampled_from("aAbB\u00e4\u00c4\u00df\u0308%_\\."), max_size=6),
)
def test_the_quick_condition_is_the_function(glob: str, text: str) -> None:
    text = unicodedata.normalize("NFC", text)
    condition, values = matching("said", glob)
    (answer,) = GALLERY.db.execute(
        f"SELECT {condition} FROM (SELECT ? AS said)", (*values, text)
    ).fetchone()
    assert bool(answer) == folded_match(glob, text.encode())
