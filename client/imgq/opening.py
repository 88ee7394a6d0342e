"""Opens a file with whatever the desktop shows such files with."""

from __future__ import annotations

import shutil
import subprocess
import sys

from imgq.errors import ImgqError
from imgq.text import readable_path

_OPENER = "open" if sys.platform == "darwin" else "xdg-open"
# Long enough for the opener to find out that it cannot; a viewer itself stays on for longer.
_PATIENCE_S = 2.0


def open_file(path: bytes) -> None:
    """Show a file to the person; raises ImgqError where that is not possible."""
    opener = shutil.which(_OPENER)
    if opener is None:
        raise ImgqError(f"cannot open {readable_path(path)}: {_OPENER} is not installed")
    process = subprocess.Popen(  # noqa: S603 - no shell, and an absolute path is no option
        [opener, path],
        stdin=subprocess.DEVNULL,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
        start_new_session=True,
    )
    try:
        status = process.wait(_PATIENCE_S)
    except subprocess.TimeoutExpired:
        return
    if status != 0:
        raise ImgqError(
            f"cannot open {readable_path(path)}: {_OPENER} ended with status {status}: "
            "is there a desktop, and a program for such files?"
        )
