"""Files that could not be decoded are tried again when there are other decoders."""

from __future__ import annotations

import asyncio
import os
from pathlib import Path
from types import SimpleNamespace
from typing import cast

import pytest

from imgqd import formats
from imgqd.bell import Bell
from imgqd.library import Library
from imgqd.pipeline import Pipeline
from imgqd.records import Failed, Observed, Stamp
from imgqd.repertoire import Repertoire
from imgqd.thumbnails import Thumbnails


def test_failures_are_queued_once_for_each_change_of_the_decoders(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    asyncio.run(_scene(tmp_path, monkeypatch))


async def _scene(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    library = Library(tmp_path / "catalog.sqlite3", Bell())
    renewed: list[str] = []
    pipeline = SimpleNamespace(
        renew_decoders=lambda: renewed.append("decoders"), wake=lambda: renewed.append("wake")
    )
    thumbnails = SimpleNamespace(renew=lambda: None)
    repertoire = Repertoire(library, cast("Pipeline", pipeline), cast("Thumbnails", thumbnails))
    installed = {"pillow": "13.0"}
    monkeypatch.setattr(formats, "installed", lambda: dict(installed))
    await repertoire.look()
    root = os.fsencode(tmp_path)
    await library.change(lambda writer: writer.set_roots([root], 0.0))
    [known] = await library.write(lambda writer: writer.roots())
    await library.change(lambda writer: writer.set_root_state(known, (1, 2), 0.0))
    one = Observed(root + b"/a.heic", Stamp(1, 5, 3, 4, 5), 1.0, live=False)
    await library.change(lambda writer: writer.apply([one], {root: known.id}, 0.0))
    [work] = await library.write(lambda writer: writer.take(9, ()))
    bad = Failed(work, "no_decoder", "HEIC")
    await library.change(lambda writer: writer.commit([], [bad], None, None, 0.0))
    renewed.clear()

    async def pending() -> int:
        return await library.read(lambda reader: reader.pending())

    await repertoire.look()
    assert (await pending(), renewed) == (0, [])
    installed["pi-heif"] = "1.4"
    await repertoire.look_again()  # an hour has not passed
    assert await pending() == 0
    await repertoire.look()
    assert (await pending(), renewed) == (1, ["decoders", "wake"])
    library.close()
