"""Every file of a collection of real, odd and hostile pictures ends as it is written down."""

from __future__ import annotations

import asyncio
from pathlib import Path
from typing import Final

import psutil
import pytest

from corpus import CORPUS, files, outcomes, written

pytestmark = [
    pytest.mark.system,
    pytest.mark.skipif(not CORPUS.is_dir(), reason=f"no collection of picture files at {CORPUS}"),
]

EAGER: Final = Path(__file__).parents[1] / "eager"

PIECES: Final = [
    (part, piece, of)
    for part, of in (("photos", 1), ("formats", 8), ("broken", 1))
    for piece in range(of)
]
"""(part, piece, of how many): each with a deadline of its own."""


@pytest.mark.parametrize(("part", "piece", "of"), PIECES)
def test_every_file_ends_as_a_picture_or_with_a_reason_as_it_is_written_down(
    part: str, piece: int, of: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("PYTHONPATH", str(EAGER))  # among a whole suite decoders would starve
    before = psutil.Process().memory_info().rss
    found = asyncio.run(outcomes(files(part)[piece::of]))
    grown = psutil.Process().memory_info().rss - before
    names = sorted(name for name in written() if name.startswith(f"{part}/"))
    expected = {name: written()[name] for name in names if name in found}
    different = {name: (how, expected.get(name)) for name, how in found.items()}
    assert {name: pair for name, pair in different.items() if pair[0] != pair[1]} == {}
    assert found.keys() == expected.keys()
    # What decoders take for a file is theirs: the core only passes small squares on.
    assert grown < 50 << 20


@pytest.mark.parametrize("part", ["photos", "formats", "broken"])
def test_every_file_that_is_written_down_is_there(part: str) -> None:
    names = {name for name in written() if name.startswith(f"{part}/")}
    assert names == {str(path.relative_to(CORPUS)) for path in files(part)}
