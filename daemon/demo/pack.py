"""Write the demo model's light text encoder into the package: it answers at once, everywhere.

`python daemon/demo/pack.py`, after each change of the model or of `exports.VERSION`.
"""

from __future__ import annotations

import logging
import shutil
import tempfile
from pathlib import Path

from imgqd import exports, presets, tracing, weights


def main() -> None:
    """Export the demo model's text tower and put it beside the weights."""
    logging.basicConfig(level=logging.WARNING, force=True)  # what it imports is talkative
    found = weights.find(presets.DEMO)
    place = found.path.parent / "text"
    with tempfile.TemporaryDirectory() as scratch:
        manifest = tracing.export(presets.DEMO, found, Path(scratch))
        shutil.rmtree(place, ignore_errors=True)
        place.mkdir()
        for path in Path(scratch).iterdir():
            shutil.copyfile(path, place / path.name)
    size = sum(path.stat().st_size for path in place.iterdir())
    print(
        f"{place}: {size / 1e6:.1f} MB, {manifest.precision}, version {exports.VERSION}, "
        f"least cosine with open_clip {manifest.least}"
    )


if __name__ == "__main__":
    main()
