"""What a machine says of itself, written into files of the test's."""

from __future__ import annotations

import sys
from collections.abc import Callable
from pathlib import Path

import pytest

from imgqd import machine, sensors
from imgqd.sensors import Reading, apple, look

pytestmark = [
    pytest.mark.skipif(sys.platform == "darwin", reason="its files are Linux's"),
    pytest.mark.usefixtures("write"),
]

Write = Callable[[str, str], None]


@pytest.fixture
def write(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Write:
    monkeypatch.setattr(machine, "on_battery", lambda: False)

    def put(place: str, text: str) -> None:
        file = tmp_path / place
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_text(f"{text}\n")

    return put


def test_a_machine_that_says_nothing_is_well(tmp_path: Path) -> None:
    assert look(tmp_path) == Reading()


def test_a_machine_that_is_well_says_so(write: Write, tmp_path: Path) -> None:
    write("sys/firmware/acpi/platform_profile", "balanced")
    write("sys/devices/system/cpu/cpu0/cpufreq/energy_performance_preference", "balance_power")
    write("sys/class/hwmon/hwmon0/name", "coretemp")
    write("sys/class/hwmon/hwmon0/temp1_input", "95000")
    write("sys/class/hwmon/hwmon0/temp1_crit", "100000")
    write("proc/pressure/memory", "some avg10=0.00 avg60=0.00 avg300=0.00 total=0")
    write("proc/self/cgroup", "0::/user.slice/imgqd.service")
    group = "sys/fs/cgroup/user.slice/imgqd.service"
    write(f"{group}/memory.high", "max")
    write(f"{group}/memory.stat", "anon 900\nfile 5000")
    assert look(tmp_path) == Reading()


@pytest.mark.parametrize(
    ("place", "text"),
    [
        ("sys/firmware/acpi/platform_profile", "low-power"),
        ("sys/devices/system/cpu/cpu0/cpufreq/energy_performance_preference", "power"),
    ],
)
def test_the_power_saver_is_seen(write: Write, tmp_path: Path, place: str, text: str) -> None:
    write(place, text)
    assert look(tmp_path) == Reading(saves_power=True)


@pytest.mark.parametrize(("name", "is_hot"), [("coretemp", True), ("drivetemp", False)])
def test_a_processor_at_its_limit_is_hot_and_a_disk_is_not_asked(
    write: Write, tmp_path: Path, name: str, *, is_hot: bool
) -> None:
    write("sys/class/hwmon/hwmon3/name", name)
    write("sys/class/hwmon/hwmon3/temp1_input", "60000")
    write("sys/class/hwmon/hwmon3/temp1_crit", "100000")
    write("sys/class/hwmon/hwmon3/temp2_input", "97000")
    write("sys/class/hwmon/hwmon3/temp2_crit", "100000")
    assert look(tmp_path).is_hot is is_hot


def test_the_greater_pressure_counts_the_machines_or_our_groups(
    write: Write, tmp_path: Path
) -> None:
    write("proc/pressure/memory", "some avg10=2.50 avg60=0.00 avg300=0.00 total=0\nfull avg10=90")
    assert look(tmp_path).pressure == 2.5
    write("proc/self/cgroup", "0::/imgqd.service")
    write("sys/fs/cgroup/imgqd.service/memory.pressure", "some avg10=31.25 avg60=0.00 total=0")
    assert look(tmp_path).pressure == 31.25


def test_of_memory_high_only_what_cannot_be_given_back_counts(write: Write, tmp_path: Path) -> None:
    write("proc/self/cgroup", "0::/imgqd.service")
    write("sys/fs/cgroup/imgqd.service/memory.high", "1000")
    write("sys/fs/cgroup/imgqd.service/memory.stat", "anon 250\nfile 740\nkernel 5")
    assert look(tmp_path).held == 0.25


def test_a_battery_that_is_emptied_is_seen(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(machine, "on_battery", lambda: True)
    assert look(tmp_path) == Reading(on_battery=True)


@pytest.mark.parametrize(
    ("settings", "thermal", "expected"),
    [
        ("", "", (False, False)),
        (" lowpowermode         0\n", "CPU_Speed_Limit \t= 100\n", (False, False)),
        (" standby 1\n lowpowermode         1\n", "", (True, False)),
        ("", "Note: No thermal warning level\n\tCPU_Speed_Limit \t= 70\n", (False, True)),
        ("", "\tCPU_Scheduler_Limit = 50\n\tCPU_Speed_Limit = 100\n", (False, True)),
    ],
)
def test_what_pmset_prints_is_read(
    settings: str, thermal: str, expected: tuple[bool, bool]
) -> None:
    assert apple(settings, thermal) == expected


def test_this_machine_can_be_looked_at() -> None:
    assert 0 <= sensors.look().pressure <= 100
