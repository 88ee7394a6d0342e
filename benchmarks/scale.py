"""A library of a hundred thousand pictures, of a million, and (`--huge`) of ten millions.

`python benchmarks/scale.py [--huge] [--plot docs/scale.svg]`

The vectors are made up (`synthetic` says how), the catalog and all that reads it are the
daemon's own. Ten millions take 40 GB of disk and two hours.
"""

from __future__ import annotations

import argparse
import json
import shutil
import sqlite3
import subprocess
import sys
import time
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

from growth import drawn
from measure import ROOT, Result, Table, finish, ms, number, parsed, percentile, places

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray
    from synthetic import World

_SIZES: Final = (100_000, 1_000_000)
_HUGE: Final = 10_000_000
_IN_MEMORY: Final = 20_000
"""Pictures whose vectors the daemon holds in memory: beyond, files are made."""

_QUERIES: Final = 200
_DEPTHS: Final = (10, 100)

_LIMITS: Final = {
    100_000: ("≤ 8 ms", "1 / 1", "≤ 110 MB", "≤ 2.5 s", "≤ 2", "-", "≤ 5 ms"),
    1_000_000: ("≤ 3 ms", "0.99 / 0.98", "≤ 160 MB", "≤ 4 s", "≤ 2", "≤ 3 min", "≤ 30 ms"),
    _HUGE: ("≤ 6 ms", "0.98 / 0.96", "≤ 1.2 GB", "≤ 10 s", "≤ 2", "≤ 40 min", "≤ 300 ms"),
}
"""What each column of the table is to be."""


@dataclass(slots=True)
class Seen:
    """What was measured of one size; seconds and bytes."""

    count: int
    filled: float
    catalog: int
    scanned: float
    life: dict[str, Any] = field(default_factory=dict)
    built: dict[str, float] | None = None
    recall: dict[str, tuple[float, float]] = field(default_factory=dict)
    """At 10 and 100, without a filter ("") and with each."""


def main() -> None:
    """Fill, build, start, ask, change; print the table."""
    parser = argparse.ArgumentParser(description="how figures grow with the library")
    parser.add_argument("--huge", action="store_true", help="ten millions, too")
    parser.add_argument("--plot", type=Path, metavar="SVG", help="draw the growth here")
    told = parsed(parser, smallest=_SIZES[0])
    sizes = [told.smallest, *(one for one in _SIZES if one > told.smallest)]
    if told.smallest < _SIZES[0]:
        sizes = [told.smallest]  # to see that it runs
    seen = [_measured(size) for size in (*sizes, *([_HUGE] if told.huge else []))]
    if told.plot is not None:
        told.plot.write_text(drawn(_series(seen)), encoding="utf-8")
    text = (
        f"Made-up vectors of 512 numbers with CLIP's gap between texts and pictures, {_QUERIES} "
        "texts as queries, in a process that is the daemon's core without socket, watcher and "
        "model. A search is the vector's, with its judgement, 100 pictures; recall is against "
        "every vector compared. Meanwhile: 10,000 pictures come and 10,000 go, 50 of each a "
        "commit, and somebody asks without a pause. Start: from the program's to the first "
        "answer, without the text encoder. Memory is above that of the process with an open "
        "catalog and no model."
    )
    tables = (_table(seen), _filters(seen), _catalog(seen))
    finish(Result("Scale", text, tables, _figures(seen)), told)


def _measured(count: int) -> Seen:
    import madeup
    import numpy as np
    from synthetic import BLOCK, World

    world = World()
    with places() as base:
        catalog = base / "catalog.sqlite3"
        began = time.monotonic()
        sizes = [min(BLOCK, count - start) for start in range(0, count, BLOCK)]
        madeup.fill(catalog, count, (world.block(n, size) for n, size in enumerate(sizes)))
        seen = Seen(count, time.monotonic() - began, catalog.stat().st_size, _scan(catalog))
        queries = base / "queries.npy"
        asked = world.texts(_QUERIES, 7)
        np.save(queries, asked)
        np.save(base / "queries.phrases.npy", world.texts(137, 1))
        if count > _IN_MEMORY:
            seen.built = _lived(catalog, queries, "--build")["build"]
        seen.life = _lived(catalog, queries, "--changes")
        _recalls(seen, world, sizes, queries)
        shutil.rmtree(base / "index", ignore_errors=True)
    return seen


def _lived(catalog: Path, queries: Path, *options: str) -> dict[str, Any]:
    command = [sys.executable, str(ROOT / "benchmarks" / "scale_core.py")]
    told = [str(catalog), str(queries), str(time.time()), *options]
    run = subprocess.run([*command, *told], stdout=subprocess.PIPE, check=True)
    found: dict[str, Any] = json.loads(run.stdout)
    return found


def _scan(catalog: Path) -> float:
    """Return the seconds in which all rows of pictures and files are read."""
    with sqlite3.connect(catalog) as db:
        began = time.monotonic()
        db.execute("SELECT sum(length(hash)), sum(width), sum(rating) FROM image").fetchone()
        db.execute("SELECT sum(size), sum(mtime_ns) FROM file NOT INDEXED").fetchone()
        return time.monotonic() - began


