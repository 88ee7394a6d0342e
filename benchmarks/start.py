"""How long a person waits: the command line client beside an empty Python, and the first answer.

`python benchmarks/start.py [--rounds 40] [--count 2000]`
"""

from __future__ import annotations

import subprocess
import sys
import time
from typing import Final

from measure import (
    BIN,
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
    running,
)

_EMPTY: Final = "`python -c pass`"
_NEW: Final = "`imgq`, a text that is new to the daemon"
_AGAIN: Final = "`imgq`, a text that was asked before"

_STARTS: Final = 5
"""Times that the daemon is started."""


def main() -> None:
    """Measure both, and print them."""
    told = arguments("the start of client and daemon", rounds=40, count=2000)
    with places() as base:
        from demo.sample import small_pictures

        house = House(base / "house")
        # As installed programs are: compiled once, and not at every start.
        house.environment.pop("PYTHONDONTWRITEBYTECODE", None)
        house.environment["PYTHONPYCACHEPREFIX"] = str(base / "compiled")
        small_pictures(house.pictures, told.count, seed=2)
        with running(house), house.client(timeout=600) as client:
            client.sync(600)
            client.search("warm", weak=True)
            come_to_rest(house.pid)
            times = _alternating(house, told.rounds)
            house.stop()
        starts = [_start(house, turn) for turn in range(_STARTS)]
    text = (
        f"`imgq` asks a running daemon with {told.count:,} pictures for twenty results; "
        f"`python -c pass` is the same interpreter with nothing to do. They take turns, "
        f"{told.rounds} times each. The daemon is started {_STARTS} times on the same "
        f"catalogue, with the demo model."
    )
    title = "From a command to its answer"
    empty = percentile(times[_EMPTY], 50)
    figures = {
        "more_s": percentile(times[_NEW], 50) - empty,
        "again_more_s": percentile(times[_AGAIN], 50) - empty,
    }
    finish(Result(title, text, (_client(times), _daemon(starts)), figures), told)


def _alternating(house: House, rounds: int) -> dict[str, list[float]]:
    """Return the seconds of each side, which take turns."""
    imgq = str(BIN / "imgq")
    times: dict[str, list[float]] = {_EMPTY: [], _NEW: [], _AGAIN: []}
    for turn in range(rounds + 1):
        times[_NEW].append(_timed(house, imgq, "--all", f"a red car, number {turn}"))
        times[_EMPTY].append(_timed(house, sys.executable, "-c", "pass"))
        times[_AGAIN].append(_timed(house, imgq, "--all", "a red car"))
    # The first of each reads its files from the disk.
    return {side: all_of_it[1:] for side, all_of_it in times.items()}


def _timed(house: House, *command: str) -> float:
    began = time.monotonic()
    subprocess.run(command, env=house.environment, stdout=subprocess.DEVNULL, check=True)
    return time.monotonic() - began


def _start(house: House, turn: int) -> tuple[float, float, float]:
    """Return the seconds to readiness, to an answer by name, and to one by content."""
    began = time.monotonic()
    with running(house):
        ready = time.monotonic() - began
        with house.client() as client:
            status = client.status()
        assert status.files
        told = time.monotonic() - began
        with house.client() as client:
            answer = client.search(f"a blue ring, number {turn}", weak=True)
        assert answer.model is not None
        assert answer.results
        answered = time.monotonic() - began
        house.stop()
    return ready, told, answered


def _client(times: dict[str, list[float]]) -> Table:
    empty = percentile(times[_EMPTY], 50)
    rows = []
    for side, taken in times.items():
        median = percentile(taken, 50)
        last = (number(median / empty), ms(median - empty))
        rows.append((side, ms(median), ms(percentile(taken, 99)), *last))
    columns = ("from start to end", "median", "99 %", "times an empty Python", "more than it")
    return Table(columns, tuple(rows))


def _daemon(starts: list[tuple[float, float, float]]) -> Table:
    names = ("it listens", "its first status", "its first answer by content, the model loaded")
    rows = tuple(
        (name, ms(percentile(times, 50)), ms(max(times)))
        for name, times in zip(names, zip(*starts, strict=True), strict=True)
    )
    return Table(("from the daemon's start until", "median", "longest"), rows)


if __name__ == "__main__":
    main()
