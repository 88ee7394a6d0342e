"""Files that cost a decoder too much, or its life."""

from __future__ import annotations

import asyncio
import itertools
import os
import signal
import struct
import zlib
from dataclasses import replace
from pathlib import Path

import pytest

from daemon.darkroom import LIMITS, decoding, drawing, encoded, reason
from imgqd import decode, machine

pytestmark = pytest.mark.system


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


def test_a_decoder_that_is_kept_from_its_work_by_others_is_given_time(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = tmp_path / "a.png"
    path.write_bytes(encoded(drawing(), "PNG"))
    looks = itertools.count()

    def at_work(pid: int) -> float:
        # As slow as on a machine that has hardly a moment for it: at the third look it goes on.
        if (look := next(looks)) == 3:
            os.kill(pid, signal.SIGCONT)
        return look * 0.1

    async def scene() -> None:
        async with decoding(replace(LIMITS, decode_timeout=0.5)) as decoders:
            assert await reason(decoders, path) == "fine"
            [pid] = decoders.pids
            monkeypatch.setattr(machine, "cpu_of", at_work)
            os.kill(pid, signal.SIGSTOP)
            assert await reason(decoders, path) == "fine"
            assert decoders.pids == [pid]
            monkeypatch.setattr(machine, "cpu_of", lambda _: next(looks) * 0.1)
            os.kill(pid, signal.SIGSTOP)
            monkeypatch.setattr(decode, "_PATIENCE", 3)
            assert await reason(decoders, path) == "timeout"

    asyncio.run(scene())


def test_a_decoder_is_exchanged_after_so_many_files(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(decode, "_SERVES", 3)
    path = tmp_path / "a.png"
    path.write_bytes(encoded(drawing(), "PNG"))

    async def scene() -> list[int]:
        served = []
        async with decoding() as decoders:
            for _ in range(7):
                assert await reason(decoders, path) == "fine"
                served += decoders.pids
        return served

    served = asyncio.run(scene())
    assert [served.count(pid) for pid in dict.fromkeys(served)] == [3, 3, 1]


def test_files_that_come_one_at_a_time_start_one_decoder_and_those_together_more(
    tmp_path: Path,
) -> None:
    path = tmp_path / "a.png"
    path.write_bytes(encoded(drawing(), "PNG"))

    async def scene() -> None:
        async with decoding(count=2) as decoders:
            for _ in range(3):
                assert await reason(decoders, path) == "fine"
            [pid] = decoders.pids
            await asyncio.gather(reason(decoders, path), reason(decoders, path))
            assert len(decoders.pids) == 2
            assert pid in decoders.pids

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
