"""Gross losses of speed, as ratios within one run: each side's best of some turns.

The best, or CPU time, is what a busy machine changes least; the limits are far
from what is measured (said beside each), so only something new and slow trips them.
"""

from __future__ import annotations

import itertools
import os
import resource
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from house import BIN, House, picture, running
from imgqd.catalog import Reader, Writer
from imgqd.records import Observed, Stamp
from imgqd.scan import Tally, differences
from imgqd.scope import Scope
from walked import bare_walk

pytestmark = pytest.mark.system

_numbers = itertools.count()


@pytest.fixture(scope="module")
def fast_house(tmp_path_factory: pytest.TempPathFactory) -> Iterator[House]:
    house = House(tmp_path_factory.mktemp("ratios"), torchless=True)
    for number in range(60):
        picture(house.pictures / "before" / f"{number}.png", number)
    with running(house):
        house.sync()
        yield house


def _cpu(house: House, *command: str) -> float:
    """Return the CPU seconds of a command, as installed: compiled once, not at every start."""
    compiled = {"PYTHONDONTWRITEBYTECODE": "", "PYTHONPYCACHEPREFIX": str(house.base / "compiled")}
    environment = house.environment | compiled
    del environment["PYTHONPATH"]  # which is the daemon's

    def spent() -> float:
        used = resource.getrusage(resource.RUSAGE_CHILDREN)
        return used.ru_utime + used.ru_stime

    before = spent()
    subprocess.run(command, env=environment, stdout=subprocess.DEVNULL, check=True)
    return spent() - before


def test_a_search_costs_less_than_two_and_a_half_empty_pythons(fast_house: House) -> None:
    # Measured: 1.5 of them.
    imgq = str(BIN / "imgq")
    empty, ours = [], []
    for _ in range(8):
        empty.append(_cpu(fast_house, sys.executable, "-c", "pass"))
        ours.append(_cpu(fast_house, imgq, "--all", "a red car"))
    assert min(ours) < 2.5 * min(empty)


def test_a_text_asked_before_is_answered_sooner_than_a_new_one(fast_house: House) -> None:
    # Two texts by turns: the answer's own cache would hide that of the texts.
    def asked(query: str) -> float:
        began = time.perf_counter()
        client.search(query, weak=True, limit=1)
        return time.perf_counter() - began

    with fast_house.client() as client:
        asked("a red car")
        new, again = [], []
        for _ in range(25):
            new.append(asked(f"a text never asked {next(_numbers)}"))
            again.append(asked("a red car"))
    assert min(again) < 0.9 * min(new)


def test_a_renamed_folder_costs_no_decoding(fast_house: House) -> None:
    before = fast_house.counters()
    (fast_house.pictures / "before").rename(fast_house.pictures / "after")
    fast_house.sync()
    after = fast_house.counters()
    assert after["reused"] - before["reused"] == 60
    assert (after["decoded"], after["embedded"]) == (before["decoded"], before["embedded"])
    assert len(fast_house.found()) == 60


def test_a_rescan_costs_less_than_six_bare_walks(tmp_path: Path) -> None:
    # Measured: 1.8 of them. To open each file would be 6 more, to ask for each row of it 15.
    files = 4000
    root = os.fsencode(tmp_path / "pictures")
    _unchanged(tmp_path / "catalog.sqlite3", root, files)
    scope = Scope((root,), (".*", "node_modules", "@eaDir", "System Volume Information"))
    reader = Reader(tmp_path / "catalog.sqlite3")
    walks, rescans = [], []
    for _ in range(6):
        began = time.process_time()
        assert bare_walk(root) == files
        walks.append(time.process_time() - began)
        began = time.process_time()
        tally = Tally()
        assert not any(differences(root, scope, reader.stamps, tally))
        rescans.append(time.process_time() - began)
        assert tally.files == files
    reader.close()
    assert min(rescans) < 6 * min(walks)


def _unchanged(catalog: Path, root: bytes, files: int) -> None:
    """Make a tree of empty files and a catalog that knows them all."""
    writer = Writer(catalog)
    writer.set_roots([root], 0.0)
    [row] = writer.roots()
    for number in range(files // 100):
        folder = os.path.join(root, b"%03d" % number)
        os.makedirs(folder)
        paths = [os.path.join(folder, b"IMG_%04d.jpg" % one) for one in range(100)]
        for path in paths:
            os.close(os.open(path, os.O_CREAT, 0o644))
        observed = [Observed(path, Stamp.of(os.lstat(path)), 0.0, live=False) for path in paths]
        writer.apply(observed, {folder: row.id}, 0.0)
    writer.close()
