"""Files and folders that change while they are looked at. A witness asks all through."""

from __future__ import annotations

import contextlib
import io
import os
import sqlite3
import threading
import time
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from faults_ground import bulk
from house import PATIENCE, House, content_hash, picture
from witness import Witness

pytestmark = pytest.mark.system

Version = tuple[int, int, int, int]
"""Inode, size, mtime and ctime of a file: which of its contents it shows."""


def noise(side: int) -> bytes:
    """Return a PNG that hardly compresses."""
    pixels = np.random.default_rng(side).integers(0, 256, (side, side, 3), np.uint8)
    file = io.BytesIO()
    Image.fromarray(pixels, "RGB").save(file, "PNG", compress_level=1)
    return file.getvalue()


def test_a_thousand_pictures_moved_out_are_gone_and_what_follows_there_is_no_concern(
    plain_house: House, tmp_path: Path
) -> None:
    house = plain_house
    trip, away = house.pictures / "trip", tmp_path / "away"
    house.start()
    with Witness(house) as witness:
        for number in range(100):
            witness.book.create(trip / "deep" / f"{number}.png", number)
        bulk(trip, 900)
        witness.book.create(house.pictures / "stays.png", 200)
        house.assert_true()
        assert house.status().files == 1001
        with witness.book.changing(gone=witness.book.below(trip)):
            trip.rename(away)
        house.assert_true()
        assert house.status().files == 1
        picture(away / "late.png", 201)
        picture(away / "deep" / "0.png", 202)
        (away / "deep" / "1.png").unlink()
        house.assert_true()
        witness.book.create(trip / "again.png", 203)
        house.assert_true()


def test_a_folder_moved_in_and_two_hundred_made_and_filled_are_read_once_each(
    plain_house: House, tmp_path: Path
) -> None:
    house = plain_house
    coming = tmp_path / "coming"
    for number in range(50):
        picture(coming / str(number % 5) / f"{number}.png", number)
    house.start()
    with Witness(house) as witness:
        house.sync()
        come = [house.pictures / "in" / one.relative_to(coming) for one in coming.rglob("*.png")]
        with witness.book.changing(came=come):
            coming.rename(house.pictures / "in")
        for number in range(200):
            folder = house.pictures / f"{number}" / "x" / "y"
            witness.book.create(folder / "a.png", 100 + number)
        house.assert_true()
        counters = house.counters()
    assert counters["decoded"] + counters["reused"] == 250


