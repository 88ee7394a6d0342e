"""Files that cost a decoder too much, or its life, and a collection of real ones."""

from __future__ import annotations

import asyncio
import os
import signal
import struct
import zlib
from collections import Counter
from dataclasses import replace
from pathlib import Path

import pytest

from daemon.darkroom import LIMITS, decoding, drawing, encoded, reason

pytestmark = pytest.mark.system

CORPUS = Path(__file__).parents[3] / "shared" / "corpus" / "dev"


def png(width: int, height: int, body: bytes = b"") -> bytes:
    """Return a black-and-white PNG by hand: it claims its size whatever it holds."""

    def chunk(kind: bytes, data: bytes) -> bytes:
        return (
            struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data))
        )

    head = struct.pack(">IIBBBBB", width, height, 1, 0, 0, 0, 0)
    data = body or zlib.compress(bytes((width + 7) // 8 + 1) * height, 1)
    return b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", head) + chunk(b"IDAT", data) + chunk(b"IEND", b"")


def test_hostile_files_each_have_their_reason_and_harm_no_other(tmp_path: Path) -> None:
    good = encoded(drawing(), "PNG")
    photo = encoded(drawing(size=(400, 300)), "JPEG")
    files = {
        "empty": (b"", "empty"),
        "text": (b"no picture at all", "not_an_image"),
        "postscript": (b"%!PS-Adobe-3.0 EPSF-3.0\n%%BoundingBox: 0 0 9 9\n", "not_an_image"),
        "pdf": (b"%PDF-1.7\n" + b"x" * 100, "not_an_image"),
        "svg": (b"<svg xmlns='http://www.w3.org/2000/svg'/>", "not_an_image"),
        "cut photo": (photo[: len(photo) // 2], "truncated"),
        "cut png": (good[: len(good) // 2], "truncated"),
        "200 megapixels": (png(20_000, 10_000, b"x"), "too_many_pixels"),
        "a whole wall": (png(2**31 - 1, 2**31 - 1, b"x"), "too_many_pixels"),
        "good": (good, "fine"),
    }

    async def scene() -> dict[str, str]:
        limits = replace(LIMITS, max_megapixels=150)
        async with decoding(limits) as decoders:
            found = {}
            for name, (content, _) in files.items():
                (tmp_path / name).write_bytes(content)
                found[name] = await reason(decoders, tmp_path / name)
                assert len(decoders.pids) == 1
            return found

    assert asyncio.run(scene()) == {name: expected for name, (_, expected) in files.items()}


def test_a_picture_beyond_the_memory_limit_says_so_and_the_process_lives(tmp_path: Path) -> None:
    (tmp_path / "large.png").write_bytes(png(16_000, 16_000))
    (tmp_path / "good.png").write_bytes(encoded(drawing(), "PNG"))
    with (tmp_path / "huge file.png").open("wb") as file:
        file.truncate(600 << 20)

    async def scene() -> None:
        limits = replace(LIMITS, max_megapixels=4000, decode_memory=300 << 20)
        async with decoding(limits) as decoders:
            assert await reason(decoders, tmp_path / "good.png") == "fine"
            before = decoders.pids
            assert await reason(decoders, tmp_path / "large.png") == "memory"
            assert await reason(decoders, tmp_path / "huge file.png") == "memory"
            assert await reason(decoders, tmp_path / "good.png") == "fine"
            assert decoders.pids == before

    asyncio.run(scene())


def test_a_memory_limit_that_lets_no_decoder_start_fails_files_and_not_the_daemon(
    tmp_path: Path,
) -> None:
    (tmp_path / "good.png").write_bytes(encoded(drawing(), "PNG"))

    async def scene() -> str:
        async with decoding(replace(LIMITS, decode_memory=1 << 20)) as decoders:
            return await reason(decoders, tmp_path / "good.png")

    assert asyncio.run(scene()) in {"crash", "memory"}


def test_a_decoder_that_hangs_is_killed_at_its_deadline_and_the_next_file_works(
    tmp_path: Path,
) -> None:
    path = tmp_path / "a.png"
    path.write_bytes(encoded(drawing(), "PNG"))

    async def scene() -> None:
        async with decoding(replace(LIMITS, decode_timeout=2.0)) as decoders:
            assert await reason(decoders, path) == "fine"
            [pid] = decoders.pids
            os.kill(pid, signal.SIGSTOP)
            assert await reason(decoders, path) == "timeout"
            with pytest.raises(ProcessLookupError):
                os.kill(pid, 0)
            assert await reason(decoders, path) == "fine"

    asyncio.run(scene())


def test_new_limits_hold_from_the_next_file_on(tmp_path: Path) -> None:
    path = tmp_path / "a.png"
    path.write_bytes(encoded(drawing(), "PNG"))

    async def scene() -> None:
        async with decoding() as decoders:
            assert await reason(decoders, path) == "fine"
            [pid] = decoders.pids
            decoders.limit(replace(LIMITS, decode_timeout=1e-9))
            assert await reason(decoders, path) == "timeout"
            decoders.limit(LIMITS)
            assert await reason(decoders, path) == "fine"
            assert decoders.pids != [pid]

    asyncio.run(scene())


def test_a_file_that_kills_its_decoder_fails_alone(tmp_path: Path) -> None:
    path = tmp_path / "a.png"
    path.write_bytes(encoded(drawing(), "PNG"))

    async def scene() -> None:
        async with decoding() as decoders:
            assert await reason(decoders, path) == "fine"
            [pid] = decoders.pids
            os.kill(pid, signal.SIGSTOP)
            ends = asyncio.create_task(reason(decoders, path))
            await asyncio.sleep(0)
            os.kill(pid, signal.SIGKILL)
            assert await ends == "crash"
            assert await reason(decoders, path) == "fine"
            assert decoders.pids != [pid]

    asyncio.run(scene())


REASONS = {
    "not_an_image",
    "damaged",
    "truncated",
    "empty",
    "too_many_pixels",
    "too_large",
    "memory",
}


@pytest.mark.skipif(not CORPUS.is_dir(), reason=f"no collection of picture files at {CORPUS}")
@pytest.mark.parametrize("part", ["formats", "broken"])
def test_every_file_of_a_collection_ends_as_a_picture_or_with_a_reason(part: str) -> None:
    paths = sorted(path for path in (CORPUS / part).rglob("*") if path.is_file())

    async def scene() -> Counter[str]:
        found: Counter[str] = Counter()
        async with decoding(replace(LIMITS, decode_timeout=20.0), 2) as decoders:

            async def one(path: Path) -> None:
                ended = await reason(decoders, path)
                assert ended == "fine" or ended in REASONS, f"{path}: {ended}"
                found[ended] += 1

            # As many at a time as there are decoders, so that each has the whole deadline.
            for start in range(0, len(paths), 2):
                await asyncio.gather(*map(one, paths[start : start + 2]))
        return found

    found = asyncio.run(scene())
    assert found.total() == len(paths) > 0
    if part == "formats":
        assert found["fine"] > len(paths) // 2, found
