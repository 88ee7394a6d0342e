"""The embedder on a CPU: how much of its time is the forward pass, beside a bare loop of it.

`python benchmarks/embedding.py [--quick]`: the model is made here, with random weights.
"""

from __future__ import annotations

import argparse
import asyncio
import os
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

from measure import Result, Table, finish, ms, number, parsed, places

if TYPE_CHECKING:
    from imgqd.pictures import PictureEmbedder

_PRECISIONS: Final = ("float32", "bfloat16")
_SIZES: Final = (1, 2, 4, 8, 16, 32)
_BATCH: Final = 16
"""The embedder's own choice on a CPU."""

_LANES: Final = 2
"""Batches that are on their way, as the pipeline has them."""


@dataclass(frozen=True, slots=True)
class Beside:
    """Pictures a second of the bare loop and of the embedder, and the latter's forward share."""

    bare: float
    ours: float
    share: float


def main() -> None:
    """Take the times in turns, and print them."""
    parser = argparse.ArgumentParser(description="the embedder beside a bare forward pass")
    parser.add_argument("--quick", action="store_true", help="small: shows that it runs")
    told = parsed(parser, rounds=4, batches=8)
    if told.quick:
        told.rounds, told.batches = 1, 2
    # Both sides as the embedder is: of the lowest priority, with threads that do not spin.
    os.nice(19)
    os.environ["OMP_WAIT_POLICY"] = "PASSIVE"
    from system.full_size import ARCHITECTURE, saved_in

    with places() as base:
        os.environ["XDG_CACHE_HOME"] = str(base / "cache")
        os.environ["IMGQ_SPENT"] = str(base / "spent")
        name = f"local-dir:{saved_in(base)}"
        passes = {precision: _bare(name, precision) for precision in _PRECISIONS}
        sizes = _sizes(passes, 1 if told.quick else 3)
        chosen, took = _chosen(name)
        sides = {
            precision: asyncio.run(_beside(name, precision, once, told.rounds, told.batches))
            for precision, once in passes.items()
        }
    text = (
        f"{ARCHITECTURE} with random weights. The bare loop is `encode_image` alone, on pixels "
        f"that are normalised already, in batches of {_BATCH}; the embedder is imgqd's process, "
        f"asked over its socketpair with {_LANES} batches on their way, from bytes to vectors. "
        f"They take turns, and the best of {told.rounds} rounds of {told.batches} batches counts. "
        f"The share is measured in the embedder: seconds of forward passes (normalising "
        f"included) of all seconds while it is asked. Left to itself, it chose {chosen} here, "
        f"which took {number(took)} s at the first start, loading included."
    )
    tables = (_table(sides), _curve(sizes))
    figures = {"forward_share": sides[chosen].share, "times_bare": _times(sides[chosen])}
    finish(Result("The embedder on a CPU", text, tables, figures), told)


def _bare(name: str, precision: str) -> Callable[[int], None]:
    """Return a function that makes one bare pass of so many pictures."""
    import torch

    from imgqd import making, weights

    _, model = making.create(name, weights.find(name), precision, torch.device("cpu"))
    making.keep_half(model, "image")
    pixels = torch.rand(max(_SIZES), 3, 224, 224).to(getattr(torch, precision))

    @torch.inference_mode()
    def once(count: int) -> None:
        model.encode_image(pixels[:count])

    return once


def _sizes(passes: dict[str, Callable[[int], None]], rounds: int) -> dict[str, list[float]]:
    """Return the best seconds for one picture by precision and size of the batch."""
    best: dict[str, list[float]] = {one: [float("inf")] * len(_SIZES) for one in passes}
    for _ in range(rounds + 1):  # the first one warms up, and is never the best
        for place, size in enumerate(_SIZES):
            for precision, once in passes.items():
                took = _seconds(once, size) / size
                best[precision][place] = min(best[precision][place], took)
    return best


def _seconds(once: Callable[[int], None], count: int) -> float:
    began = time.perf_counter()
    once(count)
    return time.perf_counter() - began


def _chosen(name: str) -> tuple[str, float]:
    """Return the precision that imgqd takes where nobody says one, and the seconds to find it."""
    import torch

    from imgqd import making, weights

    found = weights.find(name)
    began = time.perf_counter()
    return making.precision_for(name, found, torch.device("cpu")), time.perf_counter() - began


async def _beside(
    name: str, precision: str, once: Callable[[int], None], rounds: int, batches: int
) -> Beside:
    """Let the bare loop and the embedder take turns."""
    from imgqd import child
    from imgqd.config import ModelSettings
    from imgqd.pictures import PictureEmbedder

    start = child.start

    async def timed(title: str, _: str, arguments: Sequence[str], **more: Any) -> Any:
        more["environment"] = {**more["environment"], "PYTHONPATH": os.path.dirname(__file__)}
        return await start(title, "timed_embedder", arguments, **more)

    child.start = timed  # type: ignore[assignment]
    embedder = PictureEmbedder(ModelSettings(name=name, precision=precision), lambda: None)
    try:
        await _asked(embedder, _LANES)
        bare, ours, shares = [], [], []
        for _ in range(rounds):
            bare.append(sum(_seconds(once, _BATCH) for _ in range(batches)))
            before = _spent()
            ours.append(await _asked(embedder, batches))
            shares.append((_spent() - before) / ours[-1])
    finally:
        await embedder.stop()
        child.start = start
    count = batches * _BATCH
    return Beside(count / min(bare), count / min(ours), max(shares))


async def _asked(embedder: PictureEmbedder, batches: int) -> float:
    """Return the seconds that so many batches take, two of them on their way at any time."""
    picture = os.urandom(224 * 224 * 3)
    left = iter(range(batches))

    async def lane() -> None:
        for _ in left:
            vectors = await embedder.embed([picture] * _BATCH)
            assert all(vector is not None for vector in vectors)

    began = time.perf_counter()
    await asyncio.gather(*(lane() for _ in range(_LANES)))
    return time.perf_counter() - began


def _spent() -> float:
    return float(Path(os.environ["IMGQ_SPENT"]).read_text("ascii"))


def _times(side: Beside) -> float:
    return side.ours / side.bare


def _table(sides: dict[str, Beside]) -> Table:
    columns = ("precision", "bare loop, pictures a second", "embedder", "times", "forward share")
    rows = [
        (precision, number(one.bare), number(one.ours), number(_times(one)), f"{one.share:.1%}")
        for precision, one in sides.items()
    ]
    return Table(columns, tuple(rows))


def _curve(sizes: dict[str, list[float]]) -> Table:
    columns = ("one picture, in a batch of", *map(str, _SIZES))
    rows = [(precision, *(ms(one) for one in best)) for precision, best in sizes.items()]
    return Table(columns, tuple(rows))


if __name__ == "__main__":
    main()
