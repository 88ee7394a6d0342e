"""imgq beside rclip and a plain open_clip loop: the same photographs, the same model, by turns.

`python benchmarks/rivals.py [--count 120] [--rounds 3] [--asks 20] [--library 100000]
[--rclip PYTHON]`
"""

from __future__ import annotations

import argparse
import os
import sys
import threading
import time
from dataclasses import dataclass, field
from pathlib import Path
from typing import Final

import psutil
from grown import files, grow_imgq, grow_rclip
from measure import (
    BIN,
    ROOT,
    House,
    Result,
    Table,
    come_to_rest,
    finish,
    ms,
    number,
    parsed,
    percentile,
    photograph,
    places,
    processes,
    running,
)
from rclip import ARCHITECTURE, VERSION, Rclip, asked, exported, installed

from house import picture

_SIDES: Final = (4000, 3000)
"""12 megapixels."""

_BATCH: Final = 32
"""Pictures in a batch of the plain loop and of the floor."""

_LOOK: Final = 0.02
"""Seconds between two looks at whether the decoders run."""

_OURS: Final = ("float32", "auto")
"""Precisions of imgq; rclip and the loop are in float32."""


@dataclass(slots=True)
class Times:
    """Seconds by side, one for each round, and the decoders' shares of being busy.

    CPU time is less of a matter of what else the machine does than the clock's.
    """

    sides: dict[str, list[float]] = field(default_factory=dict)
    cpu: dict[str, list[float]] = field(default_factory=dict)
    busy: list[float] = field(default_factory=list)

    def note(self, side: str, seconds: float, cpu: float) -> None:
        """Add what one round took."""
        self.sides.setdefault(side, []).append(seconds)
        self.cpu.setdefault(side, []).append(cpu)


def main() -> None:
    """Let all sides index and answer, and print it."""
    parser = argparse.ArgumentParser(description="imgq beside rclip and a plain loop")
    parser.add_argument(
        "--rclip",
        type=Path,
        metavar="PYTHON",
        help="an interpreter that has rclip; default: one in .rclip, installed there if need be",
    )
    told = parsed(parser, count=120, rounds=3, asks=20, library=100_000)
    from system.full_size import saved_in

    python = installed(ROOT / ".rclip") if told.rclip is None else told.rclip
    with places() as base:
        os.environ["XDG_CACHE_HOME"] = str(base / "cache")
        os.environ.pop("PYTHONDONTWRITEBYTECODE", None)
        os.environ["PYTHONPYCACHEPREFIX"] = str(base / "compiled")
        model = saved_in(base, ARCHITECTURE)
        rclip = Rclip(python, exported(model, base))
        album = base / "album"
        album.mkdir()
        for turn in range(told.count):
            photograph(album / f"{turn}.jpg", _SIDES, turn)
        size = sum(path.stat().st_size for path in album.iterdir())
        times = Times()
        for turn in range(told.rounds):
            _round(base, model, album, rclip, times, turn)
        asks = _asks(base, model, rclip, told)
    text = (
        f"{told.count} generated photographs of 12 MP ({size / 1e6:.0f} MB) and {ARCHITECTURE} "
        f"with random weights, the same for all: rclip {VERSION} has them as ONNX files in "
        f"float32. The loop is open_clip in one process, its own preprocessing, batches of "
        f"{_BATCH}; the floor is the forward pass of such batches alone. Models are loaded before "
        f"the clock starts. The best of {told.rounds} runs in turns. A decoder is busy when it "
        f"runs or waits for a core, as looked at every {_LOOK * 1000:g} ms. Then each program is "
        f"asked {told.asks} times in turns, as a whole process, on a library of "
        f"{told.library:,} files with random vectors, the same for both; rclip looks for no "
        f"changes (`-n`), imgq does, as always."
    )
    tables = (_speeds(told.count, times), _waits(asks))
    figures = _figures(times, asks)
    finish(Result("Beside rclip and a plain loop", text, tables, figures), told)


def _round(base: Path, model: Path, album: Path, rclip: Rclip, times: Times, turn: int) -> None:
    files = sorted(album.iterdir())
    times.note("rclip", *rclip.index(album, base / f"rclip-{turn}"))
    for precision in _OURS:
        house = House(
            base / f"{precision}-{turn}",
            model=f"local-dir:{model}",
            settings=f'precision = "{precision}"\n',
        )
        with running(house):
            times.note(f"imgq, {precision}", *_indexed(house, album, times))
    plain, floor = _plain(model, files)
    times.note("a plain open_clip loop", *plain)
    times.note("the forward pass alone, float32", *floor)


def _indexed(house: House, album: Path, times: Times) -> tuple[float, float]:
    """Return the seconds until a folder that appears is searchable, and those of CPU time."""
    picture(house.pictures / "first.png", 1)
    waiting = house.base / "waiting"
    waiting.mkdir()
    for path in album.iterdir():
        os.link(path, waiting / path.name)
    with house.client(timeout=3600) as client:
        client.sync(600)
        come_to_rest(house.pid)
        done = threading.Event()
        looks: list[bool] = []
        looker = threading.Thread(target=_look_on, args=(house.pid, done, looks))
        spent = sum(one.cpu for one in processes(house.pid))
        began = time.monotonic()
        waiting.rename(house.pictures / "album")
        looker.start()
        client.sync(3600)
        took = time.monotonic() - began
        spent = sum(one.cpu for one in processes(house.pid)) - spent
        done.set()
        looker.join()
        assert client.status().failed == {}
        assert client.status().model["vectors"] == len(list(album.iterdir())) + 1
        house.stop()
    times.busy.append(sum(looks) / max(1, len(looks)))
    return took, spent


