"""The searches that stand: kept in one file, each with the cursor up to which its hits were told.

The window adds to it, the tray reads it and keeps the cursors.
"""

from __future__ import annotations

import contextlib
import fcntl
import json
import os
import tempfile
from collections.abc import Iterator
from pathlib import Path
from typing import Final, Self

from imgq.errors import ImgqError
from imgq.paths import state_folder

MOST: Final = 7
"""A connection may subscribe to eight things, and the status is one."""


class Standing:
    """The file of standing searches: query -> cursor, None where nothing was told yet."""

    def __init__(self, path: Path) -> None:
        self.path = path

    @classmethod
    def ours(cls) -> Self:
        """Return the person's own."""
        return cls(state_folder() / "standing.json")

    def read(self) -> dict[str, str | None]:
        """Return the searches, the oldest first; none where the file cannot be understood."""
        try:
            raw = json.loads(self.path.read_text("utf-8"))
        except (OSError, ValueError):
            return {}
        if not isinstance(raw, dict):
            return {}
        kept = {str(query): cursor for query, cursor in raw.items()}
        return {q: c if isinstance(c, str) else None for q, c in list(kept.items())[:MOST]}

    def add(self, query: str) -> None:
        """Add a search, from now on; raises ImgqError where there are too many."""
        with self._changing() as searches:
            if query not in searches and len(searches) >= MOST:
                raise ImgqError(f"{MOST} searches stand already: end one in the tray's menu")
            searches.setdefault(query, None)

    def drop(self, query: str) -> None:
        """End a search."""
        with self._changing() as searches:
            searches.pop(query, None)

    def keep(self, query: str, cursor: str) -> None:
        """Keep how far a search was told, if it still stands."""
        with self._changing() as searches:
            if query in searches:
                searches[query] = cursor

    @contextlib.contextmanager
    def _changing(self) -> Iterator[dict[str, str | None]]:
        self.path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
        with open(self.path.with_suffix(".lock"), "wb") as lock:
            # The window and the tray are two processes.
            fcntl.flock(lock, fcntl.LOCK_EX)
            before = self.read()
            after = dict(before)
            yield after
            if after != before:
                self._write(after)

    def _write(self, searches: dict[str, str | None]) -> None:
        descriptor, draft = tempfile.mkstemp(dir=self.path.parent)
        with open(descriptor, "w", encoding="utf-8") as file:
            json.dump(searches, file, ensure_ascii=False, indent=1)
        os.replace(draft, self.path)
