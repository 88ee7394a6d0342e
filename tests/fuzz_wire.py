"""The wire under bytes and requests of any shape for a long time, seed after seed.

`python tests/fuzz_wire.py --minutes 10`: the reader alone, and all methods of a real daemon. Where
something is wrong, the smallest example is printed, and the exit status is 1.
"""

# ruff: noqa: T201 - it talks to the person who runs it

from __future__ import annotations

import argparse
import random
import sys
import tempfile
import time
import traceback
from collections import Counter
from collections.abc import Callable
from pathlib import Path
from typing import Any, Final

from hypothesis import HealthCheck, Phase, given, seed, settings
from hypothesis import strategies as st

from house import House, picture, running
from imgq.protocol import FROM_CLIENT, Limits
from wire_shapes import METHODS, MODEL_METHODS, answers, check_stream, requests, streams

_LONG: Final = settings(
    deadline=None,
    database=None,
    phases=[Phase.generate, Phase.shrink],
    suppress_health_check=list(HealthCheck),
)

_SMALL: Final = Limits(frame=48, array=4, map=3)


class Fuzz:
    """Runs one property after the other, with fresh seeds, until the time is over."""

    def __init__(self, house: House, first: int, minutes: float) -> None:
        self._house = house
        self._seed = first
        self._end = time.monotonic() + 60 * minutes
        self.counts: Counter[str] = Counter()
        self.faults = 0

    def run(self) -> None:
        """Run until the time is over or something is wrong."""
        of_all = st.lists(requests(self._house.base, METHODS), min_size=1, max_size=8)
        of_models = requests(self._house.base, MODEL_METHODS).map(lambda one: [one])
        while time.monotonic() < self._end and not self.faults:
            self._seed += 1
            self._try("streams", 500, streams(), lambda one: check_stream(one, FROM_CLIENT))
            self._try("streams in small pieces", 500, streams(), _check_small)
            self._try("rounds of requests", 300, of_all, self._ask)
            self._try("requests for models", 3, of_models, self._ask)
            print(f"seed {self._seed}: {dict(self.counts)}", flush=True)

    def _try(
        self,
        name: str,
        examples: int,
        shapes: st.SearchStrategy[Any],
        check: Callable[[Any], object],
    ) -> None:
        @seed(self._seed)
        @settings(_LONG, max_examples=examples)
        @given(shapes)
        def holds(one: Any) -> None:
            self.counts[name] += 1
            check(one)

        try:
            holds()
        except Exception:  # noqa: BLE001 - whatever it was is what is looked for
            traceback.print_exc()
            print(f"{name}: a fault, with --seed {self._seed - 1}", flush=True)
            self.faults += 1

    def _ask(self, asked: list[Any]) -> None:
        answers(self._house.socket, asked)


def _check_small(pieces: list[bytes]) -> None:
    size = _SMALL.frame
    small = [one[at : at + size] for one in pieces for at in range(0, len(one), size)]
    check_stream(small, _SMALL)


def main() -> int:
    """Run for the time that is asked for, and return the exit status."""
    parser = argparse.ArgumentParser(description="any bytes, any requests, for a long time")
    parser.add_argument("--minutes", type=float, default=10, help="default 10")
    parser.add_argument("--seed", type=int, default=random.randrange(1 << 20), metavar="N")
    told = parser.parse_args()
    with tempfile.TemporaryDirectory(prefix="imgq-fuzz-", dir="/tmp") as base:
        house = House(Path(base) / "house")
        for number in range(20):
            picture(house.pictures / f"{number}.png", number)
        with running(house):
            house.sync()
            fuzz = Fuzz(house, told.seed, told.minutes)
            fuzz.run()
            with house.client() as client:
                client.resume()
            house.sync()
            assert house.stop() == 0
        log = house.log.read_text()
    print(f"{sum(fuzz.counts.values())} examples, {fuzz.faults} faults")
    if "Traceback" in log:
        print(log[log.index("Traceback") :])
    return 1 if fuzz.faults or "Traceback" in log else 0


if __name__ == "__main__":
    sys.exit(main())
