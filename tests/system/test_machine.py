"""Any changes in any order, for as long as a test may take; `make soak` goes on for longer."""

from __future__ import annotations

import os
from pathlib import Path

import pytest
from hypothesis import HealthCheck, Phase, settings

from changes.ground import standing
from changes.machine import run

pytestmark = pytest.mark.system

SHORT = settings(
    max_examples=7,
    stateful_step_count=40,
    # A step takes a second: what fails is told as it is, and made small by `make soak`.
    phases=[Phase.generate],
    deadline=None,
    database=None,
    print_blob=True,
    suppress_health_check=list(HealthCheck),
)


def test_after_any_changes_in_any_order_disk_catalog_and_answers_agree(tmp_path: Path) -> None:
    kept = Path(os.environ.get("IMGQ_FAULTS", tmp_path / "faults"))
    with standing(tmp_path, kept, "plain") as ground:
        run(ground, SHORT)
