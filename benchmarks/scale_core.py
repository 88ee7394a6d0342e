"""One life of the daemon's core over a made-up catalog, measured from inside: scale.py starts it.

`scale_core.py CATALOG QUERIES BEGAN [--build] [--changes]`: prints one JSON object, and keeps
the ids that were found beside the queries. What runs is the daemon's own: library, index,
upkeep and search; what is not there is the socket, the watcher and the model.
"""

from __future__ import annotations

import os

# Before numpy and faiss, as the daemon does.
os.environ |= {"OPENBLAS_NUM_THREADS": "1", "OMP_NUM_THREADS": "1"}

import argparse
import asyncio
import json
import sqlite3
import sys
import time
from collections.abc import Callable
from datetime import datetime
from functools import partial
from pathlib import Path
from typing import Any, Final

import madeup
import numpy as np
from synthetic import World

from imgqd import search
from imgqd.bell import Bell
from imgqd.catalog import Writer
from imgqd.library import Library
from imgqd.machine import cpu_of, memory_of, share_one_heap
from imgqd.query import parse, sql
from imgqd.query.sql import Condition
from imgqd.records import Change
from imgqd.search import Wanted
from imgqd.upkeep import Upkeep

_WANTED: Final = 100
"""Pictures of an answer; the judge asks for the best 256 at least."""

_BEARABLE: Final = 10
"""Times the size up to which all vectors are held in memory, until files are made."""

_BATCH: Final = 50
"""Pictures of a commit, as the pipeline makes them."""

FILTERS: Final = {"1 %": "camera:rare", "10 %": "rating:5", "50 %": "taken:2020..2021"}


class Core:
    """The parts that answer."""

    def __init__(self, catalog: Path, exact_up_to: int) -> None:
        self.bell = Bell()
        self.library = Library(catalog, self.bell)
        self.upkeep = Upkeep(
            self.library, catalog, self.bell, lambda: exact_up_to, lambda: None
        )  # fmt: skip
        self.library.prepare = self.upkeep.prepare

    async def ask(self, query: Any, where: Condition | None = None) -> list[int]:
        """Return the nearest pictures, judged, as a search does."""
        wanted = Wanted(query, where=where, sight=self.library.sight)
        near, _, _ = await search.nearest(self.library, wanted, _WANTED)
        return [image for image, _ in near]

    async def until(self, condition: Callable[[], bool]) -> None:
        """Wait until something is so; it is looked at with each ring of the bell."""
        while True:
            ring = self.bell.next()
            if condition():
                return
            await ring.wait()


async def measured(told: argparse.Namespace) -> dict[str, Any]:
    """Live once, and return what was seen."""
    core = Core(told.catalog, told.exact)
    base = memory_of(os.getpid()) or 0
    queries = np.load(told.queries)
    phrases = np.load(told.queries.with_suffix(".phrases.npy"))
    using = asyncio.create_task(_use(core, phrases))
    seen: dict[str, Any] = {}
    if told.build:
        seen["build"] = await _built(core)
    task = await using
    await core.ask(queries[0])
    seen["first"] = time.time() - told.began
    index = core.library.index
    assert index is not None
    quiet, found = await _asked(core, queries)
    np.save(told.queries.with_suffix(".found.npy"), np.array(found))
    seen |= {
        "form": index.form.kind,
        "quiet": quiet,
        "memory": (memory_of(os.getpid()) or 0) - base,
    }
    if told.changes:
        seen |= {"quiet": quiet + (await _asked(core, queries))[0]}
        seen["filters"] = await _filtered(core, queries[:20], queries[20:], told.queries)
        seen["busy"] = await _changed(core, queries)
        seen["after"] = (memory_of(os.getpid()) or 0) - base
    task.cancel()
    core.library.close()
    return seen


async def _use(core: Core, phrases: Any) -> asyncio.Task[None]:
    """Let the model answer, as `imgqd.models` does; return what looks after its index."""
    number = await core.library.number(madeup.MODEL)
    await core.upkeep.prepare(number, madeup.MODEL, phrases.mean(axis=0), _BEARABLE)
    await core.library.use_model(madeup.MODEL)
    assert core.library.index is not None
    core.library.index.learn(phrases)
    return asyncio.create_task(core.upkeep.run())


