"""Thumbnails, where all programs of a desktop keep them: found, or made and put there.

Source: Thumbnail Managing Standard 0.9.0 (freedesktop.org): folders, names, texts, modes.
No file is written for a picture that cannot be shown: the catalog knows such pictures.
"""

from __future__ import annotations

import asyncio
import contextlib
import hashlib
import os
import tempfile
import time
from importlib.metadata import version
from pathlib import Path
from typing import Final

from imgq.paths import file_uri
from imgqd import png
from imgqd.config import LimitSettings
from imgqd.decode import Decoders, opened
from imgqd.records import Picture, Stamp
from imgqd.scope import is_within

SIZES: Final = {128: b"normal", 256: b"large", 512: b"x-large", 1024: b"xx-large"}
"""Pixels of the longer side at most -> the folder."""

_IDLE: Final = 30.0
"""Seconds after the last thumbnail when the decoders end."""

_MOST: Final = 2
"""Decoders for thumbnails, on more than one core."""

_SECOND: Final = 10**9


class Thumbnails:
    """The folder of thumbnails, and decoders of its own: bulk work makes no person wait."""

    def __init__(self, limits: LimitSettings, folder: Path) -> None:
        self._decoders = Decoders(min(_MOST, os.cpu_count() or 1), limits, urgent=True)
        self._folder = os.path.realpath(os.fsencode(folder))
        self._making = 0
        self._rest: asyncio.Task[None] | None = None

    @property
    def pids(self) -> list[int]:
        """The processes that decode at the moment."""
        return self._decoders.pids

    def limit(self, limits: LimitSettings) -> None:
        """Decode the next pictures under other limits."""
        self._decoders.limit(limits)

    def renew(self) -> None:
        """Decode the next pictures by new processes: other packages are installed now."""
        self._decoders.renew()

    async def path(self, picture: bytes, size: int) -> bytes:
        """Return the path of a picture's thumbnail; `size` is one of SIZES.

        Raises Undecodable or Moved for the picture's sake, FileNotFoundError where it is
        gone, and another OSError where nothing can be written.
        """
        stamp = Stamp.of(await asyncio.to_thread(os.lstat, picture))
        if is_within(picture, self._folder):
            return picture  # of a thumbnail there is none
        target = self._target(picture, size)
        if await asyncio.to_thread(_is_valid, target, picture, stamp):
            return target
        width, height, rgb, known = await self._pixels(picture, stamp, size)
        said = _texts(picture, stamp, known)
        content = await asyncio.to_thread(png.written, width, height, rgb, said)
        await asyncio.to_thread(self._put, target, content)
        return target

    async def _pixels(
        self, picture: bytes, stamp: Stamp, size: int
    ) -> tuple[int, int, bytes, Picture]:
        self._making += 1
        try:
            async with self._decoders.session() as session:
                with opened(picture, stamp) as fd:
                    known = await session.identify(fd)
                    return *await session.small(size), known
        finally:
            self._making -= 1
            self._release_later()

    def _release_later(self) -> None:
        if self._rest is not None:
            self._rest.cancel()
        self._rest = asyncio.create_task(self._release(), name="thumbnails' rest")

    async def _release(self) -> None:
        await asyncio.sleep(_IDLE)
        if not self._making:
            await self._decoders.release()

    async def stop(self) -> None:
        """End the decoders."""
        if self._rest is not None:
            self._rest.cancel()
        await self._decoders.release()

    def _target(self, picture: bytes, size: int) -> bytes:
        name = hashlib.md5(file_uri(picture).encode(), usedforsecurity=False).hexdigest()
        return os.path.join(self._folder, SIZES[size], name.encode() + b".png")

    def _put(self, target: bytes, content: bytes) -> None:
        """Write a file that is there as a whole, or not at all."""
        folder = os.path.dirname(target)
        for each in (self._folder, folder):
            os.makedirs(each, mode=0o700, exist_ok=True)
        number, name = tempfile.mkstemp(b".png", b".imgq-", folder)  # of mode 0600
        try:
            with open(number, "wb") as file:
                file.write(content)
            os.replace(name, target)
        except BaseException:
            with contextlib.suppress(OSError):
                os.unlink(name)
            raise


def _is_valid(target: bytes, picture: bytes, stamp: Stamp) -> bool:
    """Return whether a thumbnail is of the picture as it is now.

    The standard compares whole seconds. Where the thumbnail is older than the picture's
    last change, that change was in the same second, and it shows what was there before.
    """
    try:
        with open(target, "rb") as file:
            said, made = png.texts(file), os.fstat(file.fileno()).st_mtime_ns
    except OSError:
        return False
    same = said.get("Thumb::URI") == file_uri(picture)
    same = same and said.get("Thumb::MTime") == str(stamp.mtime_ns // _SECOND)
    return same and (made >= stamp.mtime_ns or stamp.mtime_ns > time.time_ns())


def _texts(picture: bytes, stamp: Stamp, known: Picture) -> dict[str, str]:
    return {
        "Thumb::URI": file_uri(picture),
        "Thumb::MTime": str(stamp.mtime_ns // _SECOND),
        "Thumb::Size": str(stamp.size),
        "Thumb::Image::Width": str(known.width),
        "Thumb::Image::Height": str(known.height),
        "Software": f"imgq {version('imgq')}",
    }