def _recalls(seen: Seen, world: World, sizes: list[int], queries: Path) -> None:
    import numpy as np

    asked, few = np.load(queries), 20
    ids = np.arange(1, seen.count + 1)
    wanted = {
        "": np.ones(seen.count, bool),
        "1 %": ids % 100 == 0,
        "10 %": ids % 10 == 0,
        "50 %": 2018 + ids * 4 // (seen.count + 1) >= 2020,
    }
    best: dict[str, NDArray[np.float32]] = {}
    start = 0
    for block, size in enumerate(sizes):
        scores = asked @ world.block(block, size).astype(np.float32).T
        for name, passes in wanted.items():
            part = scores if not name else scores[:few]
            part = np.where(passes[start : start + size], part, -2)
            best[name] = _best(best.get(name), part, start)
        start += size
    for name in wanted:
        suffix = f".{name.split()[0]}.npy" if name else ".found.npy"
        found = np.load(queries.with_suffix(suffix))
        recalls = [_recall(best[name][:, :, 1], found, depth) for depth in _DEPTHS]
        seen.recall[name] = (recalls[0], recalls[1])


def _best(before: Any, scores: Any, start: int) -> Any:
    """Return (score, id) of the best so far of each query, the best first."""
    import numpy as np

    deep = min(_DEPTHS[-1], scores.shape[1])
    places = np.argpartition(-scores, deep - 1, axis=1)[:, :deep]
    fresh = np.stack([np.take_along_axis(scores, places, 1), places + start + 1.0], axis=2)
    both = fresh if before is None else np.concatenate([before, fresh], axis=1)
    order = np.argsort(-both[:, :, 0], axis=1)[:, : _DEPTHS[-1]]
    return np.take_along_axis(both, order[:, :, None], 1)


def _recall(truth: Any, found: Any, depth: int) -> float:
    import numpy as np

    shared = [
        len(np.intersect1d(right[:depth], got[:depth]))
        for right, got in zip(truth, found, strict=True)
    ]
    return float(np.mean(shared)) / depth


def _table(seen: list[Seen]) -> Table:
    names = (
        "search, median", f"recall at {_DEPTHS[0]} / {_DEPTHS[1]}", "memory", "start",
        "99 % meanwhile, times quiet", "background build", "ids of a filter of 1 %",
    )  # fmt: skip
    columns = ["figure"]
    rows = [[name] for name in names]
    for one in seen:
        columns += [f"{one.count:,}", "to be"]
        for row, value, limit in zip(
            rows, _values(one), _LIMITS.get(one.count, ("-",) * 7), strict=True
        ):
            row += [value, limit]
    return Table(tuple(columns), tuple(map(tuple, rows)))


def _values(one: Seen) -> tuple[str, ...]:
    life = one.life
    built = one.built
    return (
        ms(percentile(life["quiet"], 50)),
        " / ".join(f"{recall:.4f}" for recall in one.recall[""]),
        f"{life['memory'] / 1e6:,.0f} MB",
        f"{number(life['first'])} s",
        number(_times(one)),
        f"{number(built['seconds'])} s, {built['memory'] / 1e6:,.0f} MB" if built else "-",
        ms(life["filters"]["1 %"]["listing"]),
    )


def _times(one: Seen) -> float:
    return percentile(one.life["busy"]["times"], 99) / percentile(one.life["quiet"], 99)


def _filters(seen: list[Seen]) -> Table:
    rows = [
        (
            f"{one.count:,}, {name} meet it",
            ms(row["listing"]),
            ms(percentile(row["search"], 50)),
            " / ".join(f"{recall:.4f}" for recall in one.recall[name]),
        )
        for one in seen
        for name, row in one.life["filters"].items()
    ]
    recall = f"recall at {_DEPTHS[0]} / {_DEPTHS[1]}"
    return Table(("filter", "ids listed in", "search, median", recall), tuple(rows))


def _catalog(seen: list[Seen]) -> Table:
    rows = [
        (
            f"{one.count:,}",
            f"{one.catalog / 1e6:,.0f} MB",
            f"{one.count / one.filled:,.0f}",
            f"{2 * one.count / one.scanned:,.0f}",
        )
        for one in seen
    ]
    columns = ("pictures in the catalog", "size", "written a second, in bulk", "rows read a second")
    return Table(columns, tuple(rows))


def _series(seen: list[Seen]) -> dict[str, list[tuple[float, float]]]:
    """Return what grows, in the units of its name, by the number of pictures."""
    return {
        "search, ms": [(one.count, 1e3 * percentile(one.life["quiet"], 50)) for one in seen],
        "memory, MB": [(one.count, one.life["memory"] / 1e6) for one in seen],
        "start, s": [(one.count, one.life["first"]) for one in seen],
        "ids of 1 %, ms": [
            (one.count, 1e3 * one.life["filters"]["1 %"]["listing"]) for one in seen
        ],
    }


def _figures(seen: list[Seen]) -> dict[str, float]:
    figures: dict[str, float] = {}
    for one in seen:
        name = f"{one.count}"
        figures |= {
            f"search {name}": percentile(one.life["quiet"], 50),
            f"recall at 10 {name}": one.recall[""][0],
            f"recall at 100 {name}": one.recall[""][1],
            f"memory {name}": one.life["memory"],
            f"start {name}": one.life["first"],
            f"times quiet {name}": _times(one),
            f"listing {name}": one.life["filters"]["1 %"]["listing"],
        }
        if one.built:
            figures[f"build {name}"] = one.built["seconds"]
    return figures


if __name__ == "__main__":
    main()
