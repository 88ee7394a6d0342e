"""Real photographs with a full-size model: the daemon beside a plain open_clip loop.

`python benchmarks/photographs.py`: needs the corpus of photographs beside the checkout.
"""

from __future__ import annotations

import asyncio
import os
import shutil
import time
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Final

from measure import (
    House,
    Result,
    Table,
    arguments,
    come_to_rest,
    finish,
    ms,
    number,
    percentile,
    places,
    running,
)

_PRECISIONS: Final = ("float32", "bfloat16")

_BATCH: Final = 32
"""Pictures in a batch of either side; the daemon's own choice on a processor."""

_BATCHES: Final = 2
_TEXTS: Final = 50


if TYPE_CHECKING:
    from imgqd.records import Model


@dataclass(frozen=True, slots=True)
class Parts:
    """Seconds for one picture each, by what is done to it."""

    identify: list[float]
    pixels: list[float]
    embed: dict[str, float]
    text: float


def main() -> None:
    """Take the photographs' time in all ways, and print it."""
    told = arguments("real photographs with a full-size model", rounds=3)
    from system.full_size import ARCHITECTURE, PHOTOGRAPHS, saved_in

    with places() as base:
        os.environ["XDG_CACHE_HOME"] = str(base / "cache")
        model = saved_in(base)
        files = sorted(path for path in PHOTOGRAPHS.rglob("*") if path.is_file())
        plain = []
        daemon: dict[str, list[float]] = {precision: [] for precision in _PRECISIONS}
        for turn in range(told.rounds):
            plain.append(_plain(model, files))
            for precision, times in daemon.items():
                place = base / f"{precision}-{turn}"
                times.append(_daemon(place, model, files, precision))
        parts = asyncio.run(_parts(model, files))
    size = sum(path.stat().st_size for path in files)
    text = (
        f"{len(files)} photographs ({size / 1e6:.0f} MB) and {ARCHITECTURE} with random weights. "
        f"The plain loop is open_clip in one process, its own preprocessing, float32, batches of "
        f"{_BATCH}, its model loaded before the clock starts, as the daemon's embedder is. Each "
        f"side is the best of {told.rounds} runs, and they take turns."
    )
    tables = (
        _sides(len(files), min(plain), {one: min(times) for one, times in daemon.items()}),
        _share(parts),
    )
    finish(Result("Photographs with a full-size model", text, tables), told)


def _plain(model: Path, files: list[Path]) -> float:
    """Return the seconds that open_clip needs in the way its own documentation shows."""
    import open_clip
    import torch
    from PIL import Image, ImageOps

    clip, _, preprocess = open_clip.create_model_and_transforms(f"local-dir:{model}")
    clip.eval()
    began = time.monotonic()
    with torch.inference_mode():
        for start in range(0, len(files), _BATCH):
            batch = [
                preprocess(ImageOps.exif_transpose(Image.open(path)).convert("RGB"))
                for path in files[start : start + _BATCH]
            ]
            torch.nn.functional.normalize(clip.encode_image(torch.stack(batch)), dim=-1)
    return time.monotonic() - began


def _daemon(base: Path, model: Path, files: Iterable[Path], precision: str) -> float:
    """Return the seconds that the daemon needs, its embedder running already."""
    house = House(base, model=f"local-dir:{model}", settings=f'precision = "{precision}"\n')
    waiting = base / "waiting"
    for path in files:
        place = waiting / path.parent.name / path.name
        place.parent.mkdir(parents=True, exist_ok=True)
        shutil.copy(path, place)
    _first_picture(house)
    with running(house), house.client(timeout=600) as client:
        client.sync(300)
        come_to_rest(house.pid)
        began = time.monotonic()
        waiting.rename(house.pictures / "photographs")
        client.sync(300)
        took = time.monotonic() - began
        assert client.status().failed == {}
        house.stop()
    return took


def _first_picture(house: House) -> None:
    # It starts the decoders and the embedder.
    from house import picture

    picture(house.pictures / "first.png", 1)


async def _parts(model: Path, files: list[Path]) -> Parts:
    """Take the time of each step apart, through the daemon's own processes."""
    from imgqd.config import ModelSettings
    from imgqd.pictures import PictureEmbedder
    from imgqd.texts import TextEncoder

    name = f"local-dir:{model}"
    texts = TextEncoder(ModelSettings(name=name), lambda: None)
    await texts.start()
    assert texts.model is not None
    began = time.monotonic()
    for count in range(_TEXTS):
        await texts.encode(f"a text that is new, number {count}")
    text = (time.monotonic() - began) / _TEXTS
    await texts.stop()
    identify, pixels, prepared = await _decoded(files, texts.model)
    embed = {}
    for precision in _PRECISIONS:
        embedder = PictureEmbedder(ModelSettings(name=name, precision=precision), lambda: None)
        await embedder.embed(prepared[:_BATCH])
        began = time.monotonic()
        for _ in range(_BATCHES):
            await embedder.embed(prepared[:_BATCH])
        embed[precision] = (time.monotonic() - began) / (_BATCHES * _BATCH)
        await embedder.stop()
    return Parts(identify, pixels, embed, text)


async def _decoded(files: list[Path], model: Model) -> tuple[list[float], list[float], list[bytes]]:
    """Return the seconds to identify and to decode each file, and its pixels."""
    from imgqd.config import LimitSettings
    from imgqd.decode import Decoders, opened
    from imgqd.records import Stamp

    decoders = Decoders(1, LimitSettings())
    identify, pixels, prepared = [], [], []
    # The first one starts the process, and does not count.
    for path in [files[0], *files]:
        raw = os.fsencode(path)
        async with decoders.session() as session:
            with opened(raw, Stamp.of(path.lstat())) as fd:
                began = time.monotonic()
                await session.identify(fd)
                known = time.monotonic()
                prepared.append((await session.pixels(model))[0])
                identify.append(known - began)
                pixels.append(time.monotonic() - known)
    await decoders.release()
    return identify[1:], pixels[1:], prepared


def _sides(count: int, plain: float, daemon: dict[str, float]) -> Table:
    rows = [("a plain open_clip loop, float32", number(count / plain), "1")]
    for precision, seconds in daemon.items():
        rows.append((f"imgqd, {precision}", number(count / seconds), number(plain / seconds)))
    return Table(("side", "pictures a second", "times the plain loop"), tuple(rows))


def _share(parts: Parts) -> Table:
    rows = [
        ("read and hash a file", *_spread(parts.identify)),
        ("decode, turn upright, scale", *_spread(parts.pixels)),
    ]
    for precision, seconds in parts.embed.items():
        rows.append((f"embed, {precision}, in batches of {_BATCH}", ms(seconds), ""))
    rows.append(("embed a query's text, float32", ms(parts.text), ""))
    return Table(("one picture", "median", "99 %"), tuple(rows))


def _spread(times: list[float]) -> tuple[str, str]:
    return ms(percentile(times, 50)), ms(percentile(times, 99))


if __name__ == "__main__":
    main()
