"""Writes what a launcher needs, and takes it away without a trace.

Rules of this file: it knows pieces, not launchers. Every piece holds MARK near its
beginning: what does not is somebody else's and stays as it is.
"""

from __future__ import annotations

import contextlib
import os
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from imgq.errors import ImgqError
from imgq.text import readable_path

MARK: Final = "Written by imgq-service launcher"
_HEAD: Final = 4096
"""Bytes in which the mark is looked for."""


@dataclass(frozen=True, slots=True)
class Piece:
    """A file that a launcher reads: where, and what is in it.

    `base` is a folder that stays; those below it are made, and removed if nothing is left in them.
    """

    base: Path
    name: str
    text: str
    program: bool = False

    @property
    def path(self) -> Path:
        """Where it lies."""
        return self.base / self.name


def install(pieces: Sequence[Piece]) -> None:
    """Write every piece; raises ImgqError, and writes nothing, where a file is somebody else's."""
    for piece in pieces:
        check(piece)
    for piece in pieces:
        piece.path.parent.mkdir(parents=True, exist_ok=True)
        # A launcher that reads at this moment finds the old file or the new one.
        draft = piece.path.with_name(f".{piece.path.name}.new")
        draft.write_bytes(os.fsencode(piece.text))
        draft.chmod(0o755 if piece.program else 0o644)
        draft.replace(piece.path)


def remove(pieces: Sequence[Piece]) -> bool:
    """Remove every piece that is there, and say whether one was; raises ImgqError as install."""
    there = [piece for piece in pieces if check(piece)]
    for piece in there:
        piece.path.unlink()
        folder = piece.path.parent
        # What the launcher's own Python made of ours.
        for left in folder.glob(f"__pycache__/{piece.path.stem}.*.pyc"):
            left.unlink()
        with contextlib.suppress(OSError):
            (folder / "__pycache__").rmdir()
        with contextlib.suppress(OSError):
            while folder != piece.base:
                folder.rmdir()
                folder = folder.parent
    return bool(there)


def check(piece: Piece) -> bool:
    """Tell whether a piece is there; raises ImgqError where something else is in its place."""
    if not os.path.lexists(piece.path):
        return False
    head = b""
    if piece.path.is_file():
        with piece.path.open("rb") as file:
            head = file.read(_HEAD)
    if MARK.encode() not in head:
        where = readable_path(os.fsencode(piece.path))
        raise ImgqError(f"{where} is not imgq-service's: move it away, then try again")
    return True
