"""Who gets a place and who gives way, decided over stand-ins of connections."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import cast

import pytest

from imgqd.complaints import Complaints
from imgqd.config import ServerSettings
from imgqd.guests import Full, Guests
from imgqd.session import Session


@dataclass(eq=False)
class Caller:
    """One connection of a program; `told` is what it heard when it had to go."""

    pid: int
    since: float = 0.0
    is_idle: bool = True
    unfinished: int = 0
    told: list[str] = field(default_factory=list)

    def dismiss(self, text: str) -> None:
        self.told.append(text)


class House:
    """Places for four; `came` are all callers that were let in, `now` is the time."""

    def __init__(self, connections: int = 4) -> None:
        self.now = 1000.0
        limits = ServerSettings(connections=connections)
        self.guests = Guests(lambda: limits, Complaints(), lambda: self.now)
        self.came: list[Caller] = []

    def comes(self, pid: int, *, asks: bool = True, **is_so: float) -> Caller:
        caller = Caller(pid, **is_so)  # type: ignore[arg-type]
        self.guests.enter(cast("Session", caller))
        self.came.append(caller)
        if asks:
            self.asks(caller)
        return caller

    def asks(self, caller: Caller) -> None:
        self.guests.seat(cast("Session", caller))

    def offends(self, caller: Caller) -> None:
        self.guests.offended(cast("Session", caller))
        self.guests.leave(cast("Session", caller))

    def gone(self) -> list[Caller]:
        return [caller for caller in self.came if caller.told]


def test_everyone_stays_while_there_are_places() -> None:
    house = House()
    for pid in (1, 1, 1, 2):
        house.comes(pid)
    assert house.gone() == []


def test_a_program_with_many_connections_gives_one_up_for_a_program_with_fewer() -> None:
    house = House()
    lonely = house.comes(1, since=-100)
    idlest = house.comes(2, since=1)
    for since in (3, 2):
        house.comes(2, since=since)
    house.comes(3)
    assert house.gone() == [idlest]
    assert "another program needs a place" in idlest.told[0]
    assert lonely.told == []


@pytest.mark.parametrize("pid", [1, 2])
def test_no_program_gains_by_taking_from_one_that_holds_no_more(pid: int) -> None:
    house = House()
    for one in (1, 1, 2, 2):
        house.comes(one)
    with pytest.raises(Full, match="4 connections are open already"):
        house.comes(pid)
    assert house.gone() == []


def test_a_connection_at_work_goes_last_of_a_greedy_program() -> None:
    house = House()
    busy = [house.comes(1, is_idle=False, since=since) for since in (2, 1)]
    idle = [house.comes(1, since=since) for since in (4, 3)]
    for pid in (2, 3):
        house.comes(pid)
    assert set(house.gone()) == set(idle)
    house.comes(4)  # each holds one now but the first, whose two are at work
    assert busy[1].told
    assert not busy[0].told


def test_the_only_connection_of_a_program_is_safe_while_it_is_at_work() -> None:
    house = House()
    for pid in range(4):
        house.comes(pid, is_idle=False)
    with pytest.raises(Full):
        house.comes(9)
    house.came[2].is_idle = True
    house.comes(9)
    assert house.gone() == [house.came[2]]


def test_who_asks_nothing_takes_no_place_from_who_does() -> None:
    house = House()
    for pid in range(100):
        house.comes(pid, asks=False)
    for pid in range(200, 204):
        house.comes(pid)
    assert house.gone() == house.came[: 100 - 8 + 1]  # the newcomers were silent for a moment, too


def test_of_silent_connections_the_newest_stays_and_the_greediest_program_pays() -> None:
    house = House()
    quiet = house.comes(1, asks=False)
    greedy = [house.comes(2, asks=False) for _ in range(7)]
    newest = house.comes(3, asks=False)
    assert house.gone() == [greedy[0]]
    assert not quiet.told
    assert not newest.told


def test_who_comes_where_nobody_would_give_way_hears_it_at_once() -> None:
    house = House()
    for _ in range(4):
        house.comes(1)
    with pytest.raises(Full):
        house.comes(1, asks=False)


def test_a_place_is_given_once_and_is_free_when_its_holder_leaves() -> None:
    house = House(connections=1)
    first = house.comes(1)
    house.asks(first)
    with pytest.raises(Full):
        house.comes(1)
    house.guests.leave(cast("Session", first))
    house.comes(1)
    assert house.gone() == []


def test_the_largest_of_too_many_halves_of_messages_is_dropped() -> None:
    house = House(connections=20)
    callers = [house.comes(pid, unfinished=1 << 20) for pid in range(8)]
    house.guests.weigh()
    assert house.gone() == []
    callers[5].unfinished += 1
    house.guests.weigh()
    assert house.gone() == [callers[5]]


def test_a_program_that_offends_again_and_again_stays_out_for_a_minute() -> None:
    house = House()
    other = house.comes(1)
    for _ in range(15):
        house.offends(house.comes(1))
        house.now += 59  # what is remembered is remembered for a minute from the last one on
    house.offends(house.comes(1))
    with pytest.raises(Full, match="this program was dropped 16 times lately"):
        house.comes(1)
    house.comes(2)
    house.now += 59.9
    with pytest.raises(Full):
        house.comes(1)
    house.now += 0.1
    house.offends(house.comes(1))
    house.comes(1)
    assert not other.told


def test_offences_of_programs_that_are_gone_are_forgotten() -> None:
    house = House()
    for pid in range(100):
        house.offends(house.comes(pid))
        house.now += 10
    assert len(house.guests._offences) <= 6
