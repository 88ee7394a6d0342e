"""When bulk work waits: what speaks against it, what a person overrules, when it is looked at."""

from __future__ import annotations

import asyncio
import time
from dataclasses import replace

import pytest

from imgqd.config import PowerSettings
from imgqd.power import Courtesy, Rest, reasons
from imgqd.sensors import Reading

WELL = Reading()
EAGER = PowerSettings(
    pause_on_battery=False,
    pause_on_power_saver=False,
    pause_when_hot=False,
    pause_when_memory_is_short=False,
)


@pytest.mark.parametrize(
    ("seen", "polite", "eager"),
    [
        (WELL, [], []),
        (Reading(on_battery=True), ["on battery"], []),
        (Reading(saves_power=True), ["the power saver is on"], []),
        (Reading(is_hot=True), ["the processor is hot"], []),
        (Reading(pressure=19.9, held=0.89), [], []),
        (Reading(pressure=20.0), ["memory is short"], []),
        (
            Reading(held=0.9),
            ["imgqd has nearly all of its MemoryHigh"],
            ["imgqd has nearly all of its MemoryHigh"],
        ),
        (
            Reading(on_battery=True, is_hot=True),
            ["on battery", "the processor is hot"],
            [],
        ),
    ],
)
def test_what_speaks_against_bulk_work(seen: Reading, polite: list[str], eager: list[str]) -> None:
    assert list(reasons(seen, PowerSettings())) == polite
    assert list(reasons(seen, EAGER)) == eager


def test_memory_of_the_gpu_that_others_have_is_a_reason() -> None:
    assert reasons(WELL, EAGER, is_scarce=True) == ("other programs have the GPU's memory",)


def said(rest: Rest) -> str:
    return rest.reason or ""


def test_a_reason_says_what_can_be_done() -> None:
    rest = Rest()
    assert rest.reason is None
    rest.heed(("on battery", "memory is short"))
    assert said(rest).startswith("on battery and memory is short: imgqctl resume")


def test_what_is_overruled_counts_again_once_it_has_ended_and_come_anew() -> None:
    rest = Rest()
    rest.heed(("on battery",))
    rest.overrule()
    assert said(rest) == ""
    rest.heed(("on battery",))
    assert said(rest) == ""
    rest.heed(("on battery", "memory is short"))  # this one nobody has overruled
    assert said(rest).startswith("memory is short:")
    rest.heed(())
    rest.heed(("on battery",))
    assert said(rest).startswith("on battery:")


class Machine:
    """A machine whose reading is the test's, and a clock that the test moves."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch) -> None:
        self.seen, self.now, self.looks = WELL, 1000.0, 0
        self.scarce = False
        self.changes: list[str | None] = []
        self.courtesy = Courtesy(PowerSettings(), lambda: self.scarce, self._changed, self._look)
        monkeypatch.setattr(time, "monotonic", lambda: self.now)

    def _changed(self) -> None:
        self.changes.append(self.courtesy.reason)

    def _look(self) -> Reading:
        self.looks += 1
        return self.seen

    def allows(self) -> bool:
        return asyncio.run(self.courtesy.allows_bulk())


@pytest.fixture
def machine(monkeypatch: pytest.MonkeyPatch) -> Machine:
    return Machine(monkeypatch)


def test_the_machine_is_looked_at_when_it_is_asked_and_at_most_every_half_minute(
    machine: Machine,
) -> None:
    assert machine.looks == 0
    assert machine.allows()
    machine.seen = replace(WELL, on_battery=True)
    machine.now += 29
    assert machine.allows()
    assert machine.looks == 1
    machine.now += 1
    assert not machine.allows()
    assert machine.looks == 2
    assert len(machine.changes) == 1


def test_a_person_who_says_resume_is_obeyed_until_the_reason_has_ended(machine: Machine) -> None:
    machine.seen = replace(WELL, on_battery=True)
    assert not machine.allows()
    machine.courtesy.overrule()
    assert machine.courtesy.reason is None
    machine.now += 60
    assert machine.allows()
    machine.seen = WELL
    machine.now += 60
    assert machine.allows()
    machine.seen = replace(WELL, on_battery=True)
    machine.now += 60
    assert not machine.allows()


def test_other_settings_hold_at_once(machine: Machine) -> None:
    machine.seen = replace(WELL, on_battery=True)
    assert not machine.allows()
    machine.courtesy.use(EAGER)
    assert machine.courtesy.reason is None
    assert [reason is None for reason in machine.changes] == [False, True]


def test_scarce_memory_of_the_gpu_counts_without_another_look(machine: Machine) -> None:
    assert machine.allows()
    machine.scarce = True
    assert not machine.allows()
    machine.scarce = False
    assert machine.allows()
    assert machine.looks == 1
