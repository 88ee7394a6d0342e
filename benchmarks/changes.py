"""Changes on the disk: a file saved, a folder renamed, nothing changed at all.

`python benchmarks/changes.py [--saves 20] [--colds 3] [--renamed 10000] [--files 100000]`
"""

from __future__ import annotations

import os
import shutil
import time
from collections import Counter
from pathlib import Path
from typing import Final

from measure import (
    House,
    Result,
    Table,
    arguments,
    come_to_rest,
    finish,
    ms,
    number,
    percentile,
    places,
    processes,
    running,
)

from house import picture
from walked import bare_walk

_SETTLE: Final = 0.3
"""Seconds: the default of `watch.settle`."""

_ROUNDS: Final = 5
_CONTENTS: Final = 500
"""Different pictures among the files of a rescan: their content is of no concern to it."""

_EACH: Final = 100
"""Files in a folder."""

_PATIENCE: Final = 3600.0


def main() -> None:
    """Measure all three, and print them."""
    told = arguments("changes on the disk", saves=20, colds=3, renamed=10_000, files=100_000)
    from system.full_size import ARCHITECTURE, saved_in

    with places() as base:
        os.environ["XDG_CACHE_HOME"] = str(base / "cache")
        model = f"local-dir:{saved_in(base)}"
        warm, cold = _saves(base / "saves", model, told.saves, told.colds)
        renames, decoded = _renames(base / "renames", told.renamed)
        scans, floors = _rescans(base / "scans", told.files)
    text = (
        f"One picture of 12 MP saved at a time, until `sync` has returned and the picture is "
        f"found by what it shows, with {ARCHITECTURE} (random weights): {told.saves} times while "
        f"the embedder runs, {told.colds} times after it and the decoders have ended. A file is "
        f"held for `watch.settle`, {_SETTLE * 1000:g} ms, first. Then a folder of "
        f"{told.renamed:,} small pictures in folders of {_EACH} is renamed, {_ROUNDS} times, "
        f"until `sync` has returned and all are found under the new name (the demo model, which "
        f"embeds at once). Then a `rescan` of {told.files:,} unchanged files, by turns with a "
        f"bare walk (`os.scandir`, one `lstat` a file)."
    )
    tables = (
        _table("saved, until it is found", {"embedder warm": warm, "embedder cold": cold}),
        _table("renamed, until all are found", {f"{told.renamed:,} pictures": renames}),
        _table(
            "unchanged files",
            {f"rescan of {told.files:,}": scans, "a bare walk of them": floors},
        ),
    )
    figures = {
        "saved_warm_s": percentile(warm, 50) - _SETTLE,
        "saved_cold_s": percentile(cold, 50) - _SETTLE,
        "renamed_s": percentile(renames, 50),
        "renamed_decoded": float(decoded),
        "rescan_s": percentile(scans, 50),
    }
    if told.renamed != 10_000:
        figures.pop("renamed_s")
    if told.files != 100_000:
        figures.pop("rescan_s")
    finish(Result("Changes on the disk", text, tables, figures), told)


def _saves(base: Path, model: str, warms: int, colds: int) -> tuple[list[float], list[float]]:
    from measure import photograph

    house = House(base, model=model, settings='release_after = "20s"\n')
    ready = base / "ready"
    ready.mkdir()
    warm: list[float] = []
    cold: list[float] = []
    with running(house), house.client(timeout=600) as client:
        for turn in range(warms + colds + 1):
            path = photograph(ready / f"{turn}.jpg", (4000, 3000), turn)
            if turn > warms:
                _until_alone(house)
            elif turn == 1:
                come_to_rest(house.pid)
            began = time.monotonic()
            shutil.copy(path, house.pictures / path.name)
            client.sync(600)
            # One more than there were: by content, or it would not be counted.
            found = client.search(like=house.pictures / path.name, weak=True)
            took = time.monotonic() - began
            assert any(os.path.basename(one.path) == path.name.encode() for one in found.results)
            assert client.status().model["vectors"] == turn + 1
            (warm if turn <= warms else cold).append(took)
        house.stop()
    return warm[1:], cold


def _until_alone(house: House) -> None:
    """Wait until neither embedder nor decoders run."""
    busy = {"embedder", "decoder"}
    while busy & {one.role for one in processes(house.pid)}:
        time.sleep(0.5)


def _renames(base: Path, count: int) -> tuple[list[float], int]:
    from demo.sample import small_pictures

    house = House(base)
    small_pictures(house.pictures / "before" / "all", count, seed=4)
    for turn, path in enumerate(sorted((house.pictures / "before" / "all").iterdir())):
        place = house.pictures / "before" / f"{turn // _EACH:05}"
        place.mkdir(exist_ok=True)
        path.rename(place / path.name)
    times, name = [], "before"
    with running(house), house.client(timeout=_PATIENCE) as client:
        client.sync(_PATIENCE)
        come_to_rest(house.pid)
        before = house.counters()
        for turn in range(_ROUNDS):
            began = time.monotonic()
            (house.pictures / name).rename(house.pictures / f"after{turn}")
            client.sync(_PATIENCE)
            name = f"after{turn}"
            found = client.search(f"in:{name}", weak=True).total
            times.append(time.monotonic() - began)
            assert found == count, f"{found} of {count}"
        done = _since(house, before)
        house.stop()
    return times, done["decoded"] + done["embedded"]


def _since(house: House, before: Counter[str]) -> Counter[str]:
    now = house.counters()
    now.subtract(before)
    return now


def _rescans(base: Path, count: int) -> tuple[list[float], list[float]]:
    house = House(base, model="ViT-B-32/openai")  # without its weights: files are all that counts
    for turn in range(_CONTENTS):
        picture(base / "contents" / f"{turn}.png", turn)
    contents = [(base / "contents" / f"{turn}.png").read_bytes() for turn in range(_CONTENTS)]
    for turn in range(count):
        place = house.pictures / f"{turn // _EACH:05}" / f"{turn}.png"
        place.parent.mkdir(exist_ok=True)
        place.write_bytes(contents[turn % _CONTENTS])
    scans, floors = [], []
    with running(house), house.client(timeout=_PATIENCE) as client:
        client.sync(_PATIENCE)
        assert client.status().files == count
        for _ in range(_ROUNDS):
            began = time.monotonic()
            client.rescan()
            client.sync(_PATIENCE)
            scans.append(time.monotonic() - began)
            began = time.monotonic()
            assert bare_walk(os.fsencode(house.pictures)) == count
            floors.append(time.monotonic() - began)
        house.stop()
    return scans, floors


def _table(title: str, sides: dict[str, list[float]]) -> Table:
    rows = tuple(
        (
            side,
            str(len(taken)),
            ms(percentile(taken, 50)),
            ms(max(taken)),
            number(min(taken) * 1000),
        )
        for side, taken in sides.items()
        if taken
    )
    return Table((title, "times", "median", "longest", "shortest, ms"), rows)


if __name__ == "__main__":
    main()
