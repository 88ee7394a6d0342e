"""Real photographs, a full-size model, the real daemon: every one of them is found."""

from __future__ import annotations

import os
import shutil
from collections.abc import Iterator
from pathlib import Path

import pytest

from house import House, running
from system.full_size import PHOTOGRAPHS, saved_in, stored

pytestmark = [
    pytest.mark.system,
    pytest.mark.model,
    pytest.mark.skipif(not PHOTOGRAPHS.is_dir(), reason=f"no photographs at {PHOTOGRAPHS}"),
]

PATIENCE = 100.0
"""Seconds for all of them: a machine without bfloat16 takes its time."""


@pytest.fixture(scope="module")
def library(tmp_path_factory: pytest.TempPathFactory) -> Iterator[House]:
    model = saved_in(tmp_path_factory.getbasetemp())
    house = House(tmp_path_factory.mktemp("photographs"), model=f"local-dir:{model}")
    shutil.copytree(PHOTOGRAPHS, house.pictures, dirs_exist_ok=True)
    with running(house):
        with house.client() as client:
            client.sync(PATIENCE)
        yield house


def photographs(house: House) -> list[Path]:
    return sorted(path for path in house.pictures.rglob("*") if path.is_file())


def test_every_photograph_is_indexed_and_has_a_vector(library: House) -> None:
    paths = photographs(library)
    status = library.status()
    assert len(paths) == 60
    assert status.files == len(paths)
    assert status.failed == {}
    assert set(stored(library.catalog)) == set(paths)


def test_every_photograph_is_found_by_its_name_in_the_first_place(library: House) -> None:
    misses = {}
    with library.client() as client:
        for path in photographs(library):
            best = client.search(path.stem).results[0]
            names = {Path(os.fsdecode(one)).stem for one in (best.path, *best.also)}
            if path.stem not in names:
                misses[path.name] = names
    assert not misses


def test_every_photograph_is_the_first_of_those_that_look_like_it(library: House) -> None:
    misses = {}
    with library.client() as client:
        for path in photographs(library):
            best = client.search(like=path, weak=True).results[0]
            if os.fsencode(path) not in {best.path, *best.also}:
                misses[path.name] = best.path
            assert best.score == pytest.approx(1, abs=2e-3)
    assert not misses
