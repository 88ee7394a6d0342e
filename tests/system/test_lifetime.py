"""The daemon's own life: starts, ends of every kind, and what it remembers. One daemon a test."""

from __future__ import annotations

import os
import signal
import socket
import subprocess
from collections.abc import Callable
from pathlib import Path

import pytest

from house import TORCHLESS, House, picture
from imgq.errors import Refused
from imgq.reports import Status

pytestmark = pytest.mark.system


def has_vectors(goal: int) -> Callable[[Status], bool]:
    return lambda status: bool(status.raw["model"]["vectors"] >= goal)


def test_changes_made_while_it_was_off_are_found_at_start(own_house: House) -> None:
    house = own_house
    for name in ("kept", "changed", "removed", "renamed"):
        picture(house.pictures / f"{name}.png", len(name))
    house.start()
    house.assert_true()
    assert house.stop() == 0
    picture(house.pictures / "changed.png", 100)
    (house.pictures / "removed.png").unlink()
    (house.pictures / "renamed.png").rename(house.pictures / "new-name.png")
    picture(house.pictures / "added.png", 101)
    house.start()
    house.assert_true()
    counters = house.status().raw["counters"]
    assert counters["embedded"] == 2
    assert house.stop() == 0
    assert not house.socket.exists()


def test_kill_nine_in_the_middle_of_indexing_loses_nothing(own_house: House) -> None:
    house = own_house
    for number in range(400):
        picture(house.pictures / f"{number % 7}" / f"{number}.png", number)
    house.start()
    for goal in (20, 200):
        house.wait(has_vectors(goal))
        house.kill()
        house.start()
    house.assert_true()
    status = house.status()
    assert status.raw["pictures"] == 400
    assert status.raw["failed"] == {}


def test_sigterm_in_the_middle_of_indexing_ends_cleanly_within_five_seconds(
    torch_house: House,
) -> None:
    house = torch_house
    for number in range(300):
        picture(house.pictures / f"{number}.png", number)
    house.start()
    house.wait(lambda status: status.raw["model"]["vectors"] >= 20)
    process = house.process
    assert process is not None
    process.send_signal(signal.SIGTERM)
    assert process.wait(5) == 0
    assert "Traceback" not in house.log.read_text()


def test_a_second_instance_is_refused_in_one_line(plain_house: House) -> None:
    plain_house.start()
    second = plain_house.run("imgqd")
    assert second.returncode == 4
    assert second.stderr.count("\n") == 1
    assert f"pid {plain_house.pid}" in second.stderr
    with plain_house.client() as client:
        assert client.hello().name == "imgqd"


def test_a_stale_socket_is_taken_over(plain_house: House) -> None:
    plain_house.socket.parent.mkdir(mode=0o700)
    with socket.socket(socket.AF_UNIX) as stale:
        stale.bind(str(plain_house.socket))
    plain_house.start()
    with plain_house.client() as client:
        assert client.hello().protocol == 1
    assert plain_house.socket.stat().st_mode & 0o777 == 0o600


def test_a_runtime_folder_open_to_others_is_refused(plain_house: House) -> None:
    plain_house.socket.parent.mkdir()
    plain_house.socket.parent.chmod(0o777)
    refused = plain_house.run("imgqd")
    assert refused.returncode == 4
    assert "chmod 700" in refused.stderr


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ('folders = "x"', ["folders", "list"]),
        ("[watch]\nsettel = '1s'", ["watch.settel", "settle"]),
        ("[watch]\nsettle = 3", ["watch.settle", "300ms"]),
        ("[limits]\ndecode_memory = '2 apples'", ["limits.decode_memory", "2GiB"]),
        ("[model]\nname = 'nonsense'", ["model.name", "demo"]),
        ("folders = [", ["TOML"]),
    ],
)
def test_a_mistake_in_the_settings_is_one_line_that_says_what_is_allowed(
    plain_house: House, text: str, words: list[str]
) -> None:
    plain_house.settings_file.write_text(text)
    refused = plain_house.run("imgqd")
    assert refused.returncode == 2
    assert refused.stderr.count("\n") == 1
    for word in (str(plain_house.settings_file), *words):
        assert word in refused.stderr


def test_without_a_daemon_the_client_ends_with_three_and_the_remedy(plain_house: House) -> None:
    for program, argument in (("imgq", "beach"), ("imgqctl", "status")):
        refused = plain_house.run(program, argument)
        assert refused.returncode == 3
        assert "imgqctl start" in refused.stderr


def test_a_pause_holds_back_work_is_remembered_and_resume_ends_it(plain_house: House) -> None:
    house = plain_house
    house.start()
    house.sync()
    with house.client() as client:
        client.pause()
        picture(house.pictures / "a.png", 1)
        with pytest.raises(Refused, match=r"paused.*imgqctl resume"):
            client.sync(30)
    house.stop()
    house.start()
    assert house.status().state == "paused"
    with house.client() as client:
        client.resume()
    house.assert_true()


