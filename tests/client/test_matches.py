"""Following a standing query: events, restarts of the daemon, the cursor, what is printed."""

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from client.conftest import Terminal
from client.fake_daemon import FakeDaemon, HangUp, Refusal, result
from imgq.answers import Matches
from imgq.cli import main
from imgq.client import Client
from imgq.errors import ImgqError, NotRunning, Refused, Unreachable
from imgq.matches import CursorFile, follow
from imgq.standing import _ReaderLeft

Captured = pytest.CaptureFixture[bytes]


def event(*results: Any, cursor: str, **more: Any) -> dict[str, Any]:
    told = {"subscription": 7, "topic": "matches", "results": list(results), "cursor": cursor}
    return {**told, "restarted": False, **more}


def standing(daemon: FakeDaemon, *rounds: Any, **more: Any) -> None:
    """Answer each `subscribe` with the events of one round, and hang up; then refuse."""
    left = list(rounds)

    def subscribe(_: Any, push: Any) -> Any:
        if not left:
            raise Refusal("usage", "no more")
        events = left.pop(0)
        if isinstance(events, Exception):
            raise events
        for one in events:
            push(**one)
        if left:
            daemon.leave_once()
        return {"subscription": 7, "cursor": "c0", "restarted": False, **more}

    daemon.answers["subscribe"] = subscribe


def test_follow_begins_with_its_cursor_and_goes_on_with_events(daemon: FakeDaemon) -> None:
    standing(daemon, [event(result("/a.jpg"), cursor="c1"), event(cursor="c2", restarted=True)])
    with Client() as client:
        events = client.follow("a cat", like="/x/../y", cursor="c")
        first, second, third = (next(events) for _ in range(3))
    assert first == Matches((), "c0", restarted=False)
    assert ([match.path for match in second.results], second.cursor) == ([b"/a.jpg"], "c1")
    assert third == Matches((), "c2", restarted=True)
    assert daemon.called("subscribe") == [
        {"topics": ["matches"], "query": "a cat", "like": "/y", "cursor": "c"}
    ]


def test_no_match_is_lost_that_comes_during_another_call(daemon: FakeDaemon) -> None:
    def hello(_: Any, push: Any) -> Any:
        for number in range(1000):
            push(**event(cursor=str(number)))
        return {"name": "imgqd", "version": "0.1.0", "protocol": 1}

    daemon.answers |= {
        "hello": hello,
        "subscribe": {"subscription": 7, "cursor": "c0", "restarted": False},
    }
    with Client() as client:
        events = client.follow("a cat")
        client.hello()
        assert [next(events).cursor for _ in range(1001)] == ["c0", *map(str, range(1000))]


def test_an_event_that_is_none_of_the_protocol_is_said_so(daemon: FakeDaemon) -> None:
    standing(daemon, [{"subscription": 7, "topic": "matches"}])
    with Client() as client, pytest.raises(Unreachable, match="something unknown"):
        list(client.follow("a cat"))


def test_a_daemon_that_went_away_is_waited_for_and_asked_from_the_last_cursor(
    daemon: FakeDaemon,
) -> None:
    standing(
        daemon,
        [event(result("/a"), cursor="c1")],
        HangUp(),
        Refusal("unavailable", "being built again"),
        [event(result("/b"), cursor="c2")],
    )
    news: list[str] = []
    pauses: list[float] = []
    events = follow("a cat", news=news.append, pause=pauses.append)
    seen = [next(events) for _ in range(4)]
    assert [match.path for one in seen for match in one.results] == [b"/a", b"/b"]
    assert [one.get("cursor") for one in daemon.called("subscribe")] == [None, "c1", "c1", "c1"]
    assert news == ["the daemon went away: waiting for it", "the daemon is back"]
    assert pauses == sorted(pauses)
    assert len(pauses) == 3


def test_a_daemon_that_says_no_is_not_asked_again(daemon: FakeDaemon) -> None:
    standing(daemon, [], Refusal("usage", "cursor is a text"))
    events = follow("a cat", pause=lambda _: None)
    next(events)
    with pytest.raises(Refused, match="cursor is a text"):
        next(events)


