"""No process of the daemon steps back behind others, where this folder is in PYTHONPATH.

Beside a whole suite the embedder would wait for minutes: it works when nobody else does.
"""

from __future__ import annotations

import os


def _stay(_: int) -> int:
    return 0


os.nice = _stay
