"""What the watcher may lose, or never gets, is found all the same. A witness asks all through."""

from __future__ import annotations

import os
import shutil
import signal
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from faults_ground import bulk, limited, overflow, raise_watches
from house import House, picture
from imgq.reports import Status
from witness import Witness

pytestmark = pytest.mark.system

DEAF = Path(__file__).parents[1] / "deaf"
"""A thread of watchdog's that dies when told to, where PYTHONPATH names the folder."""


def root_row(status: Status) -> dict[str, Any]:
    [row] = status.raw["roots"]
    return dict(row)


def folders_of(house: House) -> list[Path]:
    return [house.pictures / f"folder-{number}" for number in range(30)]


def fill(house: House, witness: Witness, name: str, seed: int) -> list[Path]:
    """Make one more picture in each of 30 folders."""
    paths = [folder / name for folder in folders_of(house)]
    for number, path in enumerate(paths):
        witness.book.create(path, seed + number)
    return paths


@pytest.fixture
def half_watched(limited_house: House) -> Iterator[tuple[House, Witness]]:
    """Give 30 folders with a picture each, a daemon that may watch 10, and a witness."""
    for number, folder in enumerate(folders_of(limited_house)):
        picture(folder / "first.png", number)
    limited_house.settings_file.write_text(
        limited_house.settings_file.read_text() + '[watch]\nrescan = "1h"\n'
    )
    limited_house.start()
    with Witness(limited_house) as witness:
        for folder in folders_of(limited_house):
            witness.book.note(folder / "first.png", present=True)
        limited_house.assert_true()
        yield limited_house, witness


@pytest.mark.parametrize(
    "count",
    [1_000, pytest.param(20_000, marks=[pytest.mark.faults, pytest.mark.timeout(300)])],
)
def test_an_overflow_of_the_kernels_queue_is_noticed_and_all_is_indexed(
    plain_house: House, count: int
) -> None:
    house = plain_house
    many = house.pictures / "many"
    many.mkdir()
    house.start()
    with Witness(house) as witness:
        for number in range(20):
            witness.book.create(many / f"before-{number}.png", number)
        house.sync()
        house.signal(signal.SIGSTOP)
        overflow(many)
        bulk(many, count)
        for number in range(20):
            witness.book.create(many / f"lost-{number}.png", 100 + number)
            witness.book.unlink(many / f"before-{number}.png")
        house.signal(signal.SIGCONT)
        house.assert_true()
    assert "events were lost" in house.log.read_text()


# watchdog's own mistake comes by chance, and costs a minute where it does not come.
@pytest.fixture(params=["made to", pytest.param("by its own mistake", marks=pytest.mark.faults)])
def deafened(
    request: pytest.FixtureRequest, plain_house: House, tmp_path: Path
) -> Iterator[tuple[House, Witness]]:
    """Give a daemon of which a thread of watchdog's has just died, and a witness."""
    house = plain_house
    if request.param == "made to":
        house.put_before(DEAF)
    house.start()
    with Witness(house) as witness:
        witness.book.create(house.pictures / "before.png", 1)
        if request.param == "made to":
            deafen(house)
        else:
            let_go_deaf(house, tmp_path / "moved")
        yield house, witness


def test_a_watcher_that_went_deaf_begins_anew_by_itself(deafened: tuple[House, Witness]) -> None:
    house, witness = deafened
    witness.book.create(house.pictures / "new" / "after.png", 2)
    witness.sees(house.pictures / "new" / "after.png", within=12)
    house.assert_true()


def test_a_watcher_that_went_deaf_begins_anew_at_the_next_sync(
    deafened: tuple[House, Witness],
) -> None:
    house, witness = deafened
    witness.book.create(house.pictures / "new" / "after.png", 3)
    house.assert_true()
    witness.book.create(house.pictures / "later.png", 4)
    witness.sees(house.pictures / "later.png", within=5)


def deafen(house: House) -> None:
    """Let the thread die that hears of changes, once it has heard of all so far."""
    if sys.platform != "linux":
        pytest.skip("tests/deaf knows inotify only")
    house.sync()
    (house.pictures / "deafen").mkdir()
    house.until_logged("Exception in thread")
    (house.pictures / "deafen").rmdir()


