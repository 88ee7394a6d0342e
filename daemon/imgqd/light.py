"""A text tower as onnxruntime runs it. The only home of onnxruntime outside the exporter.

What it costs was measured with ViT-B-32 (`benchmarks/queries.py`): the table of tokens is
read from the disk row by row and never mapped, since half the tower's memory would be rows
that nobody asks for; the weights are packed once at the start, for without that a text takes
up to ten times as long; neither arena nor patterns keep memory between texts.
"""

from __future__ import annotations

import os
from pathlib import Path
from typing import Any

import numpy as np
import onnxruntime
from numpy.typing import NDArray

from imgqd import exports
from imgqd.tokens import Tokens


class Light:
    """The text encoder in a folder; `weights` is the file of the model's own weights."""

    def __init__(self, folder: Path, manifest: exports.Manifest, weights: Path) -> None:
        self._tokens = Tokens(folder, manifest.clean, manifest.context)
        self._width = manifest.width
        self._start, kind = manifest.rows or (0, "float16")
        self._kind = np.dtype(kind).newbyteorder("<")
        self._table = os.open(weights if manifest.rows else folder / exports.ROWS, os.O_RDONLY)
        self._session = session(folder / exports.GRAPH)

    def vector(self, text: str) -> NDArray[np.float32]:
        """Return the unit vector of a text; raises OSError."""
        rows = np.stack([self._row(number) for number in self._tokens.of(text)])
        [vectors] = self._session.run(None, {"rows": rows[None].astype(np.float32)})
        vector: NDArray[np.float32] = vectors[0]
        return vector

    def _row(self, number: int) -> NDArray[Any]:
        size = self._width * self._kind.itemsize
        data = os.pread(self._table, size, self._start + number * size)
        return np.frombuffer(data, self._kind, self._width)


def session(graph: Path) -> onnxruntime.InferenceSession:
    """Return what runs a graph, with as little memory as it can."""
    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = 1  # a second one gains nothing on texts of a few words
    options.inter_op_num_threads = 1
    options.enable_cpu_mem_arena = False
    options.enable_mem_pattern = False
    options.log_severity_level = 3
    return onnxruntime.InferenceSession(graph, options, providers=["CPUExecutionProvider"])
