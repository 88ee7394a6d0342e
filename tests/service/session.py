"""A person's session with a service manager that is a script, and imgq-service called in it."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import pytest

from imgq_service import cli


@dataclass
class Session:
    """`home` is where the script writes down in `calls` what it was told."""

    home: Path
    patch: pytest.MonkeyPatch
    output: pytest.CaptureFixture[str]

    def run(self, *words: str) -> tuple[int, str, str]:
        """Call imgq-service and return its exit status, output and errors."""
        status = cli.main(words)
        captured = self.output.readouterr()
        return status, captured.out, captured.err

    def told(self) -> list[str]:
        """Return what the manager was told and asked since the last time."""
        file = self.home / "calls"
        lines = file.read_text().splitlines() if file.exists() else []
        file.unlink(missing_ok=True)
        return lines
