"""From no weights to found pictures: the whole program against a stand-in for the hub."""

from __future__ import annotations

import threading
from collections import deque
from collections.abc import Iterator
from pathlib import Path

import pytest

import imgqd
from daemon.hub import Hub
from house import House, picture
from imgq.errors import Refused
from imgq.reports import Download, Status

pytestmark = pytest.mark.system

DEMO = Path(imgqd.__file__).parent / "data" / "demo"
WEIGHTS = (DEMO / "open_clip_model.safetensors").stat().st_size
SMALL = (DEMO / "open_clip_config.json").stat().st_size
NAME = "hf-hub:somebody/small-clip"


@pytest.fixture
def hub() -> Iterator[Hub]:
    """Give a hub that has one small, real open_clip model: the demo model's files."""
    files = ("open_clip_config.json", "open_clip_model.safetensors")
    with Hub({f"somebody/small-clip/{name}": (DEMO / name).read_bytes() for name in files}) as one:
        yield one


@pytest.fixture
def house(own_house: House, hub: Hub) -> House:
    """Give a daemon whose settings name that model, with three pictures and no weights."""
    settings = own_house.settings_file.read_text().replace('"demo"', f'"{NAME}"')
    own_house.settings_file.write_text(settings)
    own_house.environment |= {"HF_ENDPOINT": hub.url, "NO_PROXY": "127.0.0.1"}
    for number in range(3):
        picture(own_house.pictures / f"{number}.png", number)
    own_house.start()
    own_house.sync()
    return own_house


def test_a_model_is_pulled_with_progress_and_the_pictures_become_searchable(
    house: House, hub: Hub
) -> None:
    assert house.status().raw["model"]["state"] == "missing"
    assert hub.asked == [], "nobody asked for a download, and none was made"
    hub.hold = threading.Event()
    halves: list[Download] = []

    def see(status: Status) -> None:
        """Let each file go on once its progress was shown."""
        shown, held = status.download, hub.hold
        seen = {half.file for half in halves}
        if shown and shown.done > 0 and shown.file not in seen and held is not None:
            halves.append(shown)
            hub.hold = threading.Event() if shown.total < WEIGHTS else None
            held.set()

    with house.client() as client:
        pulled = client.pull_model(NAME, see)
    assert pulled.size >= WEIGHTS
    assert 0 < halves[-1].done < halves[-1].total == WEIGHTS
    house.wait(lambda status: status.raw["model"]["vectors"] == 3)
    house.assert_true()
    with house.client() as client:
        answer = client.search("red", weak=True)
    assert answer.model == NAME
    assert answer.degraded == ()


def test_a_download_that_is_cut_off_uses_nothing_and_goes_on_where_it_ended(
    house: House, hub: Hub
) -> None:
    hub.cuts = deque([SMALL, 1_000_000, 0])
    with house.client() as client, pytest.raises(Refused, match="imgqctl model pull"):
        client.pull_model(NAME)
    assert house.status().raw["model"]["state"] == "missing"
    hub.cuts.clear()
    before = hub.received()
    with house.client() as client:
        client.pull_model(NAME)
    assert hub.received() - before <= WEIGHTS - 1_000_000 + SMALL
    house.wait(lambda status: status.raw["model"]["vectors"] == 3)


def test_a_wrong_checksum_is_refused_and_nothing_of_it_is_used(house: House, hub: Hub) -> None:
    weights = (DEMO / "open_clip_model.safetensors").read_bytes()
    hub.instead = bytes([weights[0] ^ 1]) + weights[1:]
    with house.client() as client, pytest.raises(Refused, match="checksum"):
        client.pull_model(NAME)
    assert house.status().raw["model"]["state"] == "missing"
    with house.client() as client:
        answer = client.search("0.png", weak=True)
    assert answer.model is None
    assert [match.score for match in answer.results] == [None]


def test_a_hub_that_refuses_is_one_line_with_exit_status_four(house: House, hub: Hub) -> None:
    hub.refuse = (401, "GatedRepo")
    refused = house.run("imgqctl", "model", "pull", NAME)
    assert refused.returncode == 4
    assert refused.stderr.strip().count("\n") == 0
    assert "somebody/small-clip" in refused.stderr
    assert house.status().raw["model"]["state"] == "missing"
