"""Which decoders are installed, and what is tried again when that changes."""

from __future__ import annotations

import asyncio
import logging
import time
from typing import Final

from imgqd import formats
from imgqd.library import Library
from imgqd.pipeline import Pipeline
from imgqd.thumbnails import Thumbnails

log = logging.getLogger(__name__)

_KNOWN: Final = "decoders"

_HOUR: Final = 3600.0


class Repertoire:
    """Compares the installed decoders with those that the failures in the catalog came of."""

    def __init__(self, library: Library, pipeline: Pipeline, thumbnails: Thumbnails) -> None:
        self._library = library
        self._pipeline = pipeline
        self._thumbnails = thumbnails
        self._next = time.monotonic() + _HOUR  # the daemon's start looks by itself

    async def look_again(self) -> None:
        """Look, if the last time is an hour ago."""
        if time.monotonic() >= self._next:
            await self.look()

    async def look(self) -> None:
        """Queue every file that could not be decoded once there is another decoder, or version."""
        self._next = time.monotonic() + _HOUR
        found = await asyncio.to_thread(formats.installed)
        words = ", ".join(f"{name} {version}" for name, version in sorted(found.items()))
        known = await self._library.read(lambda reader: reader.setting(_KNOWN))
        if words == known:
            return
        self._pipeline.renew_decoders()
        self._thumbnails.renew()

        queued = await self._library.write(lambda writer: writer.retry_failed(time.time()))
        await self._library.write(lambda writer: writer.remember(_KNOWN, words))
        if queued:
            log.info("decoders are now %s: trying %d files again", words, queued)
            self._pipeline.wake()
