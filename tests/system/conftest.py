from __future__ import annotations

import itertools
from collections.abc import Iterator
from pathlib import Path

import pytest

from house import House, running

_numbers = itertools.count()


@pytest.fixture(scope="session")
def shared_house(tmp_path_factory: pytest.TempPathFactory) -> Iterator[House]:
    """One daemon for all tests that need no life of its own; `house` gives each a clean folder."""
    with running(House(tmp_path_factory.mktemp("shared"))) as house:
        yield house


@pytest.fixture
def house(shared_house: House) -> House:
    """Give the shared daemon, with one root that no other test has seen, empty."""
    folder = shared_house.base / f"pictures-{next(_numbers)}"
    folder.mkdir()
    shared_house.pictures = folder
    with shared_house.client() as client:
        for root in client.roots():
            client.remove_root(root.path)
        client.add_root(folder)
    shared_house.sync()
    return shared_house


@pytest.fixture
def plain_house(tmp_path: Path) -> Iterator[House]:
    """Give places for a daemon that has no weights: it starts at once and knows names only."""
    yield from _own(House(tmp_path / "house", model="ViT-B-32/openai"))


@pytest.fixture
def own_house(tmp_path: Path) -> Iterator[House]:
    """Give places for a daemon of the test's own; the test starts it."""
    yield from _own(House(tmp_path / "house"))


def _own(house: House) -> Iterator[House]:
    yield house
    if house.process is not None and house.process.poll() is None:
        house.kill()
