"""The order of the test files: what takes longest begins first."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final

import pytest

_LONGEST: Final = (
    "test_parity",
    "test_lifetime",
    "test_faults_watch",
    "test_move",
    "test_faults_roots",
    "test_machine",
    "test_managed",
    "test_desktop",
    "test_exporter",
    "test_faults_catalog",
    "test_decoder",
    "test_changes",
    "test_follow",
    "test_text_encoder",
    "test_sandbox_decoder",
    "test_faults_files",
    "test_photographs",
    "test_gpu_benchmark",
)
"""Files that take more than ten seconds, roughly by how long they take.

A file is one worker's: one that begins last keeps the others waiting for minutes.
"""


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Put the longest files first; the rest, and what is in a file, stays in its random order."""
    items.sort(key=lambda item: _place(_LONGEST, item.path.stem))


def _place(names: Sequence[str], name: str) -> int:
    return names.index(name) if name in names else len(names)
