"""Gives the embedder of pictures a tower without torch, whose import is most of what a start costs.

Python imports this module at its start where PYTHONPATH names this folder: the product has
no door for it.
"""

from __future__ import annotations

import os
import sys

if "imgqd.embedder" in sys.orig_argv and sys.orig_argv[-1] == "image":
    # Its products are small, and other tests work beside it.
    os.environ["OPENBLAS_NUM_THREADS"] = "1"
    import tower  # type: ignore[import-not-found]

    sys.modules["imgqd.towers"] = tower