def test_the_first_daemon_must_be_there(socket_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("imgq.standing._end_with_the_reader", lambda: None)
    with pytest.raises(NotRunning):
        next(follow("a cat"))
    assert main(["--follow", "a cat"]) == 3
    assert not socket_path.exists()


def test_a_cursor_is_kept_whole(tmp_path: Path) -> None:
    (tmp_path / "link").symlink_to("kept")
    kept = CursorFile(str(tmp_path / "link"))
    assert kept.read() is None
    kept.write("c1")
    kept.write("c2")
    assert kept.read() == "c2"
    assert (tmp_path / "link").is_symlink()
    assert sorted(path.name for path in tmp_path.iterdir()) == ["kept", "link"]
    (tmp_path / "kept").write_text("")
    assert kept.read() is None


def test_a_cursor_that_cannot_be_kept_is_said_in_one_line(tmp_path: Path) -> None:
    for use in (CursorFile.read, lambda kept: kept.write("c")):
        with pytest.raises(ImgqError, match="the cursor cannot be"):
            use(CursorFile(str(tmp_path if use is CursorFile.read else tmp_path / "no" / "x")))


@pytest.fixture
def enough(monkeypatch: pytest.MonkeyPatch) -> None:
    """End by Ctrl-C where the daemon went away, and leave the test's signals alone."""
    monkeypatch.setattr("imgq.standing._end_with_the_reader", lambda: None)

    def interrupt(_: float) -> None:
        raise KeyboardInterrupt

    monkeypatch.setattr("imgq.matches.follow.__kwdefaults__", {
        **(follow.__kwdefaults__ or {}), "pause": interrupt,
    })  # fmt: skip


@pytest.mark.usefixtures("enough")
@pytest.mark.parametrize(
    ("options", "printed"),
    [([], b"/a.jpg\n/\xff\n"), (["-0"], b"/a.jpg\0/\xff\0")],
)
def test_each_match_is_a_line_and_the_cursor_is_kept(
    daemon: FakeDaemon, capsysbinary: Captured, tmp_path: Path, options: list[str], printed: bytes
) -> None:
    told = [event(result("/a.jpg"), cursor="c1"), event(result(b"/\xff"), cursor="c2")]
    standing(daemon, told, [])
    (tmp_path / "cursor").write_text("c\n")
    assert main(["--follow", "--cursor", str(tmp_path / "cursor"), *options, "a", "cat"]) == 130
    out, err = capsysbinary.readouterr()
    assert out == printed
    assert err == b"imgq: the daemon went away: waiting for it\n"
    assert (tmp_path / "cursor").read_text() == "c2\n"
    assert daemon.called("subscribe") == [{"topics": ["matches"], "query": "a cat", "cursor": "c"}]


@pytest.mark.usefixtures("enough")
def test_json_numbers_the_matches_and_a_new_beginning_is_said(
    daemon: FakeDaemon, capsysbinary: Captured
) -> None:
    told = event(result("/a.jpg"), result("/b.jpg"), cursor="c1", restarted=True)
    standing(daemon, [told], [])
    assert main(["--follow", "--json", "cat"]) == 130
    out, err = capsysbinary.readouterr()
    lines = [json.loads(line) for line in out.splitlines()]
    assert [(one["path"], one["rank"]) for one in lines] == [("/a.jpg", 1), ("/b.jpg", 2)]
    assert err.startswith(b"imgq: the index is another one than before")


@pytest.mark.usefixtures("enough")
def test_how_the_line_was_read_is_said_once(daemon: FakeDaemon, capsysbinary: Captured) -> None:
    notes = {
        "understood": [{"kind": "filter", "means": "of the type png"}],
        "problems": [{"start": 0, "end": 3, "reason": "w: a value is missing"}],
    }
    standing(daemon, [event(result("/a.jpg"), cursor="c1")], [], **notes)
    assert main(["--follow", "type:png w:"]) == 130
    said = capsysbinary.readouterr().err.decode().splitlines()
    assert said == [
        "imgq: understood: of the type png",
        "imgq: not followed: w: a value is missing",
        "imgq: the daemon went away: waiting for it",
    ]


@pytest.mark.usefixtures("enough")
def test_a_terminal_gets_the_usual_line(
    daemon: FakeDaemon, terminal: Callable[..., Terminal]
) -> None:
    standing(daemon, [event(result("/home/ada/a.jpg"), cursor="c1")], [])
    screen = terminal()
    assert main(["--follow", "cat"]) == 130
    assert "90%" in screen.text()


@pytest.mark.usefixtures("enough")
def test_lines_that_were_not_printed_leave_the_cursor_where_it_was(
    daemon: FakeDaemon, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    standing(daemon, [event(result("/a.jpg"), cursor="c1")], [])

    def broken(_: bytes) -> None:
        raise _ReaderLeft

    monkeypatch.setattr("imgq.standing._put", broken)
    monkeypatch.setattr("imgq.command._drop_output", lambda: None)
    assert main(["--follow", "--cursor", str(tmp_path / "cursor"), "cat"]) == 0
    assert (tmp_path / "cursor").read_text() == "c0\n"


@pytest.mark.parametrize(
    "options",
    [
        ["--follow", "-n", "3"],
        ["--follow", "--offset", "3"],
        ["--follow", "--all"],
        ["--follow", "--fold"],
        ["--follow", "--sync"],
        ["--follow", "--open"],
        ["--follow", "--timeout", "3"],
        ["--cursor", "file"],
        ["--follow", "--json", "-0"],
    ],
)
def test_options_that_make_no_sense_together_are_refused(
    daemon: FakeDaemon, capsysbinary: Captured, options: list[str]
) -> None:
    assert main([*options, "cat"]) == 2
    assert b"--" in capsysbinary.readouterr().err
    assert daemon.calls == []
