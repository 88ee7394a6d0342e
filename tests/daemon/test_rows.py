"""Rows of vectors on the disk, read one by one."""

from __future__ import annotations

import os
from pathlib import Path

import numpy as np
import pytest

from imgqd.index import rows as module
from imgqd.index.rows import Rows, RowsWriter

DIM = 8


@pytest.mark.skipif(not hasattr(os, "posix_fadvise"), reason="the system takes no such advice")
@pytest.mark.parametrize("slow", [0.0, 3600.0])
def test_a_disk_that_is_slow_to_answer_is_told_beforehand_what_comes(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, slow: float
) -> None:
    vectors = np.random.default_rng(1).normal(size=(200, DIM)).astype(np.float16)
    writer = RowsWriter(tmp_path / "rows", DIM)
    writer.put(np.arange(200), vectors)
    writer.close(keep=False)
    told: list[tuple[int, int]] = []
    advise = os.posix_fadvise

    def note(file: int, start: int, length: int, advice: int) -> None:
        told.append((start // (2 * DIM), length // (2 * DIM)))
        advise(file, start, length, advice)

    monkeypatch.setattr(os, "posix_fadvise", note)
    monkeypatch.setattr(module, "_SLOW", slow)
    # Twenty rows alone, three side by side, and one more.
    wanted = np.array([*range(0, 40, 2), 50, 51, 52, 199])
    found = Rows(tmp_path / "rows", DIM, 199).vectors(wanted)
    assert np.array_equal(found, vectors[wanted].astype(np.float32))
    rest = [(32, 1), (34, 1), (36, 1), (38, 1), (50, 3), (199, 1)]
    assert told == (rest if slow == 0 else [])
