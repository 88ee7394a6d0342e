"""The embedder process on a device, for `gpu.py`: its rate, from files, and what it holds."""

from __future__ import annotations

import asyncio
import os
import time
from pathlib import Path
from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from imgqd.pictures import PictureEmbedder

_RELEASE: Final = 1.0
"""Seconds without work after which the embedder ends here."""

_LANES: Final = 2
"""Batches that are on their way, as the pipeline has them."""


async def processes(
    name: str, device: str, side: int, files: list[Path], rounds: int, batches: int
) -> tuple[float, dict[str, float], dict[str, int | None]]:
    """Return (the embedder's rate, the rates from files, the device's bytes held by times)."""
    from imgqd.config import ModelSettings
    from imgqd.pictures import PictureEmbedder

    settings = ModelSettings(name=name, device=device, release_after=_RELEASE)
    embedder = PictureEmbedder(settings, lambda: None)
    before = _free()
    try:
        picture = os.urandom(side * side * 3)
        await embedder.embed([picture])
        rate = 0.0
        for _ in range(rounds):
            took = await _asked(embedder, picture, batches)
            rate = max(rate, embedder.batch * batches / took)
        whole = await _from_files(embedder, side, files)
        during = _free()
        while embedder.pid is not None:  # noqa: ASYNC110 - its timer tells nobody
            await asyncio.sleep(0.05)
        after = _free()
    finally:
        await embedder.stop()
    return (
        rate,
        whole,
        {
            "while it embeds": _less(before, during),
            "after release_after": _less(before, after),
        },
    )


async def _asked(embedder: PictureEmbedder, picture: bytes, batches: int) -> float:
    left = iter(range(batches))

    async def lane() -> None:
        for _ in left:
            await embedder.embed([picture] * embedder.batch)

    began = time.perf_counter()
    await asyncio.gather(*(lane() for _ in range(_LANES)))
    return time.perf_counter() - began


async def _from_files(embedder: PictureEmbedder, side: int, files: list[Path]) -> dict[str, float]:
    """Return pictures a second: decoded only, and decoded and embedded, on all cores."""
    from imgqd.config import LimitSettings
    from imgqd.decode import Decoders, opened
    from imgqd.records import Model, Stamp

    model = Model("bench", "none", 1, side, "shortest", "bicubic", 0)
    decoders = Decoders(os.cpu_count() or 1, LimitSettings())

    async def pixels(path: Path) -> bytes:
        async with decoders.session() as session:
            with opened(os.fsencode(path), Stamp.of(path.lstat())) as fd:  # noqa: ASYNC240
                await session.identify(fd)
                return (await session.pixels(model))[0]

    async def batch(paths: list[Path]) -> None:
        await embedder.embed(await asyncio.gather(*map(pixels, paths)))

    async def embedded() -> None:
        size = min(embedder.batch, max(1, len(files) // 4))
        parts = iter([files[start : start + size] for start in range(0, len(files), size)])

        async def lane() -> None:
            for part in parts:
                await batch(part)

        await asyncio.gather(*(lane() for _ in range(_LANES + 1)))

    try:
        # The first ones start the processes, and do not count.
        await asyncio.gather(*map(pixels, files[: decoders.count]))
        began = time.perf_counter()
        await asyncio.gather(*map(pixels, files))
        middle = time.perf_counter()
        await embedded()
        ended = time.perf_counter()
    finally:
        await decoders.release()
    return {
        "decoded only": len(files) / (middle - began),
        "decoded and embedded": len(files) / (ended - middle),
    }


def _free() -> int | None:
    """Return the bytes of the card's memory that nobody has; None where there is no card."""
    import torch

    return int(torch.cuda.mem_get_info()[0]) if torch.cuda.is_available() else None


def _less(before: int | None, now: int | None) -> int | None:
    return None if before is None or now is None else before - now
