"""Prints on their way from the decoder to the catalog, with a model and without."""

from __future__ import annotations

import sqlite3
from contextlib import closing
from pathlib import Path

import pytest
from PIL import Image

import doubles
from house import House, running

pytestmark = pytest.mark.system


def lay_out(folder: Path) -> None:
    for number, (_, image) in enumerate(doubles.drawings(3)):
        image.save(folder / f"{number}.png")
    with Image.open(folder / "0.png") as image:
        image.resize((160, 120)).save(folder / "copy of 0.jpg")


def near(house: House) -> list[tuple[str, str]]:
    names = (
        "SELECT CAST(one.name AS TEXT), CAST(two.name AS TEXT) FROM near "
        "JOIN file AS one ON one.image = near.image JOIN file AS two ON two.image = near.other"
    )
    with closing(sqlite3.connect(house.catalog)) as db:
        return sorted(db.execute(names).fetchall())


PAIR = [("0.png", "copy of 0.jpg"), ("copy of 0.jpg", "0.png")]


@pytest.mark.parametrize("model", ["demo", "fast"], ids=["with a model", "not downloaded"])
def test_a_smaller_copy_is_paired_with_its_picture(tmp_path: Path, model: str) -> None:
    with running(House(tmp_path, model=model, torchless=True)) as house:
        lay_out(house.pictures)
        house.sync()
        assert near(house) == PAIR


def test_what_an_earlier_version_saw_gets_its_print_when_it_is_read_again(tmp_path: Path) -> None:
    with running(House(tmp_path, torchless=True)) as house:
        lay_out(house.pictures)
        house.sync()
        house.stop()
        [catalog] = house.base.rglob("catalog.sqlite3")
        with closing(sqlite3.connect(catalog)) as db:
            db.executescript(
                "DELETE FROM print; DELETE FROM near; UPDATE file SET state = 'pending'"
            )
        house.start()
        house.sync()
        assert near(house) == PAIR
        assert house.counters()["embedded"] == 0
