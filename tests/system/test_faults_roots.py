"""Watched folders that go away, come back, close and open. A witness asks all through."""

from __future__ import annotations

import itertools
import os
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from faults_ground import Mounts, closed
from house import House, picture, running
from imgq.reports import Status
from witness import Witness

pytestmark = pytest.mark.system

_BY_ITSELF = 12.0
"""Seconds: what sends no event is looked at every ten."""

_AT_A_MOUNT = 3.0
"""Seconds: the kernel tells when mounts come and go."""

_numbers = itertools.count()
"""Of folders, and of pictures: none of them is like one of another test's."""


@pytest.fixture(scope="module")
def shared(tmp_path_factory: pytest.TempPathFactory) -> Iterator[House]:
    """Give one daemon, without weights, to all that need no start of their own."""
    with running(House(tmp_path_factory.mktemp("roots"), model="ViT-B-32/openai")) as house:
        house.sync()
        yield house


@pytest.fixture
def roots_house(shared: House) -> House:
    """Give that daemon with the name of a folder that no other test has seen, for `watch`."""
    shared.pictures = shared.base / f"root-{next(_numbers)}"
    shared.pictures.mkdir()
    return shared


def watch(house: House) -> None:
    """Make the house's folder, with what is in it by now, the one that its daemon watches."""
    with house.client() as client:
        for root in client.roots():
            client.remove_root(root.path)
        client.add_root(house.pictures)


def is_offline(status: Status) -> bool:
    return any(root.state == "offline" for root in status.roots)


def make_some(witness: Witness, folder: Path, count: int, first: int = 0) -> list[Path]:
    paths = [folder / f"{number}.png" for number in range(first, first + count)]
    for path in paths:
        witness.book.create(path, next(_numbers))
    return paths


def test_a_root_that_may_not_be_read_is_offline_with_the_reason_and_resumes(
    humble_house: House,
) -> None:
    house = humble_house
    house.start()
    with Witness(house) as witness:
        paths = make_some(witness, house.pictures, 10)
        house.assert_true()
        before = house.counters()
        with closed(house.pictures):
            with witness.book.changing(gone=paths):
                house.sync()
            status = house.status()
            assert is_offline(status)
            assert "ermission denied" in status.raw["roots"][0]["reason"]
            assert any("ermission denied" in reason for reason in status.degraded)
            assert house.found() == set()
            assert status.files == 10
        with witness.book.changing(came=paths):
            witness.sees(*paths, within=_BY_ITSELF)
        house.assert_true()
        assert not (house.counters() - before).keys() & {"decoded", "embedded", "reused"}


def test_a_subfolder_that_may_not_be_read_keeps_its_pictures_and_is_named(
    humble_house: House,
) -> None:
    house = humble_house
    private = house.pictures / "private"
    house.start()
    with Witness(house) as witness:
        paths = make_some(witness, private / "deep", 5)
        witness.book.create(house.pictures / "open.png", 50)
        house.assert_true()
        before = house.counters()
        with closed(private):
            house.sync()
            with house.client() as client:
                assert client.rescan()
            house.sync()
            status = house.status()
            assert status.files == 6
            assert any(str(private) in reason for reason in status.degraded)
            with house.client() as client:
                why = client.why(paths[0])
            assert why.state == "searchable"
            assert "permission denied" in why.detail
            witness.book.create(house.pictures / "meanwhile.png", 51)
            house.sync()
            # As they were: the witness does not excuse one of them.
            assert {os.fsencode(path) for path in paths} <= house.found()
        witness.book.create(private / "deep" / "new.png", 52)
        house.assert_true()
        assert not any(str(private) in reason for reason in house.status().degraded)
        assert (house.counters() - before)["decoded"] == 2


def test_a_root_that_is_missing_at_the_start_is_indexed_when_it_appears(
    plain_house: House,
) -> None:
    house = plain_house
    house.pictures.rmdir()
    house.start()
    with Witness(house) as witness:
        house.wait(is_offline)
        paths = make_some(witness, house.pictures, 5)
        witness.sees(*paths, within=_BY_ITSELF)
        assert house.status().roots[0].state == "online"
        house.assert_true()


def test_a_root_that_is_missing_at_the_start_is_indexed_at_the_next_sync(
    plain_house: House,
) -> None:
    house = plain_house
    house.pictures.rmdir()
    house.start()
    with Witness(house) as witness:
        house.sync()
        assert is_offline(house.status())
        make_some(witness, house.pictures, 5)
        house.assert_true()


@pytest.mark.parametrize("synced", [True, False])
def test_a_root_renamed_and_made_again_shows_the_new_one_and_no_ghosts(
    roots_house: House, tmp_path: Path, *, synced: bool
) -> None:
    house = roots_house
    watch(house)
    with Witness(house) as witness:
        old = make_some(witness, house.pictures, 5)
        house.assert_true()
        with witness.book.changing(gone=old):
            house.pictures.rename(tmp_path / "elsewhere")
        new = make_some(witness, house.pictures, 5, first=5)
        if not synced:
            witness.sees(*new, within=_BY_ITSELF)
        house.assert_true()
        picture(tmp_path / "elsewhere" / "ghost.png", next(_numbers))
        house.assert_true()
        witness.book.unlink(new[0])
        witness.misses(new[0], within=5)


