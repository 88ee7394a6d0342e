"""Something changed: wake whoever waits for it. For the event loop's thread only."""

from __future__ import annotations

import asyncio


class Bell:
    """A signal without a value.

    Who wants to miss no change takes `next()`, then looks, then waits: a ring
    that falls between the look and the wait has set the event already.
    """

    def __init__(self) -> None:
        self._event = asyncio.Event()

    def ring(self) -> None:
        """Wake all that wait for the next ring."""
        self._event.set()
        self._event = asyncio.Event()

    def next(self) -> asyncio.Event:
        """Return the event that the next ring sets."""
        return self._event
