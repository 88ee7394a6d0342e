"""The files of a service: written as one piece, and removed with the folders made for them."""

from __future__ import annotations

import contextlib
import os
from collections.abc import Callable, Iterable
from pathlib import Path

from imgq.errors import ImgqError


def read(path: Path, is_ours: Callable[[bytes], bool]) -> bytes | None:
    """Return a file of ours, None without one; raises ImgqError for somebody else's."""
    if not os.path.lexists(path):
        return None
    content = path.read_bytes() if path.is_file() else b""
    if not is_ours(content):
        raise ImgqError(f"{path} is not imgq-service's: move it away, then try again")
    return content


def write(path: Path, content: bytes) -> None:
    """Write a file; a manager that reads at this moment finds the old one or the new one."""
    path.parent.mkdir(parents=True, exist_ok=True)
    new = path.with_name(f".{path.name}.new")
    new.write_bytes(content)
    new.replace(path)


def erase(files: Iterable[Path], folders: Iterable[Path]) -> None:
    """Remove files, and after them those of the folders that are empty."""
    for file in files:
        file.unlink(missing_ok=True)
    for folder in folders:
        with contextlib.suppress(OSError):
            folder.rmdir()