@pytest.mark.parametrize(
    ("pieces", "pause"), [(8, 0.75), pytest.param(30, 1.0, marks=pytest.mark.faults)]
)
def test_a_slow_writer_is_waited_for_and_its_picture_read_once(
    plain_house: House, pieces: int, pause: float
) -> None:
    house = plain_house
    path = house.pictures / "slow.png"
    content = noise(100)
    step = -(-len(content) // pieces)
    house.start()
    with Witness(house) as witness, house.client() as client:
        house.sync()
        with witness.book.changing(came=[path]), path.open("wb", buffering=0) as file:
            for start in range(0, len(content), step):
                file.write(content[start : start + step])
                time.sleep(pause)  # the writer's pace, longer than `watch.settle`
                assert client.why(path).state == "pending"
        witness.sees(path, within=5)
        house.assert_true()
        assert house.counters()["decoded"] == 1
    assert witness.failed == set()


def test_an_atomic_replace_with_the_same_size_and_time_wins_under_a_witness(
    plain_house: House,
) -> None:
    house = plain_house
    path = house.pictures / "a.png"
    house.start()
    with Witness(house) as witness:
        witness.book.create(path, 14)
        status = path.stat()
        house.assert_true()
        for seed in range(15, 200):
            twin = house.pictures.parent / "twin.png"
            picture(twin, seed)
            if twin.stat().st_size == status.st_size:
                break
        os.utime(twin, ns=(status.st_atime_ns, status.st_mtime_ns))
        with witness.book.changing(came=[path]):
            twin.replace(path)
        house.assert_true()
        assert house.rows()[os.fsencode(path)] == ("indexed", content_hash(path))


class Truths:
    """Every version that a file ever was, and every pair of version and content in the catalog."""

    def __init__(self, house: House, path: Path) -> None:
        self._house = house
        self._path = path
        self._over = threading.Event()
        self._thread = threading.Thread(target=self._read)
        self.contents: dict[Version, bytes] = {}
        self.told: set[tuple[Version, bytes]] = set()

    def note(self) -> None:
        """Note what the file shows now; nobody else may be changing it."""
        status = self._path.stat()
        version = (status.st_ino, status.st_size, status.st_mtime_ns, status.st_ctime_ns)
        self.contents[version] = content_hash(self._path)

    @contextlib.contextmanager
    def reading(self) -> Iterator[None]:
        """Read the catalog again and again in another thread."""
        self._thread.start()
        try:
            yield
        finally:
            self._over.set()
            self._thread.join()

    def wrong(self) -> list[tuple[Version, bytes]]:
        """Return what the catalog once held and was never so."""
        return [
            (version, content)
            for version, content in self.told
            if self.contents.get(version) != content
        ]

    def _read(self) -> None:
        catalog = sqlite3.connect(f"{self._house.catalog.as_uri()}?mode=ro", uri=True)
        with contextlib.closing(catalog):
            while not self._over.wait(0.005):
                for *version, content in catalog.execute(
                    "SELECT inode, size, mtime_ns, ctime_ns, hash FROM file JOIN image "
                    "ON image.id = file.image WHERE state = 'indexed'"
                ):
                    inode, size, mtime, ctime = version
                    self.told.add(((inode, size, mtime, ctime), content))


def wait_until_read(house: House, path: Path, times: int) -> None:
    """Wait until the daemon has a file open at so many looks on end: once in its first moments."""
    deadline = time.monotonic() + PATIENCE
    looks = 0
    while looks < times:
        assert time.monotonic() < deadline, "the picture is never read"
        looks = looks + 1 if is_open(house.pid, path) else 0
        time.sleep(0.005)  # no event tells of another process's descriptors


def is_open(pid: int, path: Path) -> bool:
    for descriptor in Path(f"/proc/{pid}/fd").iterdir():
        with contextlib.suppress(OSError):
            if Path(os.readlink(descriptor)) == path:
                return True
    return False


def change(path: Path, number: int) -> None:
    """Give a file other bytes of the same size, in place or by another file."""
    tail = number.to_bytes(8, "big")
    if number % 2:
        with path.open("r+b", buffering=0) as file:
            file.seek(-8, os.SEEK_END)
            file.write(tail)
    else:
        twin = path.with_name(".twin.png")
        twin.write_bytes(path.read_bytes()[:-8] + tail)
        twin.replace(path)


@pytest.mark.skipif(not Path("/proc/self/fd").exists(), reason="no /proc tells who reads a file")
def test_a_picture_that_changes_while_it_is_decoded_is_never_stored_as_what_it_was(
    house: House,
) -> None:
    path = house.pictures / "big.png"
    # What follows the end of a PNG is part of the file and not of the picture.
    content = noise(3000) + bytes(8)
    with Witness(house) as witness:
        house.sync()
        truths = Truths(house, path)
        with truths.reading():
            with witness.book.changing(came=[path]):
                path.write_bytes(content)
            truths.note()
            for number in range(1, 6):
                wait_until_read(house, path, 1 + number % 4)
                with witness.book.changing(came=[path]):
                    change(path, number)
                truths.note()
            house.assert_true()
        assert truths.wrong() == []
    assert witness.failed == set()


@pytest.mark.skipif(not Path("/proc/self/fd").exists(), reason="no /proc tells who reads a file")
def test_a_picture_that_is_touched_while_it_is_decoded_gets_in(house: House) -> None:
    path = house.pictures / "big.png"
    with Witness(house) as witness:
        house.sync()
        with witness.book.changing(came=[path]):
            path.write_bytes(noise(2999))
        wait_until_read(house, path, 4)
        os.utime(path)
        house.assert_true()
    assert witness.failed == set()
