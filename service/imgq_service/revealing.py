"""Shows a file in the file manager, selected in its folder where the desktop can do that."""

from __future__ import annotations

import os
import subprocess
import sys

from imgq.opening import open_file
from imgq.paths import file_uri


def reveal(path: bytes) -> None:
    """Show a file in the file manager; raises ImgqError where that is not possible."""
    if sys.platform == "darwin":
        subprocess.run(["/usr/bin/open", "-R", path], check=False)  # noqa: S603 - no shell
        return
    try:
        from imgq_service import bus  # noqa: PLC0415 - the window starts without it
    except ImportError:
        # Launchers that need no bus come without its library.
        open_file(os.path.dirname(path))
        return
    try:
        bus.show_in_files((file_uri(path),))
    except bus.NoBus:
        # No file manager that knows this: its folder is better than nothing.
        open_file(os.path.dirname(path))
