"""The sheet's file: whole, or not there at all."""

from __future__ import annotations

import os
from pathlib import Path
from typing import cast

import pytest

from imgq import sheet
from imgq.answers import SearchAnswer
from imgq.errors import ImgqError
from imgq.searching import Searcher

EMPTY = SearchAnswer.from_wire(
    {"results": [], "weak_from": 0, "total": 0, "took_ms": 1.0, "model": None, "as_of": 0.0,
     "pending": 0, "degraded": []}, 0
)  # fmt: skip


@pytest.mark.parametrize("error", [OSError(28, "No space left on device"), KeyboardInterrupt()])
def test_a_sheet_that_cannot_be_finished_leaves_nothing_behind(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, error: BaseException
) -> None:
    target = tmp_path / "sheet.html"
    target.write_text("the one before")

    def fail(*_: object) -> None:
        raise error

    monkeypatch.setattr(os, "replace", fail)
    expected = ImgqError if isinstance(error, OSError) else KeyboardInterrupt
    with pytest.raises(expected):
        sheet.write(cast("Searcher", None), "tree", EMPTY, str(target), weak=False)
    assert [(one.name, one.read_text()) for one in tmp_path.iterdir()] == [
        ("sheet.html", "the one before")
    ]
