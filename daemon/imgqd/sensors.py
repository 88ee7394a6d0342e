"""What a machine says of its power, its heat and its memory, at one moment.

Linux says it in files, which `system` may stand in for; macOS by `pmset`. What a machine
does not say is taken to be well.
"""

from __future__ import annotations

import contextlib
import re
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from imgqd import machine

_HOT: Final = 3_000
"""Thousandths of a degree below a processor's critical temperature: there it slows itself down."""

_PROCESSORS: Final = {"coretemp", "k10temp", "zenpower", "cpu_thermal"}
"""Only these sensors are asked: to ask a disk's wakes it up."""

_PMSET: Final = "/usr/bin/pmset"


@dataclass(frozen=True, slots=True)
class Reading:
    """One look.

    `pressure` is the percent of the last ten seconds in which some program waited for
    memory, of the machine or of our own group, whichever is more; `held` is our share of
    the memory from which on the system holds our group back (MemoryHigh).
    """

    on_battery: bool = False
    saves_power: bool = False
    is_hot: bool = False
    pressure: float = 0.0
    held: float = 0.0


def look(system: Path = Path("/")) -> Reading:
    """Look at the machine; takes some milliseconds, on a few laptops a tenth of a second."""
    on_battery = machine.on_battery()
    if sys.platform == "darwin":
        saves_power, is_hot = apple(_said_by_pmset("-g"), _said_by_pmset("-g", "therm"))
        return Reading(on_battery, saves_power, is_hot)
    group = _group(system)
    return Reading(
        on_battery,
        _saves_power(system),
        _is_hot(system),
        max(_pressure(system / "proc/pressure/memory"), _pressure(group / "memory.pressure")),
        _held(group),
    )


def apple(settings: str, thermal: str) -> tuple[bool, bool]:
    """Return (low power mode, slowed down by heat) from what `pmset` prints."""
    low = re.search(r"^\s*lowpowermode\s+1\b", settings, re.MULTILINE)
    limits = re.findall(r"(?:CPU_Speed_Limit|CPU_Scheduler_Limit)\s*=\s*(\d+)", thermal)
    return low is not None, any(int(limit) < 100 for limit in limits)


def _said_by_pmset(*arguments: str) -> str:
    try:
        run = subprocess.run(  # noqa: S603 - a fixed program, fixed words
            [_PMSET, *arguments], capture_output=True, text=True, timeout=2, check=False
        )
    except (OSError, subprocess.TimeoutExpired):
        return ""
    return run.stdout


def _saves_power(system: Path) -> bool:
    # power-profiles-daemon and tuned set the one where the firmware knows profiles, else the other.
    profile = _text(system / "sys/firmware/acpi/platform_profile")
    wish = system / "sys/devices/system/cpu/cpu0/cpufreq/energy_performance_preference"
    return profile == "low-power" or _text(wish) == "power"


def _is_hot(system: Path) -> bool:
    for sensor in (system / "sys/class/hwmon").glob("hwmon*"):
        if _text(sensor / "name") in _PROCESSORS:
            for critical in sensor.glob("temp*_crit"):
                limit = _number(critical)
                now = _number(critical.with_name(critical.name.replace("_crit", "_input")))
                if limit and now >= limit - _HOT:
                    return True
    return False


def _pressure(file: Path) -> float:
    found = re.search(r"^some avg10=([0-9.]+)", _text(file))
    return float(found[1]) if found else 0.0


def _held(group: Path) -> float:
    # "max" is no number. Of the rest, what is cached of files is given back when it is asked for.
    high = _number(group / "memory.high")
    held = re.search(r"^anon (\d+)", _text(group / "memory.stat"), re.MULTILINE)
    return int(held[1]) / high if high and held else 0.0


def _group(system: Path) -> Path:
    """Return the folder of our own control group; one that is not there where there is none."""
    found = re.search(r"^0::/(.*)$", _text(system / "proc/self/cgroup"), re.MULTILINE)
    return system / "sys/fs/cgroup" / (found[1] if found else "none")


def _number(file: Path) -> int:
    text = _text(file)
    return int(text) if text.isdecimal() else 0


def _text(file: Path) -> str:
    with contextlib.suppress(OSError, UnicodeDecodeError):
        return file.read_text(encoding="ascii").strip()
    return ""
