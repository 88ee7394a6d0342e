from pathlib import Path
from typing import Any

import pytest

import imgq
from client.fake_daemon import MIGRATING, MODELS, STATUS, FakeDaemon, Refusal, found, result
from imgq.client import Client
from imgq.errors import NotRunning, Refused, Unreachable
from imgq.model_reports import Migrating


def test_the_package_offers_the_client() -> None:
    assert imgq.Client is Client


def test_the_package_offers_nothing_that_it_has_not() -> None:
    with pytest.raises(AttributeError, match="Clients"):
        _ = imgq.Clients


def test_hello_tells_who_answers(daemon: FakeDaemon) -> None:
    with Client() as client:
        hello = client.hello()
    assert (hello.name, hello.version, hello.protocol) == ("imgqd", "0.1.0", 1)
    assert daemon.calls == [("hello", {})]


def test_a_search_sends_what_was_asked(daemon: FakeDaemon) -> None:
    daemon.answers["search"] = found()
    with Client() as client:
        client.search("a cat", limit=5, offset=2, like="/x/../y", weak=True, sync=True, timeout=9)
    assert daemon.called("search") == [
        {
            "query": "a cat",
            "limit": 5,
            "offset": 2,
            "like": "/y",
            "all": True,
            "sync": True,
            "timeout_s": 9,
        }
    ]


def test_a_search_that_is_not_told_leaves_the_choice_to_the_daemon(daemon: FakeDaemon) -> None:
    daemon.answers["search"] = found()
    with Client() as client:
        client.search("a cat")
    (params,) = daemon.called("search")
    assert not {"like", "timeout_s"} & params.keys()


def test_an_answer_is_read_field_by_field(daemon: FakeDaemon) -> None:
    daemon.answers["search"] = found(
        result("/a.jpg", width=10, also=["/b.jpg", b"/\xff"]),
        result(b"/\xff.jpg", score=None, relevance=None, image_id=None),
        weak_from=1,
        pending=3,
        as_of=5.5,
        degraded=["slow"],
        something_new=1,
    )
    with Client() as client:
        answer = client.search("x")
    first, second = answer.results
    assert (first.path, first.score, first.relevance) == (b"/a.jpg", 0.25, 0.9)
    assert first.also == (b"/b.jpg", b"/\xff")
    assert first.metadata["width"] == 10
    assert "score" not in first.metadata
    assert (second.path, second.score, second.relevance, second.image_id) == (
        b"/\xff.jpg",
        None,
        None,
        None,
    )
    assert (answer.strong, answer.weak) == ((first,), (second,))
    assert answer.took_s == pytest.approx(0.0125)
    assert (answer.total, answer.model, answer.as_of, answer.pending, answer.degraded) == (
        100,
        "fast",
        5.5,
        3,
        ("slow",),
    )


@pytest.mark.parametrize(
    ("offset", "weak_from", "strong"), [(0, 9, 2), (0, 2, 2), (5, 6, 1), (5, 5, 0), (5, 3, 0)]
)
def test_weak_places_are_counted_from_the_very_best(
    daemon: FakeDaemon, offset: int, weak_from: int, strong: int
) -> None:
    daemon.answers["search"] = found(result("/a"), result("/b"), weak_from=weak_from)
    with Client() as client:
        answer = client.search("x", offset=offset)
    assert [len(answer.strong), len(answer.weak)] == [strong, 2 - strong]


def test_without_a_model_there_is_none_in_the_answer(daemon: FakeDaemon) -> None:
    daemon.answers["search"] = found(model=None)
    with Client() as client:
        assert client.search("x").model is None


def test_a_status_is_read_field_by_field(daemon: FakeDaemon) -> None:
    with Client() as client:
        status = client.status()
    assert daemon.calls == [("status", {})]
    assert (status.state, status.pictures, status.files, status.pending) == (
        "indexing",
        60312,
        61004,
        312,
    )
    assert [root.path for root in status.roots] == [b"/home/ada/Pictures", b"/media/\xff"]
    assert (status.version, status.pid, status.memory["imgqd"]) == ("0.1.0", 4711, 87031808)
    assert (status.rate, status.remaining, status.download) == (104.0, 3.0, None)
    assert status.model["name"] == "fast"
    assert status.embedder["device"] == "cuda:0"
    assert status.raw == STATUS


