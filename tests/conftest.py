"""What is collected, and in what order: what takes longest begins first."""

from __future__ import annotations

import ast
import itertools
import os
import re
from collections.abc import Sequence
from pathlib import Path
from typing import Final

import pytest

# Before torch is imported: threads that spin while they wait take the processors from the
# tests beside them. (Looking at 13 pictures with a full-size model: 15 CPU seconds, or 2.)
os.environ.setdefault("OMP_WAIT_POLICY", "PASSIVE")

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


def pytest_ignore_collect(collection_path: Path, config: pytest.Config) -> bool | None:
    """Pass over a file that has no test of the marks that are asked for: torch takes seconds."""
    asked = str(config.option.markexpr)
    if not asked or not re.fullmatch(r"test_\w+\.py", collection_path.name):
        return None
    return None if can_match(asked, collection_path.read_text(encoding="utf-8")) else True


def can_match(asked: str, text: str) -> bool:
    """Tell whether a test of a module, by its text, can have marks that fulfil an expression."""
    some, all_ = set(re.findall(r"\bmark\.(\w+)", text)), _marks_of_all(text)
    names = sorted(set(re.findall(r"\w+", asked)) - {"and", "or", "not"})
    either = [name for name in names if name in some - all_]
    for chosen in itertools.product((False, True), repeat=len(either)):
        has = {name: name in all_ for name in names} | dict(zip(either, chosen, strict=True))
        try:
            if eval(asked, {"__builtins__": {}}, has):
                return True
        except (SyntaxError, TypeError):
            return True  # pytest knows more than plain words, and decides itself
    return False


def _marks_of_all(text: str) -> set[str]:
    """Return the marks that a module gives to all of its tests."""
    return {
        name
        for statement in ast.parse(text).body
        if isinstance(statement, ast.Assign) and ast.unparse(statement.targets[0]) == "pytestmark"
        for name in re.findall(r"\bmark\.(\w+)", ast.unparse(statement.value))
    }


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Put the longest files first; the rest, and what is in a file, stays in its random order."""
    items.sort(key=lambda item: _place(_LONGEST, item.path.stem))


def _place(names: Sequence[str], name: str) -> int:
    return names.index(name) if name in names else len(names)
