import json
import re
import time
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import pytest

from client.conftest import Terminal
from client.fake_daemon import MIGRATING, MODELS, STATUS, FakeDaemon, Refusal
from imgq.ctl import main

Captured = pytest.CaptureFixture[bytes]


@pytest.fixture(autouse=True)
def settings(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Put settings that name a folder: the first one is `test_first`'s matter."""
    monkeypatch.setenv("XDG_CONFIG_HOME", str(tmp_path / "config"))
    folder = tmp_path / "config" / "imgq"
    folder.mkdir(parents=True)
    (folder / "config.toml").write_text('folders = ["/p"]\n')


@pytest.fixture
def in_the_folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.chdir(tmp_path)
    return tmp_path


def test_status_is_a_summary(daemon: FakeDaemon, capsysbinary: Captured) -> None:
    assert main(["status"]) == 0
    out, err = capsysbinary.readouterr()
    assert out.startswith(b"imgqd 0.1.0: indexing, in sync as of ")
    assert b"\nmemory    1.3 GiB: embedder 1.2 GiB, imgqd 83 MiB\n" in out
    assert err == b""
    assert daemon.calls == [("status", {})]


def test_status_as_json_is_what_the_daemon_said(daemon: FakeDaemon, capsysbinary: Captured) -> None:
    assert main(["status", "--json"]) == 0
    (line,) = capsysbinary.readouterr().out.splitlines()
    status = json.loads(line)
    assert status["counters"] == STATUS["counters"]
    assert status["roots"][1]["path_base64"] == "L21lZGlhL/8="
    assert daemon.calls == [("status", {})]


def test_follow_into_a_pipe_is_a_line_for_each_change(
    daemon: FakeDaemon, capsysbinary: Captured
) -> None:
    follow(daemon, 312, 312, 5, 0)
    lines = capsysbinary.readouterr().out.decode().splitlines()
    assert [re.findall(r"([\d,]+) of|(in sync)", line) for line in lines] == [
        [("60,692", "")],
        [("60,999", "")],
        [("", "in sync")],
    ]


def test_follow_as_json_is_an_object_for_each_status(
    daemon: FakeDaemon, capsysbinary: Captured
) -> None:
    follow(daemon, 312, 5, options=["--json"])
    lines = capsysbinary.readouterr().out.splitlines()
    assert [json.loads(line)["pending"] for line in lines] == [312, 5]


def test_follow_on_a_terminal_draws_over_its_line(
    daemon: FakeDaemon, terminal: Callable[..., Terminal]
) -> None:
    screen = terminal(columns=40)
    follow(daemon, 60_000, 5)
    drawn = screen.text()
    assert drawn.count("\r␛[K") == 2
    assert drawn.endswith(" left\n")
    assert max(len(line) for line in re.split(r"\r␛\[K|\n", drawn)) <= 39


def follow(daemon: FakeDaemon, *pendings: int, options: Sequence[str] = ()) -> None:
    """Follow a daemon whose status changes like that, and which then goes away."""

    def subscribe(_: Any, push: Any) -> Any:
        for pending in pendings:
            push(subscription=7, topic="status", status={**STATUS, "pending": pending})
        daemon.leave_after_answer()
        return {"subscription": 7}

    daemon.answers["subscribe"] = subscribe
    assert main(["status", "--follow", *options]) == 3


def test_add_makes_folders_absolute_and_says_so(
    daemon: FakeDaemon, capsysbinary: Captured, in_the_folder: Path
) -> None:
    assert main(["add", "pictures", "/other/"]) == 0
    added = [str(in_the_folder / "pictures"), "/other"]
    assert [params["path"] for params in daemon.called("roots.add")] == added
    assert capsysbinary.readouterr().out.decode().splitlines() == [
        f"watching {path}" for path in added
    ]


def test_remove_says_what_is_no_longer_watched(daemon: FakeDaemon, capsysbinary: Captured) -> None:
    assert main(["remove", "/a"]) == 0
    assert daemon.called("roots.remove") == [{"path": "/a"}]
    assert capsysbinary.readouterr().out == b"no longer watching /a\n"


def test_folders_go_into_a_pipe_as_they_are(daemon: FakeDaemon, capsysbinary: Captured) -> None:
    assert main(["folders"]) == 0
    assert capsysbinary.readouterr().out == b"/home/ada/Pictures\n/media/\xff\n"
    assert daemon.calls == [("roots.list", {})]


def test_folders_on_a_terminal_are_a_table(
    daemon: FakeDaemon, terminal: Callable[..., Terminal]
) -> None:
    screen = terminal()
    assert main(["folders"]) == 0
    assert screen.text() == (
        "~/Pictures   60,000 files  watched live\n/media/\\xff  1,004 files   offline\n"
    )
    assert daemon.calls == [("roots.list", {})]


def test_no_folders_is_status_1_and_a_remedy(daemon: FakeDaemon, capsysbinary: Captured) -> None:
    daemon.answers["roots.list"] = {"roots": []}
    assert main(["folders"]) == 1
    assert capsysbinary.readouterr() == (
        b"",
        b"imgqctl: no folder is watched: `imgqctl add DIR` watches one\n",
    )


def test_sync_says_as_of_when(daemon: FakeDaemon, capsysbinary: Captured) -> None:
    daemon.answers["sync"] = {"as_of": time.time(), "pending": 0}
    assert main(["sync", "--timeout", "1min"]) == 0
    assert daemon.called("sync") == [{"timeout_s": 60.0}]
    assert re.fullmatch(rb"in sync as of \d\d:\d\d:\d\d\n", capsysbinary.readouterr().out)


def test_a_sync_that_takes_too_long_is_status_4(daemon: FakeDaemon, capsysbinary: Captured) -> None:
    daemon.answers["sync"] = Refusal("unavailable", "312 files are still pending")
    assert main(["sync"]) == 4
    assert capsysbinary.readouterr().err == b"imgqctl: 312 files are still pending\n"


@pytest.mark.parametrize(
    ("arguments", "params", "said"),
    [
        (["pause"], {}, b"paused until `imgqctl resume`\n"),
        (["pause", "2h30m"], {"duration_s": 9000.0}, b"paused for 2 h 30 min\n"),
    ],
)
def test_pause_says_for_how_long(
    daemon: FakeDaemon, capsysbinary: Captured, arguments: list[str], params: Any, said: bytes
) -> None:
    daemon.answers["pause"] = {"state": "paused"}
    assert main(arguments) == 0
    assert daemon.called("pause") == [params]
    assert capsysbinary.readouterr().out == said


def test_resume_says_what_the_daemon_does_now(daemon: FakeDaemon, capsysbinary: Captured) -> None:
    daemon.answers["resume"] = {"state": "idle"}
    assert main(["resume"]) == 0
    assert capsysbinary.readouterr().out == b"resumed: idle\n"


@pytest.mark.parametrize(
    ("arguments", "params", "said"),
    [
        (["rescan"], {}, b"scanning every folder again\n"),
        (["rescan", "/p/"], {"path": "/p"}, b"scanning /p again\n"),
    ],
)
def test_rescan_is_for_one_folder_or_all(
    daemon: FakeDaemon, capsysbinary: Captured, arguments: list[str], params: Any, said: bytes
) -> None:
    daemon.answers["rescan"] = {"state": "indexing"}
    assert main(arguments) == 0
    assert daemon.called("rescan") == [params]
    assert capsysbinary.readouterr().out == said


@pytest.mark.parametrize(("state", "status"), [("searchable", 0), ("failed", 1), ("missing", 1)])
def test_why_is_a_sentence_and_its_truth(
    daemon: FakeDaemon, capsysbinary: Captured, state: str, status: int
) -> None:
    daemon.answers["why"] = {"path": b"/\xff", "state": state, "reason": "", "detail": ""}
    assert main(["why", "/\udcff"]) == status
    assert daemon.called("why") == [{"path": b"/\xff"}]
    assert capsysbinary.readouterr().out.startswith(b"/\\xff ")


@pytest.mark.parametrize("arguments", [["model"], ["model", "list"]])
def test_models_are_listed(
    daemon: FakeDaemon, capsysbinary: Captured, arguments: list[str]
) -> None:
    assert main(arguments) == 0
    lines = capsysbinary.readouterr().out.decode().splitlines()
    assert [" ".join(line.split()) for line in lines] == [
        "name open_clip licence download dim ImageNet on disk seen",
        "* fast A/t MIT 577 MiB 512 72.8% yes 60,000",
        "best BB MIT - - not published here no -",
    ]
    assert daemon.calls == [("models.list", {})]


def test_using_a_model_tells_of_the_change(daemon: FakeDaemon, capsysbinary: Captured) -> None:
    daemon.answers["models.use"] = {**MODELS, "migrating": MIGRATING}
    assert main(["model", "use", "best"]) == 0
    assert daemon.called("models.use") == [{"name": "best"}]
    assert capsysbinary.readouterr().out.splitlines() == [
        b"fast goes on answering until best has seen 1,000 pictures; then best answers",
        b"`imgqctl status` shows how far it is, `imgqctl model use fast` ends it",
    ]


def test_a_model_that_was_in_use_already_stays_so(
    daemon: FakeDaemon, capsysbinary: Captured
) -> None:
    daemon.answers["models.use"] = MODELS
    assert main(["model", "use", "fast"]) == 0
    assert capsysbinary.readouterr().out == b"fast is in use\n"


def test_a_model_that_is_in_use_and_not_here_says_what_is_missing(
    daemon: FakeDaemon, capsysbinary: Captured
) -> None:
    detail = "the weights of A/t must be fetched first: imgqctl model pull A/t"
    daemon.answers["models.use"] = MODELS
    daemon.answers["status"] = {**STATUS, "model": {"state": "missing", "detail": detail}}
    assert main(["model", "use", "fast"]) == 0
    assert capsysbinary.readouterr().out.decode() == f"{detail}\n"


def test_what_a_move_waits_for_and_what_a_licence_forbids_is_said_at_once(
    daemon: FakeDaemon, capsysbinary: Captured
) -> None:
    name, licence = "MobileCLIP-S1/datacompdr", "apple-amlr"
    choice = {"name": name, "model": name, "licence": licence, "restricted": True, "on_disk": False}
    moving = {**MIGRATING, "to": name, "waits": "it must be fetched first"}
    daemon.answers["models.use"] = {**MODELS, "available": [choice], "migrating": moving}
    assert main(["model", "use", name]) == 0
    first, *_, last = capsysbinary.readouterr().out.decode().splitlines()
    assert first == f"mind the licence of {name}: apple-amlr forbids ordinary use"
    assert last == "it waits: it must be fetched first"


def test_vectors_are_dropped_by_the_name_of_their_model(
    daemon: FakeDaemon, capsysbinary: Captured
) -> None:
    daemon.answers["models.drop"] = {"name": "demo", "vectors": 1200, "shrunk": True}
    assert main(["model", "drop", "demo"]) == 0
    said = b"1,200 vectors of demo deleted; their room is given back\n"
    assert capsysbinary.readouterr().out == said
    daemon.answers["models.drop"] = {"name": "demo", "vectors": 1, "shrunk": False}
    assert main(["model", "drop", "demo"]) == 0
    assert b"1 vector of demo deleted; their room is kept" in capsysbinary.readouterr().out


def test_a_model_is_imported_from_where_the_person_stands(
    daemon: FakeDaemon, capsysbinary: Captured, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.chdir(tmp_path)
    daemon.answers["models.import"] = {"name": "A/t", "files": ["a", "b"], "bytes": 2048}
    assert main(["model", "import", "stick", "--as", "A/t"]) == 0
    assert daemon.called("models.import") == [{"path": f"{tmp_path}/stick", "as": "A/t"}]
    assert capsysbinary.readouterr().out.splitlines() == [
        b"A/t is on this disk: 2 files, 2.0 KiB copied",
        b"`imgqctl model use A/t` changes to it",
    ]


def test_pulling_a_model_shows_how_far_it_is(daemon: FakeDaemon, capsysbinary: Captured) -> None:
    def pull(params: Any, push: Any) -> Any:
        for done in (0, 50, 100):
            download = {"file": "w.bin", "done": done, "total": 100}
            push(subscription=7, topic="status", status={**STATUS, "model": {"download": download}})
        push(subscription=7, topic="status", status=STATUS)
        return {"name": params["name"], "files": 2, "bytes": 100}

    daemon.answers["models.pull"] = pull
    assert main(["model", "pull", "best"]) == 0
    out, err = capsysbinary.readouterr()
    assert out == b"best is on this disk: 2 files, 100 B fetched\n"
    assert re.findall(rb"(\d+)%", err) == [b"0", b"50", b"100"]


def test_a_model_that_is_unknown_is_the_daemons_line(
    daemon: FakeDaemon, capsysbinary: Captured
) -> None:
    daemon.answers["models.use"] = Refusal("not_found", "no model is called bets")
    assert main(["model", "use", "bets"]) == 4
    assert capsysbinary.readouterr() == (b"", b"imgqctl: no model is called bets\n")


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        ([], b"the following arguments are required: COMMAND: see imgqctl --help"),
        (["add"], b"the following arguments are required: DIR: see imgqctl add --help"),
        (["status", "x"], b"unrecognized arguments: x: see imgqctl --help"),
    ],
)
def test_wrong_usage_is_one_line_and_status_2(
    capsysbinary: Captured, arguments: list[str], said: bytes
) -> None:
    assert main(arguments) == 2
    assert capsysbinary.readouterr() == (b"", b"imgqctl: " + said + b"\n")


