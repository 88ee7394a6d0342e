"""The thread of all changes, which waits where the disk is full."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Final, TypeVar

from imgqd.bell import Bell
from imgqd.catalog import DiskTrouble

log = logging.getLogger(__name__)

T = TypeVar("T")

_DISK_PAUSE: Final = 5.0
"""Seconds between two attempts to write to a disk that is full."""


class Writing:
    """Runs one change after the other; `folder` is where they are stored."""

    def __init__(self, folder: Path, changed: Bell) -> None:
        self._folder = folder
        self._changed = changed
        self._thread = ThreadPoolExecutor(1, "catalog")
        self._held_up = 0
        self.trouble: str | None = None
        """Why nothing can be stored at the moment, in words."""

    async def run(self, attempt: Callable[[], T]) -> T:
        """Run a change; on a full disk wait, and try again until it works."""
        loop = asyncio.get_running_loop()
        try:
            return await loop.run_in_executor(self._thread, attempt)
        except DiskTrouble as error:
            self._hold_up(error)
        self._held_up += 1
        try:
            while True:
                await asyncio.sleep(_DISK_PAUSE)
                try:
                    done = await loop.run_in_executor(self._thread, attempt)
                except DiskTrouble as error:
                    self._hold_up(error)
                else:
                    if self._held_up == 1:
                        log.info("changes are stored again")
                    return done
        finally:
            self._held_up -= 1
            if not self._held_up:
                self.trouble = None
                self._changed.ring()

    def close(self) -> None:
        """Finish what runs."""
        self._thread.shutdown()

    def _hold_up(self, error: DiskTrouble) -> None:
        trouble = f"nothing can be stored in {self._folder}: {error}"
        if trouble != self.trouble:
            self.trouble = trouble
            log.error("%s", trouble)
            self._changed.ring()
