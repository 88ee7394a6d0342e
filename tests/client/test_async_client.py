"""The client for asyncio: the same records as the other one's, and many calls at a time."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable, Coroutine
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import pytest

import imgq
from client.fake_daemon import MIGRATING, MODELS, STATUS, FakeDaemon, HangUp, Refusal, found, result
from imgq import protocol
from imgq.async_client import AsyncClient
from imgq.client import Client
from imgq.errors import HungUp, NotRunning, Refused, Unreachable, Usage

HELLO = {"name": "imgqd", "version": "0.1.0", "protocol": 1}
SYNCED = {"as_of": 7.5, "pending": 0}


def scene(act: Callable[[AsyncClient], Coroutine[Any, Any, None]], **options: Any) -> None:
    """Run what a test does with a client that is connected."""

    async def run() -> None:
        async with asyncio.timeout(20), AsyncClient(**options) as client:
            await act(client)

    asyncio.run(run())


@asynccontextmanager
async def refused(said: str, code: str) -> AsyncIterator[None]:
    with pytest.raises(Refused, match=said) as caught:
        yield
    assert caught.value.code == code


def test_the_package_offers_it_and_it_can_all_that_the_other_can() -> None:
    assert imgq.AsyncClient is AsyncClient
    public = {name for name in dir(Client) if not name.startswith("_")}
    assert public - {"close"} <= set(dir(AsyncClient))
    for name in public - {"close"}:
        assert getattr(AsyncClient, name).__doc__


def test_a_search_sends_and_reads_what_the_other_client_does(daemon: FakeDaemon) -> None:
    daemon.answers["search"] = found(result("/a.jpg"), result(b"/\xff"), weak_from=6)
    asked: dict[str, Any] = {"offset": 5, "like": "/x/../y", "sync": True, "timeout": 9}
    with Client() as other:
        expected = other.search("a cat", **asked)

    async def act(client: AsyncClient) -> None:
        assert await client.search("a cat", **asked) == expected

    scene(act)
    first, second = daemon.called("search")
    assert first == second


def test_the_small_methods_give_the_same_records_too(daemon: FakeDaemon) -> None:
    daemon.answers |= {
        "sync": SYNCED,
        "why": {"path": b"/\xff", "state": "failed", "reason": "corrupt", "detail": "cut off"},
        "doctor": {"checks": [{"name": "disk", "state": "fine", "detail": "", "remedy": None}]},
        "pause": {"state": "paused"},
        "resume": {"state": "idle"},
        "rescan": {"state": "indexing"},
        "models.use": {**MODELS, "migrating": MIGRATING},
        "models.pull": {"name": "best", "files": ["a"], "bytes": 9},
    }
    calls: list[tuple[str, tuple[Any, ...]]] = [
        ("hello", ()),
        ("status", ()),
        ("sync", (3,)),
        ("why", (b"/\xff",)),
        ("doctor", ()),
        ("roots", ()),
        ("add_root", ("/p",)),
        ("remove_root", (Path("/p"),)),
        ("pause", (60,)),
        ("resume", ()),
        ("rescan", ("/p",)),
        ("models", ()),
        ("use_model", ("best",)),
    ]
    with Client() as other:
        expected = [getattr(other, name)(*given) for name, given in calls]
    sent = daemon.calls[:]
    daemon.calls.clear()

    async def act(client: AsyncClient) -> None:
        assert [await getattr(client, name)(*given) for name, given in calls] == expected
        assert daemon.calls == sent
        assert (await client.pull_model("best")).size == 9

    scene(act)


def test_answers_may_come_in_any_order(daemon: FakeDaemon) -> None:
    daemon.answers["sync"] = b""
    daemon.answers["hello"] = protocol.pack_result(2, HELLO) + protocol.pack_result(1, SYNCED)

    async def act(client: AsyncClient) -> None:
        synced, hello = await asyncio.gather(client.sync(), client.hello())
        assert (synced.as_of, hello.name) == (7.5, "imgqd")

    scene(act)


def test_a_call_that_is_given_up_leaves_the_others_alone(daemon: FakeDaemon) -> None:
    daemon.answers["search"] = b""
    late = protocol.pack_result(1, found()) + protocol.pack_result(2, found())
    daemon.answers["hello"] = late + protocol.pack_result(3, HELLO)

    async def act(client: AsyncClient) -> None:
        with pytest.raises(Unreachable, match="did not answer search in time"):
            await client.search("a")
        typed = asyncio.create_task(client.search("b"))
        await asyncio.sleep(0)
        typed.cancel()
        client._connection._take(protocol.Response(2, None, found()))  # in this very moment
        assert (await client.hello()).name == "imgqd"
        assert client._connection._waiting == {}

    scene(act, timeout=0.2)


def test_a_refusal_has_its_code_and_the_connection_goes_on(daemon: FakeDaemon) -> None:
    daemon.answers["search"] = Refusal("busy", "superseded by a newer search")

    async def act(client: AsyncClient) -> None:
        async with refused("superseded", "busy"):
            await client.search("a", supersede=True)
        assert (await client.hello()).protocol == 1

    scene(act)
    assert daemon.called("search")[0]["supersede"] is True


def test_everyone_who_waits_is_told_when_the_daemon_hangs_up(daemon: FakeDaemon) -> None:
    daemon.answers["sync"] = b""
    daemon.answers["search"] = HangUp()

    async def act(client: AsyncClient) -> None:
        told = await asyncio.gather(client.sync(), client.search("x"), return_exceptions=True)
        assert [type(one) for one in told] == [HungUp, HungUp]
        with pytest.raises(HungUp):
            await client.hello()

    scene(act)


def test_a_daemon_that_is_full_says_so_before_it_hangs_up(daemon: FakeDaemon) -> None:
    daemon.answers["hello"] = protocol.pack_error(0, "busy", "32 connections are open")

    async def act(client: AsyncClient) -> None:
        for _ in range(2):
            async with refused("32 connections", "busy"):
                await client.hello()

    scene(act)


def test_what_answers_may_not_be_the_daemon(daemon: FakeDaemon) -> None:
    daemon.answers["hello"] = b"HTTP/1.1 400 Bad Request\r\n\r\n"

    async def act(client: AsyncClient) -> None:
        with pytest.raises(Unreachable, match=r"is not imgqd.*IMGQ_SOCKET"):
            await client.hello()

    scene(act)


def test_an_answer_that_makes_no_sense_is_one_line(daemon: FakeDaemon) -> None:
    daemon.answers["search"] = {}

    async def act(client: AsyncClient) -> None:
        with pytest.raises(Unreachable, match="of another version"):
            await client.search("x")

    scene(act)


def test_a_request_that_the_daemon_cannot_take_is_refused_here(daemon: FakeDaemon) -> None:
    async def act(client: AsyncClient) -> None:
        async with refused("at most 1048576 are taken", "too_large"):
            await client.search("x" * (1 << 20))
        assert (await client.hello()).name == "imgqd"

    scene(act)
    assert daemon.called("search") == []


def test_nobody_at_the_socket_says_how_to_start(socket_path: Path) -> None:
    async def act(_: AsyncClient) -> None:
        raise AssertionError

    assert not socket_path.exists()
    with pytest.raises(NotRunning, match="start it with `imgqctl start`"):
        scene(act)


def test_a_client_that_was_not_entered_says_how() -> None:
    with pytest.raises(Usage, match="async with"):
        asyncio.run(AsyncClient("/nowhere").hello())


def test_statuses_come_in_their_order_and_other_calls_meanwhile(daemon: FakeDaemon) -> None:
    def subscribe(_: Any, push: Any) -> Any:
        push(subscription=8, topic="status", status="of another subscription")
        for pending in range(300):
            push(subscription=7, topic="status", status={**STATUS, "pending": pending})
        return {"subscription": 7}

    def hello(_: Any, push: Any) -> Any:
        push(subscription=7, topic="status", status={**STATUS, "pending": 1000})
        return HELLO

    daemon.answers |= {"subscribe": subscribe, "hello": hello}

    async def act(client: AsyncClient) -> None:
        statuses = client.statuses()
        # Whoever lags far behind misses some, and never the newest.
        assert [(await anext(statuses)).pending for _ in range(256)] == list(range(44, 300))
        waiting = asyncio.ensure_future(anext(statuses))
        await asyncio.sleep(0)
        await client.hello()
        assert (await waiting).pending == 1000

    scene(act)
    assert daemon.called("subscribe") == [{"topics": ["status"]}]


def test_who_waits_for_events_is_told_when_the_daemon_hangs_up(daemon: FakeDaemon) -> None:
    daemon.answers["hello"] = HangUp()

    async def act(client: AsyncClient) -> None:
        events = await client.subscribe("status")
        waiting = asyncio.ensure_future(anext(events))
        await asyncio.gather(client.hello(), return_exceptions=True)
        with pytest.raises(HungUp):
            await waiting
        await client._connection.close()

    scene(act)


def test_shutdown_waits_until_the_daemon_hangs_up(daemon: FakeDaemon) -> None:
    async def act(client: AsyncClient) -> None:
        await client.shutdown()
        with pytest.raises(HungUp):
            await client.hello()

    scene(act)
    assert daemon.called("shutdown") == [{}]
    with pytest.raises(NotRunning):
        Client()


def test_shutdown_says_so_when_the_daemon_stays(daemon: FakeDaemon) -> None:
    daemon.answers["shutdown"] = {}

    async def act(client: AsyncClient) -> None:
        with pytest.raises(Unreachable, match="did not answer shutdown in time"):
            await client.shutdown(timeout=0.01)

    scene(act)


def test_following_keeps_every_match_that_comes_during_another_call(daemon: FakeDaemon) -> None:
    def hello(_: Any, push: Any) -> Any:
        for number in range(600):
            push(subscription=7, topic="matches", results=[], cursor=f"{number}", restarted=False)
        return HELLO

    begun = {"subscription": 7, "cursor": "begun", "restarted": False}
    daemon.answers |= {"hello": hello, "subscribe": begun}

    async def act(client: AsyncClient) -> None:
        events = await client.follow("a cat", like="/x/../y", cursor="c")
        await client.hello()
        seen = [(await anext(events)).cursor for _ in range(601)]
        assert seen == ["begun", *map(str, range(600))]

    scene(act)
    assert daemon.called("subscribe") == [
        {"topics": ["matches"], "query": "a cat", "like": "/y", "cursor": "c"}
    ]
