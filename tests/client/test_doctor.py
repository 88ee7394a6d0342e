import json
import os
import socket
import threading
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from client.conftest import Terminal
from client.fake_daemon import FakeDaemon, HangUp, Refusal
from imgq import Client
from imgq.ctl import main
from imgq.errors import Unreachable

Captured = pytest.CaptureFixture[bytes]

FINE = {"name": "socket", "state": "fine", "detail": "only you can reach it", "remedy": None}
WARNING = {"name": "folder", "state": "warning", "detail": "/p\x1b[2J", "remedy": "imgqctl rescan"}
BAD = {"name": "audit", "state": "bad", "detail": "2 of 3 files differ", "remedy": "report it"}


@pytest.fixture
def settings(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Path:
    """Return where the settings file would be; it is not there."""
    monkeypatch.setenv("XDG_CONFIG_HOME", str(tmp_path))
    return tmp_path / "imgq" / "config.toml"


def test_a_pipe_gets_a_line_a_check_and_the_remedy_below_it(
    daemon: FakeDaemon, capsysbinary: Captured
) -> None:
    daemon.answers["doctor"] = {"checks": [FINE, WARNING, BAD]}
    assert main(["doctor"]) == 1
    out, err = capsysbinary.readouterr()
    assert out.decode().splitlines() == [
        "ok   socket  only you can reach it",
        "warn folder  /p\\x1b[2J",
        "  do: imgqctl rescan",
        "bad  audit   2 of 3 files differ",
        "  do: report it",
    ]
    assert err == b""
    assert daemon.calls == [("doctor", {})]


@pytest.mark.parametrize(
    ("checks", "status"), [([], 0), ([FINE], 0), ([FINE, WARNING], 0), ([BAD, FINE], 1)]
)
def test_only_what_is_bad_makes_the_status_1(
    daemon: FakeDaemon, checks: list[Any], status: int
) -> None:
    daemon.answers["doctor"] = {"checks": checks}
    assert main(["doctor"]) == status


def test_a_terminal_gets_marks_in_colour_and_a_notice_that_goes_away(
    daemon: FakeDaemon, terminal: Callable[..., Terminal]
) -> None:
    daemon.answers["doctor"] = {"checks": [FINE, WARNING, BAD]}
    screen = terminal()
    assert main(["doctor"]) == 1
    assert screen.text() == (
        "checking…\r␛[K"
        "␛[32m✓␛[0m ␛[1msocket␛[0m  only you can reach it\n"
        "␛[33m!␛[0m ␛[1mfolder␛[0m  /p\\x1b[2J\n"
        "  ␛[33m→␛[0m imgqctl rescan\n"
        "␛[31m✗␛[0m ␛[1maudit␛[0m   2 of 3 files differ\n"
        "  ␛[31m→␛[0m report it\n"
    )


def test_the_notice_is_there_while_the_daemon_works(
    daemon: FakeDaemon, terminal: Callable[..., Terminal]
) -> None:
    at_work, go_on = threading.Event(), threading.Event()

    def doctor(*_: Any) -> Any:
        at_work.set()
        assert go_on.wait(20)
        return {"checks": []}

    daemon.answers["doctor"] = doctor
    screen = terminal()
    asking = threading.Thread(target=main, args=[["doctor"]])
    asking.start()
    assert at_work.wait(20)
    assert screen.text() == "checking…"
    go_on.set()
    asking.join()
    assert screen.text() == "\r␛[K"


def test_a_terminal_that_cannot_take_it_away_gets_no_notice(
    daemon: FakeDaemon, terminal: Callable[..., Terminal], monkeypatch: pytest.MonkeyPatch
) -> None:
    daemon.answers["doctor"] = {"checks": [FINE]}
    screen = terminal()
    monkeypatch.setenv("TERM", "dumb")
    assert main(["doctor"]) == 0
    assert screen.text() == "✓ socket  only you can reach it\n"


def test_json_is_an_object_for_each_check(daemon: FakeDaemon, capsysbinary: Captured) -> None:
    daemon.answers["doctor"] = {"checks": [{**FINE, "since": 5}, BAD]}
    assert main(["doctor", "--json"]) == 1
    assert [json.loads(line) for line in capsysbinary.readouterr().out.splitlines()] == [FINE, BAD]


def test_a_state_of_the_future_is_shown_and_is_not_bad(
    daemon: FakeDaemon, capsysbinary: Captured
) -> None:
    daemon.answers["doctor"] = {"checks": [{**FINE, "state": "unsure"}]}
    assert main(["doctor"]) == 0
    assert capsysbinary.readouterr().out == b"?    socket  only you can reach it\n"


def test_an_older_daemon_is_to_be_started_again(daemon: FakeDaemon, capsysbinary: Captured) -> None:
    assert main(["doctor"]) == 4
    out, err = capsysbinary.readouterr()
    assert out == b""
    assert err.count(b"\n") == 1
    assert err.startswith(b"imgqctl: this daemon is older than imgqctl and knows no doctor: ")
    assert daemon.called("doctor") == [{}]


def test_any_other_refusal_keeps_its_words(daemon: FakeDaemon, capsysbinary: Captured) -> None:
    daemon.answers["doctor"] = Refusal("busy", "8 requests are unanswered already")
    assert main(["doctor"]) == 4
    assert capsysbinary.readouterr().err == b"imgqctl: 8 requests are unanswered already\n"


def test_an_answer_that_is_no_diagnosis_is_said_to_be_unknown(daemon: FakeDaemon) -> None:
    daemon.answers["doctor"] = {"checks": [{"name": "socket"}]}
    with Client() as client, pytest.raises(Unreachable, match="answered doctor with something"):
        client.doctor()


def diagnosis(capsysbinary: Captured) -> dict[str, dict[str, Any]]:
    assert main(["doctor", "--json"]) == 3
    rows = [json.loads(line) for line in capsysbinary.readouterr().out.splitlines()]
    return {row["name"]: row for row in rows}


def test_without_a_daemon_what_can_be_looked_at_is(
    socket_path: Path, settings: Path, capsysbinary: Captured
) -> None:
    socket_path.parent.chmod(0o700)
    found = diagnosis(capsysbinary)
    assert list(found) == ["daemon", "socket", "program", "settings"]
    assert found["daemon"]["detail"] == "the daemon does not run"
    assert found["daemon"]["remedy"] == "imgqctl start"
    assert found["socket"]["state"] == "fine"
    assert str(socket_path) in found["socket"]["detail"]
    assert found["program"]["detail"].endswith("imgqd")
    assert "does not exist: the defaults hold" in found["settings"]["detail"]
    settings.parent.mkdir()
    settings.touch()
    assert "not exist" not in diagnosis(capsysbinary)["settings"]["detail"]


@pytest.mark.usefixtures("socket_path")
def test_without_a_daemon_the_pipe_says_how_to_start_it(capsysbinary: Captured) -> None:
    assert main(["doctor"]) == 3
    out, err = capsysbinary.readouterr()
    assert out.startswith(b"bad  daemon    the daemon does not run\n  do: imgqctl start\n")
    assert err == b""


def test_a_socket_that_was_left_behind_is_told_from_a_living_one(
    socket_path: Path, capsysbinary: Captured
) -> None:
    with socket.socket(socket.AF_UNIX) as listening:
        listening.bind(str(socket_path))
    assert diagnosis(capsysbinary)["socket"]["state"] == "warning"
    socket_path.unlink()
    socket_path.touch()
    row = diagnosis(capsysbinary)["socket"]
    assert (row["state"], row["remedy"]) == ("bad", "move it away")


def test_a_folder_that_is_open_to_others_is_named_with_the_command(
    socket_path: Path, capsysbinary: Captured
) -> None:
    socket_path.parent.chmod(0o755)
    row = diagnosis(capsysbinary)["socket"]
    assert row["state"] == "bad"
    assert row["remedy"] == f"chmod 700 {socket_path.parent}"


def test_a_folder_that_is_not_there_yet_is_fine(
    socket_path: Path, capsysbinary: Captured, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("IMGQ_SOCKET", str(socket_path.parent / "later" / "imgqd.sock"))
    assert diagnosis(capsysbinary)["socket"]["state"] == "fine"


def test_a_daemon_that_hangs_up_is_named_with_its_socket(
    daemon: FakeDaemon, capsysbinary: Captured
) -> None:
    daemon.path.parent.chmod(0o700)
    daemon.answers["doctor"] = HangUp()
    found = diagnosis(capsysbinary)
    assert "closed the connection during doctor" in found["daemon"]["detail"]
    assert "see its log" in found["daemon"]["remedy"]
    assert found["socket"]["state"] == "fine"


def test_a_program_that_is_not_installed_is_told_with_the_command(
    socket_path: Path, capsysbinary: Captured, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("sys.executable", str(socket_path.parent / "python"))
    monkeypatch.setenv("PATH", str(socket_path.parent))
    row = diagnosis(capsysbinary)["program"]
    assert (row["state"], row["remedy"]) == ("bad", "pip install 'imgq[daemon]'")
    program = socket_path.parent / "imgqd"
    program.touch(mode=0o755)
    assert diagnosis(capsysbinary)["program"]["detail"] == os.fspath(program)