def _look_on(core: int, done: threading.Event, looks: list[bool]) -> None:
    """Note of each decoder again and again whether it has work."""
    parent = psutil.Process(core)
    known: dict[int, psutil.Process] = {}
    turn = 0
    while not done.wait(_LOOK):
        if turn % 50 == 0:
            found = [one for one in parent.children() if "imgqd.decoder" in " ".join(one.cmdline())]
            known = {one.pid: one for one in found}
        turn += 1
        for one in known.values():
            try:
                # Waiting for the disk is work, too: it is decoding that is to be kept going.
                looks.append(one.status() in {psutil.STATUS_RUNNING, psutil.STATUS_DISK_SLEEP})
            except psutil.NoSuchProcess:
                continue


def _plain(model: Path, files: list[Path]) -> tuple[tuple[float, float], tuple[float, float]]:
    """Return what open_clip takes as its own documentation has it, and its forward pass alone.

    Both are seconds, and those of CPU time.
    """
    import open_clip
    import torch
    from PIL import Image

    clip, _, preprocess = open_clip.create_model_and_transforms(f"local-dir:{model}")
    clip.eval()
    batches = []
    began, spent = time.monotonic(), time.process_time()
    with torch.inference_mode():
        for start in range(0, len(files), _BATCH):
            pixels = [preprocess(Image.open(path)) for path in files[start : start + _BATCH]]
            batches.append(torch.stack(pixels))
            torch.nn.functional.normalize(clip.encode_image(batches[-1]), dim=-1)
        plain = time.monotonic() - began, time.process_time() - spent
        began, spent = time.monotonic(), time.process_time()
        for batch in batches:
            clip.encode_image(batch)
        floor = time.monotonic() - began, time.process_time() - spent
    return plain, floor


def _asks(
    base: Path, model: Path, rclip: Rclip, told: argparse.Namespace
) -> dict[str, list[float]]:
    """Return the seconds of each whole process on the same library."""
    house = House(base / "asked", model=f"local-dir:{model}")
    photograph(house.pictures / "first.jpg", _SIDES, 1)
    data = base / "rclip-asked"
    rclip.index(house.pictures, data)
    theirs = rclip.environment(data)
    with running(house), house.client(timeout=3600) as client:
        client.sync(3600)
        house.stop()
    paths = files(house.pictures, told.library)
    grow_imgq(house.catalog, house.pictures, paths)
    grow_rclip(data, paths)
    times: dict[str, list[float]] = {"python -c pass": [], "imgq": [], "rclip -n": []}
    with running(house), house.client(timeout=3600) as client:
        client.sync(3600)
        client.search("warm", weak=True)
        come_to_rest(house.pid)
        assert client.status().model["vectors"] == told.library + 1
        for turn in range(told.asks + 1):
            query = f"a red car, number {turn}"
            sides = {
                "python -c pass": ([sys.executable, "-c", "pass"], house.environment),
                "imgq": ([str(BIN / "imgq"), "--all", query], house.environment),
                "rclip -n": (rclip.command(query), theirs),
            }
            for side, (command, environment) in sides.items():
                times[side].append(asked(command, environment, house.pictures))
        house.stop()
    # The first of each reads its files from the disk.
    return {side: taken[1:] for side, taken in times.items()}


def _speeds(count: int, times: Times) -> Table:
    rival, floor = min(times.sides["rclip"]), min(times.sides["the forward pass alone, float32"])
    rows = [
        (
            side,
            number(count / min(taken)),
            number(rival / min(taken)),
            number(floor / min(taken)),
            ms(min(times.cpu[side]) / count),
        )
        for side, taken in times.sides.items()
    ]
    rows.append(("decoders busy", f"{100 * max(times.busy):.0f} %", "", "", ""))
    columns = (
        "indexing 12 MP photographs",
        "pictures a second",
        "times rclip",
        "times the floor",
        "CPU time of one",
    )
    return Table(columns, tuple(rows))


def _waits(asks: dict[str, list[float]]) -> Table:
    ours = percentile(asks["imgq"], 50)
    empty = percentile(asks["python -c pass"], 50)
    rows = tuple(
        (
            f"`{side}`",
            ms(percentile(taken, 50)),
            ms(max(taken)),
            number(percentile(taken, 50) / ours),
            ms(percentile(taken, 50) - empty),
        )
        for side, taken in asks.items()
    )
    columns = ("a whole process", "median", "longest", "times imgq", "more than an empty Python")
    return Table(columns, rows)


def _figures(times: Times, asks: dict[str, list[float]]) -> dict[str, float]:
    best = {side: min(taken) for side, taken in times.sides.items()}
    ours = percentile(asks["imgq"], 50)
    return {
        "times_rclip": best["rclip"] / best["imgq, auto"],
        "times_rclip_float32": best["rclip"] / best["imgq, float32"],
        "cpu_times_rclip": min(times.cpu["rclip"]) / min(times.cpu["imgq, auto"]),
        "decoders_busy": max(times.busy),
        "process_times_rclip": percentile(asks["rclip -n"], 50) / ours,
        "process_more_s": ours - percentile(asks["python -c pass"], 50),
    }


if __name__ == "__main__":
    main()
