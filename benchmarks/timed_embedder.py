"""The embedder process, with a watch on its forward passes: run by `embedding.py` in its place.

After each batch it writes the seconds of all passes so far to the file that IMGQ_SPENT names.
"""

from __future__ import annotations

import os
import time
from pathlib import Path
from typing import Any

from imgqd import embedder, towers


class Timed(towers.Towers):
    """Towers that know how long they computed; a batch's transfer and bytes do not count."""

    _spent = 0.0

    def _halving(self, batch: Any) -> Any:
        began = time.perf_counter()
        try:
            return super()._halving(batch)
        finally:
            self._spent += time.perf_counter() - began
            Path(os.environ["IMGQ_SPENT"]).write_text(str(self._spent), "ascii")


if __name__ == "__main__":
    towers.Towers = Timed  # type: ignore[misc]
    embedder.main()
