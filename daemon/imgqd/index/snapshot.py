"""The files of codes and vectors: what makes it start fast, and nothing that is not in the catalog.

`head.json` names the two others and says of which catalog, model and moment they are.
It is written last, and renamed into place: a crash, a full disk or `kill -9` leaves
the one before. Whatever does not fit, is damaged or of another day is no snapshot.
"""

from __future__ import annotations

import contextlib
import hashlib
import json
import os
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any, BinaryIO, Final, TextIO

from imgqd.index.compact import Scale

_HEAD: Final = "head.json"
_VERSION: Final = 2


@dataclass(frozen=True, slots=True)
class Owner:
    """Whose vectors they are: a catalog by its own random name, a model by its weights."""

    catalog: str
    model: str
    dim: int

    @property
    def folder(self) -> str:
        """The name of the folder of this model's files."""
        return hashlib.blake2b(self.model.encode(), digest_size=8).hexdigest()


@dataclass(frozen=True, slots=True)
class Head:
    """A snapshot: all changes of the catalog up to `seq` are in it.

    `trained` is the number of vectors that the lists were made for, `shift` was added to
    each of them before it was coded. With a `scale` there are no lists: all codes are compared.
    """

    owner: Owner
    seq: int
    count: int
    largest: int
    trained: int
    codes: str
    codes_sum: str
    rows: str
    shift: tuple[float, ...]
    scale: Scale | None = None


def read(folder: Path, owner: Owner) -> Head | None:
    """Return the snapshot in a folder, None where there is none of this owner that is whole."""
    try:
        told = json.loads((folder / _HEAD).read_bytes())
        fields = told["head"] | {
            "owner": Owner(**told["head"]["owner"]),
            "shift": tuple(told["head"]["shift"]),
            "scale": _scale(told["head"]["scale"]),
        }
        head = Head(**fields)
        is_whole = told["version"] == _VERSION and told["sum"] == _sum(told["head"])
        if not is_whole or head.owner != owner:
            return None
        if (folder / head.rows).stat().st_size < 2 * owner.dim * (head.largest + 1):
            return None
        if file_sum(folder / head.codes) != head.codes_sum:
            return None
    except (OSError, ValueError, KeyError, TypeError):
        return None
    return head


def _scale(told: dict[str, Any] | None) -> Scale | None:
    if told is None:
        return None
    return Scale(tuple(told["middle"]), tuple(told["step"]), float(told["longest"]))


def write(folder: Path, head: Head) -> None:
    """Put a snapshot in the place of the one before; its files are on the disk. Raises OSError."""
    fields = asdict(head)
    told = {"version": _VERSION, "head": fields, "sum": _sum(fields)}
    fresh = folder / f"{_HEAD}.new"
    with fresh.open("w", encoding="utf-8") as file:
        json.dump(told, file)
        flush(file)
    fresh.rename(folder / _HEAD)
    sync_folder(folder)


def discard(folder: Path) -> None:
    """Remove a model's files: first what says that they are one."""
    with contextlib.suppress(OSError):
        (folder / _HEAD).unlink()
        sync_folder(folder)
    tidy(folder, None)
    with contextlib.suppress(OSError):
        folder.rmdir()


def tidy(folder: Path, head: Head | None) -> None:
    """Remove what no snapshot counts on: a build that was cut off, and the one before."""
    kept = {_HEAD} | ({head.codes, head.rows} if head is not None else set())
    with contextlib.suppress(OSError):
        for path in folder.iterdir():
            if path.name not in kept:
                path.unlink()


def flush(file: BinaryIO | TextIO) -> None:
    """Wait until the disk has what was written to a file; raises OSError."""
    file.flush()
    os.fsync(file.fileno())


def sync_folder(folder: Path) -> None:
    """Wait until the names in a folder are on the disk; raises OSError."""
    opened = os.open(folder, os.O_RDONLY | os.O_DIRECTORY)
    try:
        os.fsync(opened)
    finally:
        os.close(opened)


def file_sum(path: Path) -> str:
    """Return the BLAKE2b digest of a file; raises OSError."""
    with path.open("rb") as file:
        return hashlib.file_digest(file, "blake2b").hexdigest()


def _sum(fields: object) -> str:
    told = json.dumps(fields, sort_keys=True).encode()
    return hashlib.blake2b(told, digest_size=16).hexdigest()
