"""Subscriptions: begun, told of every change, and ended."""

from __future__ import annotations

import asyncio
from types import SimpleNamespace
from typing import Any, cast

import pytest

from daemon.desk import STATUS, Desk, FakeCore
from imgqd.api import Api
from imgqd.core import Core
from imgqd.server import Problem
from imgqd.session import Session


@pytest.fixture
def desk(monkeypatch: pytest.MonkeyPatch) -> Desk:
    return Desk(monkeypatch)


def test_a_subscription_is_ended_by_its_number_only(desk: Desk) -> None:
    made, ended = desk.ask_all(
        ("subscribe", {"topics": ["status"]}), ("unsubscribe", {"subscription": 1})
    )
    assert (made, ended) == ({"subscription": 1}, {})
    with pytest.raises(Problem, match="no such subscription"):
        desk.ask_all(("subscribe", {"topics": ["status"]}), ("unsubscribe", {}))
    for number in (7, [1], {"a": 1}, "1", True):
        assert desk.refusal("unsubscribe", subscription=number)[0] in {"usage", "not_found"}
    for topics in (None, [], "status", ["status", "weather"]):
        assert desk.refusal("subscribe", topics=topics)[0] == "usage"


def test_subscriptions_of_a_connection_have_a_number_that_does_not_grow(desk: Desk) -> None:
    subscribe = ("subscribe", {"topics": ["status"]})
    assert desk.ask_all(*[subscribe] * 8)[-1] == {"subscription": 8}
    with pytest.raises(Problem, match="8 subscriptions of this connection") as caught:
        desk.ask_all(*[subscribe] * 9)
    assert caught.value.code == "busy"
    ended = ("unsubscribe", {"subscription": 3})
    assert desk.ask_all(*[subscribe] * 8, ended, subscribe)[-1] == {"subscription": 9}


def test_a_change_while_the_status_is_put_together_is_told_too(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    async def scene() -> list[int]:
        core = FakeCore()
        api = Api(cast("Core", core), "1")
        looks: list[int] = []
        told = asyncio.Event()

        async def full() -> dict[str, Any]:
            looks.append(len(looks))
            if len(looks) == 1:
                core.changed.ring()
            return STATUS

        async def notify(_: str, event: dict[str, Any]) -> None:
            assert event["status"] is STATUS
            if len(looks) == 2:
                told.set()

        core.status.full = full
        session = cast("Session", SimpleNamespace(notify=notify, subscriptions={}))
        await api.table()["subscribe"](session, {"topics": ["status"]})
        await asyncio.wait_for(told.wait(), 5)
        api.closed(session)
        return looks

    monkeypatch.setattr("imgqd.subscriptions._PERIOD", 0)
    assert asyncio.run(scene()) == [0, 1]
