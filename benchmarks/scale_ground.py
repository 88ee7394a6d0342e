"""What scale.py measures: a made-up library, its index's files, and what exact search finds in it.

For ten millions this is most of the work. `scale.py --made DIR` does it in one run, in any
company, and measures in another, when the machine has come to rest.
"""

from __future__ import annotations

import json
import sqlite3
import time
from collections.abc import Callable
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any, Final

import madeup
import numpy as np
from numpy.typing import NDArray
from synthetic import BLOCK, World

QUERIES: Final = 200
DEPTHS: Final = (10, 100)
_FILTERED: Final = 20
"""Queries that are asked with filters."""

Best = NDArray[np.float32]
"""Shape (queries, 100, 2): (score, id), the best first."""


@dataclass(frozen=True, slots=True)
class Ground:
    """A library that is there, and how it came to be; seconds and bytes."""

    count: int
    filled: float
    catalog: int
    scanned: float
    built: dict[str, float] | None


def ready(base: Path, count: int, build: Callable[[], dict[str, float]] | None) -> Ground:
    """Make a library in a folder, and all that it is held against.

    `build` is called once it can be started, to have the files of its index made.
    """
    world = World()
    catalog = catalog_of(base)
    sizes = [min(BLOCK, count - start) for start in range(0, count, BLOCK)]
    began = time.monotonic()
    madeup.fill(catalog, count, (world.block(n, size) for n, size in enumerate(sizes)))
    filled, size, scanned = time.monotonic() - began, catalog.stat().st_size, _scan(catalog)
    asked = world.texts(QUERIES, 7)
    np.save(queries_of(base), asked)
    np.save(queries_of(base).with_suffix(".phrases.npy"), world.texts(137, 1))
    for name, best in _truths(world, sizes, asked).items():
        np.save(base / f"truth{_suffix(name)}", best)
    ground = Ground(count, filled, size, scanned, None if build is None else build())
    _facts(base).write_text(json.dumps(asdict(ground)), encoding="utf-8")
    return ground


def made(base: Path, count: int) -> Ground | None:
    """Return a library that a run before has made, None where it has not."""
    try:
        told: dict[str, Any] = json.loads(_facts(base).read_text(encoding="utf-8"))
    except FileNotFoundError:
        return None
    ground = Ground(**told)
    if ground.count != count:
        raise SystemExit(f"{base} holds {ground.count:,} pictures, not {count:,}: remove it")
    return ground


def catalog_of(base: Path) -> Path:
    """Return the catalog of a library."""
    return base / "catalog.sqlite3"


def queries_of(base: Path) -> Path:
    """Return the file of the texts that are asked."""
    return base / "queries.npy"


def recalls(base: Path, names: tuple[str, ...]) -> dict[str, tuple[float, float]]:
    """Return what part of the best 10 and 100 was found, without a filter ("") and with each."""
    found = {}
    for name in names:
        truth = np.load(base / f"truth{_suffix(name)}")[:, :, 1]
        got = np.load(queries_of(base).with_suffix(_suffix(name) if name else ".found.npy"))
        shares = [_recall(truth, got, depth) for depth in DEPTHS]
        found[name] = (shares[0], shares[1])
    return found


def _facts(base: Path) -> Path:
    return base / "made.json"


def _suffix(name: str) -> str:
    return f".{name.split(maxsplit=1)[0]}.npy" if name else ".npy"


def _scan(catalog: Path) -> float:
    """Return the seconds in which all rows of pictures and files are read."""
    with sqlite3.connect(catalog) as db:
        began = time.monotonic()
        db.execute("SELECT sum(length(hash)), sum(width), sum(rating) FROM image").fetchone()
        db.execute("SELECT sum(size), sum(mtime_ns) FROM file NOT INDEXED").fetchone()
        return time.monotonic() - began


def _truths(world: World, sizes: list[int], asked: NDArray[np.float32]) -> dict[str, Best]:
    count = sum(sizes)
    ids = np.arange(1, count + 1)
    wanted = {
        "": np.ones(count, bool),
        "1 %": ids % 100 == 0,
        "10 %": ids % 10 == 0,
        "50 %": 2018 + ids * 4 // (count + 1) >= 2020,
    }
    best: dict[str, Best] = {}
    start = 0
    for block, size in enumerate(sizes):
        scores = asked @ world.block(block, size).astype(np.float32).T
        for name, passes in wanted.items():
            part = scores if not name else scores[:_FILTERED]
            part = np.where(passes[start : start + size], part, -2)
            best[name] = _best(best.get(name), part, start)
        start += size
    return best


def _best(before: Best | None, scores: NDArray[np.float32], start: int) -> Best:
    """Return (score, id) of the best so far of each query, the best first."""
    deep = min(DEPTHS[-1], scores.shape[1])
    places = np.argpartition(-scores, deep - 1, axis=1)[:, :deep]
    fresh = np.stack([np.take_along_axis(scores, places, 1), places + start + 1.0], axis=2)
    both = fresh if before is None else np.concatenate([before, fresh], axis=1)
    order = np.argsort(-both[:, :, 0], axis=1)[:, : DEPTHS[-1]]
    kept: Best = np.take_along_axis(both, order[:, :, None], 1)
    return kept


def _recall(truth: Best, found: NDArray[np.int64], depth: int) -> float:
    shared = [
        len(np.intersect1d(right[:depth], got[:depth]))
        for right, got in zip(truth, found, strict=True)
    ]
    return float(np.mean(shared)) / depth
