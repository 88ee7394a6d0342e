"""What the daemon does while nothing happens: CPU time and wake-ups of all its processes.

`python benchmarks/idle.py [--seconds 60] [--count 2000]`: Linux only, by /proc.
"""

from __future__ import annotations

import time
from dataclasses import dataclass
from pathlib import Path
from typing import Final

import psutil
from measure import House, Result, Table, arguments, finish, ms, places, processes, running

_ROLES: Final = {"core", "text encoder"}
"""What lives on while a person may search."""


@dataclass(frozen=True, slots=True)
class Thread:
    """What one thread has done since it began: CPU in seconds, times that it was woken."""

    role: str
    cpu: float
    wakes: int


def main() -> None:
    """Let the daemon come to rest, and watch it."""
    told = arguments("an idle daemon", seconds=60, count=2000)
    with places() as base:
        from demo.sample import small_pictures

        house = House(base / "house")
        settings = house.settings_file.read_text().replace(
            "[model]\n", '[model]\nrelease_after = "2s"\n'
        )
        house.settings_file.write_text(settings)
        small_pictures(house.pictures, told.count, seed=2)
        with running(house), house.client(timeout=600) as client:
            client.sync(600)
            client.search("warm", weak=True)
            _until_at_rest(house)
            before = _threads(house.pid)
            time.sleep(told.seconds)
            spent = _spent(before, _threads(house.pid))
            house.stop()
    text = (
        f"A daemon with {told.count:,} pictures and the demo model, its embedder and decoders "
        f"ended, watched for {told.seconds} s: CPU time by the scheduler's own count, and how "
        f"often each thread was woken (voluntary context switches); threads that slept all the "
        f"time are left out. Every ten seconds the core looks at the folders."
    )
    figures = {
        "cpu_s": sum(one.cpu for one in spent) * 60 / told.seconds,
        "wakes": max((one.wakes for one in spent), default=0) * 60 / told.seconds,
    }
    finish(Result("Idle", text, (_table(spent),), figures), told)


def _until_at_rest(house: House) -> None:
    while {one.role for one in processes(house.pid)} - _ROLES:
        time.sleep(1)
    # What the last exchange left to tidy up is done by then.
    time.sleep(12)


def _threads(core: int) -> dict[tuple[int, str], Thread]:
    roles = {}
    parent = psutil.Process(core)
    for process in (parent, *parent.children(recursive=True)):
        role = "core" if process.pid == core else process.cmdline()[-1]
        for task in Path(f"/proc/{process.pid}/task").iterdir():
            lines = (task / "status").read_text().splitlines()
            fields = dict(line.split(":\t", 1) for line in lines if ":\t" in line)
            nanoseconds = int((task / "schedstat").read_text().split()[0])
            name = f"{role}: {fields['Name']}"
            roles[process.pid, task.name] = Thread(
                name, nanoseconds / 1e9, int(fields["voluntary_ctxt_switches"])
            )
    return roles


def _spent(
    before: dict[tuple[int, str], Thread], after: dict[tuple[int, str], Thread]
) -> list[Thread]:
    spent = []
    for key, now in after.items():
        then = before.get(key, Thread(now.role, 0.0, 0))
        spent.append(Thread(now.role, now.cpu - then.cpu, now.wakes - then.wakes))
    return sorted((one for one in spent if one.cpu or one.wakes), key=lambda one: -one.cpu)


def _table(spent: list[Thread]) -> Table:
    rows = [(one.role, ms(one.cpu), str(one.wakes)) for one in spent]
    total = (sum(one.cpu for one in spent), sum(one.wakes for one in spent))
    rows.append(("all", ms(total[0]), str(total[1])))
    return Table(("process: thread", "CPU time", "woken"), tuple(rows))


if __name__ == "__main__":
    main()
