"""Which models there are: by name, on this disk, in the catalog; and how they come and go."""

from __future__ import annotations

import asyncio
import logging
import os
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from typing import Any, Final

from imgqd import child, presets
from imgqd.bell import Bell
from imgqd.child import Child
from imgqd.library import Library
from imgqd.records import VectorSet

log = logging.getLogger(__name__)

_AT_ONCE: Final = 1000
"""Vectors that are deleted in one go: some milliseconds, in which nothing else is stored."""

_DEMO: Final = "a demonstration: knows drawn shapes and scenes, no photographs"


class UnknownName(Exception):
    """No model goes by this name, or it cannot be had; the text says which come near."""


class InUse(Exception):
    """The vectors answer, or will in a moment; the text says so."""


class Stock:
    """Answers what there is, and brings more; `download` shows how far that is."""

    def __init__(self, library: Library, changed: Bell) -> None:
        self._library = library
        self._changed = changed
        self._bringing = asyncio.Lock()
        self.download: dict[str, Any] | None = None
        """The file that comes now, how much of it is here, and how much it has."""

    async def listed(self, active: str, *others: str) -> list[dict[str, Any]]:
        """Return the models that have a name of their own, those with vectors, and others by name.

        `vectors` are those of pictures that are there now.
        """
        sets = await self._library.read(lambda reader: reader.sets())
        names = [presets.DEMO, *presets.PRESETS]
        for name in [active, *others, *(one.name for one in sets)]:
            if not any(presets.is_same(name, other) for other in names):
                names.append(name)
        async with self._fetching() as fetching:
            return [
                _row(
                    name,
                    active,
                    next((one for one in sets if presets.is_same(one.name, name)), None),
                    on_disk=await _is_here(fetching, name),
                )
                for name in names
            ]

    async def check(self, name: str) -> None:
        """Raise UnknownName for a model that does not exist."""
        if name in presets.PRESETS or name == presets.DEMO:
            return
        async with self._fetching() as fetching:
            try:
                await fetching.call("check", {"name": name})
            except child.Refused as error:
                raise UnknownName(error.text) from error

    async def pull(self, name: str) -> dict[str, Any]:
        """Download a model's weights; raises child.Refused or child.Died."""
        result = await self._bring("pull", {"name": presets.resolve(name)})
        log.info("downloaded %s: %d bytes", name, result["bytes"])
        return {"name": name, **result}

    async def take_in(self, path: bytes, name: str | None) -> dict[str, Any]:
        """Copy a model from a folder or file to where models lie; raises as `pull` does."""
        wanted = None if name is None else presets.resolve(name)
        result = await self._bring("import", {"path": os.fsdecode(path), "name": wanted})
        log.info("imported %s: %d bytes", result["name"], result["bytes"])
        return result if name is None else {**result, "name": name}

    async def drop(self, name: str, using: Mapping[int | None, str]) -> dict[str, Any]:
        """Delete the vectors of a model and give their room back; raises InUse, UnknownName.

        `using` are the models that answer or are to, by their numbers (None: not known yet).
        What weights from before have seen that went by the same name may go.
        """
        sets = await self._library.read(lambda reader: reader.sets())
        is_coming = None in using and presets.is_same(name, using[None])
        found = [one for one in sets if one.number not in using and presets.is_same(one.name, name)]
        if is_coming or (
            not found and any(presets.is_same(name, other) for other in using.values())
        ):
            raise InUse(f"{name} is in use: imgqctl model use NAME, of another one, comes first")
        if not found:
            names = ", ".join(one.name for one in sets if one.number not in using)
            having = f"those that have are {names}" if names else "no other model has"
            raise UnknownName(f"{name} has no vectors to drop: {having}")
        dropped = 0
        for one in found:
            number = one.number
            # First: no snapshot may tell of vectors that are not in the catalog any more.
            await self._library.discard(one.key, one.dim)
            while gone := await self._library.write(lambda w: w.drop_vectors(number, _AT_ONCE)):  # noqa: B023 - called at once
                dropped += gone
        is_smaller = await self._library.write(lambda writer: writer.shrink())
        log.info("dropped %d vectors of %s", dropped, name)
        self._changed.ring()
        return {"name": name, "vectors": dropped, "shrunk": is_smaller}

    async def _bring(self, method: str, params: dict[str, Any]) -> Any:
        async with self._bringing:
            fetching = await child.start("fetch", "imgqd.fetch", on_event=self._progress)
            try:
                return await fetching.call(method, params)
            finally:
                self.download = None
                self._changed.ring()
                await fetching.stop(at_once=True)

    @asynccontextmanager
    async def _fetching(self) -> AsyncIterator[Child]:
        fetching = await child.start("fetch", "imgqd.fetch")
        try:
            yield fetching
        finally:
            await fetching.stop()

    def _progress(self, method: str, params: dict[str, Any]) -> None:
        if method == "progress":
            self.download = params
            self._changed.ring()


async def _is_here(fetching: Child, name: str) -> bool:
    if name == presets.DEMO:
        return True
    try:
        await fetching.call("locate", {"name": name})
    except child.Refused:
        return False
    return True


def _row(name: str, active: str, held: VectorSet | None, *, on_disk: bool) -> dict[str, Any]:
    preset = presets.PRESETS.get(name)
    model = presets.resolve(name)
    licence, is_free = presets.licence(name)
    dim = preset.dim if preset is not None else held.dim if held is not None else None
    purpose = preset.purpose if preset is not None else _DEMO if name == presets.DEMO else ""
    return {
        "name": name,
        "model": "drawings only" if name == presets.DEMO else model,
        "licence": licence,
        "restricted": not is_free,
        "purpose": purpose,
        "size": preset.size if preset is not None else None,
        "dim": dim,
        "imagenet": presets.FIGURES.get(model),
        "on_disk": on_disk,
        "active": presets.is_same(name, active),
        "vectors": held.pictures if held is not None else 0,
    }
