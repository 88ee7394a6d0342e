"""What a bulk import does to everything else: to answers, and to memory.

`python benchmarks/pressure.py [--rounds 4] [--asked 150] [--pictures 600] [--large 24]`
"""

from __future__ import annotations

import itertools
import os
import threading
import time
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
    photograph,
    places,
    processes,
    running,
)

_PACE: Final = 0.05
"""Seconds between an answer and the next question."""

_LOOK: Final = 0.1
"""Seconds between two looks at the memory."""

_LARGE: Final = (8192, 6144)
"""50 megapixels."""

_TOGETHER: Final = "together"

_PATIENCE: Final = 3600.0

_numbers = itertools.count()


def main() -> None:
    """Measure both, and print them."""
    told = arguments("a bulk import", rounds=4, asked=150, pictures=600, large=24)
    from system.full_size import ARCHITECTURE, saved_in

    with places() as base:
        os.environ["XDG_CACHE_HOME"] = str(base / "cache")
        model = f"local-dir:{saved_in(base)}"
        quiet, busy, ratios = _answers(base / "answers", model, told)
        peaks = _memory(base / "memory", model, told.large)
    text = (
        f"{ARCHITECTURE} with random weights. {told.rounds} turns: {told.asked} questions that "
        f"were never asked, {_PACE * 1000:g} ms apart, while nothing happens; then as many, or as "
        f"long as it takes, while {told.pictures} pictures of 2 MP that have just appeared are "
        f"being indexed. The ratio is the median of the turns'. Then {told.large} photographs of "
        f"50 MP are indexed, and the daemon's processes are looked at every {_LOOK * 1000:g} ms: "
        f"the most that each kind held, in the first half of that time and in the second, shared "
        f"pages in part (PSS)."
    )
    rows = tuple(
        (name, str(len(times)), *(ms(percentile(times, percent)) for percent in (50, 95, 99)))
        for name, times in (("nothing happens", quiet), ("pictures are indexed", busy))
    )
    ratio = percentile(ratios, 50)
    answers = Table(
        ("from question to answer, while", "asked", "median", "95 %", "99 %"),
        (*rows, ("99 %, times the quiet one, by turns", "", "", "", number(ratio))),
    )
    figures = {
        "busy_times_quiet": ratio,
        "large_bytes": float(max(one[_TOGETHER] for one in peaks)),
        "large_growth": peaks[1][_TOGETHER] / peaks[0][_TOGETHER],
    }
    finish(Result("During a bulk import", text, (answers, _peaks(peaks)), figures), told)


def _answers(base: Path, model: str, told: object) -> tuple[list[float], list[float], list[float]]:
    rounds, asked, count = (getattr(told, name) for name in ("rounds", "asked", "pictures"))
    house = House(base, model=model)
    photograph(house.pictures / "first.jpg", (1600, 1200), 0)
    quiet: list[float] = []
    busy: list[float] = []
    ratios = []
    with running(house), house.client(timeout=_PATIENCE) as client:
        client.sync(_PATIENCE)
        _asked(house)
        come_to_rest(house.pid)
        for turn in range(rounds):
            ready = base / f"ready-{turn}"
            ready.mkdir()
            for one in range(count):
                photograph(ready / f"{one}.jpg", (1600, 1200), turn * count + one + 1)
            client.sync(_PATIENCE)
            alone = [_asked(house) for _ in range(asked)]
            done = threading.Event()
            importing = threading.Thread(target=_import, args=(house, ready, done))
            importing.start()
            among = []
            while not done.is_set():
                among.append(_asked(house))
            importing.join()
            quiet += alone
            busy += among
            ratios.append(percentile(among, 99) / percentile(alone, 99))
        house.stop()
    return quiet, busy, ratios


def _import(house: House, ready: Path, done: threading.Event) -> None:
    try:
        with house.client(timeout=_PATIENCE) as client:
            ready.rename(house.pictures / ready.name)
            client.sync(_PATIENCE)
    finally:
        done.set()


def _asked(house: House) -> float:
    """Return the seconds of one question that is new, the connection among them."""
    time.sleep(_PACE)
    began = time.monotonic()
    with house.client(timeout=60) as client:
        answer = client.search(f"what nobody asked before {next(_numbers)}", weak=True)
    took = time.monotonic() - began
    assert answer.model is not None
    return took


def _memory(base: Path, model: str, count: int) -> tuple[dict[str, int], dict[str, int]]:
    """Return the most bytes of each kind of process, in the first half and in the second."""
    house = House(base, model=model)
    ready = base / "ready"
    ready.mkdir()
    for turn in range(count):
        photograph(ready / f"{turn}.jpg", _LARGE, turn)
    photograph(house.pictures / "first.jpg", (1600, 1200), count)
    done = threading.Event()
    looks: list[dict[str, int]] = []
    with running(house), house.client(timeout=_PATIENCE) as client:
        # Every process has begun by then, and has held what it holds at its start.
        client.sync(_PATIENCE)
        client.search("warm", weak=True)
        come_to_rest(house.pid)
        importing = threading.Thread(target=_import, args=(house, ready, done))
        importing.start()
        while not done.wait(_LOOK):
            look: dict[str, int] = {}
            for one in processes(house.pid):
                look[one.role] = look.get(one.role, 0) + one.memory
            look[_TOGETHER] = sum(look.values())
            looks.append(look)
        importing.join()
        assert client.status().failed == {}
        assert client.status().model["vectors"] == count + 1
        house.stop()
    half = len(looks) // 2
    return _most(looks[:half]), _most(looks[half:])


def _most(looks: list[dict[str, int]]) -> dict[str, int]:
    roles = {role for look in looks for role in look}
    return {role: max(look.get(role, 0) for look in looks) for role in roles}


def _peaks(peaks: tuple[dict[str, int], dict[str, int]]) -> Table:
    first, second = peaks
    order = sorted(first.keys() | second.keys(), key=lambda role: -second.get(role, 0))
    rows = [(role, *(f"{half.get(role, 0) / 1e6:,.0f}" for half in peaks)) for role in order]
    columns = ("50 MP photographs: most memory, MB", "first half", "second half")
    return Table(columns, tuple(rows))


if __name__ == "__main__":
    main()
