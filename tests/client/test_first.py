"""The first `imgqctl add`, told to a terminal, to a narrow one, and to a pipe."""

from __future__ import annotations

import re
import threading
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from client.conftest import Terminal
from client.fake_daemon import MODELS, STATUS, FakeDaemon, Params, Refusal
from imgq import first
from imgq.ctl import main
from imgq.text import width

READY: Params = {**STATUS["model"], "state": "ready", "detail": ""}
MISSING: Params = {**READY, "state": "missing", "detail": "it must be fetched first"}
QUIET: Params = {**STATUS, "failed": {}, "rate": 0.0, "remaining": None, "measured": None}


@pytest.fixture(autouse=True)
def settings(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Give the place of the settings file, which is not there."""
    monkeypatch.setenv("XDG_CONFIG_HOME", str(tmp_path / "config"))
    return tmp_path / "config" / "imgq" / "config.toml"


def looks(daemon: FakeDaemon, *statuses: Params) -> None:
    """Let each subscription to the status see the next of these and stay at the last of them."""
    left = list(statuses)
    lock = threading.Lock()

    def subscribe(_: Any, push: Callable[..., None]) -> Params:
        with lock:
            seen = left[:]
            # What ends one look is where the next begins.
            until = next((n for n, one in enumerate(left) if one["state"] != "starting"), 0)
            del left[:until]
        for status in seen:
            push(subscription=7, topic="status", status=status)
        return {"subscription": 7}

    daemon.answers["subscribe"] = subscribe


def without_weights(daemon: FakeDaemon) -> None:
    fast = {**MODELS["available"][0], "on_disk": False}
    daemon.answers["models.list"] = {**MODELS, "available": [fast]}


@pytest.fixture
def keyboard(monkeypatch: pytest.MonkeyPatch) -> Callable[[str], None]:
    """Return a function that puts a person with an answer in the place of standard input."""

    class Person:
        def __init__(self, line: str) -> None:
            self.line = line

        def isatty(self) -> bool:
            return True

        def readline(self) -> str:
            if self.line == "^C":
                raise KeyboardInterrupt
            return self.line

    return lambda line: monkeypatch.setattr("sys.stdin", Person(line))


WALK = {**QUIET, "state": "starting", "files": 512, "pending": 512, "pictures": 0, "model": READY}
BEGUN = {**QUIET, "files": 12431, "pending": 12431, "pictures": 0, "model": READY}
KNOWN = {
    **BEGUN, "pending": 12311, "pictures": 120, "rate": 8.2, "remaining": 1501.0,
    "measured": {"pictures": 120, "seconds": 14.6},
}  # fmt: skip
DONE = {**QUIET, "state": "idle", "files": 12431, "pending": 0, "pictures": 12400, "model": READY}


def said(screen: Terminal) -> list[str]:
    """Return the lines that stay: of a line that moves its last state, without colours."""
    return staying(screen.text())


def staying(drawn: str) -> list[str]:
    text = re.sub(r"␛\[[01]m", "", drawn)
    return [line.rsplit("\r␛[K", 1)[-1] for line in text.removesuffix("\n").split("\n")]


def test_all_is_told_from_the_count_to_the_end(
    daemon: FakeDaemon, terminal: Callable[..., Terminal]
) -> None:
    looks(daemon, WALK, BEGUN, KNOWN, {**KNOWN, "remaining": 3.0}, {**DONE, "failed": {"empty": 1}})
    screen = terminal(80)
    assert main(["add", "/home/ada/Pictures"]) == 0
    drawn = screen.text()
    assert "\r␛[K512 pictures so far, and looking on" in drawn
    lines = staying(drawn)
    assert lines[:5] == [
        "watching ~/Pictures",
        "12,431 pictures found",
        "the model is fast: A/t, licence MIT",
        "what is in can be searched already, while the rest is on its way:",
        '  imgq "beach sunset"',
    ]
    assert "about 25 minutes at 8.2 pictures/s, measured here over the first 120" in lines
    assert lines[-2] == "all is in after 0 s: 12,400 pictures"
    assert lines[-1] == "1 file could not be read: `imgqctl status` says why"


def test_the_estimate_is_told_once_and_not_before_it_is_known(
    daemon: FakeDaemon, terminal: Callable[..., Terminal]
) -> None:
    looks(daemon, BEGUN, BEGUN, KNOWN, {**KNOWN, "remaining": 900.0}, DONE)
    screen = terminal(80)
    main(["add", "/p"])
    lines = said(screen)
    begun = next(n for n, line in enumerate(lines) if "is being measured" in line)
    told = [n for n, line in enumerate(lines) if "measured here over" in line]
    assert len(told) == 1
    assert told[0] > begun


@pytest.mark.parametrize("columns", [30, 40, 80])
def test_no_line_is_wider_than_the_terminal_but_a_command(
    daemon: FakeDaemon, terminal: Callable[..., Terminal], columns: int
) -> None:
    without_weights(daemon)
    looks(daemon, WALK, {**BEGUN, "model": MISSING}, {**DONE, "model": MISSING})
    screen = terminal(columns)
    main(["add", "/p"])
    drawn = re.sub(r"␛\[[01]m", "", screen.text())
    for line in re.split(r"\r␛\[K|\n", drawn):
        assert width(line) < columns or line.startswith("  imgq")


def test_small_folders_are_in_before_anything_must_be_estimated(
    daemon: FakeDaemon, terminal: Callable[..., Terminal]
) -> None:
    looks(daemon, {**DONE, "files": 12, "pictures": 12})
    screen = terminal(80)
    assert main(["add", "/p"]) == 0
    assert said(screen)[-3:] == [
        "all is in after 0 s: 12 pictures",
        "search with",
        '  imgq "beach sunset"',
    ]


def test_an_empty_folder_says_that_it_is_one(
    daemon: FakeDaemon, terminal: Callable[..., Terminal]
) -> None:
    looks(daemon, {**DONE, "files": 0, "pictures": 0})
    screen = terminal(80)
    assert main(["add", "/p"]) == 0
    assert said(screen) == [
        "watching /p",
        "no pictures in there yet: they are found as they come",
        "the model is fast: A/t, licence MIT",
    ]


@pytest.mark.parametrize("answer", ["\n", "y\n", "YES\n"])
def test_weights_come_when_a_person_says_yes(
    daemon: FakeDaemon,
    terminal: Callable[..., Terminal],
    keyboard: Callable[[str], None],
    answer: str,
) -> None:
    without_weights(daemon)
    looks(daemon, DONE)
    daemon.answers["models.pull"] = {"name": "fast", "files": 2, "bytes": 605_155_332}
    keyboard(answer)
    screen = terminal(80)
    assert main(["add", "/p"]) == 0
    assert daemon.called("models.pull") == [{"name": "fast"}]
    lines = said(screen)
    assert "it is not on this disk: a download of 577 MiB from the Hugging Face hub, once" in lines
    assert any(line.endswith("fast is on this disk") for line in lines)


@pytest.mark.parametrize("answer", ["n\n", "what?\n", ""])
def test_nothing_is_downloaded_without_a_yes(
    daemon: FakeDaemon,
    terminal: Callable[..., Terminal],
    keyboard: Callable[[str], None],
    answer: str,
) -> None:
    without_weights(daemon)
    looks(daemon, {**BEGUN, "model": MISSING}, {**DONE, "model": MISSING})
    keyboard(answer)
    screen = terminal(80)
    assert main(["add", "/p"]) == 0
    assert daemon.called("models.pull") == []
    lines = said(screen)
    assert "  imgqctl model pull fast" in lines
    assert "  imgq IMG_2041" in lines, "what pictures show cannot be searched"
    assert lines[-1] == "all is in after 0 s: 12,431 names"


def test_a_download_that_fails_leaves_the_names_and_says_how_to_try_again(
    daemon: FakeDaemon,
    terminal: Callable[..., Terminal],
    keyboard: Callable[[str], None],
    capsys: pytest.CaptureFixture[str],
) -> None:
    without_weights(daemon)
    looks(daemon, {**DONE, "model": MISSING})
    daemon.answers["models.pull"] = Refusal("unavailable", "no network")
    keyboard("\n")
    screen = terminal(80)
    assert main(["add", "/p"]) == 4
    assert capsys.readouterr().err == "imgqctl: no network\n"
    assert "  imgqctl model pull fast" in said(screen)


def test_ctrl_c_leaves_the_daemon_at_work_and_says_so(
    daemon: FakeDaemon, terminal: Callable[..., Terminal], keyboard: Callable[[str], None]
) -> None:
    without_weights(daemon)
    looks(daemon, BEGUN)
    keyboard("^C")
    screen = terminal(80)
    assert main(["add", "/p"]) == 0
    assert said(screen)[-2:] == [
        "imgqd goes on without this window; how far it is:",
        "  imgqctl status --follow",
    ]
    assert daemon.called("shutdown") == []


def test_work_that_rests_is_not_waited_for(
    daemon: FakeDaemon, terminal: Callable[..., Terminal]
) -> None:
    looks(daemon, {**BEGUN, "state": "paused", "paused": "paused until 18:00"})
    screen = terminal(80)
    assert main(["add", "/p"]) == 0
    assert said(screen)[-1] == "paused until 18:00: `imgqctl resume` goes on"


def test_without_colours_there_are_none(
    daemon: FakeDaemon, terminal: Callable[..., Terminal], monkeypatch: pytest.MonkeyPatch
) -> None:
    looks(daemon, DONE)
    screen = terminal(80)
    monkeypatch.setenv("NO_COLOR", "1")
    main(["add", "/p"])
    assert "m" not in "".join(re.findall(r"␛\[\d*([A-Za-z])", screen.text()))


def test_into_a_pipe_it_is_as_short_as_ever_and_the_download_is_named(
    daemon: FakeDaemon, capsysbinary: pytest.CaptureFixture[bytes]
) -> None:
    without_weights(daemon)
    assert main(["add", "/p"]) == 0
    out, err = capsysbinary.readouterr()
    assert out == b"watching /p\n"
    assert err.count(b"\n") == 1
    assert b"`imgqctl model pull fast` (577 MiB)" in err
    assert daemon.called("models.pull") == daemon.called("subscribe") == []


@pytest.mark.parametrize("text", ['folders = ["/a"]\n', "folders = []\n", "not TOML"])
def test_a_later_add_is_short(
    daemon: FakeDaemon, terminal: Callable[..., Terminal], settings: Path, text: str
) -> None:
    settings.parent.mkdir(parents=True)
    settings.write_text(text)
    screen = terminal(80)
    assert main(["add", "/p"]) == 0
    assert screen.text() == "watching /p\n"
    assert [method for method, _ in daemon.calls] == ["roots.add"]


def test_settings_without_folders_are_a_first_time_too(settings: Path) -> None:
    assert first.is_first()
    settings.parent.mkdir(parents=True)
    settings.write_text('[model]\nname = "best"\n')
    assert first.is_first()


@pytest.mark.usefixtures("socket_path")
def test_the_daemon_is_started_where_none_runs(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("PATH", "/nowhere")
    monkeypatch.setattr("sys.executable", "/nowhere/python")
    assert main(["add", "/p"]) == 1
    assert "imgqd is not installed here" in capsys.readouterr().err
