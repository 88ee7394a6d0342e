"""Notifications of the real daemon, over a real session bus, to a stand-in that shows them."""

from __future__ import annotations

import importlib.util
import json
import queue
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from desktop import session_bus
from house import PATIENCE, House, picture

if importlib.util.find_spec("jeepney") is None:
    pytest.skip("jeepney is not installed here", allow_module_level=True)

from panel import Notifications

pytestmark = pytest.mark.system


@pytest.fixture(scope="module")
def bus() -> Iterator[str]:
    with session_bus() as address:
        yield address


@pytest.fixture
def screen(bus: str) -> Iterator[Notifications]:
    with Notifications(bus, "body", "body-markup") as one:
        yield one


def test_the_end_of_the_first_indexing_is_told_and_a_desktop_that_hangs_hinders_nobody(
    own_house: House, bus: str, screen: Notifications
) -> None:
    house = own_house
    house.environment["DBUS_SESSION_BUS_ADDRESS"] = bus
    drive = house.base / "drive"
    for number in range(3):
        picture(house.pictures / f"{number}.png", number)
    picture(drive / "3.png", 3)
    house.start()
    with house.client() as client:
        client.add_root(drive)
    assert screen.shown() == (
        "Your pictures can be searched now",
        '4 pictures can be found by what they show. Try: imgq "beach sunset"',
    )
    screen.is_deaf = True
    drive.rename(house.base / "away")
    house.sync()
    assert screen.next()[0] == "GetCapabilities"
    # That the drive is gone is being told at this moment, and nobody answers.
    assert len(house.found()) == 3
    house.until_logged("'A folder of pictures is gone' was not shown: TimeoutError")
    assert house.stop() == 0
    with pytest.raises(queue.Empty):
        screen.told.get_nowait()


def herald(environment: dict[str, str], *, base: Path) -> subprocess.CompletedProcess[str]:
    """Let a notification be shown as the daemon does."""
    notice = json.dumps({"title": "T", "text": "a & <b>", "icon": "dialog-warning"})
    return subprocess.run(
        [sys.executable, "-m", "imgqd.herald"],
        input=notice, env={**environment, "XDG_RUNTIME_DIR": str(base)},
        capture_output=True, text=True, timeout=PATIENCE, check=False,
    )  # fmt: skip


@pytest.mark.parametrize(
    ("capabilities", "shown"),
    [(["body"], "a & <b>"), (["body", "body-markup"], "a &amp; &lt;b&gt;")],
    ids=["plain", "markup"],
)
def test_the_name_of_a_folder_is_shown_as_it_is(
    tmp_path: Path, bus: str, capabilities: list[str], shown: str
) -> None:
    with Notifications(bus, *capabilities) as screen:
        done = herald({"DBUS_SESSION_BUS_ADDRESS": bus}, base=tmp_path)
        assert (done.returncode, done.stderr) == (0, "")
        assert screen.shown() == ("T", shown)


def test_without_a_bus_or_without_anybody_who_shows_it_it_fails_in_one_line(
    tmp_path: Path, bus: str
) -> None:
    for environment in ({}, {"DBUS_SESSION_BUS_ADDRESS": bus}):
        done = herald(environment, base=tmp_path)
        assert done.returncode == 1
        assert len(done.stderr.splitlines()) == 1
