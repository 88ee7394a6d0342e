"""What a service is made of: which program, and what the settings say of it."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
import tomllib
from pathlib import Path

from imgq import paths, sizes
from imgq.errors import ImgqError

_HALF = "50%"


def program() -> Path:
    """Return the daemon that belongs to the running interpreter; raises ImgqError."""
    # A virtual environment's commands are beside its interpreter, and rarely on the PATH.
    beside = Path(sys.executable).parent / "imgqd"
    found = beside if os.access(beside, os.X_OK) else shutil.which("imgqd")
    if found is None:
        raise ImgqError("imgqd is not installed here: `pip install 'imgq[daemon]'` brings it")
    return Path(found).absolute()


def check(daemon: Path) -> None:
    """Raise ImgqError, with the daemon's own word, where it would not start."""
    done = subprocess.run(  # noqa: S603 - our own program
        [daemon, "--check"],
        check=False,
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
        errors="replace",
    )
    if done.returncode != 0:
        lines = done.stderr.strip().splitlines() or [f"exit status {done.returncode}"]
        raise ImgqError(f"the daemon would not start: {lines[-1].removeprefix('imgqd: ')}")


def memory_high() -> str:
    """Return the bound of memory that the settings ask for, as systemd writes it.

    Raises ImgqError for a settings file that cannot be used.
    """
    path = paths.settings_path()
    try:
        settings = tomllib.loads(path.read_text("utf-8"))
    except FileNotFoundError:
        settings = {}
    except (OSError, ValueError) as error:
        raise ImgqError(f"{path}: cannot be read: {error}") from error
    table = settings.get("service", {})
    value = table.get("memory_high", _HALF) if isinstance(table, dict) else table
    try:
        return sizes.memory_bound(value)
    except ValueError as error:
        raise ImgqError(f"{path}: service.memory_high: {value!r} is not {error}") from error
