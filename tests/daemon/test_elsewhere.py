"""Other machines' pictures among this one's: order, twins, what is missing, what is reachable."""

from __future__ import annotations

import asyncio
import os
import threading
import time
from datetime import datetime
from pathlib import Path
from types import SimpleNamespace
from typing import Any, cast

import numpy as np
import pytest

from imgqd import reach
from imgqd.carrier import Trouble
from imgqd.elsewhere import MISSING, Asked, Others, looked_at, merged
from imgqd.gathering import existing
from imgqd.judge import Judge
from imgqd.meaning import Line
from imgqd.query import Sort, parse
from imgqd.ranking import Hit
from imgqd.reach import Reach
from imgqd.records import Elsewhere, Found, Vector
from imgqd.results import result
from imgqd.search import Wanted

BEST = Sort("relevance")
JUDGE = Judge(0.5, 0.1, np.empty(0), np.empty(0))


def found(path: str, image: int = 0, size: int = 1, mtime: int = 1) -> Found:
    return Found(image, path.encode(), size, mtime, "png", 4, 3)


def here(path: str, image: int, relevance: float, matched: str = "content") -> Hit:
    return Hit((found(path, image),), relevance, relevance, matched)


def there(path: str, content: bytes, score: float, machine: str = "nas") -> Any:
    return Elsewhere(machine, found(path)), content, score


def paths(hits: list[Hit]) -> list[bytes]:
    return [hit.shown.path for hit in hits]


def test_others_stand_where_their_relevance_says_and_what_is_called_so_stays_first() -> None:
    own = [here("/called", 1, 0.99, "name"), here("/a", 2, 0.999), here("/b", 3, 0.2)]
    others = Others((there("/x", b"x", 0.9), there("/y", b"y", 0.5), there("/z", b"z", 0.1)))
    hits = merged(own, {1: b"1", 2: b"2", 3: b"3"}, others, JUDGE, BEST, is_filter=False)
    assert paths(hits) == [b"/called", b"/a", b"/x", b"/y", b"/b", b"/z"]
    assert [hit.relevance for hit in hits[2:4]] == [JUDGE.relevance(0.9), 0.5]


def test_the_worst_may_be_asked_for_first() -> None:
    own = [here("/b", 3, 0.2), here("/a", 2, 0.9)]
    others = Others((there("/x", b"x", 0.5),))
    hits = merged(own, {}, others, JUDGE, Sort("relevance", reverse=True), is_filter=False)
    assert paths(hits) == [b"/b", b"/x", b"/a"]


def test_one_content_on_several_machines_is_one_result_with_all_places() -> None:
    others = Others(
        (
            there("/n/a", b"1", 0.9),
            there("/n/a2", b"1", 0.9),
            there("/l/x", b"x", 0.8, "laptop"),
            there("/n/x", b"x", 0.8),
        )
    )
    twin, far = merged([here("/a", 1, 0.99)], {1: b"1"}, others, JUDGE, BEST, is_filter=False)
    assert [place.found.path for place in twin.elsewhere] == [b"/n/a", b"/n/a2"]
    row = result(twin)
    assert (row["machine"], row["path"], len(row["elsewhere"])) == (None, "/a", 2)
    row = result(far)
    assert (row["machine"], row["path"], row["image_id"]) == ("laptop", "/l/x", None)
    assert [one["machine"] for one in row["elsewhere"]] == ["nas"]


def test_what_is_only_filtered_is_in_the_order_that_was_asked_for() -> None:
    own = [Hit((found("/b", 1, 20),), None, 1.0, "filter")]
    others = Others((there("/c", b"c", 0.1),))
    hits = merged(own, {}, others, JUDGE, Sort("size"), is_filter=True)
    assert paths(hits) == [b"/b", b"/c"]
    assert (hits[1].matched, hits[1].score, hits[1].relevance) == ("filter", None, 1.0)


def test_a_file_that_went_from_this_disk_is_still_on_the_other_machine() -> None:
    place = Elsewhere("nas", found("/n"))
    hit = Hit((found("/nowhere/a", 1),), 0.9, 0.9, "content", elsewhere=(place,))
    [left] = existing([hit, here("/nowhere/b", 2, 0.8)], 20)
    assert result(left)["machine"] == "nas"


def test_the_same_file_by_the_same_path_is_reachable_and_stands_first(tmp_path: Path) -> None:
    file = tmp_path / "a.png"
    file.write_bytes(b"abc")
    status = os.stat(file)
    same = Found(0, bytes(file), 3, status.st_mtime_ns, "png", 4, 3)
    other = Found(0, bytes(file), 3, status.st_mtime_ns + 1, "png", 4, 3)
    folder = Found(0, bytes(tmp_path), os.stat(tmp_path).st_size, 1, "png", 4, 3)
    places = (Elsewhere("x", other), Elsewhere("y", folder), Elsewhere("nas", same))
    hit = Hit((), 0.9, 0.9, "content", elsewhere=places)
    [looked] = asyncio.run(looked_at([hit], Reach()))
    assert [(one.machine, one.is_here) for one in looked.elsewhere] == [
        ("nas", True),
        ("x", False),
        ("y", False),
    ]


