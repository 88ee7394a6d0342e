"""From the catalog to the index: in either form, and brought up to what is committed.

A snapshot is of some moment; what was touched since is in the catalog. Whoever
brings a form up to date may do it as often as needed: each time less is left.
"""

from __future__ import annotations

import os
from pathlib import Path
from typing import Final

import numpy as np

from imgqd import index
from imgqd.catalog import Reader
from imgqd.index import Exact, Form, Owner, Stored
from imgqd.records import Model

_BLOCK: Final = 1000
"""Images that are asked about at a time."""

_SPARE: Final = 1.02
"""How much more room there is in memory than is needed at once, for what comes."""

_FOLDER: Final = "index"


def owner(reader: Reader, key: str, dim: int) -> Owner:
    """Return whose vectors a model's in this catalog are."""
    return Owner(reader.setting("catalog") or "", key, dim)


def folder(catalog: Path, of: Owner) -> Path:
    """Return where the files of a model's large form lie: beside the catalog."""
    return catalog.parent / _FOLDER / of.folder


def exact(reader: Reader, number: int, dim: int) -> tuple[Exact, int]:
    """Return (all vectors of a model in memory, the number of the last change that is in)."""
    seq = reader.touched()
    form = Exact(dim, expected=int(_SPARE * reader.stored(number)))
    for images, vectors in reader.vectors(number, dim):
        form.add(np.asarray(images, np.int64), vectors)
    return form, seq


def restored(catalog: Path, reader: Reader, model: Model) -> Stored | None:
    """Return a model's snapshot, if there is one that can be brought up to date."""
    of = owner(reader, model.key, model.dim)
    form = Stored.open(folder(catalog, of), of)
    if form is None or not reader.untouched() <= form.head.seq <= reader.touched():
        return None
    return form


def catch_up(form: Form, reader: Reader, number: int, dim: int, seq: int) -> int:
    """Take what was touched since a change into a form; return the number of the last one."""
    last = reader.touched()
    touched = reader.touched_since(seq, number)
    for start in range(0, len(touched), _BLOCK):
        block = touched[start : start + _BLOCK]
        there: set[int] = set()
        for images, vectors in reader.vectors(number, dim, block):
            form.add(np.asarray(images, np.int64), vectors)
            there.update(images)
        gone = [image for image in block if image not in there]
        form.remove(np.asarray(gone, np.int64))
    return last


def discard(catalog: Path, of: Owner) -> None:
    """Remove the files of a model's large form."""
    index.discard(folder(catalog, of))


def room(catalog: Path) -> int:
    """Return the bytes that are free where the files are to lie."""
    disk = os.statvfs(catalog.parent)
    return disk.f_bavail * disk.f_frsize
