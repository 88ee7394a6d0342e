"""What all benchmarks share: a daemon of their own, statistics, and a result that can be kept.

A benchmark's result is a JSON file in `benchmarks/results`; `report.py` makes
docs/benchmarks.md of them. Import this first: it puts the tests' harness, which
the benchmarks use, on the path.
"""

from __future__ import annotations

import argparse
import importlib.metadata
import json
import math
import os
import platform
import sys
import time
from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import asdict, dataclass, field
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Final

import psutil

ROOT: Final = Path(__file__).resolve().parent.parent
sys.path.insert(0, str(ROOT / "tests"))

from house import BIN, House, running  # noqa: E402 - the path comes first

__all__ = [
    "BIN",
    "RESULTS",
    "ROOT",
    "House",
    "Process",
    "Result",
    "Table",
    "arguments",
    "come_to_rest",
    "finish",
    "ms",
    "number",
    "parsed",
    "percentile",
    "photograph",
    "places",
    "processes",
    "running",
]

RESULTS: Final = ROOT / "benchmarks" / "results"

_VERSIONS: Final = (
    "imgq",
    "torch",
    "open_clip_torch",
    "onnxruntime",
    "faiss-cpu",
    "pillow",
    "numpy",
)

_ROLES: Final = {
    "imgqd.embedder image": "embedder",
    "imgqd.embedder text": "text encoder",
    "imgqd.encoder": "text encoder",
    "imgqd.exporter": "exporter",
    "imgqd.decoder": "decoder",
}


@dataclass(frozen=True, slots=True)
class Table:
    """Figures in rows; the first column says what they are of."""

    columns: tuple[str, ...]
    rows: tuple[tuple[str, ...], ...]

    def markdown(self) -> str:
        """Return it as a table of a Markdown page."""
        rule = ("---", *("---:" for _ in self.columns[1:]))
        return "\n".join(f"| {' | '.join(row)} |" for row in (self.columns, rule, *self.rows))


@dataclass(frozen=True, slots=True)
class Result:
    """A benchmark's outcome: `text` says what was done, the tables what came of it."""

    title: str
    text: str
    tables: tuple[Table, ...]
    figures: dict[str, float] = field(default_factory=dict)
    """What `goals` holds against its limits: seconds, bytes, ratios."""


@dataclass(frozen=True, slots=True)
class Process:
    """One process of the daemon: memory in bytes (shared pages in part) and CPU in seconds."""

    role: str
    memory: int
    cpu: float


def arguments(description: str, **counts: int) -> argparse.Namespace:
    """Parse a benchmark's command line, and start the watch on what other programs do.

    There are `--json` and numbers with their defaults.
    """
    return parsed(argparse.ArgumentParser(description=description), **counts)


def parsed(parser: argparse.ArgumentParser, **counts: int) -> argparse.Namespace:
    """Do the same with a parser that has options of its own."""
    for name, default in counts.items():
        parser.add_argument(f"--{name}", type=int, default=default, help=f"default {default}")
    parser.add_argument("--json", type=Path, metavar="FILE", help="keep the result here, too")
    told = parser.parse_args()
    told.before = _seconds()
    return told


def finish(result: Result, told: argparse.Namespace) -> None:
    """Print a result, and keep it where the command line says.

    Every process of the benchmark must have ended, or it counts among the others.
    """
    print(f"{result.title}\n\n{result.text}\n")
    for table in result.tables:
        print(f"{table.markdown()}\n")
    others = _others(told.before)
    print(f"other programs took {others:.0f} % of the processor meanwhile")
    if told.json is not None:
        command = " ".join(["python", os.path.relpath(sys.argv[0], ROOT), *_told()])
        kept = {
            **asdict(result),
            "command": command,
            "machine": machine(others),
            "made": _today(),
        }
        told.json.write_text(
            json.dumps(kept, indent=1, ensure_ascii=False) + "\n", encoding="utf-8"
        )


def machine(others: float) -> str:
    """Describe what the figures are of; `others` is the processor's share of other programs."""
    versions = ", ".join(f"{name} {importlib.metadata.version(name)}" for name in _VERSIONS)
    return (
        f"{_processor()}, {os.cpu_count()} cores, {others:.0f} % taken by other programs, "
        f"{platform.system()} {platform.release()}, "
        f"Python {platform.python_version()}, {versions}"
    )


