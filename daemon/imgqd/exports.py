"""Where the light text encoders lie: a model's text tower as onnxruntime runs it, made once.

They lie in the cache folder, one folder for each set of weights, named by the
weights' key and the version of this form. `manifest.json` says what is in it and has
the hash of every file; a folder that is not exactly what its manifest says is none,
and is made again. The demo model brings its own.

Rules of this file: the standard library and `digests` only; core, text encoder and exporter
all ask it.
"""

from __future__ import annotations

import contextlib
import hashlib
import json
import os
import shutil
import tempfile
import time
from collections.abc import Collection, Iterator
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any, Final

from imgq import paths
from imgqd import digests

VERSION: Final = 2
"""Of this form. Grows with every change of what a folder holds or how it was made."""

GRAPH: Final = "text.onnx"
WEIGHTS: Final = "text.weights"
VOCABULARY: Final = "vocabulary.json"
MERGES: Final = "merges.txt"
ROWS: Final = "rows.float16"
_FILES: Final = (GRAPH, WEIGHTS, VOCABULARY, MERGES)
_MANIFEST: Final = "manifest.json"

_MAKING: Final = "making-"
_LONG: Final = 3600.0
"""Seconds after which nobody is still making what was begun."""

_PACKED: Final = Path(__file__).parent / "data" / "demo" / "text"
"""The demo model's, made by `python daemon/demo/pack.py`."""


class Unexported(Exception):
    """There is no light text encoder for these weights.

    `final` is the reason why there will be none, "" where one can be made.
    """

    def __init__(self, final: str = "") -> None:
        super().__init__(final)
        self.final = final


@dataclass(frozen=True, slots=True)
class Manifest:
    """What a folder holds; `final` says why there can be no encoder, and then it holds nothing.

    `model` is what `load` answers of a model. `rows` is (offset, numpy's dtype) of the table
    of tokens in the weights' own file, None where it lies beside the graph in float16.
    `context` counts tokens, `clean` is open_clip's name of what is done to a text first.
    `precision` is that of the weights, `least` the least cosine with open_clip's vectors
    that was seen when it was made.
    """

    key: str
    final: str = ""
    model: dict[str, Any] | None = None
    rows: tuple[int, str] | None = None
    width: int = 0
    context: int = 0
    clean: str = ""
    precision: str = ""
    least: float = 0.0


def home() -> Path:
    """Return the folder of all of them."""
    return paths.cache_folder() / "text"


def place(key: str) -> Path:
    """Return the folder of the weights with this key, whether it is there or not."""
    return home() / _name(key)


def find(key: str) -> tuple[Path, Manifest]:
    """Return the folder of a light text encoder and its manifest; raises Unexported."""
    for folder in (_PACKED, place(key)):
        manifest = _read(folder)
        if manifest is None or manifest.key != key:
            continue
        if manifest.final:
            raise Unexported(manifest.final)
        return folder, manifest
    raise Unexported


def write(folder: Path, manifest: Manifest) -> None:
    """Write the manifest of a folder whose files are all there."""
    files = {
        path.name: hashlib.sha256(path.read_bytes()).hexdigest()
        for path in sorted(folder.iterdir())
        if path.name != _MANIFEST
    }
    table = {"version": VERSION, "files": files, **asdict(manifest)}
    (folder / _MANIFEST).write_text(json.dumps(table, indent=1) + "\n", encoding="utf-8")


@contextlib.contextmanager
def making(key: str) -> Iterator[Path]:
    """Give an empty folder that becomes the one of a key, all at once, if nothing goes wrong.

    What lay there is gone then. Raises OSError.
    """
    home().mkdir(mode=0o700, parents=True, exist_ok=True)
    folder = Path(tempfile.mkdtemp(prefix=_MAKING, dir=home()))
    try:
        yield folder
        for path in folder.iterdir():
            with path.open("rb") as file:
                os.fsync(file.fileno())
        shutil.rmtree(place(key), ignore_errors=True)
        folder.rename(place(key))
    finally:
        shutil.rmtree(folder, ignore_errors=True)


def sweep(keys: Collection[str]) -> None:
    """Delete what is of no use any more: all but the folders of these keys."""
    wanted = {_name(key) for key in keys}
    with contextlib.suppress(OSError):
        for path in home().iterdir():
            is_being_made = path.name.startswith(_MAKING)
            if is_being_made and time.time() - path.stat().st_mtime < _LONG:
                continue
            if path.name not in wanted:
                shutil.rmtree(path, ignore_errors=True)


def _name(key: str) -> str:
    return f"{VERSION}-{hashlib.sha256(key.encode()).hexdigest()[:32]}"


def _read(folder: Path) -> Manifest | None:
    """Return a folder's manifest, None where there is none or anything is not as it says."""
    try:
        table = json.loads((folder / _MANIFEST).read_text("utf-8"))
        files = table.pop("files")
        if table.pop("version") != VERSION:
            return None
        if not all(digests.sha256(folder / name) == digest for name, digest in files.items()):
            return None
        rows = table.pop("rows")
        manifest = Manifest(**table, rows=None if rows is None else (rows[0], rows[1]))
        wanted = set() if manifest.final else {*_FILES, *(() if manifest.rows else (ROWS,))}
        if set(files) != wanted:
            return None
    except (OSError, ValueError, KeyError, TypeError, AttributeError):
        return None
    return manifest
