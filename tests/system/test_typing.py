"""A search at every key: what a launcher does, with the real daemon."""

from __future__ import annotations

import asyncio
import random

import pytest

from house import House, picture
from imgq import AsyncClient
from imgq.answers import SearchAnswer
from imgq.errors import Refused

pytestmark = pytest.mark.system

LINE = "a red circle in front of a mountain"


@pytest.fixture
def path(house: House) -> str:
    for number in range(20):
        picture(house.pictures / f"{number}.png", number)
    house.sync()
    return str(house.socket)


@pytest.mark.parametrize("turns", [0, 1, 5, 25], ids=lambda turns: f"{turns} turns between keys")
def test_the_last_key_is_answered_and_those_before_are_answered_or_superseded(
    path: str, turns: int
) -> None:
    async def scene() -> None:
        async with AsyncClient(path) as client:
            typed = []
            for end in range(1, len(LINE) + 1):
                typed.append(asyncio.create_task(client.search(LINE[:end], supersede=True)))
                for _ in range(random.randrange(turns + 1)):
                    await asyncio.sleep(0)
            *before, last = await asyncio.gather(*typed, return_exceptions=True)
            assert isinstance(last, SearchAnswer)
            expected = await client.search(LINE)
            assert last.results == expected.results
            for one in before:
                if not isinstance(one, SearchAnswer):
                    assert isinstance(one, Refused)
                    assert (one.code, one.text) == ("busy", "superseded by a newer search")

    asyncio.run(scene())


def test_typing_leaves_the_other_questions_of_the_connection_alone(path: str) -> None:
    async def scene() -> None:
        async with AsyncClient(path) as client:
            others = asyncio.gather(client.search("png", limit=5), client.status(), client.sync())
            typed = [
                asyncio.create_task(client.search(LINE[:end], supersede=True))
                for end in range(1, len(LINE) + 1)
            ]
            found, status, synced = await others
            assert len(found.results) == 5
            assert (status.files, synced.pending) == (20, 0)
            *_, last = await asyncio.gather(*typed, return_exceptions=True)
            assert isinstance(last, SearchAnswer)

    asyncio.run(scene())
