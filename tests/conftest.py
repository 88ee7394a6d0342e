"""What is collected, and in what order: what takes longest begins first."""

from __future__ import annotations

import os
import re
import signal
from collections.abc import Sequence
from pathlib import Path
from typing import Final

import pytest

from marks import can_match

# Before torch is imported: threads that spin while they wait take the processors from the
# tests beside them. (Looking at 13 pictures with a full-size model: 15 CPU seconds, or 2.)
os.environ.setdefault("OMP_WAIT_POLICY", "PASSIVE")

# A shell's background jobs ignore Ctrl-C, and all that they start would inherit that.
signal.signal(signal.SIGINT, signal.default_int_handler)

_LONGEST: Final = (
    "test_faults_watch",
    "test_machine",
    "test_faults_catalog",
    "test_lifetime",
    "test_corpus",
    "test_faults_roots",
    "test_follow",
    "test_store",
    "test_faults_files",
    "test_faults_pictures",
    "test_move",
    "test_managed",
    "test_changes",
    "test_desktop",
    "test_fetch_failures",
    "test_faults_crowd",
    "test_sandbox_decoder",
    "test_upkeep",
    "test_first_minutes",
    "test_handlers_fuzz",
    "test_faults_socket",
    "test_doctor",
    "test_decoder",
    "test_fetch",
    "test_index_forms",
    "test_cluster",
    "test_download",
    "test_duplicates",
    "test_launchers_shown",
    "test_shown",
    "test_metadata",
    "test_decoder_limits",
)
"""Files of `make processes` that take seconds, roughly by how long they take.

A file is one worker's: one that begins last keeps the others waiting for minutes.
"""


def pytest_ignore_collect(collection_path: Path, config: pytest.Config) -> bool | None:
    """Pass over a file that has no test of the marks that are asked for: torch takes seconds."""
    asked = str(config.option.markexpr)
    if not asked or not re.fullmatch(r"test_\w+\.py", collection_path.name):
        return None
    return None if can_match(asked, collection_path.read_text(encoding="utf-8")) else True


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Put the longest files first; the rest, and what is in a file, stays in its random order."""
    items.sort(key=lambda item: _place(_LONGEST, item.path.stem))


def _place(names: Sequence[str], name: str) -> int:
    return names.index(name) if name in names else len(names)