def test_a_mount_that_hangs_costs_a_moment_once_and_nothing_afterwards(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    hangs = threading.Event()
    monkeypatch.setattr(reach, "_is_here", lambda file: file.path == b"/a" or hangs.wait(20))

    async def scene() -> None:
        look = Reach(patience=0.05)
        assert await look.here([found("/a"), found("/hangs")]) == [True, False]
        began = time.monotonic()
        assert await look.here([found("/a")]) == [False]
        assert time.monotonic() - began < 0.04
        hangs.set()
        assert look._looking is not None
        look._looking.join()
        assert await look.here([found("/a")]) == [True]

    asyncio.run(scene())


class Outbox:
    """An outbox as far as a question knows it; `gate` holds the store's answer back."""

    host = "nas:19530"

    def __init__(self) -> None:
        self.trouble: Trouble | None = None
        self.carrier = SimpleNamespace(pids={"courier": 1})
        self.looked: dict[str, Any] = {"waits_for": []}
        self.unindexed = 0
        self.gate = asyncio.Event()
        self.gate.set()
        self.asked: list[dict[str, Any]] = []

    async def ask(self, _: str, __: Any, **params: Any) -> dict[str, Any]:
        self.asked.append(params)
        await self.gate.wait()
        if self.trouble is not None:
            raise self.trouble
        return {"hits": [], "unindexed": self.unindexed}

    async def told_all(self) -> None:
        if self.trouble is not None:
            raise self.trouble


def asked(
    outbox: Outbox,
    text: str = "kite",
    *,
    is_whole: bool = False,
    gate: asyncio.Lock | None = None,
) -> Asked:
    question = Asked(cast("Any", outbox), gate or asyncio.Lock(), is_whole=is_whole)
    vector: Vector = np.full(4, 0.5, np.float32)
    sight: Any = SimpleNamespace(model=SimpleNamespace(dim=4))
    now = datetime(2024, 1, 1)  # noqa: DTZ001 - a wall clock's
    query = parse(text, now)
    looks = bool(query.parts)
    wanted = Wanted(vector if looks else None, sort=query.sort, sight=sight, looks=looks)
    question.begin(Line(text, None, query, now), wanted, 100)
    return question


def test_a_store_that_is_late_or_away_is_said_to_be_in_one_line(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr("imgqd.elsewhere._PATIENCE", 0.02)

    async def scene() -> None:
        outbox = Outbox()
        outbox.gate.clear()
        late = await asked(outbox).answer()
        assert late.lacks == (f"{MISSING}: nas:19530 gave no answer in 0.02 s",)
        assert not late.is_there
        outbox.gate.set()
        outbox.trouble = Trouble("away", "no connection")
        away = await asked(outbox).answer()
        assert away.lacks == (f"{MISSING}: no connection",)

    asyncio.run(scene())


def test_questions_that_nobody_waits_for_any_more_do_not_reach_the_store() -> None:
    async def scene() -> None:
        outbox = Outbox()
        outbox.gate.clear()
        first = asked(outbox)
        await asyncio.sleep(0)
        second = asked(outbox, gate=first._gate)
        await asyncio.sleep(0)
        second.leave()
        first.leave()  # that one is on its way
        outbox.gate.set()
        assert (await first.answer()).is_there
        assert len(outbox.asked) == 1

    asyncio.run(scene())


def test_an_index_that_is_behind_and_machines_of_another_model_are_told() -> None:
    async def scene() -> None:
        outbox = Outbox()
        outbox.unindexed = 1200
        outbox.looked = {"waits_for": ["desk"]}
        told = await asked(outbox).answer()
        assert told.is_there
        assert told.lacks == (
            "other machines' pictures may be missing: 1,200 are not in the store's index",
            "the pictures of desk are missing: another model is used there",
        )

    asyncio.run(scene())


def test_everything_is_asked_for_once_the_store_knows_of_this_machine() -> None:
    async def scene() -> None:
        outbox = Outbox()
        await asked(outbox, is_whole=True).answer()
        assert outbox.asked[0]["freshness"] == "everything"
        outbox.trouble = Trouble("refused", "a wrong token")
        told = await asked(outbox, is_whole=True).answer()
        assert not told.is_there

    asyncio.run(scene())


def test_filters_alone_look_at_many_and_an_order_too() -> None:
    async def scene() -> None:
        outbox = Outbox()
        await asked(outbox, "type:png").answer()
        await asked(outbox, "kite sort:date").answer()
        await asked(outbox).answer()
        assert [params["limit"] for params in outbox.asked] == [1000, 1000, 100]

    asyncio.run(scene())
