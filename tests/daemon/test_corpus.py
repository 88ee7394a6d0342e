"""Every file of a collection of real, odd and hostile pictures ends as it is written down."""

from __future__ import annotations

import asyncio

import psutil
import pytest

from corpus import CORPUS, files, outcomes, written

pytestmark = pytest.mark.system


@pytest.mark.skipif(not CORPUS.is_dir(), reason=f"no collection of picture files at {CORPUS}")
@pytest.mark.parametrize("part", ["photos", "formats", "broken"])
def test_every_file_ends_as_a_picture_or_with_a_reason_as_it_is_written_down(part: str) -> None:
    before = psutil.Process().memory_info().rss
    found = asyncio.run(outcomes(files(part)))
    grown = psutil.Process().memory_info().rss - before
    expected = {name: how for name, how in written().items() if name.startswith(f"{part}/")}
    different = {name: (how, expected.get(name)) for name, how in found.items()}
    assert {name: pair for name, pair in different.items() if pair[0] != pair[1]} == {}
    assert found.keys() == expected.keys()
    # What decoders take for a file is theirs: the core only passes small squares on.
    assert grown < 50 << 20
