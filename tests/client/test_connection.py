import socket
import time
from pathlib import Path
from typing import Any

import msgpack
import pytest

from client.fake_daemon import STATUS, FakeDaemon, HangUp, Refusal, found, result
from imgq.client import Client
from imgq.errors import ImgqError, NotRunning, Refused, Unreachable, Usage
from imgq.searching import Searcher


def test_events_come_in_their_order_even_when_they_come_early(daemon: FakeDaemon) -> None:
    def subscribe(_: Any, push: Any) -> Any:
        push(subscription=7, topic="status", status=1)
        push(subscription=8, topic="status", status="of another subscription")
        return {"subscription": 7}

    def status(_: Any, push: Any) -> Any:
        push(subscription=7, topic="status", status=2)
        return STATUS

    daemon.answers |= {"subscribe": subscribe, "status": status}
    with Client() as client:
        events = client.subscribe("status")
        client.status()
        assert [next(events)["status"], next(events)["status"]] == [1, 2]
    assert daemon.called("subscribe") == [{"topics": ["status"]}]


def test_events_that_nobody_fetches_do_not_pile_up(daemon: FakeDaemon) -> None:
    def many(_: Any, push: Any) -> Any:
        for number in range(1000):
            push(subscription=7, topic="status", status=number)
        return STATUS

    daemon.answers["status"] = many
    with Client() as client:
        events = client.subscribe("status")
        client.status()
        assert next(events)["status"] >= 700


def test_nobody_at_the_socket_says_how_to_start(socket_path: Path) -> None:
    with pytest.raises(NotRunning) as caught:
        Client()
    assert str(caught.value) == (
        f"cannot reach the daemon at {socket_path}: start it with `imgqctl start`"
    )
    assert caught.value.exit_status == 3


def test_a_socket_that_was_left_behind_says_the_same(daemon: FakeDaemon) -> None:
    left = daemon.path.with_name("left.sock")
    daemon.path.rename(left)
    daemon.stop_listening()
    with pytest.raises(NotRunning, match="start it with"):
        Client(left)


def test_a_path_that_is_too_long_for_a_socket_is_said_to_be(tmp_path: Path) -> None:
    with pytest.raises(Unreachable, match=r"too long.*IMGQ_SOCKET"):
        Client(tmp_path / ("x" * 200))


def test_an_error_of_the_daemon_carries_code_and_text(daemon: FakeDaemon) -> None:
    daemon.answers["sync"] = Refusal("unavailable", "4 pictures are still pending")
    with Client() as client, pytest.raises(Refused, match="4 pictures") as caught:
        client.sync()
    assert (caught.value.code, caught.value.exit_status) == ("unavailable", 4)


def test_a_connection_goes_on_after_a_refusal(daemon: FakeDaemon) -> None:
    daemon.answers["sync"] = Refusal("unavailable", "later")
    with Client() as client:
        with pytest.raises(Refused):
            client.sync()
        assert client.hello().name == "imgqd"


def test_a_daemon_that_hangs_up_in_the_middle_is_unreachable(daemon: FakeDaemon) -> None:
    daemon.answers["search"] = HangUp()
    with Client() as client:
        with pytest.raises(Unreachable, match="closed the connection during search"):
            client.search("x")
        with pytest.raises(Unreachable):
            client.hello()


def test_a_daemon_that_is_silent_is_unreachable_after_the_timeout(daemon: FakeDaemon) -> None:
    daemon.answers["hello"] = b""
    with Client(timeout=0.02) as client, pytest.raises(Unreachable, match="did not answer hello"):
        client.hello()


def test_a_long_search_may_take_longer_than_other_calls(daemon: FakeDaemon) -> None:
    def slow(_: Any, push: Any) -> Any:
        # Events wake the client up: with its usual patience it would give up at one of them.
        until = time.monotonic() + 0.05
        while time.monotonic() < until:
            push(subscription=1)
        return found()

    daemon.answers["search"] = slow
    with Client(timeout=0.01) as client:
        assert client.search("x", sync=True).results == ()
    with Client(timeout=0.01) as client, pytest.raises(Unreachable):
        client.search("x")


def test_what_answers_may_not_be_the_daemon(daemon: FakeDaemon) -> None:
    daemon.answers["hello"] = b"HTTP/1.1 400 Bad Request\r\n\r\n"
    with Client() as client, pytest.raises(Unreachable, match=r"is not imgqd.*IMGQ_SOCKET"):
        client.hello()


def test_the_answer_to_another_request_is_not_taken(daemon: FakeDaemon) -> None:
    stale = msgpack.packb([1, 99, None, {"name": "stale", "version": "", "protocol": 1}])
    fresh = msgpack.packb([1, 1, None, {"name": "imgqd", "version": "", "protocol": 1}])
    daemon.answers["hello"] = stale + msgpack.packb([2, "unknown", []]) + fresh
    with Client() as client:
        assert client.hello().name == "imgqd"


@pytest.mark.parametrize(
    "answer",
    [None, {}, [], found(result("")), found(result("/a", score="high")), found(degraded=5)],
    ids=["nil", "map", "array", "no path", "a word for a score", "a number for reasons"],
)
def test_an_answer_that_makes_no_sense_is_one_line(daemon: FakeDaemon, answer: Any) -> None:
    daemon.answers["search"] = answer
    with Searcher() as searcher, pytest.raises(Unreachable, match="of another version"):
        searcher.search("x")


def test_a_daemon_that_is_full_says_so_before_it_hangs_up(daemon: FakeDaemon) -> None:
    daemon.answers["hello"] = msgpack.packb([1, 0, ["busy", "32 connections are open"], None])
    with Client() as client, pytest.raises(Refused, match="32 connections") as caught:
        client.hello()
    assert caught.value.code == "busy"


def test_what_was_said_before_hanging_up_is_read_though_nothing_can_be_sent(
    socket_path: Path,
) -> None:
    with socket.socket(socket.AF_UNIX) as listener:
        listener.bind(str(socket_path))
        listener.listen()
        with Client() as client:
            peer, _ = listener.accept()
            peer.sendall(msgpack.packb([1, 0, ["busy", "full"], None]))
            peer.close()
            with pytest.raises(Refused, match="full"):
                client.hello()


def test_a_query_that_is_no_text_is_not_sent(daemon: FakeDaemon) -> None:
    with Client() as client, pytest.raises(Usage, match="UTF-8"):
        client.search("caf\udce9")
    assert daemon.calls == []


def test_a_request_that_the_daemon_cannot_take_is_refused_here(daemon: FakeDaemon) -> None:
    with Client() as client:
        with pytest.raises(Refused, match="at most 1048576 are taken") as caught:
            client.search("x" * (1 << 20))
        assert caught.value.code == "too_large"
        assert client.hello().name == "imgqd"
    assert daemon.called("search") == []


@pytest.mark.parametrize("error", [Usage("x"), NotRunning("x"), Refused("busy", "x")])
def test_every_error_is_one_of_ours(error: ImgqError) -> None:
    assert isinstance(error, ImgqError)
    assert error.exit_status in {2, 3, 4}
