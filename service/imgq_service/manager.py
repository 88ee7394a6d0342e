"""systemd's manager of a person's own services, as `systemctl --user` speaks to it."""

from __future__ import annotations

import shutil
import subprocess
from dataclasses import dataclass
from typing import Self

from imgq.errors import ImgqError


@dataclass(frozen=True, slots=True)
class Manager:
    """A user manager that answers; `program` is the path of systemctl."""

    program: str

    @classmethod
    def reach(cls) -> Self | None:
        """Return the manager, or None: no systemd, a container, a login without a session."""
        program = shutil.which("systemctl")
        if program is None:
            return None
        manager = cls(program)
        return manager if manager.ask("show", "--property=Version") is not None else None

    def ask(self, *words: str) -> str | None:
        """Return what systemctl prints, or None where its exit status says no."""
        done = self._run(*words)
        return done.stdout.strip() if done.returncode == 0 else None

    def do(self, *words: str) -> None:
        """Make systemctl do something; raises ImgqError with its last word."""
        done = self._run(*words)
        if done.returncode != 0:
            lines = done.stderr.strip().splitlines() or [f"exit status {done.returncode}"]
            raise ImgqError(f"`systemctl --user {' '.join(words)}` failed: {lines[-1]}")

    def _run(self, *words: str) -> subprocess.CompletedProcess[str]:
        return subprocess.run(  # noqa: S603 - fixed words, no shell
            [self.program, "--user", *words],
            check=False,
            stdin=subprocess.DEVNULL,
            capture_output=True,
            text=True,
            errors="replace",
        )