async def _built(core: Core) -> dict[str, float]:
    """Wait until codes answer; return the seconds, of the builder's CPU as well."""
    began, cpu, most = time.monotonic(), 0.0, 0

    def done() -> bool:
        nonlocal cpu, most
        for pid in core.upkeep.pids.values():
            cpu, most = max(cpu, cpu_of(pid)), max(most, memory_of(pid) or 0)
        index = core.library.index
        return index is not None and index.form.kind != "exact"

    await core.until(done)
    return {"seconds": time.monotonic() - began, "cpu": cpu, "memory": most}


async def _asked(core: Core, queries: Any) -> tuple[list[float], list[list[int]]]:
    times, found = [], []
    for query in queries:
        began = time.perf_counter()
        found.append(await core.ask(query))
        times.append(time.perf_counter() - began)
    return times, found


async def _filtered(core: Core, queries: Any, others: Any, kept: Path) -> dict[str, Any]:
    """Ask with filters; keep the ids, and return (seconds to list, median of a search)."""
    rows: dict[str, Any] = {}
    for name, line in FILTERS.items():
        query = parse(line, datetime(2024, 3, 13, 12))  # noqa: DTZ001 - a wall clock's
        assert query.where is not None
        where = sql.condition(query.where, "/")
        listing = []
        for _ in range(5):
            await core.library.write(lambda _: None)
            began = time.perf_counter()
            await core.library.matching(where)
            listing.append(time.perf_counter() - began)
        # Of so many others that no answer to these is kept from the filter before.
        await _asked(core, others)
        times, found = [], []
        for vector in queries:
            began = time.perf_counter()
            found.append(await core.ask(vector, where))
            times.append(time.perf_counter() - began)
        np.save(kept.with_suffix(f".{name.split()[0]}.npy"), np.array(found))
        rows[name] = {"listing": sorted(listing)[2], "search": times}
    return rows


async def _changed(core: Core, queries: Any) -> dict[str, Any]:
    """Add and remove 10,000 pictures each, a batch after the other, and ask meanwhile."""
    rows = World().block(10_000, 10_000)
    with sqlite3.connect(core.library._path) as db:  # noqa: SLF001 - to know the last id
        [last] = db.execute("SELECT max(id) FROM image").fetchone()
    chance = np.random.default_rng(3)
    gone = chance.permutation(last)[:10_000] + 1
    done = asyncio.Event()

    async def change() -> None:
        for start in range(0, 10_000, _BATCH):
            batch = rows[start : start + _BATCH]
            ids = range(last + start + 1, last + start + len(batch) + 1)
            away = gone[start : start + _BATCH].tolist()
            await core.library.change(partial(_commit, images=ids, rows=batch, gone=away))
        done.set()

    writing = asyncio.create_task(change())
    times: list[float] = []
    began = time.monotonic()
    while not done.is_set():
        for query in queries:
            asked = time.perf_counter()
            await core.ask(query)
            times.append(time.perf_counter() - asked)
    await writing
    return {"times": times, "seconds": time.monotonic() - began}


def _commit(writer: Writer, images: range, rows: Any, gone: list[int]) -> Change:
    db = writer._db  # noqa: SLF001 - what a pipeline and a disk would lead to, without them
    db.execute("BEGIN IMMEDIATE")
    for image, row in zip(images, rows, strict=True):
        db.execute(
            "INSERT INTO image (id, hash, format, width, height, live) "
            "VALUES (?, ?, 'jpeg', 40, 30, 1)",
            (image, image.to_bytes(16, "big")),
        )
        db.execute("INSERT INTO vector VALUES (?, 1, ?)", (image, row.tobytes()))
    db.executemany("UPDATE image SET live = 0 WHERE id = ?", [(image,) for image in gone])
    db.execute("COMMIT")
    return Change(appeared=tuple(images), vanished=tuple(gone))


def main() -> None:
    """Measure one life."""
    parser = argparse.ArgumentParser()
    parser.add_argument("catalog", type=Path)
    parser.add_argument("queries", type=Path)
    parser.add_argument("began", type=float)
    parser.add_argument("--exact", type=int, default=100_000)
    parser.add_argument("--build", action="store_true")
    parser.add_argument("--changes", action="store_true")
    # As the daemon does.
    share_one_heap()
    sys.setswitchinterval(0.0005)
    print(json.dumps(asyncio.run(measured(parser.parse_args()))))


if __name__ == "__main__":
    main()
