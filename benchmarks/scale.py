"""A library of a hundred thousand pictures, of a million, and (`--huge`) of ten millions.

`python benchmarks/scale.py [--huge] [--plot docs/scale.svg]`

The vectors are made up (`synthetic` says how), the catalog and all that reads it are the
daemon's own. Ten millions take 60 GB of disk and an hour or two: with `--made DIR` they are
made in one run and measured in the next.
"""

from __future__ import annotations

import argparse
import contextlib
import json
import shutil
import subprocess
import sys
import time
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

from growth import drawn
from measure import ROOT, Result, Table, finish, ms, number, parsed, percentile, places

if TYPE_CHECKING:
    from scale_ground import Ground

_SIZES: Final = (100_000, 1_000_000)
_HUGE: Final = 10_000_000
_IN_MEMORY: Final = 20_000
"""Pictures whose vectors the daemon holds in memory: beyond, files are made."""

_LIMITS: Final = {
    100_000: ("≤ 8 ms", "1 / 1", "≤ 110 MB", "≤ 2.5 s", "≤ 2", "-", "≤ 5 ms"),
    1_000_000: ("≤ 3 ms", "0.99 / 0.98", "≤ 160 MB", "≤ 4 s", "≤ 2", "≤ 3 min", "≤ 30 ms"),
    _HUGE: ("≤ 6 ms", "0.98 / 0.96", "≤ 1.2 GB", "≤ 10 s", "≤ 2", "≤ 40 min", "≤ 300 ms"),
}
"""What each column of the table is to be."""


@dataclass(slots=True)
class Seen:
    """What was measured of one size; seconds and bytes."""

    ground: Ground
    life: dict[str, Any]
    recall: dict[str, tuple[float, float]] = field(default_factory=dict)
    """At 10 and 100, without a filter ("") and with each."""


def main() -> None:
    """Fill, build, start, ask, change; print the table."""
    parser = argparse.ArgumentParser(description="how figures grow with the library")
    parser.add_argument("--huge", action="store_true", help="ten millions, too")
    parser.add_argument(
        "--made", type=Path, metavar="DIR",
        help="with --huge: make the ten millions here, and measure in the next run",
    )  # fmt: skip
    parser.add_argument("--plot", type=Path, metavar="SVG", help="draw the growth here")
    told = parsed(parser, smallest=_SIZES[0])
    sizes = [told.smallest, *(one for one in _SIZES if one > told.smallest)]
    if told.smallest < _SIZES[0]:
        sizes = [told.smallest]  # to see that it runs
    huge = _measured(_HUGE, told.made) if told.huge else None
    if told.huge and huge is None:
        print(f"{_HUGE:,} pictures are made in {told.made}: run it again, at rest, to measure")
        return
    seen = [one for one in (*map(_measured, sizes), huge) if one is not None]
    if told.plot is not None:
        told.plot.write_text(drawn(_series(seen)), encoding="utf-8")
    text = (
        "Made-up vectors of 512 numbers with CLIP's gap between texts and pictures, 200 "
        "texts as queries, in a process that is the daemon's core without socket, watcher and "
        "model. A search is the vector's, with its judgement, 100 pictures; recall is against "
        "every vector compared. Meanwhile: 10,000 pictures come and 10,000 go, 50 of each a "
        "commit, and somebody asks without a pause. Start: from the program's to the first "
        "answer, without the text encoder. Memory is above that of the process with an open "
        "catalog and no model."
    )
    tables = (_table(seen), _filters(seen), _catalog(seen))
    finish(Result("Scale", text, tables, _figures(seen)), told)


