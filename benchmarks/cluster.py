"""What it costs to have a batch embedded elsewhere, without the embedding: TLS, Dask, two hops.

`python benchmarks/cluster.py [--batches 40] [--workers 2]`: scheduler, workers and envoy are
processes of this machine, and the workers answer at once.
"""

from __future__ import annotations

import asyncio
import statistics
import time
from pathlib import Path
from typing import Any, Final

from measure import Result, Table, arguments, finish, ms, number, places

_SIZES: Final = (64, 224, 384)
"""Pixels a side of a picture: the demo model, most models, the largest of the presets."""

_EACH: Final = 2
"""Batches under way for a worker, as the daemon has them."""

_KEY: Final = "sha256:nothing"

_WORKER: Final = """
import asyncio, sys
from imgqd import chore, dasklink
from imgqd.credentials import Credentials

async def see(pixels):
    return bytes(4 * 512 * 32)

async def work(address, *files):
    chore.hold(chore.Held("sha256:nothing", 8, see))
    tag = chore.tag("sha256:nothing")
    made = await dasklink.worker(address, Credentials(*files), files[1], tag, 30, {})
    print("at work", flush=True)
    await made.finished()

asyncio.run(work(*sys.argv[1:]))
"""


def main() -> None:
    """Send batches, one at a time and as the daemon does, and print what they took."""
    told = arguments(__doc__.partition("\n")[0], batches=40, workers=2)
    from machines import machines

    with places() as base, machines(base / "machines") as made:
        made.scheduler()
        for name in (f"worker-{one}" for one in range(told.workers)):
            made.certify(name, "localhost")
            made.script(_WORKER, name).until_said("at work")
        rows, figures = asyncio.run(_rows(made.address, made.base, told.workers, told.batches))
    text = (
        f"A scheduler, {told.workers} workers and the envoy on this machine, over TLS. The workers "
        "hold no model and answer at once with 32 vectors of 512 numbers: what is measured is the "
        f"way of a batch from the core to a worker and back, with {told.batches} batches for each "
        f"figure, one at a time and with {_EACH * told.workers} under way. There is no network in "
        "it: 4.8 MB take 40 ms more on a gigabit line."
    )
    columns = (
        "pixels a side",
        "pictures in a batch",
        "MB",
        "one at a time, median",
        f"{_EACH * told.workers} under way, a batch",
        "pictures a second",
    )
    finish(Result("Batches elsewhere", text, (Table(columns, tuple(rows)),), figures), told)


async def _rows(
    address: str, base: Path, workers: int, batches: int
) -> tuple[list[tuple[str, ...]], dict[str, float]]:
    from imgqd import child
    from imgqd.cluster import Cluster
    from imgqd.config import ClusterSettings
    from imgqd.records import Model

    envoy = await child.start("envoy", "imgqd.envoy")
    files = {name: str(base / file) for name, file in _FILES.items()}
    await envoy.call("connect", {"scheduler": address, **files})
    sizing = Cluster(ClusterSettings(), lambda: 0.0, lambda: None)
    rows: list[tuple[str, ...]] = []
    figures = {}
    for size in _SIZES:
        model = Model("nothing", _KEY, 512, size, "shortest", "bicubic", 0)
        pictures = sizing.batch(model)
        pixels = bytes(3 * size**2 * pictures)
        await _seconds(envoy, pixels)  # the first one imports
        alone = [await _seconds(envoy, pixels) for _ in range(batches)]
        together = await _together(envoy, pixels, batches, _EACH * workers)
        rows.append(
            (
                str(size),
                str(pictures),
                f"{len(pixels) / 1e6:.1f}",
                ms(statistics.median(alone)),
                ms(together),
                number(pictures / together),
            )
        )
        figures[f"alone_{size}"] = statistics.median(alone)
    await envoy.stop()
    return rows, figures


_FILES: Final = {"ca": "ca.pem", "cert": "laptop.pem", "key": "laptop.key"}


async def _seconds(envoy: Any, pixels: bytes) -> float:
    began = time.perf_counter()
    await envoy.call("images", {"key": _KEY, "pixels": pixels})
    return time.perf_counter() - began


async def _together(envoy: Any, pixels: bytes, batches: int, lanes: int) -> float:
    """Return the seconds for one batch of many that are under way together."""
    free = asyncio.Semaphore(lanes)

    async def send() -> None:
        async with free:
            await _seconds(envoy, pixels)

    began = time.perf_counter()
    async with asyncio.TaskGroup() as sending:
        for _ in range(batches):
            sending.create_task(send())
    return (time.perf_counter() - began) / batches


if __name__ == "__main__":
    main()