def test_a_pause_ends_by_itself(plain_house: House) -> None:
    plain_house.start()
    with plain_house.client() as client:
        client.pause(0.5)
    plain_house.wait(lambda status: status.state == "paused")
    plain_house.wait(lambda status: status.state != "paused")


def test_folders_are_added_and_removed_in_the_settings_and_comments_stay(
    plain_house: House, tmp_path: Path
) -> None:
    other = tmp_path / "other"
    picture(other / "b.png", 2)
    picture(plain_house.pictures / "a.png", 1)
    plain_house.start()
    assert plain_house.run("imgqctl", "add", str(other)).returncode == 0
    plain_house.assert_true(other)
    assert "# The folders of this test." in plain_house.settings_file.read_text()
    assert str(other) in plain_house.settings_file.read_text()
    assert plain_house.run("imgqctl", "remove", str(other)).returncode == 0
    plain_house.assert_true()
    assert str(other) not in plain_house.settings_file.read_text()


def test_sighup_reads_the_settings_again_and_a_mistake_keeps_the_old(plain_house: House) -> None:
    house = plain_house
    picture(house.pictures / "raw" / "a.png", 1)
    picture(house.pictures / "b.png", 2)
    house.start()
    house.assert_true()
    good = house.settings_file.read_text()
    house.settings_file.write_text("exclude = 7\n" + good)
    house.signal(signal.SIGHUP)
    house.assert_true()
    house.settings_file.write_text('exclude = ["raw"]\n' + good)
    house.signal(signal.SIGHUP)
    house.wait(lambda status: status.raw["files"] == 1)
    assert house.found() == {os.fsencode(house.pictures / "b.png")}


def test_without_weights_it_answers_by_name_and_says_what_mends_it(plain_house: House) -> None:
    house = plain_house
    picture(house.pictures / "IMG_1234.png", 1)
    house.start()
    house.sync()
    with house.client() as client:
        answer = client.search("IMG_1234")
    assert [match.path for match in answer.results] == [
        os.fsencode(house.pictures / "IMG_1234.png")
    ]
    assert answer.model is None
    assert any("imgqctl model pull" in reason for reason in answer.degraded)
    assert house.status().raw["model"]["state"] == "missing"
    shown = house.run("imgq", "IMG_1234")
    assert shown.returncode == 0
    assert "imgqctl model pull" in shown.stderr


def test_a_model_chosen_later_fills_in_what_was_catalogued_without_one(plain_house: House) -> None:
    house = plain_house
    house.put_before(TORCHLESS)
    for number in range(5):
        picture(house.pictures / f"{number}.png", number)
    house.start()
    house.sync()
    assert house.status().raw["model"]["waiting"] == 5
    assert house.run("imgqctl", "model", "use", "demo").returncode == 0
    house.wait(lambda status: status.raw["model"]["vectors"] == 5)
    house.assert_true()
    assert house.status().raw["model"]["waiting"] == 0


def test_the_embedder_ends_when_idle_and_comes_back_for_new_pictures(own_house: House) -> None:
    house = own_house
    house.settings_file.write_text(house.settings_file.read_text() + 'release_after = "200ms"\n')
    picture(house.pictures / "a.png", 1)
    house.start()
    house.assert_true()
    house.wait(lambda status: not status.raw["embedder"]["running"])
    picture(house.pictures / "b.png", 2)
    house.assert_true()


def test_a_killed_embedder_is_started_again_and_its_batch_repeated(own_house: House) -> None:
    house = own_house
    # Enough that a status, four in a second, falls into the middle of it.
    for number in range(900):
        picture(house.pictures / f"{number}.png", number)
    house.start()
    house.wait(lambda status: 0 < status.raw["model"]["vectors"] < 850)
    subprocess.run(
        ["pkill", "-KILL", "-P", str(house.pid), "-f", "imgqd.embedder [0-9]+ image"],
        check=True,
    )
    house.assert_true()
    status = house.status()
    assert status.raw["failed"] == {}
    assert status.raw["pictures"] == 900


def test_a_damaged_catalog_is_set_aside_and_built_again(plain_house: House) -> None:
    house = plain_house
    for number in range(20):
        picture(house.pictures / f"{number}.png", number)
    house.start()
    house.assert_true()
    house.stop()
    damaged = bytearray(house.catalog.read_bytes())
    damaged[4096 : len(damaged) : 7] = b"\xaa" * len(damaged[4096 : len(damaged) : 7])
    house.catalog.write_bytes(damaged)
    house.start()
    house.assert_true()
    assert list(house.catalog.parent.glob("catalog.sqlite3.damaged-*"))
    assert "set aside" in house.log.read_text()
