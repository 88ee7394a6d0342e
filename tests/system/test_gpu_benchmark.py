"""benchmarks/gpu.py runs where there is no GPU, too: so it will run where there is one."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

import pytest

pytestmark = [pytest.mark.system, pytest.mark.model]

BENCHMARKS = Path(__file__).parents[2] / "benchmarks"


def test_a_small_run_on_a_cpu_measures_everything(tmp_path: Path) -> None:
    kept = tmp_path / "gpu.json"
    run = subprocess.run(
        [sys.executable, BENCHMARKS / "gpu.py", "--device", "cpu", "--small", "--json", kept],
        capture_output=True,
        text=True,
        timeout=200,
        check=False,
    )
    assert run.returncode == 0, run.stderr
    result = json.loads(kept.read_text())
    assert result["figures"]["times_bare"] > 0
    assert [len(table["rows"]) for table in result["tables"]] == [3, 4, 2, 2]