def test_a_download_is_part_of_the_status(daemon: FakeDaemon) -> None:
    download = {"file": "w.safetensors", "done": 1, "total": 2}
    daemon.answers["status"] = {**STATUS, "model": {**STATUS["model"], "download": download}}
    with Client() as client:
        seen = client.status().download
    assert seen is not None
    assert (seen.file, seen.done, seen.total) == ("w.safetensors", 1, 2)


def test_the_small_methods_send_and_read_what_the_protocol_says(daemon: FakeDaemon) -> None:
    daemon.answers |= {
        "sync": {"as_of": 7.5, "pending": 0},
        "why": {"path": b"/\xff", "state": "failed", "reason": "corrupt", "detail": "cut off"},
        "pause": {"state": "paused"},
        "resume": {"state": "idle"},
        "rescan": {"state": "indexing"},
        "models.use": {**MODELS, "migrating": MIGRATING},
    }
    with Client() as client:
        assert client.sync(3).as_of == 7.5
        why = client.why(b"/\xff")
        assert (why.path, why.state, why.reason) == (b"/\xff", "failed", "corrupt")
        assert [root.state for root in client.roots()] == ["online", "offline"]
        assert len(client.add_root("/p")) == 2
        assert client.remove_root(Path("/p")) == ()
        assert client.pause() == "paused"
        assert client.pause(60) == "paused"
        assert client.resume() == "idle"
        assert client.rescan() == "indexing"
        assert client.rescan("/p") == "indexing"
        models = client.models()
        assert (models.active, models.migrating) == ("fast", None)
        assert [choice.on_disk for choice in models.available] == [True, False]
        assert client.use_model("best").migrating == Migrating.from_wire(MIGRATING)
    assert daemon.calls == [
        ("sync", {"timeout_s": 3}),
        ("why", {"path": b"/\xff"}),
        ("roots.list", {}),
        ("roots.add", {"path": "/p"}),
        ("roots.remove", {"path": "/p"}),
        ("pause", {}),
        ("pause", {"duration_s": 60}),
        ("resume", {}),
        ("rescan", {}),
        ("rescan", {"path": "/p"}),
        ("models.list", {}),
        ("models.use", {"name": "best"}),
    ]


def test_statuses_begin_with_how_it_is_now(daemon: FakeDaemon) -> None:
    def subscribe(_: Any, push: Any) -> Any:
        push(subscription=7, topic="status", status=STATUS)
        push(subscription=7, topic="status", status={**STATUS, "pending": 5})
        return {"subscription": 7}

    daemon.answers["subscribe"] = subscribe
    with Client() as client:
        statuses = client.statuses()
        assert [next(statuses).pending, next(statuses).pending] == [312, 5]


def test_a_pull_tells_its_news(daemon: FakeDaemon) -> None:
    def pull(params: Any, push: Any) -> Any:
        push(subscription=7, topic="status", status={**STATUS, "pending": 1})
        push(subscription=7, topic="status", status={**STATUS, "pending": 2})
        return {"name": params["name"], "files": ["a", "b"], "bytes": 99}

    daemon.answers["models.pull"] = pull
    news: list[int] = []
    with Client() as client:
        pulled = client.pull_model("best", lambda status: news.append(status.pending))
    assert (pulled.name, pulled.files, pulled.size) == ("best", 2, 99)
    assert news == [1, 2]
    assert daemon.called("unsubscribe") == [{"subscription": 7}]


def test_a_pull_that_is_refused_leaves_no_subscription(daemon: FakeDaemon) -> None:
    daemon.answers["models.pull"] = Refusal("not_found", "no model is called bets")
    with Client() as client, pytest.raises(Refused, match="bets"):
        client.pull_model("bets")
    assert daemon.called("unsubscribe") == [{"subscription": 7}]


def test_shutdown_waits_until_the_daemon_hangs_up(daemon: FakeDaemon) -> None:
    with Client() as client:
        client.shutdown()
    with pytest.raises(NotRunning):
        Client()
    assert daemon.called("shutdown") == [{}]


def test_shutdown_says_so_when_the_daemon_stays(daemon: FakeDaemon) -> None:
    with Client() as client:
        client.hello()
        with pytest.raises(Unreachable, match="did not answer shutdown in time"):
            client._connection.wait_closed(0.01)
    assert daemon.called("shutdown") == []
