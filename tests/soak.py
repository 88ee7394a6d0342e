"""Any changes in any order for a long time: the machine of tests/changes, seed after seed.

Every fault is made small and kept: its steps, the daemon's log, its catalog. Where it
lies is printed. The exit status is 1 once there was one.
"""

# ruff: noqa: T201 - it talks to the person who runs it

from __future__ import annotations

import argparse
import json
import random
import shutil
import signal
import sys
import tempfile
import threading
import time
from collections import Counter
from pathlib import Path
from typing import Any, Final

from hypothesis import HealthCheck, Phase, settings

from changes.ground import Ground, standing
from changes.machine import TimeIsOver, run

_EVERY: Final = 30.0
"""Seconds between two lines of progress."""

_TO_SHRINK: Final = 60.0
"""Seconds beyond its time for which a fault may still be made small."""

_COUNTS: Final = ("examples", "steps", "syncs", "restarts", "kills", "faults")

LONG: Final = settings(
    max_examples=5,
    stateful_step_count=60,
    phases=[Phase.generate, Phase.shrink],
    deadline=None,
    database=None,
    print_blob=True,
    report_multiple_bugs=False,
    suppress_health_check=list(HealthCheck),
)


class Soak:
    """Runs seeds until the time is over; `models` take turns."""

    def __init__(self, models: list[str], first: int, minutes: float) -> None:
        self._models = models
        self._seed = first
        self._first = first
        self._began = time.monotonic()
        self._end = self._began + 60 * minutes
        self._counts: Counter[str] = Counter()
        self._kept: list[str] = []
        self._done = threading.Event()

    def run(self) -> None:
        """Run to the end, or to Ctrl-C; prints a line every half a minute."""
        reporter = threading.Thread(target=self._report, daemon=True)
        reporter.start()
        try:
            while time.monotonic() < self._end:
                for model in self._models:
                    self._turn(model)
        except KeyboardInterrupt:
            print("interrupted")
        finally:
            self._done.set()
            reporter.join()

    def summary(self) -> dict[str, Any]:
        """Return what it came to."""
        return {
            "models": self._models,
            "seeds": [self._first, self._seed],
            **{name: self._counts[name] for name in _COUNTS},
            "seconds": round(time.monotonic() - self._began, 1),
            "kept": self._kept,
        }

    def _turn(self, model: str) -> None:
        # A house serves for a few minutes: a daemon that is started anew now and then, too.
        until = min(self._end, time.monotonic() + 300)
        kept = Path(tempfile.gettempdir()) / f"imgq-faults-{self._first}"
        with (
            tempfile.TemporaryDirectory(prefix="imgq-soak-") as folder,
            standing(Path(folder), kept, model) as ground,
        ):
            ground.counts = self._counts
            while time.monotonic() < until:
                self._examples(model, ground, until)

    def _examples(self, model: str, ground: Ground, until: float) -> None:
        print(f"seed {self._seed}, {model}", flush=True)
        ground.kept.clear()
        faults: list[str] = []
        try:
            run(ground, LONG, self._seed, until + _TO_SHRINK)
        except TimeIsOver:
            pass
        except Exception as error:  # noqa: BLE001 - whatever it is, the next seed has its chance
            # Hypothesis may take an example that did not begin for one that went another way.
            if time.monotonic() < until + _TO_SHRINK:
                faults.append(type(error).__name__)
        finally:
            if faults or ground.kept:
                self._counts["faults"] += 1
                print(f"FAULT with --seed {self._seed} --model {model}", *faults)
                self._keep_first_and_smallest(ground.kept)
            self._seed += 1

    def _keep_first_and_smallest(self, folders: list[Path]) -> None:
        """Print the shortest way to the fault; it is made small only if it comes each time."""
        if not folders:
            return
        smallest = min(folders, key=lambda folder: len((folder / "steps.txt").read_text()))
        for folder in folders:
            if folder in {folders[0], smallest}:
                self._kept.append(str(folder))
            else:
                shutil.rmtree(folder)
        print(f"kept in {smallest}:\n{(smallest / 'steps.txt').read_text()}", flush=True)

    def _report(self) -> None:
        while not self._done.wait(_EVERY):
            elapsed = time.monotonic() - self._began
            told = ", ".join(f"{self._counts[name]} {name}" for name in _COUNTS)
            print(f"{elapsed:6.0f} s: {told}", flush=True)


def main() -> int:
    """Soak, and sum up."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--minutes", type=float, default=30)
    parser.add_argument("--seed", type=int, default=random.randrange(10**6))
    parser.add_argument("--model", choices=["plain", "demo", "both"], default="both")
    parser.add_argument("--json", type=Path, help="write the summary to this file as one line")
    asked = parser.parse_args()
    models = ["plain", "demo"] if asked.model == "both" else [asked.model]
    # However it is ended: its daemon ends with it, and what it found is told.
    signal.signal(signal.SIGTERM, signal.default_int_handler)
    soak = Soak(models, asked.seed, asked.minutes)
    soak.run()
    summary = json.dumps(soak.summary())
    print(summary)
    if asked.json is not None:
        asked.json.write_text(f"{summary}\n")
    return 1 if soak.summary()["faults"] else 0


if __name__ == "__main__":
    sys.exit(main())
