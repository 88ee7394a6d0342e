"""Queries while one model takes over from another, and while a set of vectors is dropped.

`python benchmarks/takeover.py [--pictures 100000]`
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import Awaitable
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

from filters import DIM, filled
from measure import Result, Table, arguments, finish, ms, number, percentile, places

if TYPE_CHECKING:
    from imgqd.library import Library

_ROUNDS: Final = 4
_QUIET: Final = 100
"""Queries in each quiet stretch."""

_AT_ONCE: Final = 1000
"""As in `imgqd.stock`."""


def main() -> None:
    """Ask all the time, by turns while nothing happens and while a model takes over."""
    told = arguments("queries while a model takes over, and while vectors go", pictures=100_000)
    with places() as base:
        tables = asyncio.run(_measured(base / "catalog.sqlite3", told.pictures))
    text = (
        f"{told.pictures:,} pictures with two sets of random vectors of {DIM} numbers in a "
        f"catalog on the disk. Somebody asks without a pause (20 results, files and metadata "
        f"included, the text is encoded already), {_ROUNDS} times by turns in a quiet stretch of "
        f"{_QUIET} queries and while the other model takes over; then while one of the sets is "
        f"dropped and its room given back."
    )
    finish(Result("Another model", text, tables), told)


async def _measured(path: Path, count: int) -> tuple[Table, ...]:
    from dataclasses import replace

    library = await filled(path, count)
    assert library.model is not None
    one, other = library.model, replace(library.model, name="other", key="other")
    await library.number(other)
    await library.write(_copy)
    quiet: list[float] = []
    during: list[float] = []
    switches: list[float] = []
    for turn in range(_ROUNDS):
        quiet += await _asking(library, None)
        began = time.perf_counter()
        during += await _asking(library, library.switch((other, one)[turn % 2], None, ()))
        switches.append(time.perf_counter() - began)
    unused = 2 if library.model_id == 1 else 1
    before = _size(path)
    began = time.perf_counter()
    dropping = await _asking(library, _drop(library, unused))
    spent = time.perf_counter() - began
    after = _size(path)
    library.close()
    middle = percentile(quiet, 50)
    rows = [
        (name, ms(percentile(times, 50)), ms(percentile(times, 99)), number(_worst(times, middle)))
        for name, times in (
            ("nothing happens", quiet),
            ("a model takes over", during),
            ("a set is dropped", dropping),
        )
    ]
    lasted = (
        ("taking over", f"{percentile(switches, 50):.2f} s"),
        ("dropping a set", f"{spent:.2f} s, {before / 1e6:,.0f} MB become {after / 1e6:,.0f}"),
    )
    return (
        Table(("queries while", "median", "99 %", "99 %, times the quiet median"), tuple(rows)),
        Table(("", "lasts"), lasted),
    )


def _size(path: Path) -> int:
    return path.stat().st_size


def _copy(writer: Any) -> None:
    # Past the writer: a set of a hundred thousand is not made in a benchmark's time.
    writer._db.execute("INSERT INTO vector SELECT image, 2, data FROM vector WHERE model = 1")  # noqa: SLF001 - as above


async def _drop(library: Library, model: int) -> None:
    while await library.write(lambda writer: writer.drop_vectors(model, _AT_ONCE)):
        pass
    await library.write(lambda writer: writer.shrink())


async def _asking(library: Library, work: Awaitable[Any] | None) -> list[float]:
    """Ask while some work is done, or a number of times; return the seconds of each query."""
    import numpy as np

    from imgqd import search
    from imgqd.search import Wanted

    vector = np.random.default_rng(1).standard_normal(DIM).astype(np.float32)
    vector /= np.linalg.norm(vector)
    task = None if work is None else asyncio.ensure_future(work)
    taken: list[float] = []
    while len(taken) < _QUIET if task is None else not task.done():
        began = time.perf_counter()
        await search.everything(library, Wanted(vector, sight=library.sight), 20)
        taken.append(time.perf_counter() - began)
    if task is not None:
        await task
    return taken


def _worst(times: list[float], middle: float) -> float:
    return percentile(times, 99) / middle


if __name__ == "__main__":
    main()
