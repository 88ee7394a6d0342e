"""Gives the embedder of texts a tower that reads nothing: torch takes seconds to be imported.

For a house in which only what pictures show is the matter, with torch. Python imports this
module at its start where PYTHONPATH names this folder: the product has no door for it.
"""

from __future__ import annotations

import os
import sys


def _stay(_: int) -> int:
    return 0


os.nice = _stay  # as in tests/eager

if "imgqd.embedder" in sys.orig_argv and sys.orig_argv[-1] == "text":
    import words  # type: ignore[import-not-found]

    sys.modules["imgqd.towers"] = words
