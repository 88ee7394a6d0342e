"""A laptop on battery: bulk work waits and says why, single new files get in."""

from __future__ import annotations

import os
import signal
from pathlib import Path

import pytest

from house import EAGER, House, picture
from imgq.errors import ImgqError

pytestmark = pytest.mark.system

UNPLUGGED = Path(__file__).parents[1] / "unplugged"


@pytest.fixture
def laptop(own_house: House) -> House:
    """Give a house whose daemon lives on a laptop: it is on battery while `cable` is there."""
    settings = own_house.settings_file.read_text()
    assert EAGER in settings
    own_house.settings_file.write_text(settings.replace(EAGER, ""))
    own_house.put_before(UNPLUGGED)
    own_house.environment["IMGQ_TEST_UNPLUGGED"] = str(own_house.base / "cable")
    (own_house.base / "cable").touch()
    for number in range(5):
        picture(own_house.pictures / f"old {number}.png", number)
    return own_house


def test_on_battery_bulk_work_waits_and_says_why_and_single_new_files_get_in(
    laptop: House,
) -> None:
    house = laptop
    house.start()
    status = house.wait(lambda status: any("battery" in one for one in status.degraded))
    assert status.state == "paused"
    assert status.raw["pending"] == 5
    picture(house.pictures / "new.png", 100)
    status = house.wait(lambda status: status.raw["model"]["vectors"] == 1)
    assert status.raw["pending"] == 5
    with house.client() as client:
        with pytest.raises(ImgqError, match=r"5 files wait: on battery: imgqctl resume"):
            client.sync(60)
        why = client.why(house.pictures / "old 1.png")
    assert (why.state, "on battery" in why.detail) == ("pending", True)
    shown = house.run("imgqctl", "status").stdout
    assert "bulk work waits: on battery: imgqctl resume works on all the same" in shown
    # A person who says so is not asked again.
    assert house.run("imgqctl", "resume").returncode == 0
    house.assert_true()
    assert house.status().degraded == ()


def test_at_the_mains_bulk_work_goes_on(laptop: House) -> None:
    house = laptop
    house.start()
    house.wait(lambda status: any("battery" in one for one in status.degraded))
    os.unlink(house.base / "cable")
    house.signal(signal.SIGHUP)  # it looks at once; else at most half a minute later
    # A sync that comes before that look is told of the battery, as it should be.
    house.wait(lambda status: not any("battery" in one for one in status.degraded))
    house.assert_true()
