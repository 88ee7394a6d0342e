"""What happens on the disk is what the daemon answers. One shared daemon, a clean folder each."""

from __future__ import annotations

import os
import shutil
from collections.abc import Iterator
from pathlib import Path

import pytest

from house import House, picture, running

pytestmark = pytest.mark.system


@pytest.fixture(scope="module")
def shared_house(tmp_path_factory: pytest.TempPathFactory) -> Iterator[House]:
    """Give the whole of it, torch and all, to what a folder's changes come down to."""
    with running(House(tmp_path_factory.mktemp("changes"), torchless=True)) as house:
        yield house


def counters(house: House) -> dict[str, int]:
    return dict(house.status().raw["counters"])


def changed(house: House, before: dict[str, int]) -> dict[str, int]:
    after = counters(house)
    return {name: after[name] - before[name] for name in after if after[name] != before[name]}


def test_a_new_picture_is_found_once_sync_returns(house: House) -> None:
    picture(house.pictures / "a.png", 1)
    house.assert_true()
    assert house.found() == {os.fsencode(house.pictures / "a.png")}


def test_a_deleted_picture_is_gone_once_sync_returns(house: House) -> None:
    picture(house.pictures / "a.png", 2)
    picture(house.pictures / "b.png", 3)
    house.assert_true()
    (house.pictures / "a.png").unlink()
    house.assert_true()


def test_a_modified_picture_is_embedded_again_and_its_old_vector_leaves(house: House) -> None:
    path = house.pictures / "a.png"
    picture(path, 4)
    house.assert_true()
    with house.client() as client:
        [before] = client.search("x", weak=True).results
    counted = counters(house)
    picture(path, 9005)  # that no other test has made: its daemon keeps vectors for a week
    house.assert_true()
    with house.client() as client:
        [after] = client.search("x", weak=True).results
    assert after.image_id != before.image_id
    assert changed(house, counted)["embedded"] == 1


def test_a_renamed_picture_is_found_without_decoding_or_embedding_again(house: House) -> None:
    picture(house.pictures / "before.png", 6)
    house.assert_true()
    counted = counters(house)
    (house.pictures / "before.png").rename(house.pictures / "after.png")
    house.assert_true()
    assert not changed(house, counted).keys() & {"decoded", "embedded"}


def test_a_copy_is_one_result_with_two_paths_and_embeds_nothing(house: House) -> None:
    picture(house.pictures / "a.png", 7)
    house.assert_true()
    counted = counters(house)
    shutil.copy(house.pictures / "a.png", house.pictures / "copy.png")
    house.assert_true()
    assert not changed(house, counted).keys() & {"decoded", "embedded"}
    with house.client() as client:
        [match] = client.search("x", weak=True).results
    assert {match.path, *match.also} == house.on_disk()


def test_two_copies_that_come_together_are_embedded_once(house: House) -> None:
    counted = counters(house)
    for name in ("a.png", "b.png", "c.png", "d.png"):
        picture(house.pictures / name, 9008)
    house.assert_true()
    assert changed(house, counted)["embedded"] == 1


def test_a_renamed_folder_is_found_without_embedding_again(house: House) -> None:
    for number in range(30):
        picture(house.pictures / "summer" / "deep" / f"{number}.png", 100 + number)
    house.assert_true()
    counted = counters(house)
    (house.pictures / "summer").rename(house.pictures / "winter")
    house.assert_true()
    assert not changed(house, counted).keys() & {"decoded", "embedded"}


def test_a_folder_moved_out_is_gone_and_moved_in_again_embeds_nothing(
    house: House, tmp_path: Path
) -> None:
    for number in range(10):
        picture(house.pictures / "trip" / f"{number}.png", 200 + number)
    house.assert_true()
    counted = counters(house)
    shutil.move(house.pictures / "trip", tmp_path / "trip")
    house.assert_true()
    assert house.found() == set()
    picture(tmp_path / "trip" / "late.png", 299)
    house.assert_true()
    (tmp_path / "trip" / "late.png").unlink()
    shutil.move(tmp_path / "trip", house.pictures / "trip")
    house.assert_true()
    assert not changed(house, counted).keys() & {"decoded", "embedded"}


def test_a_picture_moved_between_roots_is_one_entry_and_embeds_nothing(
    house: House, tmp_path: Path
) -> None:
    other = tmp_path / "other"
    other.mkdir()
    with house.client() as client:
        client.add_root(other)
    picture(house.pictures / "a.png", 9)
    house.assert_true(other)
    counted = counters(house)
    (house.pictures / "a.png").rename(other / "a.png")
    house.assert_true(other)
    assert house.found() == {os.fsencode(other / "a.png")}
    assert not changed(house, counted).keys() & {"decoded", "embedded"}


@pytest.mark.parametrize(
    "name",
    [b"\xff\xfe.png", b"new\nline.png", "ü.png".encode(), b"u\xcc\x88.png", b"CAPITAL.PNG"],
)
def test_a_name_of_any_bytes_is_stored_and_returned_byte_for_byte(
    house: House, name: bytes
) -> None:
    path = os.path.join(os.fsencode(house.pictures), name)
    picture(path, 10)
    house.assert_true()
    assert house.found() == {path}
    printed = house.run("imgq", "--all", "--print0", "picture")
    assert os.fsencode(printed.stdout) == path + b"\0"


