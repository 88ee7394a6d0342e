"""Which picture a thumbnail is asked of, whether it may be shown, and what is said where not."""

from __future__ import annotations

from imgqd import params as checked
from imgqd.core import Core
from imgqd.decode import Moved, Undecodable
from imgqd.params import Params
from imgqd.records import shown
from imgqd.server import Problem
from imgqd.thumbnails import SIZES


class Showing:
    """Thumbnails of what lies in the watched folders, and of nothing else."""

    def __init__(self, core: Core) -> None:
        self._core = core

    async def thumbnail(self, params: Params) -> bytes:
        """Return the path of a thumbnail, made now if need be."""
        checked.only(params, "path", "image_id", "size")
        size = params.get("size", 256)
        if type(size) is not int or size not in SIZES:
            raise Problem("usage", f"size is one of {', '.join(map(str, SIZES))}")
        if ("path" in params) == ("image_id" in params):
            raise Problem("usage", "a thumbnail is of a path or of an image_id")
        if "path" not in params:
            return await self._of_image(params, size)
        path = checked.path_of(params["path"])
        reason = self._core.scope.exclusion(path)
        if reason is not None:
            raise Problem("not_found", f"{shown(path)} is not shown: {reason}")
        return await self._made(path, size)

    async def _of_image(self, params: Params, size: int) -> bytes:
        image = checked.number(params, "image_id", 0, 1, (1 << 63) - 1)
        found = await self._core.library.read(lambda reader: reader.files_of([image]))
        trouble = Problem("not_found", f"no picture has the image_id {image} any more")
        for one in found.get(image, ()):
            try:
                return await self._made(one.path, size)
            except Problem as problem:
                trouble = problem  # another file may have the same content
        raise trouble

    async def _made(self, path: bytes, size: int) -> bytes:
        name = shown(path)
        try:
            for _ in range(2):
                try:
                    return await self._core.thumbnails.path(path, size)
                except Moved:
                    continue  # it was written to meanwhile: once more
        except (FileNotFoundError, NotADirectoryError):
            raise Problem("not_found", f"{name} does not exist") from None
        except Undecodable as error:
            raise Problem("not_found", f"{name} cannot be shown: {error.detail}") from error
        except OSError as error:
            words = error.strerror or str(error)
            raise Problem("unavailable", f"no thumbnail of {name} can be kept: {words}") from error
        raise Problem("not_found", f"{name} is no file, or is being written")
