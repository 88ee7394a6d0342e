"""What 500 hostile connections do to an honest client's questions.

`python benchmarks/crowd.py [--rounds 5] [--connections 500] [--count 300]`
"""

from __future__ import annotations

from itertools import chain
from typing import TYPE_CHECKING, Final

from measure import House, Result, Table, arguments, finish, ms, number, percentile, places, running

if TYPE_CHECKING:
    from honest import Measured

_TURN: Final = 7.0
"""Seconds: longer than a client is borne that does not read."""


def main() -> None:
    """Measure, and print it."""
    told = arguments("an honest client in a crowd", rounds=5, connections=500, count=300)
    with places() as base:
        from demo.sample import small_pictures
        from honest import in_turns

        house = House(base / "house")
        small_pictures(house.pictures, told.count, seed=3)
        with running(house):
            house.sync()
            found = in_turns(house, told.connections, told.rounds, _TURN)
    text = (
        f"{told.connections} connections of six processes, each made again about a second after "
        f"it was lost: silent ones, requests a byte at a time, headers that claim 2 GiB, nested "
        f"bombs, the byte 0xC1, and clients that ask for all of {told.count} pictures eight "
        f"times and read nothing. An honest client asks something new every 20 ms; times count "
        f"from the moment at which a question is due. {told.rounds} times in turns, {_TURN:g} s "
        f"alone and {_TURN:g} s in the crowd, from half a second after it came. The 95th "
        f"percentile is the median of the turns'. {found.made:,} hostile connections were made."
    )
    finish(Result("An honest client in a crowd", text, (_times(found), _memory(found))), told)


def _times(found: Measured) -> Table:
    from honest import p95

    def row(name: str, rounds: list[list[float]]) -> tuple[str, ...]:
        every = [*chain.from_iterable(rounds)]
        middle, most = (percentile(every, percent) for percent in (50, 100))
        return name, number(len(every)), ms(middle), ms(p95(rounds)), ms(most)

    return Table(
        ("from question to answer", "asked", "median", "95 %", "most"),
        (
            row("alone", found.quiet),
            row("in the crowd", found.crowded),
            row("in the crowd, a new connection for each", [found.newcomers]),
        ),
    )


def _memory(found: Measured) -> Table:
    from honest import p95

    size = (f"{number(value / 1e6)}" for value in (found.before, found.most))
    ratio = number(p95(found.crowded) / p95(found.quiet))
    return Table(
        ("95 %, times that alone", "core before, MB", "core at most, MB"), ((ratio, *size),)
    )


if __name__ == "__main__":
    main()