@pytest.mark.parametrize(
    "arguments",
    [
        ["status"],
        ["status", "--follow"],
        ["add", "/a"],
        ["folders"],
        ["sync"],
        ["pause"],
        ["why", "/a"],
        ["model"],
    ],
    ids=" ".join,
)
def test_no_daemon_is_one_line_and_status_3(
    socket_path: Path, capsysbinary: Captured, arguments: list[str]
) -> None:
    assert main(arguments) == 3
    said = f"imgqctl: cannot reach the daemon at {socket_path}: start it with `imgqctl start`\n"
    assert capsysbinary.readouterr() == (b"", said.encode())


def test_stop_waits_until_the_daemon_is_gone(daemon: FakeDaemon, capsysbinary: Captured) -> None:
    assert main(["stop"]) == 0
    assert not daemon.path.exists()
    assert capsysbinary.readouterr().out == b"imgqd has stopped\n"


@pytest.mark.usefixtures("socket_path")
def test_stopping_what_does_not_run_is_done_already(capsysbinary: Captured) -> None:
    assert main(["stop"]) == 0
    assert capsysbinary.readouterr().out == b"imgqd is not running\n"


def test_a_daemon_that_refuses_to_stop_is_not_said_to_have(
    daemon: FakeDaemon, capsysbinary: Captured
) -> None:
    daemon.answers["shutdown"] = Refusal("busy", "8 requests are unanswered already")
    assert main(["stop"]) == 4
    assert capsysbinary.readouterr() == (b"", b"imgqctl: 8 requests are unanswered already\n")


def test_starting_what_runs_is_done_already(daemon: FakeDaemon, capsysbinary: Captured) -> None:
    assert main(["start"]) == 0
    assert daemon.calls == [("hello", {})]
    assert capsysbinary.readouterr().out == b"imgqd is already running\n"
