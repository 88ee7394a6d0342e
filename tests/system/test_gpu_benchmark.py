"""benchmarks/gpu.py runs where there is no GPU, too: so it will run where there is one."""

from __future__ import annotations

import json
import os
import runpy
import sys
from pathlib import Path

import pytest

from house import TORCHLESS

pytestmark = [pytest.mark.system, pytest.mark.model]

BENCHMARKS = Path(__file__).parents[2] / "benchmarks"


def test_a_small_run_on_a_cpu_measures_everything(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    kept = tmp_path / "gpu.json"
    program = BENCHMARKS / "gpu.py"
    # In this process, which has torch; the embedder that it starts does without.
    monkeypatch.setattr(
        sys, "argv", [str(program), "--device", "cpu", "--small", "--json", str(kept)]
    )
    monkeypatch.syspath_prepend(BENCHMARKS)
    monkeypatch.setenv("PYTHONPATH", str(TORCHLESS), prepend=os.pathsep)
    for changed in ("XDG_CACHE_HOME", "OMP_WAIT_POLICY"):
        monkeypatch.setenv(changed, os.environ.get(changed, ""))
    runpy.run_path(str(program), run_name="__main__")
    result = json.loads(kept.read_text())
    assert result["figures"]["times_bare"] > 0
    assert [len(table["rows"]) for table in result["tables"]] == [3, 4, 2, 2]