def test_a_disk_that_goes_hides_its_pictures_and_comes_back_without_work(
    roots_house: House, mounts: Mounts, mount_disk: Callable[[Path], None]
) -> None:
    house = roots_house
    mount_disk(house.pictures)
    watch(house)
    with Witness(house) as witness:
        paths = make_some(witness, house.pictures / "trip", 20)
        house.assert_true()
        before = house.counters()
        with witness.book.changing(gone=paths):
            mounts.unmount(house.pictures)
        house.wait(is_offline)
        assert house.found() == set()
        assert house.status().files == 20
        house.sync()
        assert house.status().files == 20
        with witness.book.changing(came=paths):
            mount_disk(house.pictures)
        witness.sees(*paths, within=_AT_A_MOUNT)
        house.assert_true()
        assert not (house.counters() - before).keys() & {"decoded", "embedded"}
        witness.book.create(house.pictures / "trip" / "later.png", next(_numbers))
        witness.sees(house.pictures / "trip" / "later.png", within=5)


def test_a_disk_that_was_changed_while_it_was_away_comes_back_as_it_is(
    roots_house: House, mounts: Mounts, mount_disk: Callable[[Path], None], tmp_path: Path
) -> None:
    house = roots_house
    mount_disk(house.pictures)
    watch(house)
    with Witness(house) as witness:
        paths = make_some(witness, house.pictures, 10)
        house.assert_true()
        with witness.book.changing(gone=paths):
            mounts.unmount(house.pictures)
        house.sync()
        other = tmp_path / "another computer"
        mount_disk(other)
        (other / "0.png").unlink()
        (other / "1.png").rename(other / "renamed.png")
        picture(other / "2.png", next(_numbers))
        picture(other / "added.png", next(_numbers))
        mounts.unmount(other)
        come = [*paths[2:], house.pictures / "renamed.png", house.pictures / "added.png"]
        with witness.book.changing(came=come):
            mount_disk(house.pictures)
        house.assert_true()


@pytest.mark.parametrize("synced", [True, False])
def test_a_disk_below_a_root_comes_and_goes_as_it_is(
    roots_house: House, mounts: Mounts, mount_disk: Callable[[Path], None], *, synced: bool
) -> None:
    house = roots_house
    point = house.pictures / "disk"
    mount_disk(point)
    on_it = [point / f"on-it-{number}.png" for number in range(5)]
    for path in on_it:
        picture(path, next(_numbers))
    mounts.unmount(point)
    watch(house)
    with Witness(house) as witness:
        below = make_some(witness, point, 5)
        house.assert_true()
        for _ in range(2):
            with witness.book.changing(came=on_it, gone=below):
                mount_disk(point)
            if not synced:
                witness.sees(*on_it, within=_AT_A_MOUNT)
            house.assert_true()
            with witness.book.changing(came=below, gone=on_it):
                mounts.unmount(point)
            if not synced:
                witness.sees(*below, within=_AT_A_MOUNT)
            house.assert_true()


def test_a_new_file_on_a_disk_below_a_root_is_found_at_once(
    roots_house: House, mounts: Mounts, mount_disk: Callable[[Path], None]
) -> None:
    house = roots_house
    point = house.pictures / "disk"
    point.mkdir()
    watch(house)
    with Witness(house) as witness:
        house.sync()
        mount_disk(point)
        house.sync()
        paths = make_some(witness, point / "new", 5)
        witness.sees(*paths, within=_AT_A_MOUNT)
        house.assert_true()  # a disk from which a picture is being read cannot go
        with witness.book.changing(gone=paths):
            mounts.unmount(point)
        house.assert_true()


def test_a_picture_moved_between_roots_under_a_witness_is_one_entry(
    roots_house: House, tmp_path: Path
) -> None:
    house = roots_house
    watch(house)
    other = tmp_path / "other"
    other.mkdir()
    with house.client() as client:
        client.add_root(other)
    with Witness(house) as witness:
        paths = make_some(witness, house.pictures, 10)
        house.assert_true(other)
        before = house.counters()
        for path in paths:
            witness.book.rename(path, other / path.name)
        house.assert_true(other)
        assert not (house.counters() - before).keys() & {"decoded", "embedded"}


def test_the_state_folder_inside_a_root_is_no_part_of_it(plain_house: House) -> None:
    house = plain_house
    house.environment["XDG_DATA_HOME"] = str(house.pictures / "data")
    state = house.pictures / "data" / "imgq"
    house.catalog = state / house.catalog.name
    picture(state / "hidden.png", 1)
    house.start()
    with Witness(house) as witness:
        house.sync()
        witness.book.create(house.pictures / "data" / "beside.png", 2)
        picture(state / "hidden too.png", 3)
        picture(state / "deep" / "hidden three.png", 4)
        house.sync()
        assert house.found() == {os.fsencode(house.pictures / "data" / "beside.png")}
        assert house.status().files == 1
        with house.client() as client:
            assert client.why(state / "hidden.png").state == "excluded"
