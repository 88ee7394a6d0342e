"""A GPU at work: the embedder beside a bare loop, sizes of batches, files, what is given back.

`python benchmarks/gpu.py [--device DEVICE] [--small]`: less than eight minutes, no network.
On a machine that has torch (with torchvision), Pillow and numpy only, the rest is carried:
`pip download 'imgq[daemon]'` elsewhere, then `pip install --no-index --find-links WHEELS`.
"""

from __future__ import annotations

import argparse
import asyncio
import os
import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

import card
from measure import Result, Table, finish, number, parsed, photograph, places

if TYPE_CHECKING:
    import torch

_SIZES: Final = (1, 2, 4, 8, 16, 32, 64, 128, 256, 512)
_DIFFERENT: Final = 8
"""Files that are written; to write 512 would take minutes."""


@dataclass(frozen=True, slots=True)
class Scale:
    """How much is done."""

    batches: int
    rounds: int
    sizes: tuple[int, ...]
    files: int
    sides: tuple[int, int]


_FULL: Final = Scale(40, 5, _SIZES, 512, (4000, 3000))
_SMALL: Final = Scale(2, 1, _SIZES[:4], 6, (800, 600))


def main() -> None:
    """Measure one thing after the other, and print it."""
    parser = argparse.ArgumentParser(description="a GPU at work")
    parser.add_argument("--device", default="auto", help="as in the settings; default auto")
    parser.add_argument(
        "--small", action="store_true", help="shows that it runs, with the model of the tests"
    )
    told = parsed(parser)
    os.environ["OMP_WAIT_POLICY"] = "PASSIVE"
    scale = _SMALL if told.small else _FULL
    with places() as base:
        os.environ["XDG_CACHE_HOME"] = str(base / "cache")
        name = _model(base, is_small=told.small)
        towers = Towers(name, told.device)
        rates = towers.rates(scale)
        curve = towers.curve(scale.sizes, 2 if told.small else 10)
        towers.end()
        paths = _files(base / "files", scale)
        process, whole, held = asyncio.run(
            card.processes(name, told.device, towers.size, paths, scale.rounds, scale.batches)
        )
    rates["imgqd's embedder, over its socketpair"] = process
    text = (
        f"{towers.device}, {towers.precision}, batches of {towers.batch}; {towers.title}. The bare "
        f"loop is `encode_image` alone, on pixels that lie on the device and are normalised. "
        f"imgqd's towers take bytes and give vectors, the next batch's bytes on their way to the "
        f"device meanwhile. They take turns, the best of {scale.rounds} rounds of {scale.batches} "
        f"batches. From files: {len(paths)} JPEGs of {scale.sides[0]} x {scale.sides[1]}, through "
        f"{os.cpu_count()} decoders and the embedder, both running already."
    )
    tables = (_rates(rates), _curve(curve), _whole(whole, len(paths)), _held(held))
    bare, ours = list(rates.values())[:2]
    finish(Result("A GPU at work", text, tables, {"times_bare": ours / bare}), told)


def _model(base: Path, *, is_small: bool) -> str:
    if is_small:
        return "demo"
    from system.full_size import saved_in

    return f"local-dir:{saved_in(base)}"


class Towers:
    """imgqd's towers in this process, and the very same model in a bare loop."""

    def __init__(self, name: str, device: str) -> None:
        import torch

        from imgqd import accelerator, making, weights
        from imgqd import towers as module

        found = weights.find(name)
        self._towers = module.Towers()
        params = {"role": "image", "device": device, "precision": "auto", "batch": None}
        said = self._towers.load(name, found, params)
        self._place = accelerator.find(device)
        self.device, self.precision, self.batch = said["device"], said["precision"], said["batch"]
        self.title = "the tests' small model" if name == "demo" else "ViT-B-32 with random weights"
        self.size = said["size"]
        self._dtype: torch.dtype = getattr(torch, self.precision)
        _, self._bare = making.create(name, found, self.precision, self._place)
        making.keep_half(self._bare, "image")

    def rates(self, scale: Scale) -> dict[str, float]:
        """Return pictures a second of both, by turns."""
        best = {"the bare loop": 0.0, "imgqd's towers": 0.0}
        pixels = os.urandom(self.batch * self.size * self.size * 3)
        for _ in range(scale.rounds + 1):  # the first one warms up
            bare = self._loop(self.batch, scale.batches)
            ours = self._ours(pixels, scale.batches)
            best["the bare loop"] = max(best["the bare loop"], bare)
            best["imgqd's towers"] = max(best["imgqd's towers"], ours)
        return best

    def curve(self, sizes: tuple[int, ...], batches: int) -> dict[int, float]:
        """Return the bare loop's pictures a second by the size of its batches, as far as they fit.

        Each is the better of two times, since the first one plans.
        """
        import torch

        found = {}
        for size in sizes:
            try:
                found[size] = max(self._loop(size, batches) for _ in range(2))
            except torch.OutOfMemoryError:
                break
        return found

    def end(self) -> None:
        """Give the device back, as far as a process that lives on can."""
        import torch

        del self._towers, self._bare
        if self._place.type == "cuda":
            torch.cuda.empty_cache()

    def _loop(self, size: int, batches: int) -> float:
        import torch

        shape = (size, 3, self.size, self.size)
        pixels = torch.rand(shape, device=self._place).to(self._dtype)

        def run() -> None:
            with torch.inference_mode():
                for _ in range(batches):
                    made = self._bare.encode_image(pixels)
                made.float().cpu()  # waits for all that was asked before

        return size * batches / _seconds(run)

    def _ours(self, pixels: bytes, batches: int) -> float:
        """Do what the embedder process does: a thread prepares what comes next."""

        def prepared() -> dict[str, Any]:
            params = {"pixels": pixels}
            self._towers.stage(params)
            return params

        def run() -> None:
            with ThreadPoolExecutor(1) as reading:
                coming = reading.submit(prepared)
                for _ in range(batches):
                    params = coming.result()
                    coming = reading.submit(prepared)
                    self._towers.images(params)

        return float(self.batch * batches / _seconds(run))


def _seconds(run: Callable[[], object]) -> float:
    began = time.perf_counter()
    run()
    return time.perf_counter() - began


def _files(folder: Path, scale: Scale) -> list[Path]:
    """Write a few JPEGs, and return each as often as files are wanted."""
    folder.mkdir()
    made = [
        photograph(folder / f"{count}.jpg", scale.sides, count)
        for count in range(min(_DIFFERENT, scale.files))
    ]
    return [made[count % len(made)] for count in range(scale.files)]


def _rates(rates: dict[str, float]) -> Table:
    bare = next(iter(rates.values()))
    rows = [(name, number(rate), number(rate / bare)) for name, rate in rates.items()]
    return Table(("side", "pictures a second", "times the bare loop"), tuple(rows))


def _curve(curve: dict[int, float]) -> Table:
    rows = [(str(size), number(rate)) for size, rate in curve.items()]
    return Table(("pictures in a batch (bare loop)", "pictures a second"), tuple(rows))


def _whole(whole: dict[str, float], count: int) -> Table:
    rows = [(name, number(rate)) for name, rate in whole.items()]
    return Table((f"from {count} files", "pictures a second"), tuple(rows))


def _held(held: dict[str, int | None]) -> Table:
    rows = [
        (when, "no card" if size is None else f"{size / 1e6:,.0f} MB")
        for when, size in held.items()
    ]
    return Table(("the card's memory, held by the embedder", "held"), tuple(rows))


if __name__ == "__main__":
    main()