def test_a_picture_replaced_by_something_else_is_gone_and_why_says_so(house: House) -> None:
    path = house.pictures / "a.png"
    picture(path, 11)
    house.assert_true()
    path.write_text("no picture any more")
    house.sync()
    assert house.found() == set()
    with house.client() as client:
        why = client.why(path)
    assert (why.state, why.reason) == ("failed", "not_an_image")
    assert house.status().raw["failed"]["not_an_image"] == 1
    picture(path, 12)
    house.assert_true()


def test_a_truncated_picture_is_never_indexed_half_and_heals(house: House) -> None:
    path = house.pictures / "a.jpg"
    picture(path, 13, (400, 300))
    whole = path.read_bytes()
    path.write_bytes(whole[: len(whole) // 2])
    house.sync()
    with house.client() as client:
        assert client.why(path).state == "failed"
    path.write_bytes(whole)
    house.assert_true()


def test_an_atomic_replace_with_the_same_size_and_time_shows_the_new_content(house: House) -> None:
    path = house.pictures / "a.png"
    picture(path, 14)
    times = (path.stat().st_atime_ns, path.stat().st_mtime_ns)
    size = path.stat().st_size
    house.assert_true()
    with house.client() as client:
        [before] = client.search("x", weak=True).results
    for seed in range(15, 200):
        twin = picture(house.pictures.parent / "twin.png", seed)
        if os.stat(twin).st_size == size:
            break
    os.utime(twin, ns=times)
    os.replace(twin, path)
    house.assert_true()
    with house.client() as client:
        [after] = client.search("x", weak=True).results
    assert after.image_id != before.image_id


def test_links_hidden_files_and_foreign_kinds_are_no_pictures(house: House, tmp_path: Path) -> None:
    outside = picture(tmp_path / "outside.png", 15)
    picture(house.pictures / "real.png", 16)
    (house.pictures / "link.png").symlink_to(outside)
    (house.pictures / "dangling.png").symlink_to("nowhere")
    (house.pictures / "loop").symlink_to(house.pictures)
    (house.pictures / "folder.png").mkdir()
    os.mkfifo(house.pictures / "fifo.png")
    picture(house.pictures / ".hidden" / "a.png", 17)
    (house.pictures / "notes.txt").write_text("text")
    house.sync()
    assert house.found() == {os.fsencode(house.pictures / "real.png")}


def test_a_nomedia_file_hides_its_folder_and_its_removal_shows_it_again(house: House) -> None:
    picture(house.pictures / "private" / "deep" / "a.png", 18)
    picture(house.pictures / "b.png", 19)
    house.assert_true()
    (house.pictures / "private" / ".nomedia").touch()
    house.sync()
    assert house.found() == {os.fsencode(house.pictures / "b.png")}
    with house.client() as client:
        assert client.why(house.pictures / "private" / "deep" / "a.png").state == "excluded"
    (house.pictures / "private" / ".nomedia").unlink()
    house.assert_true()


def test_many_folders_made_and_filled_at_once_are_all_in(house: House) -> None:
    for number in range(60):
        picture(house.pictures / str(number) / "x" / "y" / "a.png", 300 + number)
    house.assert_true()


def test_why_says_one_true_thing_for_any_path(house: House, tmp_path: Path) -> None:
    picture(house.pictures / "a.png", 20)
    (house.pictures / "notes.txt").write_text("text")
    house.sync()
    with house.client() as client:
        states = {
            name: client.why(path).state
            for name, path in {
                "indexed": house.pictures / "a.png",
                "text": house.pictures / "notes.txt",
                "absent": house.pictures / "absent.png",
                "hidden": house.pictures / ".git" / "a.png",
                "outside": tmp_path / "a.png",
            }.items()
        }
    assert states == {
        "indexed": "searchable",
        "text": "not_an_image",
        "absent": "missing",
        "hidden": "excluded",
        "outside": "unwatched",
    }


def test_like_finds_the_picture_itself_first(house: House) -> None:
    for number in range(12):
        picture(house.pictures / f"{number}.png", 400 + number)
    house.sync()
    for number in range(12):
        path = house.pictures / f"{number}.png"
        with house.client() as client:
            best = client.search("", like=path, weak=True).results[0]
        assert best.path == os.fsencode(path)
        assert best.score == pytest.approx(1.0, abs=2e-3)


def test_a_file_is_found_by_its_name(house: House) -> None:
    for number in range(40):
        picture(house.pictures / f"IMG_{2000 + number}.png", 500 + number)
    house.sync()
    with house.client() as client:
        best = client.search("IMG_2017").results[0]
    assert best.path == os.fsencode(house.pictures / "IMG_2017.png")


def test_a_root_renamed_and_made_again_leaves_no_ghosts(house: House, tmp_path: Path) -> None:
    picture(house.pictures / "old.png", 21)
    house.assert_true()
    house.pictures.rename(tmp_path / "elsewhere")
    house.pictures.mkdir()
    picture(house.pictures / "new.png", 22)
    house.assert_true()
    assert house.found() == {os.fsencode(house.pictures / "new.png")}


def test_a_root_that_went_away_is_offline_and_comes_back_unembedded(
    house: House, tmp_path: Path
) -> None:
    picture(house.pictures / "a.png", 23)
    house.assert_true()
    counted = counters(house)
    house.pictures.rename(tmp_path / "away")
    house.wait(lambda status: status.raw["roots"][0]["state"] == "offline")
    assert house.found() == set()
    status = house.status()
    assert status.raw["files"] == 1
    assert any("offline" in reason for reason in status.raw["degraded"])
    (tmp_path / "away").rename(house.pictures)
    house.assert_true()
    assert not changed(house, counted).keys() & {"decoded", "embedded"}
