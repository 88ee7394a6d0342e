"""Real photographs, a full-size model, the real daemon: every one of them is found."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from house import House
from system.full_size import PHOTOGRAPHS, stored

pytestmark = [
    pytest.mark.system,
    pytest.mark.model,
    pytest.mark.skipif(not PHOTOGRAPHS.is_dir(), reason=f"no photographs at {PHOTOGRAPHS}"),
]


def photographs(house: House) -> list[Path]:
    return sorted(path for path in house.pictures.rglob("*") if path.is_file())


def test_every_photograph_is_indexed_and_has_a_vector(photographed: House) -> None:
    paths = photographs(photographed)
    status = photographed.status()
    assert len(paths) == 60
    assert status.files == len(paths)
    assert status.failed == {}
    assert set(stored(photographed.catalog)) == set(paths)


def test_every_photograph_is_found_by_its_name_in_the_first_place(photographed: House) -> None:
    misses = {}
    with photographed.client() as client:
        for path in photographs(photographed):
            best = client.search(path.stem).results[0]
            names = {Path(os.fsdecode(one)).stem for one in (best.path, *best.also)}
            if path.stem not in names:
                misses[path.name] = names
    assert not misses


def test_every_photograph_is_the_first_of_those_that_look_like_it(photographed: House) -> None:
    misses = {}
    with photographed.client() as client:
        for path in photographs(photographed):
            best = client.search(like=path, weak=True).results[0]
            if os.fsencode(path) not in {best.path, *best.also}:
                misses[path.name] = best.path
            assert best.score == pytest.approx(1, abs=2e-3)
    assert not misses
