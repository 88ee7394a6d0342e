"""Filters beside the unfiltered search, on a library in memory and in a real catalog.

`python benchmarks/filters.py [--pictures 200000]`
"""

from __future__ import annotations

import asyncio
import os
import time
from pathlib import Path
from typing import TYPE_CHECKING, Final

from measure import Result, Table, arguments, finish, ms, number, percentile, places

if TYPE_CHECKING:
    from collections.abc import Iterator

    import numpy as np
    from numpy.typing import NDArray

    from imgqd.library import Library

DIM: Final = 512
_ROUNDS: Final = 25

_LINES: Final = {
    "leaves 12": "tag:rare",
    "leaves 1 %": "camera:rare",
    "leaves 10 %": "rating:5",
    "leaves a half": "taken:2020..2021",
    "leaves 99 %": "-camera:rare",
    "a place": "near:38.7,-9.1~20km",
    "a folder and a type": "in:f00010 type:png",
    "two of them": "taken:2020..2021 rating:5",
    "a half, all of them far": "taken:2018..2019",
}
_FAR: Final = "a half, all of them far"
"""Asked for what only the other half shows."""


def main() -> None:
    """Ask the same question with and without filters, by turns, and print what each took."""
    # Before numpy and faiss, as the daemon does.
    os.environ |= {"OPENBLAS_NUM_THREADS": "1", "OMP_NUM_THREADS": "1"}
    told = arguments("filters beside the unfiltered search", pictures=200_000)
    with places() as base:
        table = asyncio.run(_measured(base / "catalog.sqlite3", told.pictures))
    text = (
        f"{told.pictures:,} pictures with random vectors of {DIM} numbers in a catalog on the "
        f"disk. Each line is asked {_ROUNDS} times, by turns with the search without a filter, 20 "
        "results each, files and metadata included; the text is encoded already. First: after "
        "something was written. Again: as at the next key, with other words."
    )
    finish(Result("Filters", text, (table,)), told)


async def _measured(path: Path, count: int) -> Table:
    from datetime import datetime

    import numpy as np

    from imgqd import search
    from imgqd.query import parse, sql
    from imgqd.search import Wanted

    library = await filled(path, count)
    chance = np.random.default_rng(1)
    plain: list[float] = []
    taken: dict[tuple[str, bool], list[float]] = {}
    left: dict[str, int] = {}

    async def timed(where: sql.Condition | None, *, far: bool = False) -> tuple[float, int]:
        vector = chance.standard_normal(DIM).astype(np.float32)
        vector[0] += 200.0 * far
        wanted = Wanted(vector / np.linalg.norm(vector), "", where, sight=library.sight)
        began = time.perf_counter()
        _, total, _ = await search.everything(library, wanted, 20)
        return time.perf_counter() - began, total

    for _ in range(_ROUNDS):
        for name, line in _LINES.items():
            query = parse(line, datetime(2024, 3, 13, 12))  # noqa: DTZ001 - a wall clock's
            assert query.where is not None
            plain.append((await timed(None))[0])
            await library.write(lambda _: None)
            for again in (False, True):
                seconds, left[name] = await timed(sql.condition(query.where, "/"), far=name == _FAR)
                taken.setdefault((name, again), []).append(seconds)
    library.close()
    without = percentile(plain, 50)
    rows = [("no filter", f"{count:,}", ms(without), ms(percentile(plain, 95)), "1", "1")]
    for name in _LINES:
        first, next_ = (percentile(taken[name, which], 50) for which in (False, True))
        rows.append(
            (
                f"{name}: `{_LINES[name]}`", f"{left[name]:,}", ms(first),
                ms(percentile(taken[name, False], 95)), number(first / without),
                number(next_ / without),
            )
        )  # fmt: skip
    columns = ("", "searched", "first, median", "95 %", "times the unfiltered", "again")
    return Table(columns, tuple(rows))


async def filled(path: Path, count: int) -> Library:
    """Return a library of made-up pictures with random vectors."""
    import madeup

    from imgqd.bell import Bell
    from imgqd.library import Library

    madeup.fill(path, count, _random(count))
    library = Library(path, Bell())
    await library.use_model(madeup.MODEL)
    return library


def _random(count: int) -> Iterator[NDArray[np.float16]]:
    import numpy as np

    chance = np.random.default_rng(0)
    for start in range(0, count, 10_000):
        block = chance.standard_normal((min(10_000, count - start), DIM), dtype=np.float32)
        # By their ids the second half is of 2020 and later: it shows something more.
        block[:, 0] += 8.0 * (np.arange(start, start + len(block)) >= count // 2)
        block /= np.linalg.norm(block, axis=1, keepdims=True)
        yield block.astype(np.float16)


if __name__ == "__main__":
    main()
