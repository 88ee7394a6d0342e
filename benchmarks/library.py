"""A whole library in one run: how fast, how much memory, and how quick the answers meanwhile.

`python benchmarks/library.py [--count 20000]`
"""

from __future__ import annotations

import itertools
import threading
import time
from dataclasses import dataclass, field
from pathlib import Path
from typing import Final

from measure import (
    House,
    Process,
    Result,
    Table,
    arguments,
    finish,
    ms,
    number,
    percentile,
    places,
    processes,
    running,
)

_PACE: Final = 0.2
"""Seconds between two questions while the library is being indexed."""

_LOOK: Final = 0.5
"""Seconds between two looks at the daemon's processes."""

_QUARTERS: Final = (25, 50, 75, 100)

_numbers = itertools.count()


@dataclass(slots=True)
class Run:
    """What was seen during one run."""

    began: float
    model_after: float = 0.0
    done_after: float = 0.0
    during: list[float] = field(default_factory=list)
    core: dict[int, int] = field(default_factory=dict)
    """The core's memory by percent of the pictures that are in."""
    peak: dict[str, int] = field(default_factory=dict)
    cpu: dict[str, float] = field(default_factory=dict)


def main() -> None:
    """Index small pictures with the demo model, and measure."""
    told = arguments("a whole library in one run", count=20_000)
    with places() as base:
        house = House(base / "house")
        made = _draw(house.pictures, told.count)
        with running(house):
            run = _index(house, told.count)
            after = [_asked(house, f"a question never asked {next(_numbers)}") for _ in range(300)]
            again = [_asked(house, "a question asked again") for _ in range(300)][1:]
            size = house.catalog.stat().st_size
            house.stop()
    title = f"A library of {told.count:,} pictures, indexed in one run"
    text = (
        f"{told.count:,} small pictures (96 x 96, JPEG and PNG, {made / 1e6:.0f} MB) with the "
        f"demo model; a question that was never asked before every {_PACE:g} s meanwhile. "
        f"The catalogue is {size / 1e6:.0f} MB then."
    )
    tables = (_speed(run, told.count), _latency(run, after, again), _core(run), _all(run))
    finish(Result(title, text, tables), told)


def _draw(folder: Path, count: int) -> int:
    from demo.sample import small_pictures

    return sum(path.stat().st_size for path in small_pictures(folder, count, seed=1))


def _index(house: House, count: int) -> Run:
    """Follow the daemon until every picture is in, with a person asking all the time."""
    run = Run(time.monotonic())
    done = threading.Event()
    person = threading.Thread(target=_ask_on, args=(house, run, done))
    assert house.process is not None
    core = house.process.pid
    with house.client() as client:
        vectors = 0
        while vectors < count:
            status = client.status()
            if status.model["state"] == "ready" and not run.model_after:
                run.model_after = time.monotonic() - run.began
                person.start()
            vectors = int(status.model["vectors"])
            run.done_after = time.monotonic() - run.began
            _note(run, processes(core), 100 * vectors // count)
            done.wait(_LOOK)
        done.set()
        person.join()
    return run


def _note(run: Run, seen: list[Process], percent: int) -> None:
    for role in {process.role for process in seen}:
        members = [process for process in seen if process.role == role]
        run.peak[role] = max(run.peak.get(role, 0), sum(one.memory for one in members))
        run.cpu[role] = max(run.cpu.get(role, 0.0), sum(one.cpu for one in members))
    for quarter in _QUARTERS:
        if percent >= quarter and quarter not in run.core:
            run.core[quarter] = next(one.memory for one in seen if one.role == "core")


def _ask_on(house: House, run: Run, done: threading.Event) -> None:
    while not done.wait(_PACE):
        run.during.append(_asked(house, f"what a person types {next(_numbers)}"))


def _asked(house: House, query: str) -> float:
    """Return the seconds from the call to the answer, the connection among them."""
    began = time.monotonic()
    with house.client() as client:
        answer = client.search(query, weak=True)
    took = time.monotonic() - began
    assert answer.model is not None
    return took


def _speed(run: Run, count: int) -> Table:
    work = run.done_after - run.model_after
    return Table(
        ("speed", "figure"),
        (
            ("pictures a second, from the model's readiness on", number(count / work)),
            ("from the daemon's start to the last picture", f"{number(run.done_after)} s"),
            ("from the daemon's start to the model's readiness", f"{number(run.model_after)} s"),
        ),
    )


def _latency(run: Run, after: list[float], again: list[float]) -> Table:
    sides = (
        ("a new question while indexing", run.during),
        ("a new question when all is in", after),
        ("a question asked before", again),
    )
    rows = tuple(
        (name, str(len(times)), ms(percentile(times, 50)), ms(percentile(times, 99)))
        for name, times in sides
        if times
    )
    return Table(("from question to answer", "asked", "median", "99 %"), rows)


def _core(run: Run) -> Table:
    columns = ("memory of the core at", *(f"{quarter} %" for quarter in sorted(run.core)))
    return Table(columns, (("MB", *(_mb(run.core[quarter]) for quarter in sorted(run.core))),))


def _all(run: Run) -> Table:
    order = sorted(run.peak, key=lambda role: -run.cpu[role])
    total = sum(run.cpu.values())
    rows = tuple(
        (
            role,
            _mb(run.peak[role]),
            f"{number(run.cpu[role])} s",
            f"{100 * run.cpu[role] / total:.0f} %",
        )
        for role in order
    )
    return Table(("process", "most memory, MB", "CPU", "share of the CPU"), rows)


def _mb(size: int) -> str:
    return f"{size / 1e6:.0f}"


if __name__ == "__main__":
    main()
