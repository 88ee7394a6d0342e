"""`imgqctl doctor` against the real daemon: a healthy house, and what goes wrong in others."""

from __future__ import annotations

import contextlib
import json
import os
import signal
import sqlite3
from typing import Any

import pytest

from house import House, picture
from imgq.reports import Status

pytestmark = pytest.mark.system


def diagnosis(house: House, status: int) -> dict[str, dict[str, Any]]:
    """Return the findings by their name, of several with one name the worst."""
    run = house.run("imgqctl", "doctor", "--json")
    assert run.returncode == status, run.stdout + run.stderr
    found: dict[str, dict[str, Any]] = {}
    for line in run.stdout.splitlines():
        row = json.loads(line)
        if row["name"] not in found or row["state"] != "fine":
            found[row["name"]] = row
    return found


def amiss(found: dict[str, dict[str, Any]]) -> dict[str, str]:
    return {name: row["state"] for name, row in found.items() if row["state"] != "fine"}


def falsify(house: House, name: str) -> None:
    """Write another size into the row of a file, as a daemon that missed a change would have it."""
    catalog = sqlite3.connect(house.catalog, timeout=20)
    with contextlib.closing(catalog), catalog:
        row = catalog.execute(
            "UPDATE file SET size = size + 1 WHERE name = ?", (os.fsencode(name),)
        )
        assert row.rowcount == 1


def is_without_model(status: Status) -> bool:
    return bool(status.raw["model"]["state"] == "missing")


def test_a_healthy_house_is_fine_all_through(house: House) -> None:
    for number in range(6):
        picture(house.pictures / "sub" / f"{number}.png", number)
    house.sync()
    found = diagnosis(house, 0)
    assert amiss(found) == {}
    assert found["audit"]["detail"] == "6 files: disk and catalog agree"
    assert found["index"]["detail"] == "6 vectors: index and catalog agree"
    assert f"pid {house.pid}" in found["daemon"]["detail"]
    assert str(house.socket) in found["socket"]["detail"]
    assert found["catalog"]["detail"].startswith("sound, 6 files, 6 pictures")
    assert found["model"]["detail"].startswith("demo, from this installation: 6 vectors")
    text = house.run("imgqctl", "doctor").stdout.splitlines()
    assert {line[:5] for line in text} == {"ok   "}
    (own,) = [line for line in text if f" {house.pictures}" in line]
    assert own.endswith(": 6 files, watched live")


def test_a_change_that_the_daemon_never_noticed_is_found_and_mended_by_a_rescan(
    house: House,
) -> None:
    for name in ("kept.png", "false.png"):
        picture(house.pictures / name, len(name))
    house.sync()
    falsify(house, "false.png")
    row = diagnosis(house, 1)["audit"]
    assert row["state"] == "bad"
    assert row["detail"].startswith("1 of 2 files differs from the catalog")
    assert row["detail"].endswith(f"{house.pictures}/false.png")
    assert "imgqctl rescan" in row["remedy"]
    assert house.run("imgqctl", "rescan").returncode == 0
    house.sync()
    assert diagnosis(house, 0)["audit"]["state"] == "fine"


def test_a_picture_that_comes_while_the_doctor_looks_is_no_difference(house: House) -> None:
    picture(house.pictures / "first.png", 99)
    house.sync()  # a model that has yet to be loaded is another matter
    for number in range(40):
        picture(house.pictures / f"{number % 4}" / f"{number}.png", number)
        if number % 10 == 0:
            row = diagnosis(house, 0)["audit"]
            assert row["state"] == "fine", row


def test_settings_that_changed_since_the_start_are_told_until_they_are_read(
    plain_house: House,
) -> None:
    house = plain_house
    house.start()
    house.wait(is_without_model)
    before = house.settings_file.read_text()
    house.settings_file.write_text(f'exclude = ["x"]\n{before}')
    row = diagnosis(house, 1)["settings"]
    assert (row["state"], row["remedy"]) == ("warning", f"kill -HUP {house.pid}")
    house.signal(signal.SIGHUP)
    with house.client() as client:
        for _ in client.statuses():
            if {check.name: check for check in client.doctor()}["settings"].state == "fine":
                break
    house.settings_file.write_text(f"{before}\nnonsense = 1\n")
    row = diagnosis(house, 1)["settings"]
    assert row["state"] == "bad"
    assert "nonsense" in row["detail"]


def test_a_missing_model_is_bad_and_comes_with_the_command(plain_house: House) -> None:
    plain_house.start()
    plain_house.wait(is_without_model)
    found = diagnosis(plain_house, 1)
    assert amiss(found) == {"model": "bad"}
    assert found["model"]["remedy"].startswith("imgqctl model pull ViT-B-32/openai")
    assert "texts asleep, pictures asleep" in found["accelerator"]["detail"]


def test_a_paused_daemon_with_work_to_do_is_a_warning(plain_house: House) -> None:
    house = plain_house
    house.start()
    house.wait(is_without_model)
    house.sync()
    assert house.run("imgqctl", "pause").returncode == 0
    picture(house.pictures / "new.png", 1)
    house.wait(lambda status: status.pending == 1)
    row = diagnosis(house, 1)["audit"]
    assert row["state"] == "warning"
    assert row["remedy"] == "imgqctl resume"


def test_an_offline_folder_and_the_remains_of_a_damaged_catalog_are_told(
    plain_house: House,
) -> None:
    house = plain_house
    strange = os.fsencode(house.base) + b"/gone \xff"
    os.mkdir(strange)
    picture(os.path.join(strange, b"a.png"), 1)
    house.start()
    link = house.base / "link"
    link.symlink_to(os.fsdecode(strange))
    house.settings_file.write_text(f'folders = ["{link}"]\n')
    house.stop()
    house.start()
    house.sync()
    os.rename(strange, strange + b"2")
    left = house.catalog.with_name(f"{house.catalog.name}.damaged-20260101-000000")
    left.write_bytes(b"x" * 3000)
    found = diagnosis(house, 1)
    assert found["folder"]["state"] == "warning"
    assert "gone \\xff is offline" in found["folder"]["detail"]
    assert found["catalog"]["state"] == "warning"
    assert "1 file (2.9 KiB) of a damaged one" in found["catalog"]["detail"]
    assert found["audit"]["state"] == "fine"


def test_without_a_daemon_the_status_is_3_and_the_remedy_is_start(plain_house: House) -> None:
    found = diagnosis(plain_house, 3)
    assert found["daemon"]["remedy"] == "imgqctl start"
    assert amiss(found) == {"daemon": "bad"}
    plain_house.start()
    plain_house.kill()
    found = diagnosis(plain_house, 3)
    assert amiss(found) == {"daemon": "bad", "socket": "warning"}
