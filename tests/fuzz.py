"""Broken pictures without end: the real daemon is fed with files that were changed at random.

Seeds are pictures of every format made on the spot and, where it lies beside the checkout, the
collection of real and hostile ones. Each batch is written into a watched folder and waited for;
then every file must be searchable or have a reason, the daemon must live, its log hold no
traceback, the core's memory stay where it was, and the sound pictures beside them be there.

`python tests/fuzz.py --minutes 5 [--seed N] [--json FILE]`; the exit status is 1 after a failure.
"""

# ruff: noqa: T201 - it talks to the person who runs it

from __future__ import annotations

import argparse
import io
import json
import random
import shutil
import sys
import tempfile
import time
from collections import Counter
from pathlib import Path
from typing import Any, Final

import numpy as np
import psutil
from PIL import Image

from house import House, picture, running

CORPUS: Final = Path(__file__).parents[2] / "shared" / "corpus" / "dev"

_BATCH: Final = 150
_LARGEST_SEED: Final = 300_000
"""Bytes of a seed: larger ones would take the time of many small."""

_REASONS: Final = {
    "empty", "truncated", "damaged", "not_an_image", "too_many_pixels", "too_large", "memory",
    "timeout", "crash", "no_vector",
}  # fmt: skip

_ROOM: Final = 40 << 20
"""Bytes by which the core may be larger at the end than after its first batches."""


def made() -> list[bytes]:
    """Return a picture of every format that can be written here."""
    image = Image.effect_noise((120, 80), 80).convert("RGB")
    forms: dict[str, dict[str, Any]] = {
        "JPEG": {}, "PNG": {}, "WEBP": {}, "GIF": {}, "TIFF": {}, "BMP": {}, "AVIF": {},
        "JPEG2000": {}, "ICO": {}, "PPM": {}, "MPO": {},
    }  # fmt: skip
    seeds = []
    for form, options in forms.items():
        file = io.BytesIO()
        image.save(file, form, **options)
        seeds.append(file.getvalue())
    import imagecodecs

    array = np.asarray(image)
    seeds.append(bytes(imagecodecs.jpegxl_encode(array)))
    seeds.append(bytes(imagecodecs.jpeg_encode(array.astype(np.uint16) * 16, bitspersample=12)))
    return seeds


def seeds() -> list[bytes]:
    """Return everything to begin with."""
    found = made()
    for path in sorted(CORPUS.rglob("*")):
        if path.is_file() and 0 < path.stat().st_size <= _LARGEST_SEED:
            found.append(path.read_bytes())
    return found


def mutated(chance: random.Random, pool: list[bytes]) -> bytes:
    """Return a file with a few random changes."""
    content = bytearray(chance.choice(pool))
    for _ in range(chance.choice((1, 1, 2, 4, 16))):
        at = chance.randrange(len(content)) if content else 0
        match chance.randrange(7):
            case 0:  # a bit
                if content:
                    content[at] ^= 1 << chance.randrange(8)
            case 1:  # a number at its ends
                content[at : at + 4] = chance.choice(
                    (b"\0\0\0\0", b"\xff\xff\xff\xff", b"\x7f\xff\xff\xff", b"\0\0\0\x01")
                )
            case 2:  # an end that comes too early
                del content[at:]
            case 3:  # a piece that is gone
                del content[at : at + chance.randrange(1, 200)]
            case 4:  # a piece that comes twice
                content[at:at] = content[at : at + chance.randrange(1, 200)]
            case 5:  # another file's middle
                other = chance.choice(pool)
                begin = chance.randrange(len(other))
                content[at : at + 400] = other[begin : begin + 400]
            case _:  # the head is another one's
                other = chance.choice(pool)
                head = chance.choice((4, 16, 64, 512))
                content[:head] = other[:head]
    return bytes(content)


def run(minutes: float, seed: int) -> dict[str, Any]:
    """Feed the daemon until the time is over, and return what it came to."""
    chance, pool = random.Random(seed), seeds()
    counts: Counter[str] = Counter()
    failures: list[str] = []
    end = time.monotonic() + 60 * minutes
    memory: list[int] = []
    with tempfile.TemporaryDirectory(prefix="imgq-fuzz-") as folder:
        house = House(Path(folder) / "house", settings='[limits]\ndecode_timeout = "10s"\n')
        for number in range(5):
            picture(house.pictures / "sound" / f"{number}.png", number)
        with running(house):
            house.sync()
            while time.monotonic() < end and not failures:
                _batch(house, chance, pool, counts, failures)
                memory.append(psutil.Process(house.pid).memory_info().rss)
                print(f"{counts.total()} files: {dict(counts.most_common())}", flush=True)
            if memory and memory[-1] - memory[min(3, len(memory) - 1)] > _ROOM:
                failures.append(f"the core grew: {[size >> 20 for size in memory]} MiB")
            house.stop()
        if "Traceback" in house.log.read_text(errors="replace"):
            failures.append("a traceback in the log")
        if failures:
            kept = Path(tempfile.mkdtemp(prefix="imgq-fuzz-kept-"))
            shutil.copy(house.log, kept)
            shutil.copytree(house.pictures, kept / "pictures", dirs_exist_ok=True)
            failures.append(f"kept in {kept}")
    return {
        "seed": seed, "seeds": len(pool), "files": counts.total(), "outcomes": dict(counts),
        "core_mib": [memory[0] >> 20, memory[-1] >> 20] if memory else [], "failures": failures,
    }  # fmt: skip


def _batch(
    house: House,
    chance: random.Random,
    pool: list[bytes],
    counts: Counter[str],
    failures: list[str],
) -> None:
    folder = house.pictures / "broken"
    shutil.rmtree(folder, ignore_errors=True)
    folder.mkdir()
    for number in range(_BATCH):
        (folder / f"{number}.jpg").write_bytes(mutated(chance, pool) or b"\0")
    with house.client(600) as client:
        client.sync(600)
        failed = client.status().failed
    rows = house.rows()
    sound = sum(b"/sound/" in path and state == "indexed" for path, (state, _) in rows.items())
    if sound != 5:
        failures.append(f"only {sound} of 5 sound pictures are indexed")
    states = Counter(state for path, (state, _) in rows.items() if b"/broken/" in path)
    if states.total() != _BATCH or set(states) - {"indexed", "failed"}:
        failures.append(f"not all were dealt with: {dict(states)}")
    if unknown := set(failed) - _REASONS:
        failures.append(f"reasons that are none: {unknown}")
    counts.update({"searchable": states["indexed"], **failed})


def main() -> int:
    """Fuzz, and sum up."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--minutes", type=float, default=5)
    parser.add_argument("--seed", type=int, default=random.randrange(10**6))
    parser.add_argument("--json", type=Path, help="write the summary to this file as one line")
    asked = parser.parse_args()
    summary = run(asked.minutes, asked.seed)
    text = json.dumps(summary)
    print(text)
    if asked.json is not None:
        asked.json.write_text(f"{text}\n")
    return 1 if summary["failures"] else 0


if __name__ == "__main__":
    sys.exit(main())
