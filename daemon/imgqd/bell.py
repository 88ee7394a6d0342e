"""Something changed: wake whoever waits for it. For the event loop's thread only."""

from __future__ import annotations

import asyncio
import contextlib


class Bell:
    """A signal without a value; a wait ends at the next ring after it began."""

    def __init__(self) -> None:
        self._event = asyncio.Event()

    def ring(self) -> None:
        """Wake all that wait now."""
        self._event.set()
        self._event = asyncio.Event()

    async def wait(self, timeout: float | None = None) -> None:
        """Return at the next ring, or after the timeout in seconds."""
        event = self._event
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(timeout):
                await event.wait()
