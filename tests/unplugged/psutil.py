"""psutil as it is, but for the battery: it is emptied while a file of the test's is there.

Python takes this one where PYTHONPATH names this folder: the product has no door for it.
"""

from __future__ import annotations

import importlib
import os
import sys
from typing import Any, NamedTuple

_here = os.path.dirname(__file__)
sys.path.remove(_here)
del sys.modules["psutil"]
_real: Any = importlib.import_module("psutil")
sys.path.insert(0, _here)


class _Battery(NamedTuple):
    percent: int
    secsleft: int
    power_plugged: bool


def _sensors_battery() -> _Battery:
    return _Battery(80, -2, not os.path.exists(os.environ["IMGQ_TEST_UNPLUGGED"]))


_real.sensors_battery = _sensors_battery
sys.modules["psutil"] = _real
