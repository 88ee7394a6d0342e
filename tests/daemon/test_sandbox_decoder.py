"""The decoders behind their sandbox: pictures that take the process, and all those that do not."""

from __future__ import annotations

import asyncio
import os
import resource
import sys
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest

from daemon.cell import EVIL, World, world_in
from daemon.darkroom import LIMITS, decode, decoding, drawing, encoded, reason
from imgqd.decode import Decoders, Undecodable

pytestmark = [
    pytest.mark.system,
    pytest.mark.skipif(sys.platform != "linux", reason="elsewhere there are only limits"),
]

CORPUS = Path(__file__).parents[3] / "shared" / "corpus" / "dev"

KINDS = (
    resource.RLIMIT_CORE,
    resource.RLIMIT_FSIZE,
    resource.RLIMIT_NOFILE,
    resource.RLIMIT_AS,
)


@pytest.fixture
def world(tmp_path: Path) -> Iterator[World]:
    with world_in(tmp_path) as world:
        yield world


@pytest.fixture
def evil(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Let the decoders know the format that makes attempts; return where files may lie."""
    monkeypatch.setenv("PYTHONPATH", str(EVIL))
    (tmp_path / "good").write_bytes(encoded(drawing(), "PNG"))
    return tmp_path


async def answer(decoders: Decoders, folder: Path, line: str) -> str:
    """Give a decoder a file that makes an attempt; return the reason and what it says of it."""
    (folder / "evil").write_text(f"EVIL {line}")
    try:
        await decode(decoders, folder / "evil")
    except Undecodable as error:
        return f"{error.reason} {error.detail}"
    return "fine"


def test_a_picture_that_takes_the_decoder_reaches_nothing(evil: Path, world: World) -> None:
    expected = {
        line: f"damaged {line.split()[0]}: {said}"
        for prefix in ("", "thread ")
        for line, said in world.attempts(0, prefix).items()
        if "fd-" not in line  # of descriptors the decoder has its own
    }

    async def scene() -> dict[str, str]:
        async with decoding() as decoders:
            found = {line: await answer(decoders, evil, line) for line in expected}
            assert await reason(decoders, evil / "good") == "fine"
            return found

    assert asyncio.run(scene()) == expected


def test_no_picture_finds_the_descriptor_of_the_one_before(evil: Path) -> None:
    async def scene() -> list[str]:
        async with decoding() as decoders:
            lines = ["descriptors", "thread descriptors", "descriptors"]
            assert await reason(decoders, evil / "good") == "fine"
            return [await answer(decoders, evil, line) for line in lines]

    # A decoder that keeps codecs quiet holds a copy of its standard error, here a file.
    own = {f"file-{os.fstat(number).st_ino}" for number in range(3)}
    for said in asyncio.run(scene()):
        kinds = said.split(": ")[1].split()
        assert kinds.count("socket") == 1
        assert set(kinds) <= {"socket", "other"} | own


def status(pid: int) -> dict[str, str]:
    text = Path(f"/proc/{pid}/status").read_text()
    return dict(line.split(":\t") for line in text.splitlines())


def test_the_kernel_says_of_a_decoder_what_it_gave_up(evil: Path) -> None:
    async def scene() -> tuple[dict[str, str], list[tuple[int, int]]]:
        async with decoding() as decoders:
            assert await reason(decoders, evil / "good") == "fine"
            [pid] = decoders.pids
            return status(pid), [resource.prlimit(pid, kind) for kind in KINDS]

    lines, limits = asyncio.run(scene())
    assert lines["NoNewPrivs"] == "1"
    assert lines["CapEff"] == lines["CapPrm"] == "0" * 16
    assert limits == [(0, 0), (0, 0), (16, 16), (LIMITS.decode_memory, LIMITS.decode_memory)]


FATAL = {
    "segfault": "crash",
    "thread segfault": "crash",
    "abort": "crash",
    "exit": "crash",
    "garbage": "crash",
    "raise weird": "crash",
    "raise beyond": "crash",
    "raise exit": "crash",
    "raise interrupt": "crash",
    "raise surrogate": "damaged",
    "raise deep": "damaged",
    "memory": "memory",
    "thread memory": "damaged",
    "spin": "timeout",
    "thread spin": "timeout",
    "sleep": "timeout",
}


@pytest.mark.parametrize(("outcome", "seconds"), [("timeout", 1.0), ("", 3.0)])
def test_a_picture_that_ends_or_stops_its_decoder_harms_no_other(
    outcome: str, seconds: float, evil: Path
) -> None:
    lines = [line for line, ends in FATAL.items() if (ends == "timeout") == bool(outcome)]

    async def scene() -> dict[str, tuple[str, str]]:
        limits = replace(LIMITS, decode_timeout=seconds, decode_memory=600 << 20)
        found = {}
        async with decoding(limits) as decoders:
            assert await reason(decoders, evil / "good") == "fine"
            for line in lines:
                said = await answer(decoders, evil, line)
                found[line] = (said.split()[0], await reason(decoders, evil / "good"))
        return found

    assert asyncio.run(scene()) == {line: (FATAL[line], "fine") for line in lines}


def few_of_each_kind(folder: Path) -> list[Path]:
    found: dict[str, list[Path]] = {}
    for path in sorted(path for path in folder.rglob("*") if path.is_file()):
        found.setdefault(path.suffix.lower(), []).append(path)
    return [path for paths in found.values() for path in paths[:: max(1, len(paths) // 4)]]


async def decoded(paths: list[Path]) -> list[object]:
    found: list[object] = []
    async with decoding(replace(LIMITS, max_megapixels=50)) as decoders:
        for path in paths:
            try:
                found.append(await decode(decoders, path))
            except Undecodable as error:
                found.append((error.reason, error.detail))
    return found


@pytest.mark.skipif(not CORPUS.is_dir(), reason=f"no collection of picture files at {CORPUS}")
@pytest.mark.parametrize("part", ["formats", "broken"])
@pytest.mark.usefixtures("evil")
def test_all_formats_are_decoded_as_without_a_sandbox(
    part: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    paths = few_of_each_kind(CORPUS / part)
    behind = asyncio.run(decoded(paths))
    monkeypatch.setenv("EVIL_WITHOUT_SANDBOX", "")
    assert behind == asyncio.run(decoded(paths))
    assert len(behind) > 50