def _measured(count: int, kept: Path | None = None) -> Seen | None:
    """Return what was seen; None where a folder that is kept was only made ready."""
    from scale_ground import catalog_of, made, queries_of, ready, recalls

    with places() if kept is None else contextlib.nullcontext(kept) as base:
        base.mkdir(parents=True, exist_ok=True)
        catalog, queries = catalog_of(base), queries_of(base)
        ground = made(base, count)
        if ground is None:
            build = partial(_built, catalog, queries) if count > _IN_MEMORY else None
            ground = ready(base, count, build)
            if kept is not None:
                return None
        seen = Seen(ground, _lived(catalog, queries, "--changes"))
        seen.recall |= recalls(base, ("", *seen.life["filters"]))
        if kept is not None:
            shutil.rmtree(kept)  # what was measured was changed
    return seen


def _built(catalog: Path, queries: Path) -> dict[str, float]:
    built: dict[str, float] = _lived(catalog, queries, "--build")["build"]
    return built


def _lived(catalog: Path, queries: Path, *options: str) -> dict[str, Any]:
    command = [sys.executable, str(ROOT / "benchmarks" / "scale_core.py")]
    told = [str(catalog), str(queries), str(time.time()), *options]
    run = subprocess.run([*command, *told], stdout=subprocess.PIPE, check=True)
    found: dict[str, Any] = json.loads(run.stdout)
    return found


def _table(seen: list[Seen]) -> Table:
    names = (
        "search, median", "recall at 10 / 100", "memory", "start",
        "99 % meanwhile, times quiet", "background build", "ids of a filter of 1 %",
    )  # fmt: skip
    columns = ["figure"]
    rows = [[name] for name in names]
    for one in seen:
        columns += [f"{one.ground.count:,}", "to be"]
        for row, value, limit in zip(
            rows, _values(one), _LIMITS.get(one.ground.count, ("-",) * 7), strict=True
        ):
            row += [value, limit]
    return Table(tuple(columns), tuple(map(tuple, rows)))


def _values(one: Seen) -> tuple[str, ...]:
    life = one.life
    built = one.ground.built
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
            f"{one.ground.count:,}, {name} meet it",
            ms(row["listing"]),
            ms(percentile(row["search"], 50)),
            " / ".join(f"{recall:.4f}" for recall in one.recall[name]),
        )
        for one in seen
        for name, row in one.life["filters"].items()
    ]
    columns = ("filter", "ids listed in", "search, median", "recall at 10 / 100")
    return Table(columns, tuple(rows))


def _catalog(seen: list[Seen]) -> Table:
    rows = [
        (
            f"{one.ground.count:,}",
            f"{one.ground.catalog / 1e6:,.0f} MB",
            f"{one.ground.count / one.ground.filled:,.0f}",
            f"{2 * one.ground.count / one.ground.scanned:,.0f}",
        )
        for one in seen
    ]
    columns = ("pictures in the catalog", "size", "written a second, in bulk", "rows read a second")
    return Table(columns, tuple(rows))


def _series(seen: list[Seen]) -> dict[str, list[tuple[float, float]]]:
    """Return what grows, in the units of its name, by the number of pictures."""
    return {
        "search, ms": [(one.ground.count, 1e3 * percentile(one.life["quiet"], 50)) for one in seen],
        "memory, MB": [(one.ground.count, one.life["memory"] / 1e6) for one in seen],
        "start, s": [(one.ground.count, one.life["first"]) for one in seen],
        "ids of 1 %, ms": [
            (one.ground.count, 1e3 * one.life["filters"]["1 %"]["listing"]) for one in seen
        ],
    }


def _figures(seen: list[Seen]) -> dict[str, float]:
    figures: dict[str, float] = {}
    for one in seen:
        name = f"{one.ground.count}"
        figures |= {
            f"search {name}": percentile(one.life["quiet"], 50),
            f"recall at 10 {name}": one.recall[""][0],
            f"recall at 100 {name}": one.recall[""][1],
            f"memory {name}": one.life["memory"],
            f"start {name}": one.life["first"],
            f"times quiet {name}": _times(one),
            f"listing {name}": one.life["filters"]["1 %"]["listing"],
        }
        if one.ground.built:
            figures[f"build {name}"] = one.ground.built["seconds"]
    return figures


if __name__ == "__main__":
    main()
