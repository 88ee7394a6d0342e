"""What being current costs: a rescan beside its floor, `sync`, and a file from saved to found.

`python benchmarks/freshness.py [--files 100000] [--saves 40]`
"""

from __future__ import annotations

import os
import time
from pathlib import Path
from typing import Final

from measure import House, Result, Table, arguments, finish, ms, number, percentile, places, running

from house import picture
from imgqd.catalog import Reader, Writer
from imgqd.records import Observed, Stamp
from imgqd.scan import Tally, differences
from imgqd.scope import Scope

_EACH: Final = 100
"""Files in a folder."""

_ROUNDS: Final = 5


def main() -> None:
    """Measure all three, and print them."""
    told = arguments("what being current costs", files=100_000, saves=40)
    with places() as base:
        walks = _rescans(base / "walk", told.files)
        waits = _saves(base / "house", told.saves)
    text = (
        f"A walk of {told.files:,} unchanged files in folders of {_EACH}, every one compared with "
        f"the catalogue; beside it, taking turns, the floor: `os.scandir` and one `lstat` a file. "
        f"Each is the best of {_ROUNDS}. Then a daemon without a model, one picture saved at a "
        f"time, {told.saves} times: until `sync` returned, and what that takes when nothing "
        f"changed. A file is held for `watch.settle`, here its default of 300 ms."
    )
    finish(Result("What being current costs", text, (walks, waits)), told)


def _rescans(base: Path, count: int) -> Table:
    root = os.fsencode(base / "pictures")
    catalog = base / "catalog.sqlite3"
    folders = [os.path.join(root, b"%05d" % number) for number in range(count // _EACH)]
    for folder in folders:
        os.makedirs(folder)
        for number_ in range(_EACH):
            os.close(os.open(os.path.join(folder, b"IMG_%04d.jpg" % number_), os.O_CREAT, 0o644))
    _catalogue(catalog, root, folders)
    scope = Scope((root,), (".*", "node_modules", "@eaDir", "System Volume Information"))
    reader = Reader(catalog)
    ours, floors = [], []
    for _ in range(_ROUNDS):
        began = time.perf_counter()
        tally = Tally()
        assert not any(differences(root, scope, reader.stamps, tally))
        ours.append(time.perf_counter() - began)
        assert tally.files == len(folders) * _EACH
        began = time.perf_counter()
        _floor(root)
        floors.append(time.perf_counter() - began)
    reader.close()
    rows = [
        (side, f"{min(times):.2f} s", f"{number(min(times) / count * 1e6)} µs")
        for side, times in (("a rescan", ours), ("the floor", floors))
    ]
    columns = ("unchanged files", "all", "each")
    return Table(columns, (*rows, ("times the floor", number(min(ours) / min(floors)), "")))


def _catalogue(catalog: Path, root: bytes, folders: list[bytes]) -> None:
    writer = Writer(catalog)
    writer.set_roots([root], 0.0)
    [row] = writer.roots()
    status = os.stat(root)
    writer.set_root_state(row, (status.st_dev, status.st_ino), 0.0)
    for folder in folders:
        with os.scandir(folder) as entries:
            observed = [
                Observed(one.path, Stamp.of(one.stat()), 0.0, live=False) for one in entries
            ]
        writer.apply(observed, {folder: row.id}, 0.0)
    writer.close()


def _floor(folder: bytes) -> None:
    with os.scandir(folder) as entries:
        for entry in entries:
            if entry.is_dir(follow_symlinks=False):
                _floor(entry.path)
            else:
                entry.stat(follow_symlinks=False)


def _saves(base: Path, count: int) -> Table:
    house = House(base, model="ViT-B-32/openai")  # without its weights: files are all that counts
    saved, idle = [], []
    with running(house), house.client() as client:
        client.sync(60)
        for turn in range(count):
            picture(house.pictures / f"{turn}.png", turn)
            began = time.perf_counter()
            client.sync(60)
            saved.append(time.perf_counter() - began)
            began = time.perf_counter()
            client.sync(60)
            idle.append(time.perf_counter() - began)
        assert client.status().files == count
        house.stop()
    rows = tuple(
        (name, ms(percentile(times, 50)), ms(percentile(times, 99)))
        for name, times in (("after a save", saved), ("nothing changed", idle))
    )
    return Table(("`sync`", "median", "99 %"), rows)


if __name__ == "__main__":
    main()
