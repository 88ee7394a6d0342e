"""Words are encoded without torch: at once where it was prepared, and soon where it was not."""

from __future__ import annotations

import os
import signal
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import psutil
import pytest

from house import House, picture, running, until
from imgq.reports import Status
from model.test_exporter import small

pytestmark = [pytest.mark.system, pytest.mark.model]


def encoder_of(house: House) -> psutil.Process:
    """Return the text encoder, once the one before it has ended."""
    found: list[psutil.Process] = []

    def is_alone() -> bool:
        found[:] = [
            process
            for process in psutil.Process(house.pid).children()
            # One that was killed may be there for a moment, with nothing left to tell.
            if process.status() != psutil.STATUS_ZOMBIE
            and {"imgqd.encoder", "text"} & set(process.cmdline())
        ]
        return len(found) == 1

    until(is_alone, "one text encoder")
    return found[0]


def libraries(process: psutil.Process) -> set[str]:
    """Return which of the large libraries a process has in memory (Linux)."""
    maps = Path(f"/proc/{process.pid}/maps").read_text()
    return {name for name in ("torch", "onnxruntime") if f"/{name}/" in maps}


def scores(house: House, query: str) -> dict[bytes, float]:
    with house.client() as client:
        results = client.search(query, weak=True).results
    return {match.path: match.score for match in results if match.score is not None}


def is_light(status: Status) -> bool:
    return (status.model["text"] or {}).get("by") == "onnxruntime"


@pytest.fixture(scope="module")
def house(tmp_path_factory: pytest.TempPathFactory) -> Iterator[House]:
    base = tmp_path_factory.mktemp("text")
    house = House(base / "house", model=small(base / "model"), torchless=True)
    for seed in range(6):
        picture(house.pictures / f"{seed}.png", seed)
    yield house
    if house.process is not None and house.process.poll() is None:
        house.kill()


@pytest.fixture(scope="module")
def first(house: House) -> dict[bytes, float]:
    """Return what torch says to the first question, and leave an encoder without it."""
    with running(house):
        house.sync()
        said = scores(house, "a red car")
        by = house.status().model["text"]["by"]
        light = house.wait(is_light).model["text"]
        assert (by, light) == ("torch", {"by": "onnxruntime", "precision": "float32", "why": ""})
        assert libraries(encoder_of(house)) == {"onnxruntime"}
        assert scores(house, "another car") != said
        house.stop()
    return said


def test_the_next_start_needs_no_torch_and_says_the_same(
    house: House, first: dict[bytes, float]
) -> None:
    assert len(first) == 6
    with running(house):
        again = scores(house, "a red car")
        assert libraries(encoder_of(house)) == {"onnxruntime"}
        house.stop()
    assert again.keys() == first.keys()
    assert np.allclose([again[path] for path in first], list(first.values()), atol=1e-3)


def test_a_killed_encoder_is_started_again_for_the_next_text(
    house: House, first: dict[bytes, float]
) -> None:
    assert first
    with running(house):
        scores(house, "a red car")
        before = encoder_of(house)
        os.kill(before.pid, signal.SIGKILL)
        assert len(scores(house, "never asked before")) == 6
        assert encoder_of(house).pid != before.pid
        assert is_light(house.status())
        house.stop()