@contextmanager
def places() -> Iterator[Path]:
    """Lend a folder for the length of a benchmark."""
    with TemporaryDirectory(prefix="imgq-benchmark-") as folder:
        yield Path(folder)


def processes(core: int) -> list[Process]:
    """Return the daemon's processes as they are now."""
    found = []
    parent = psutil.Process(core)
    for process in (parent, *parent.children()):
        try:
            line = " ".join(process.cmdline())
            times = process.cpu_times()
            full = process.memory_full_info()
        except psutil.Error:
            continue  # it ended this moment
        role = "core" if process.pid == core else _role(line)
        found.append(Process(role, getattr(full, "pss", full.uss), times.user + times.system))
    return found


def come_to_rest(core: int) -> None:
    """Wait until no process of the daemon works.

    After a start the text encoder has everyday phrases to encode for some seconds,
    which would weigh on whatever is measured then.
    """
    calm = 0
    before = sum(one.cpu for one in processes(core))
    while calm < 3:
        time.sleep(0.5)
        now = sum(one.cpu for one in processes(core))
        calm = calm + 1 if now - before <= 0.02 else 0
        before = now


def photograph(path: Path, sides: tuple[int, int], seed: int) -> Path:
    """Write a JPEG of (width, height) with large and small structures, as photographs have them."""
    import numpy as np
    from PIL import Image

    chance = np.random.default_rng(seed)
    image = Image.new("RGB", sides)
    for cells, share in ((8, 0.5), (64, 0.3), (512, 0.2)):
        values = chance.integers(0, 256, (cells * sides[1] // sides[0], cells, 3), np.uint8)
        layer = Image.fromarray(values).resize(sides, Image.Resampling.BICUBIC)
        image = Image.blend(image, layer, 1.0 if cells == 8 else share)
    image.save(path, "JPEG", quality=90)
    return path


def percentile(values: Iterable[float], percent: float) -> float:
    """Return the smallest value that so many percent do not exceed."""
    ordered = sorted(values)
    return ordered[max(0, math.ceil(len(ordered) * percent / 100) - 1)]


def ms(seconds: float) -> str:
    """Write a time in milliseconds, three digits of it."""
    return f"{number(seconds * 1000)} ms"


def number(value: float) -> str:
    """Write a number with three digits that count."""
    if value == 0:
        return "0"
    digits = max(0, 2 - math.floor(math.log10(abs(value))))
    return f"{value:,.{digits}f}"


def _seconds() -> tuple[float, float, float]:
    """Return (the clock, CPU seconds of the whole machine, those of this benchmark)."""
    whole = psutil.cpu_times()
    times = os.times()
    ours = times.user + times.system + times.children_user + times.children_system
    idle = whole.idle + getattr(whole, "iowait", 0.0)
    # A guest's time is in `user` already, on Linux.
    guests = getattr(whole, "guest", 0.0) + getattr(whole, "guest_nice", 0.0)
    return time.monotonic(), float(sum(whole) - idle - guests), ours


def _others(before: tuple[float, float, float]) -> float:
    """Return the percent of the processor that other programs took since then."""
    clock, whole, ours = (now - then for now, then in zip(_seconds(), before, strict=True))
    return max(0.0, 100 * (whole - ours) / (clock * (os.cpu_count() or 1)))


def _role(line: str) -> str:
    for part, role in _ROLES.items():
        module, _, last = part.partition(" ")
        if module in line and line.endswith(last):
            return role
    return "other"


def _told() -> Sequence[str]:
    # Places on this machine are no part of the command that a reader repeats.
    told = sys.argv[1:]
    for option in ("--json", "--rclip"):
        if option in told:
            place = told.index(option)
            told = [*told[:place], *told[place + 2 :]]
    return told


def _processor() -> str:
    try:
        lines = Path("/proc/cpuinfo").read_text(encoding="utf-8").splitlines()
    except OSError:
        return platform.processor() or platform.machine()
    names = [line.partition(":")[2].strip() for line in lines if line.startswith("model name")]
    return names[0] if names else platform.machine()


def _today() -> str:
    return time.strftime("%Y-%m-%d")
