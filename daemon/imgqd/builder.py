"""The process that makes the files of codes and vectors: low priority, one core, then gone.

It reads the catalog by a connection of its own, a block at a time: a long question
would keep SQLite's log from being folded in.
"""

from __future__ import annotations

import contextlib
import os
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any, Final

import numpy as np

from imgqd.catalog import Reader
from imgqd.index import Half, Ids, Owner, Task, build
from imgqd.serving import Fault, Line

_BLOCK: Final = 8192
_TOUCHED: Final = 1000
"""Images that are asked about at a time."""


class Vectors:
    """What the catalog holds of one model, as `index.building` asks for it."""

    def __init__(self, reader: Reader, number: int, dim: int) -> None:
        self._reader = reader
        self._number = number
        self._dim = dim

    def seq(self) -> int:
        """Return the number of the last change."""
        return self._reader.touched()

    def count(self) -> int:
        """Return how many vectors there are, more or less."""
        return self._reader.stored(self._number)

    def everything(self) -> Iterator[tuple[Ids, Half]]:
        """Yield all vectors in blocks, by ascending ids."""
        after = 0
        while True:
            images, halves = self._reader.halves(self._number, self._dim, after, _BLOCK)
            if len(images) == 0:
                return
            yield images, halves
            after = int(images[-1])

    def changed(self, since: int) -> Iterator[tuple[Ids, Ids, Half]]:
        """Yield (ids that changed since, those that are there, ascending, their vectors)."""
        touched = self._reader.touched_since(since, self._number)
        for start in range(0, len(touched), _TOUCHED):
            block = touched[start : start + _TOUCHED]
            found = [*self._reader.vectors(self._number, self._dim, block)]
            images = np.array([image for ids, _ in found for image in ids], np.int64)
            halves = np.empty((len(images), self._dim), np.float16)
            if found:
                halves[:] = np.concatenate([vectors for _, vectors in found])
            order = np.argsort(images)
            yield np.array(block, np.int64), images[order], halves[order]


def make(report: Callable[[str, int, int], None], params: dict[str, Any]) -> dict[str, Any]:
    """Build a snapshot of the `catalog`'s vectors of a model, and say what is in it."""
    owner = Owner(*params["owner"])
    usual = params["usual"]
    task = Task(
        Path(os.fsdecode(params["folder"])),
        owner,
        None if usual is None else np.frombuffer(usual, np.float32),
        bool(params["anew"]),
        bool(params["lists"]),
    )
    try:
        with contextlib.closing(Reader(Path(os.fsdecode(params["catalog"])))) as reader:
            head = build(task, Vectors(reader, params["number"], owner.dim), report)
    except OSError as error:
        raise Fault("unavailable", error.strerror or str(error)) from error
    except ValueError as error:
        raise Fault("internal", str(error)) from error
    return {"seq": head.seq, "count": head.count}


def main() -> None:
    """Serve the core on the inherited socket whose number is the first argument."""
    os.nice(19)
    line = Line(int(sys.argv[1]))

    def report(what: str, done: int, total: int) -> None:
        line.notify("progress", {"what": what, "done": done, "total": total})

    line.serve({"build": lambda params: make(report, params)})


if __name__ == "__main__":
    main()
