from __future__ import annotations

import itertools
import os
import shutil
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

import drawings
from faults_ground import WITHOUT_OVERRIDE, Missing, Mounts, check_limits, ext4, limited
from house import House, running

_numbers = itertools.count()


@pytest.fixture(scope="session")
def shared_house(tmp_path_factory: pytest.TempPathFactory) -> Iterator[House]:
    """One daemon for all tests that need no life of its own; `house` gives each a clean folder."""
    with running(House(tmp_path_factory.mktemp("shared"), torchless=True)) as house:
        yield house


@pytest.fixture
def house(shared_house: House) -> House:
    """Give the shared daemon, with one root that no other test has seen, empty."""
    folder = shared_house.base / f"pictures-{next(_numbers)}"
    folder.mkdir()
    shared_house.pictures = folder
    shared_house.sync()  # before its first look it has no roots to remove
    with shared_house.client() as client:
        for root in client.roots():
            client.remove_root(root.path)
        client.add_root(folder)
    shared_house.sync()
    return shared_house


@pytest.fixture(scope="session")
def photographed(tmp_path_factory: pytest.TempPathFactory) -> Iterator[House]:
    """One daemon with a full-size model in float32, and the photographs, if they are there."""
    from system.full_size import photographed_in  # it imports torch

    with photographed_in(tmp_path_factory.getbasetemp()) as house:
        yield house


@pytest.fixture(scope="module")
def library(tmp_path_factory: pytest.TempPathFactory) -> Iterator[House]:
    """Give a daemon of the module's own with four drawings, one of them oddly named."""
    captions = ("red car", "blue boat", "green tree", "odd \udcff <b>&")
    with drawings.drawings(tmp_path_factory.mktemp("library"), captions) as house:
        yield house


@pytest.fixture
def opened(library: House) -> Path:
    """Give the file in which is written down what is opened in the library."""
    return drawings.opened(library)


@pytest.fixture
def plain_house(tmp_path: Path) -> Iterator[House]:
    """Give places for a daemon that has no weights: it starts at once and knows names only."""
    yield from _own(House(tmp_path / "house", model="ViT-B-32/openai"))


@pytest.fixture
def own_house(tmp_path: Path) -> Iterator[House]:
    """Give places for a daemon of the test's own; the test starts it."""
    yield from _own(House(tmp_path / "house", torchless=True))


@pytest.fixture
def torch_house(tmp_path: Path) -> Iterator[House]:
    """Give the same where it matters that torch is at work."""
    yield from _own(House(tmp_path / "house"))


def _own(house: House) -> Iterator[House]:
    yield house
    if house.process is not None and house.process.poll() is None:
        house.kill()


@pytest.fixture
def mounts(tmp_path: Path) -> Iterator[Mounts]:
    """Give a hand that mounts; skip where it may not."""
    with Mounts() as hand:
        probe = tmp_path / "probe"
        try:
            hand.tmpfs(probe)
        except Missing as missing:
            pytest.skip(f"nothing can be mounted here: {missing}")
        hand.unmount(probe)
        yield hand


@pytest.fixture
def limited_house(plain_house: House) -> House:
    """Give a house whose daemon may have 10 inotify watches; skip where that cannot be."""
    try:
        check_limits()
    except Missing as missing:
        pytest.skip(f"no inotify limits of its own for a process: {missing}")
    plain_house.launcher = limited(watches=10)
    return plain_house


@pytest.fixture
def humble_house(plain_house: House) -> House:
    """Give a house whose daemon a mode can keep out, even where the tests run as root."""
    if os.geteuid() == 0:
        if shutil.which("setpriv") is None:
            pytest.skip("as root a mode keeps nobody out, and there is no setpriv")
        plain_house.launcher = WITHOUT_OVERRIDE
    return plain_house


@pytest.fixture(params=["tmpfs", "ext4"])
def mount_disk(
    request: pytest.FixtureRequest, mounts: Mounts, tmp_path: Path
) -> Callable[[Path], None]:
    """Give what mounts one disk, with what was left on it, at a place."""
    try:
        if request.param == "tmpfs":
            mounts.tmpfs(tmp_path / "disk")
            return lambda point: mounts.bind(tmp_path / "disk", point)
        image = ext4(tmp_path / "disk.ext4")
        mounts.image(image, tmp_path / "probe")
        mounts.unmount(tmp_path / "probe")
    except Missing as missing:
        pytest.skip(str(missing))
    return lambda point: mounts.image(image, point)
