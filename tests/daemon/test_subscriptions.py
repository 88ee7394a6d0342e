"""`subscribe` to `matches`: what it takes, what it refuses, and how it ends."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from types import SimpleNamespace
from typing import Any, cast

import pytest

from daemon.desk import Desk, FakeCore
from imgqd.core import Core
from imgqd.meaning import Meaning
from imgqd.server import Problem
from imgqd.session import Session
from imgqd.subscriptions import Subscriptions

ASKED = {"topics": ["matches"], "query": "a cat"}
CURSOR = f"1-{'a' * 16}-0-5-5-5"


def shelved(core: FakeCore) -> None:
    """Give the fake core a catalog in which five pictures arrived, and a model that is there."""
    reader = SimpleNamespace(
        setting=lambda _: "a" * 16, arrived=lambda: 5, arrivals=lambda *_: [], row=lambda _: None
    )

    async def read(question: Callable[[Any], Any]) -> Any:
        return question(reader)

    async def settled() -> None:
        core.asked.append(("settled", ()))

    core.library = SimpleNamespace(read=read, model_id=None, arrivals=0, sight=None)

    async def learnt() -> None:
        core.asked.append(("learnt", ()))

    core.models.settled, core.models.learnt = settled, learnt


def with_a_model(core: FakeCore) -> None:
    """Give the fake core's catalog a model that answers."""
    shelved(core)
    model = SimpleNamespace(name="demo", dim=4)
    index = SimpleNamespace(search=lambda *_: ([], []), judge=lambda *_: None)
    core.library.sight = SimpleNamespace(number=1, model=model, index=index)
    core.library.model_id = 1


@pytest.fixture
def desk(monkeypatch: pytest.MonkeyPatch) -> Desk:
    desk = Desk(monkeypatch)
    desk.prepare = shelved
    return desk


def test_a_standing_query_begins_now_or_where_its_cursor_was(desk: Desk) -> None:
    words = {"kind": "words", "text": "a cat", "start": 0, "end": 5, "means": "shows a cat"}
    read = {"understood": [words], "problems": []}
    begun = {"subscription": 1, "cursor": CURSOR, "restarted": False, **read}
    assert desk.ask("subscribe", **ASKED) == begun
    earlier = CURSOR.replace("5", "3")
    assert desk.ask("subscribe", **ASKED, cursor=earlier) == {**begun, "cursor": earlier}
    again = desk.ask("subscribe", **ASKED, cursor=CURSOR.replace("a", "b"))
    assert again == {**begun, "cursor": CURSOR.replace("5", "0"), "restarted": True}


def test_what_of_a_standing_line_cannot_be_followed_is_said_at_once(desk: Desk) -> None:
    begun = desk.ask("subscribe", topics=["matches"], query="a cat taken:20")
    assert [one["means"] for one in begun["understood"]] == ["shows a cat"]
    [problem] = begun["problems"]
    assert (problem["start"], problem["end"]) == (6, 14)
    assert "is no date" in problem["reason"]


@pytest.mark.parametrize(
    ("params", "code", "said"),
    [
        ({"query": " "}, "usage", "an empty query"),
        ({"query": "x" * 4097}, "too_large", "4096 bytes"),
        ({"query": "a", "cursor": "5"}, "usage", "cursor is a text that imgqd gave"),
        ({"query": "a", "cursor": 5}, "usage", "cursor is a text"),
        ({"query": "a", "limit": 5}, "usage", "unknown parameter 'limit'"),
        ({"like": "/p/a.png"}, "unavailable", "no model is ready"),
        ({"query": "like:/p/a.png"}, "unavailable", "no model is ready"),
        ({"query": "like:#5"}, "not_found", "is not indexed"),
        ({"like": "a.png"}, "usage", "absolute"),
    ],
)
def test_a_standing_query_that_makes_no_sense_is_refused(
    desk: Desk, params: dict[str, Any], code: str, said: str
) -> None:
    refused = desk.refusal("subscribe", topics=["matches"], **params)
    assert refused[0] == code
    assert said in refused[1]


def test_a_picture_is_looked_for_only_once_the_model_is_there(desk: Desk) -> None:
    desk.refusal("subscribe", topics=["matches"], like="/p/a.png")
    assert desk.core.asked == [("settled", ())]


def test_a_connection_has_so_many_subscriptions_and_may_exchange_them(desk: Desk) -> None:
    full = [("subscribe", ASKED)] * 7 + [("subscribe", {"topics": ["status"]})]
    assert desk.ask_all(*full)[-1] == {"subscription": 8}
    with pytest.raises(Problem, match="8 subscriptions of this connection stand already"):
        desk.ask_all(*full, ("subscribe", ASKED))
    exchanged = desk.ask_all(*full, ("unsubscribe", {"subscription": 3}), ("subscribe", ASKED))
    assert exchanged[-1]["subscription"] == 9


def test_words_are_encoded_only_once_they_are_judged_as_always() -> None:
    async def scene() -> list[Any]:
        core = FakeCore()
        with_a_model(core)
        learnt = asyncio.Event()
        core.models.learnt = learnt.wait
        session = SimpleNamespace(subscriptions={}, drop=lambda: None)
        subscriptions = Subscriptions(cast("Core", core), Meaning(cast("Core", core)))
        await subscriptions.subscribe(cast("Session", session), dict(ASKED))
        for _ in range(100):
            await asyncio.sleep(0)
        before = list(core.asked)
        learnt.set()
        for _ in range(100):
            await asyncio.sleep(0)
        subscriptions.closed(cast("Session", session))
        return [before, core.asked]

    assert asyncio.run(scene()) == [[], [("settled", ()), ("encode", "a cat")]]


@pytest.mark.parametrize(
    ("error", "is_dropped"), [(OSError("x"), True), (ConnectionError(), False)]
)
def test_a_client_that_cannot_be_told_any_more_is_hung_up_on(
    error: Exception, caplog: pytest.LogCaptureFixture, *, is_dropped: bool
) -> None:
    async def scene() -> list[str]:
        core = FakeCore()
        with_a_model(core)
        dropped: list[str] = []
        session = SimpleNamespace(subscriptions={}, drop=lambda: dropped.append("dropped"))

        core.fails = error
        subscriptions = Subscriptions(cast("Core", core), Meaning(cast("Core", core)))
        await subscriptions.subscribe(cast("Session", session), dict(ASKED))
        await asyncio.wait(session.subscriptions.values())
        return dropped

    assert asyncio.run(scene()) == ["dropped"] * is_dropped
    assert ("telling of matches" in caplog.text) is is_dropped