def let_go_deaf(house: House, moved: Path) -> None:
    """Move a folder out and make it again, until watchdog's thread has died of it."""
    inside = house.pictures / "A"
    for _ in range(100):
        inside.mkdir()
        house.sync()
        inside.rename(moved)
        inside.mkdir()
        inside.rmdir()
        moved.rmdir()
        house.sync()
        if "Exception in thread" in house.log.read_text():
            return
    pytest.skip("this watchdog does not die of it")


def test_too_few_watches_are_said_and_sync_still_makes_everything_true(
    half_watched: tuple[House, Witness],
) -> None:
    house, witness = half_watched
    status = house.status()
    row = root_row(status)
    assert row["watch"] == "partial"
    assert row["uncovered"] >= 20
    assert "fs.inotify.max_user_watches" in row["reason"]
    assert any("fs.inotify.max_user_watches" in reason for reason in status.degraded)
    assert status.state == "degraded"
    fill(house, witness, "second.png", 100)
    house.assert_true()
    for folder in folders_of(house):
        witness.book.unlink(folder / "first.png")
    witness.book.create(house.pictures / "folder-7" / "new" / "deep.png", 200)
    house.assert_true()


def test_all_folders_are_watched_again_once_there_are_more_watches(
    half_watched: tuple[House, Witness],
) -> None:
    house, witness = half_watched
    raise_watches(house.pid, 500)
    assert house.run("imgqctl", "rescan").returncode == 0
    house.wait(lambda status: root_row(status)["watch"] == "live")
    row = root_row(house.status())
    assert (row["uncovered"], row["reason"]) == (0, None)
    witness.sees(*fill(house, witness, "second.png", 300), within=5)
    house.assert_true()


def test_without_an_inotify_instance_it_walks_only_and_says_so(limited_house: House) -> None:
    house = limited_house
    house.launcher = limited(instances=0)
    picture(house.pictures / "before.png", 1)
    house.start()
    with Witness(house) as witness:
        witness.book.note(house.pictures / "before.png", present=True)
        house.assert_true()
        status = house.status()
        assert root_row(status)["watch"] == "scan_only"
        assert any("fs.inotify.max_user_instances" in reason for reason in status.degraded)
        witness.book.create(house.pictures / "new" / "after.png", 2)
        witness.book.unlink(house.pictures / "before.png")
        house.assert_true()
    assert house.stop() == 0


def test_what_no_event_tells_of_is_found_by_the_walk_from_time_to_time(
    limited_house: House,
) -> None:
    house = limited_house
    for folder in folders_of(house):
        folder.mkdir()
    house.settings_file.write_text(house.settings_file.read_text() + '[watch]\nrescan = "2s"\n')
    house.start()
    with Witness(house) as witness:
        house.sync()
        assert root_row(house.status())["watch"] == "partial"
        paths = fill(house, witness, "unseen.png", 400)
        witness.sees(*paths, within=6)
        for path in paths:
            witness.book.unlink(path)
        house.wait(lambda status: status.files == 0)


@pytest.mark.parametrize(
    "count",
    [2_000, pytest.param(50_000, marks=[pytest.mark.faults, pytest.mark.timeout(600)])],
)
def test_a_storm_of_creations_and_deletions_leaves_nothing_and_costs_no_memory(
    plain_house: House, count: int, record_property: Callable[[str, object], None]
) -> None:
    house = plain_house
    house.start()
    with Witness(house) as witness:
        for number in range(20):
            witness.book.create(house.pictures / f"stays-{number}.png", number)
        house.assert_true()
        memory = [house.status().memory["imgqd"]]
        for _ in range(3):
            storm(house.pictures, count)
            house.assert_true()
            memory.append(house.status().memory["imgqd"])
    record_property("slowest_answer_s", round(witness.slowest, 3))
    record_property("memory_mb", [one >> 20 for one in memory])
    # Some half a KB each: 65,536 paths in the inbox, as many on their way, 16,384 that settle.
    # How many of them there are at once is chance; what stayed of a storm would come thrice.
    assert max(memory) - memory[0] < 72 << 20
    assert witness.slowest < 10


def storm(folder: Path, count: int) -> None:
    """Make many pictures in a few folders and delete them; a hundred are there at a time."""
    content = Path(os.fsdecode(picture(folder / "storm" / "first.png", 77))).read_bytes()
    paths = [folder / "storm" / f"{number % 9}" / f"{number}.jpg" for number in range(count)]
    for number, path in enumerate(paths):
        path.parent.mkdir(exist_ok=True)
        path.write_bytes(content)
        if number >= 100:
            paths[number - 100].unlink()
    shutil.rmtree(folder / "storm")
