"""A library that outgrows the exact index, with the real daemon: nobody notices but by status."""

from __future__ import annotations

import os
from collections.abc import Iterator
from pathlib import Path

import pytest

from demo.sample import small_pictures
from house import House, picture, running
from imgq.reports import Status

pytestmark = pytest.mark.system

COUNT = 1050
LINES = ("red car", "green tree", "yellow star", "blue boat")


@pytest.fixture(scope="module")
def house(tmp_path_factory: pytest.TempPathFactory) -> Iterator[House]:
    base = tmp_path_factory.mktemp("forms")
    house = House(base / "house", settings="[index]\nexact_up_to = 1000\n", torchless=True)
    small_pictures(house.pictures / "many", 990, seed=1)
    with running(house):
        house.sync()
        yield house


def form(status: Status) -> str | None:
    index = status.model["index"]
    return None if index is None or index["work"] is not None else str(index["form"])


def answers(house: House) -> list[list[tuple[bytes, float]]]:
    with house.client() as client:
        return [
            [
                (hit.path, round(hit.score or 0, 5))
                for hit in client.search(line, weak=True, limit=30).results
            ]
            for line in LINES
        ]


def test_a_library_that_grows_and_shrinks_changes_its_index_in_the_background(
    house: House,
) -> None:
    assert form(house.status()) == "exact"
    small_pictures(house.pictures / "more", COUNT - 990, seed=2)
    house.sync()
    house.wait(lambda status: form(status) == "inverted")
    inverted = answers(house)
    files = {path.name.partition("-")[0] for path in folder(house).iterdir()}
    assert files == {"codes", "vectors", "head.json"}
    # Live at once, both of them.
    gone = inverted[0][0][0]
    content = Path(os.fsdecode(gone)).read_bytes()
    os.unlink(gone)
    house.sync()
    assert gone not in {path for path, _ in answers(house)[0]}
    (house.pictures / "back.png").write_bytes(content)
    picture(house.pictures / "new.png", 1)
    house.sync()
    changed = answers(house)
    assert changed[0][0] == (os.fsencode(house.pictures / "back.png"), inverted[0][0][1])
    # The same answers from the files, and from a start without them.
    house.stop()
    house.start()
    house.wait(lambda status: status.model["state"] == "ready")
    assert form(house.status()) == "inverted"
    assert answers(house) == changed
    house.kill()
    for path in folder(house).glob("codes-*"):
        path.write_bytes(b"not what was written")
    house.start()
    house.sync()
    house.wait(lambda status: form(status) == "inverted")
    assert answers(house) == changed


def folder(house: House) -> Path:
    [one] = (house.catalog.parent / "index").iterdir()
    return one
