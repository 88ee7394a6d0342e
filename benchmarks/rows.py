"""Vectors of a large index, read from a disk that does not have them in its cache.

`python benchmarks/rows.py [--count 4000000] [--rounds 10]`. Linux only: elsewhere no disk is told.
"""

from __future__ import annotations

import os
import time
from typing import TYPE_CHECKING, Final

from measure import Result, Table, arguments, finish, ms, number, percentile, places

if TYPE_CHECKING:
    from pathlib import Path

_DIM: Final = 512
_WANTED: Final = 768
"""As many as a search among millions compares."""

_BLOCK: Final = 65_536
_NEVER: Final = 3600.0


def main() -> None:
    """Write the rows, read some of them in both ways by turns, and print how long that takes."""
    told = arguments("rows of a file that is not in memory", count=4_000_000, rounds=10)
    import numpy as np

    from imgqd.index import rows as module

    announced = module._SLOW  # noqa: SLF001 - one side is what the product does not do
    chance = np.random.default_rng(0)
    times: dict[str, list[float]] = {"one by one": [], "announced": [], "in memory": []}
    with places() as base:
        path = base / "rows"
        _write(path, told.count)
        held = module.Rows(path, _DIM, told.count - 1)

        def seconds() -> float:
            began = time.perf_counter()
            held.vectors(wanted)
            return time.perf_counter() - began

        for _ in range(told.rounds):
            for name, slow in (("one by one", _NEVER), ("announced", announced)):
                wanted = np.sort(chance.choice(told.count, _WANTED, replace=False))
                module._SLOW = slow  # type: ignore[misc]  # noqa: SLF001 - as above
                _forget(path)
                times[name].append(seconds())
            times["in memory"].append(seconds())
    medians = {name: percentile(taken, 50) for name, taken in times.items()}
    alone = medians["one by one"]
    text = (
        f"{_WANTED} of {told.count:,} rows of {_DIM} numbers in float16 "
        f"({2 * _DIM * told.count / 1e9:.1f} GB), the file out of the system's cache before each "
        f"turn, {told.rounds} turns: read one after the other; as the index reads them, which "
        f"tells the disk of all that come once the first {module._TRIED} were slow; "  # noqa: SLF001
        f"and the same again, from memory."
    )
    table = Table(
        ("rows are read", "median", "longest", "times as fast"),
        tuple(
            (name, ms(medians[name]), ms(max(taken)), number(alone / medians[name]))
            for name, taken in times.items()
        ),
    )
    finish(Result("Rows from a cold disk", text, (table,), dict(medians)), told)


def _write(path: Path, count: int) -> None:
    import numpy as np

    from imgqd.index.rows import RowsWriter

    block = np.random.default_rng(1).standard_normal((_BLOCK, _DIM)).astype(np.float16)
    writer = RowsWriter(path, _DIM)
    for start in range(0, count, _BLOCK):
        many = min(_BLOCK, count - start)
        writer.put(np.arange(start, start + many), block[:many])
    writer.close(keep=True)


def _forget(path: Path) -> None:
    """Let the system drop what it has of a file in memory."""
    file = os.open(path, os.O_RDONLY)
    try:
        os.posix_fadvise(file, 0, 0, os.POSIX_FADV_DONTNEED)
    finally:
        os.close(file)


if __name__ == "__main__":
    main()
