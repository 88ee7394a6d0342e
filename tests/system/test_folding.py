"""Versions of one picture: found, and folded under the best on request."""

from __future__ import annotations

import os

import pytest
from PIL import Image

from house import House, picture

pytestmark = pytest.mark.system


def test_smaller_and_re_encoded_versions_are_found_and_folded_under_the_best(house: House) -> None:
    photo = Image.effect_noise((12, 9), 90).convert("RGB").resize((640, 480))
    photo.paste("red", (60, 80, 260, 300))
    photo.save(house.pictures / "best.png")
    photo.resize((320, 240)).save(house.pictures / "small.jpg", quality=60)
    photo.save(house.pictures / "web.webp", quality=70)
    other = Image.effect_noise((12, 9), 90).convert("RGB").resize((640, 480))
    other.paste("blue", (300, 200, 600, 400))
    other.save(house.pictures / "other.png")
    for number in range(10):
        picture(house.pictures / f"{number}.png", number)
    house.sync()
    with house.client() as client:
        [group] = client.search("is:duplicate").results
        [*each] = client.search("is:duplicate fold:no").results
        assert os.path.basename(group.path) == b"best.png"
        assert len(group.metadata["near"]) == 2
        assert {os.path.basename(one.path) for one in each} == {
            b"best.png", b"small.jpg", b"web.webp",
        }  # fmt: skip
        plain = client.search("picture", weak=True, limit=50).results
        folded = client.search("picture", weak=True, limit=50, fold=True).results
        by_line = client.search("picture fold:yes", weak=True, limit=50).results
    assert len(plain) == 14
    assert [one.path for one in folded] == [one.path for one in by_line]
    assert len(folded) == 12
    [best] = [one for one in folded if one.path.endswith(b"best.png")]
    versions = {os.path.basename(os.fsencode(one["path"])) for one in best.metadata["near"]}
    assert versions == {b"small.jpg", b"web.webp"}
