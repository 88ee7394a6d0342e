"""Which pictures of a whole library look like another one: found as they come in."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import closing
from dataclasses import replace
from pathlib import Path

import pytest
from PIL import Image

import doubles
from daemon.shelf import Shelf, indexed_of
from imgqd.catalog import Writer
from imgqd.decoder import prints as maker
from imgqd.prints import SIZE


@pytest.fixture
def shelf(tmp_path: Path) -> Iterator[Shelf]:
    shelf = Shelf(tmp_path, "one", "two")
    yield shelf
    shelf.close()


DRAWN = [image for _, image in doubles.drawings(6)]


def put(shelf: Shelf, name: str, image: Image.Image, form: str = "png") -> int:
    """Bring in a file that shows a picture, and return its image; its bytes are its name."""
    shelf.look(shelf.write(name, name.encode()))
    for work in shelf.take():
        done = indexed_of(work)
        picture = replace(
            done.picture, print=maker.of(image), width=image.width, height=image.height, format=form
        )
        done = replace(done, picture=picture)
        shelf.mirror(shelf.writer.commit([done], [], shelf.model, shelf.model, shelf.now))
    found = shelf.row(name).image
    assert found is not None
    return found


def near(shelf: Shelf) -> set[tuple[int, int]]:
    rows = shelf.writer._db.execute("SELECT image, other FROM near WHERE distance <= 1")
    return set(rows.fetchall())


def smaller(image: Image.Image) -> Image.Image:
    return image.resize((image.width // 2, image.height // 2), Image.Resampling.LANCZOS)


def test_a_picture_that_comes_in_meets_those_that_look_the_same(shelf: Shelf) -> None:
    first, other = put(shelf, "one/a.png", DRAWN[0]), put(shelf, "one/b.png", DRAWN[3])
    assert shelf.reader.duplicates() == []
    copy = put(shelf, "two/c.png", smaller(DRAWN[0]))
    assert near(shelf) == {(first, copy), (copy, first)}
    assert shelf.reader.duplicates() == [first, copy]
    assert other not in shelf.reader.duplicates()


def test_a_picture_that_was_squeezed_is_no_copy(shelf: Shelf) -> None:
    put(shelf, "one/a.png", DRAWN[0])
    put(shelf, "one/b.png", DRAWN[0].resize((DRAWN[0].width, DRAWN[0].height // 2)))
    assert near(shelf) == set()


def test_the_pairs_are_the_same_after_a_restart(shelf: Shelf) -> None:
    first = put(shelf, "one/a.png", DRAWN[0])
    shelf.writer.close()
    shelf.writer = Writer(shelf.catalog)
    copy = put(shelf, "two/c.png", smaller(DRAWN[0]))
    assert shelf.reader.duplicates() == [first, copy]


def test_the_same_bytes_at_two_places_are_duplicates_and_on_one_disk_alone_are_not(
    shelf: Shelf,
) -> None:
    image = shelf.put("one/a.png", b"same")
    assert shelf.reader.duplicates() == []
    shelf.put("two/b.png", b"same")
    assert shelf.reader.duplicates() == [image]
    shelf.offline(shelf.root("two"))
    assert shelf.reader.duplicates() == []


def test_a_copy_that_went_away_makes_no_duplicate_until_it_comes_back(shelf: Shelf) -> None:
    first = put(shelf, "one/a.png", DRAWN[0])
    copy = put(shelf, "two/c.png", smaller(DRAWN[0]))
    shelf.offline(shelf.root("two"))
    assert shelf.reader.duplicates() == []
    shelf.online(shelf.root("two"))
    assert shelf.reader.duplicates() == [first, copy]


def test_a_picture_that_is_forgotten_leaves_no_pairs_and_no_print(shelf: Shelf) -> None:
    first = put(shelf, "one/a.png", DRAWN[0])
    copy = put(shelf, "two/c.png", smaller(DRAWN[0]))
    (shelf.base / "two/c.png").unlink()
    shelf.look("two/c.png")
    shelf.writer.tidy(shelf.now + 8 * 86400)
    assert near(shelf) == set()
    assert set(shelf.reader.prints([first, copy])) == {first}
    again = put(shelf, "two/d.png", smaller(DRAWN[0]))
    assert near(shelf) == {(first, again), (again, first)}


def test_a_raw_file_and_what_was_developed_from_it_are_no_duplicates(shelf: Shelf) -> None:
    put(shelf, "one/a.cr2", DRAWN[0], "raw")
    put(shelf, "one/a.jpg", DRAWN[0], "jpeg")
    assert len(near(shelf)) == 2
    assert shelf.reader.duplicates() == []


def test_a_commit_that_is_undone_leaves_no_trace_in_what_comes_later(shelf: Shelf) -> None:
    first = put(shelf, "one/a.png", DRAWN[0])
    shelf.look(shelf.write("one/b.png", b"b"))
    [work] = shelf.take()
    done = indexed_of(work)
    lost = replace(
        done, picture=replace(done.picture, print=maker.of(DRAWN[0]), width=320, height=240)
    )
    unstorable = replace(done, picture=replace(done.picture, format=None))  # type: ignore[arg-type]
    with pytest.raises(Exception, match="NOT NULL"):
        shelf.writer.commit([lost, unstorable], [], shelf.model, shelf.model, shelf.now)
    assert near(shelf) == set()
    # The number that was undone is given to another picture now.
    other = put(shelf, "one/b.png", DRAWN[3])
    assert near(shelf) == set()
    copy = put(shelf, "two/c.png", smaller(DRAWN[3]))
    assert near(shelf) == {(other, copy), (copy, other)}
    assert first not in shelf.reader.duplicates()


def test_a_known_picture_keeps_its_print_when_it_is_read_without_being_decoded(
    shelf: Shelf,
) -> None:
    first = put(shelf, "one/a.png", DRAWN[0])
    shelf.look(shelf.write("two/b.png", b"one/a.png"))
    shelf.work()
    assert len(shelf.reader.prints([first])[first]) == SIZE


def test_a_burst_of_any_length_is_paired_though_not_each_with_each(shelf: Shelf) -> None:
    images = [put(shelf, f"one/{number:02}.png", DRAWN[0]) for number in range(40)]
    assert shelf.reader.duplicates() == images


def test_a_print_of_another_version_is_passed_over(shelf: Shelf) -> None:
    first = put(shelf, "one/a.png", DRAWN[0])
    shelf.writer._db.execute("UPDATE print SET data = x'00'")
    put(shelf, "two/c.png", smaller(DRAWN[0]))
    assert near(shelf) == set()
    with closing(Writer(shelf.base / "other.sqlite3")):
        assert shelf.reader.prints([first]) == {first: b"\0"}
