import json
import subprocess
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from client.conftest import Terminal
from client.fake_daemon import FakeDaemon, Refusal, found, result
from imgq.cli import main

Captured = pytest.CaptureFixture[bytes]

THREE = (result("/a b.jpg"), result("/b.jpg", relevance=0.5), result("/c.jpg", relevance=0.1))


def test_into_a_pipe_goes_one_path_a_line_and_nothing_else(
    daemon: FakeDaemon, capsysbinary: Captured
) -> None:
    daemon.answers["search"] = found(*THREE)
    assert main(["a", "red", "car"]) == 0
    assert capsysbinary.readouterr() == (b"/a b.jpg\n/b.jpg\n/c.jpg\n", b"")
    assert daemon.called("search")[0]["query"] == "a red car"


def test_a_name_that_is_not_utf8_comes_back_byte_for_byte(
    daemon: FakeDaemon, capsysbinary: Captured
) -> None:
    daemon.answers["search"] = found(result(b"/\xff\x1b[31m\n.jpg"))
    assert main(["x"]) == 0
    assert capsysbinary.readouterr().out == b"/\xff\x1b[31m\n.jpg\n"


def test_print0_ends_each_path_with_a_zero_byte(daemon: FakeDaemon, capsysbinary: Captured) -> None:
    daemon.answers["search"] = found(result(b"/\xff\n"), result("/b"))
    assert main(["-0", "x"]) == 0
    assert capsysbinary.readouterr().out == b"/\xff\n\0/b\0"


def test_weak_matches_stay_out_of_a_pipe_and_are_counted(
    daemon: FakeDaemon, capsysbinary: Captured
) -> None:
    daemon.answers["search"] = found(*THREE, weak_from=1)
    assert main(["x"]) == 0
    assert capsysbinary.readouterr() == (
        b"/a b.jpg\n",
        b"imgq: 2 weaker matches: --all shows them\n",
    )


def test_all_lets_the_weak_matches_in(daemon: FakeDaemon, capsysbinary: Captured) -> None:
    daemon.answers["search"] = found(*THREE, weak_from=1)
    assert main(["--all", "x"]) == 0
    assert capsysbinary.readouterr() == (b"/a b.jpg\n/b.jpg\n/c.jpg\n", b"")


def test_only_weak_matches_are_nothing_found(daemon: FakeDaemon, capsysbinary: Captured) -> None:
    daemon.answers["search"] = found(*THREE, weak_from=0)
    assert main(["x"]) == 1
    assert capsysbinary.readouterr().out == b""


def test_nothing_found_is_status_1_and_silent(daemon: FakeDaemon, capsysbinary: Captured) -> None:
    daemon.answers["search"] = found()
    assert main(["x"]) == 1
    assert capsysbinary.readouterr() == (b"", b"")


def test_json_is_an_object_a_line_that_knows_rank_and_weakness(
    daemon: FakeDaemon, capsysbinary: Captured
) -> None:
    daemon.answers["search"] = found(*THREE, weak_from=11)
    assert main(["--json", "--all", "--offset", "10", "x"]) == 0
    lines = [json.loads(line) for line in capsysbinary.readouterr().out.splitlines()]
    assert [(one["path"], one["rank"], one["weak"]) for one in lines] == [
        ("/a b.jpg", 11, False),
        ("/b.jpg", 12, True),
        ("/c.jpg", 13, True),
    ]


def test_a_terminal_gets_a_ranked_list(
    daemon: FakeDaemon, terminal: Callable[..., Terminal]
) -> None:
    screen = terminal(columns=30)
    daemon.answers["search"] = found(result(b"/home/ada/\xff\n.jpg"), result("/x/" + "y" * 40))
    assert main(["x"]) == 0
    first, second = screen.text().splitlines()
    assert first == (
        "␛[2m1␛[0m  ␛[32m 90%␛[0m  ␛]8;;file://box/home/ada/%FF%0A.jpg␛\\"
        "␛[2m~/␛[0m␛[1m\\xff\\n.jpg␛[0m␛]8;;␛\\"
    )
    assert second.endswith(
        "␛[2m/x/␛[0m␛[1myyyy…yyyyyyyyyyyyyy␛[0m␛]8;;␛\\".replace("yyyy…", "yyy…")
    )


def test_no_color_leaves_the_links(
    daemon: FakeDaemon, terminal: Callable[..., Terminal], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("NO_COLOR", "1")
    screen = terminal()
    daemon.answers["search"] = found(result("/a.jpg"))
    assert main(["x"]) == 0
    assert screen.text() == "1   90%  ␛]8;;file://box/a.jpg␛\\/a.jpg␛]8;;␛\\\n"


def test_a_dumb_terminal_gets_plain_text(
    daemon: FakeDaemon, terminal: Callable[..., Terminal], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("TERM", "dumb")
    screen = terminal()
    daemon.answers["search"] = found(result("/a.jpg"))
    assert main(["x"]) == 0
    assert screen.text() == "1   90%  /a.jpg\n"


def test_what_the_answer_lacks_is_said_on_standard_error(
    daemon: FakeDaemon, capsysbinary: Captured
) -> None:
    daemon.answers["search"] = found(result("/a"), pending=312, degraded=["no accelerator"])
    assert main(["x"]) == 0
    assert capsysbinary.readouterr() == (
        b"/a\n",
        b"imgq: degraded: no accelerator\nimgq: 312 pictures are still being indexed\n",
    )


def test_the_options_reach_the_daemon(daemon: FakeDaemon, tmp_path: Path) -> None:
    daemon.answers["search"] = found()
    like = tmp_path / "a.jpg"
    arguments = ["--like", str(like), "-n3", "--offset=4", "--sync", "--timeout", "2min"]
    assert main(arguments) == 1
    assert daemon.called("search") == [
        {
            "limit": 3,
            "offset": 4,
            "like": str(like),
            "sync": True,
            "all": True,
            "timeout_s": 120.0,
        }
    ]


@pytest.mark.parametrize(
    ("arguments", "query"),
    [
        (["a", "-n", "1", "b"], "a b"),
        (["--", "-n", "x"], "-n x"),
        (["a", "--", "--all"], "a --all"),
        (["two words", "more"], "two words more"),
    ],
)
def test_options_may_stand_between_the_words(
    daemon: FakeDaemon, arguments: list[str], query: str
) -> None:
    daemon.answers["search"] = found(result("/a"))
    assert main(arguments) == 0
    assert daemon.called("search")[0]["query"] == query


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        ([], b"what should the pictures show? give a QUERY, or a picture with --like"),
        (["  "], b"what should the pictures show? give a QUERY, or a picture with --like"),
        (["--lim", "3", "x"], b"unrecognized arguments: --lim: see imgq --help"),
        (["-n", "-3", "x"], b"argument -n/--limit: expected one argument: see imgq --help"),
        (["-n", "x", "x"], b"argument -n/--limit: invalid number value: 'x': see imgq --help"),
        (["--json", "-0", "x"], b"--json and --print0 exclude each other: leave one of them out"),
        (["caf\udce9"], b"the text is not valid UTF-8: type it again"),
    ],
)
def test_wrong_usage_is_one_line_and_status_2(
    daemon: FakeDaemon, capsysbinary: Captured, arguments: list[str], said: bytes
) -> None:
    assert main(arguments) == 2
    assert capsysbinary.readouterr() == (b"", b"imgq: " + said + b"\n")
    assert daemon.called("search") == []


def test_a_timeout_that_is_no_duration_says_what_is_allowed(capsysbinary: Captured) -> None:
    assert main(["--timeout", "soon", "x"]) == 2
    assert b"'soon' is no duration: a number with ms, s" in capsysbinary.readouterr().err


def test_no_daemon_is_one_line_and_status_3(socket_path: Path, capsysbinary: Captured) -> None:
    assert main(["x"]) == 3
    assert capsysbinary.readouterr() == (
        b"",
        f"imgq: cannot reach the daemon at {socket_path}: start it with `imgqctl start`\n".encode(),
    )


def test_a_refusal_is_the_daemons_line_and_status_4(
    daemon: FakeDaemon, capsysbinary: Captured
) -> None:
    daemon.answers["search"] = Refusal("too_large", "the query\nis too \x1b[31mlong")
    assert main(["x"]) == 4
    assert capsysbinary.readouterr() == (b"", b"imgq: the query\\nis too \\x1b[31mlong\n")


@pytest.fixture
def opener(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Callable[[str], Path]:
    """Return a function that installs an opener and tells where it writes what it opened."""

    def install(script: str) -> Path:
        opened = tmp_path / "opened"
        for name in ("xdg-open", "open"):
            program = tmp_path / name
            program.write_text(f'#!/bin/sh\nprintf %s "$1" > "{opened}"\n{script}\n')
            program.chmod(0o755)
        monkeypatch.setenv("PATH", str(tmp_path))
        return opened

    return install


def test_open_shows_the_first_result(
    daemon: FakeDaemon, capsysbinary: Captured, opener: Callable[[str], Path]
) -> None:
    opened = opener("exit 0")
    daemon.answers["search"] = found(result(b"/\xff.jpg"), result("/b.jpg"))
    assert main(["--open", "x"]) == 0
    assert opened.read_bytes() == b"/\xff.jpg"
    assert capsysbinary.readouterr() == (b"/\xff.jpg\n/b.jpg\n", b"")


def test_an_opener_that_fails_is_said_to(
    daemon: FakeDaemon, capsysbinary: Captured, opener: Callable[[str], Path]
) -> None:
    opener("exit 3")
    daemon.answers["search"] = found(result("/a.jpg"))
    assert main(["--open", "x"]) == 1
    assert b"cannot open /a.jpg: " in capsysbinary.readouterr().err


def test_an_opener_that_stays_is_left_alone(
    daemon: FakeDaemon, monkeypatch: pytest.MonkeyPatch
) -> None:
    class Viewer:
        def __init__(self, *_: Any, **__: Any) -> None:
            pass

        def wait(self, timeout: float) -> int:
            raise subprocess.TimeoutExpired("viewer", timeout)

    monkeypatch.setattr("imgq.opening.subprocess.Popen", Viewer)
    monkeypatch.setattr("imgq.opening.shutil.which", lambda _: "/bin/viewer")
    daemon.answers["search"] = found(result("/a.jpg"))
    assert main(["--open", "x"]) == 0


def test_a_machine_without_an_opener_is_told_so(
    daemon: FakeDaemon, capsysbinary: Captured, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setenv("PATH", str(tmp_path))
    daemon.answers["search"] = found(result("/a.jpg"))
    assert main(["--open", "x"]) == 1
    assert b"is not installed" in capsysbinary.readouterr().err


def test_nothing_found_opens_nothing(daemon: FakeDaemon, opener: Callable[[str], Path]) -> None:
    opened = opener("exit 0")
    daemon.answers["search"] = found(*THREE, weak_from=0)
    assert main(["--open", "x"]) == 1
    assert not opened.exists()


@pytest.mark.parametrize(("option", "said"), [("--help", b"usage: imgq"), ("--version", b"imgq ")])
def test_help_and_version_are_for_standard_output(
    capsysbinary: Captured, option: str, said: bytes
) -> None:
    assert main([option]) == 0
    out, err = capsysbinary.readouterr()
    assert out.startswith(said)
    assert err == b""


@pytest.mark.parametrize(
    ("arguments", "line"),
    [
        (["beach", "-people"], "beach -people"),
        (["-people", "beach", "-n", "5"], "-people beach"),
        (["-new york", "beach"], "-new york beach"),
        (["beach", "-n5", "--all"], "beach"),
        (["-taken:2023", "-0"], "-taken:2023"),
        (["a", "--", "--all", "-n"], "a --all -n"),
    ],
)
def test_a_word_with_a_minus_is_part_of_the_line(
    daemon: FakeDaemon, capsysbinary: Captured, arguments: list[str], line: str
) -> None:
    daemon.answers["search"] = found(*THREE)
    assert main(arguments) == 0
    assert daemon.called("search")[0]["query"] == line
    assert capsysbinary.readouterr().err == b""


def far(path: str, *, reachable: bool = False, machine: str = "nas", **changes: Any) -> Any:
    """Return a result of another machine."""
    known = {"machine": machine, "reachable": reachable, "elsewhere": [], "image_id": None}
    return result(path, **known, **changes)


def test_a_file_that_is_not_reachable_never_looks_like_one_of_this_machine(
    daemon: FakeDaemon, capsysbinary: Captured
) -> None:
    daemon.answers["search"] = found(
        far("/volume1/a.jpg"), far("/mnt/b.jpg", reachable=True), result("/c.jpg", machine=None)
    )
    assert main(["--everywhere", "x"]) == 0
    assert capsysbinary.readouterr().out == b"nas:/volume1/a.jpg\n/mnt/b.jpg\n/c.jpg\n"
    assert main(["--everywhere", "-0", "x"]) == 0
    assert capsysbinary.readouterr().out == b"nas:/volume1/a.jpg\0/mnt/b.jpg\0/c.jpg\0"
    assert main(["--everywhere", "--json", "x"]) == 0
    first = json.loads(capsysbinary.readouterr().out.splitlines()[0])
    assert (first["machine"], first["reachable"], first["path"]) == ("nas", False, "/volume1/a.jpg")


def test_the_settings_say_who_is_asked_on_a_terminal_and_never_in_a_pipe(
    daemon: FakeDaemon, terminal: Callable[..., Terminal]
) -> None:
    daemon.answers["search"] = found(*THREE)
    terminal(80)
    for options in ([], ["--json"], ["-0"], ["--everywhere"], ["--here"]):
        main([*options, "x"])
    asked = [params.get("everywhere", False) for params in daemon.called("search")]
    assert asked == [None, False, False, True, False]


def test_the_settings_do_not_change_what_a_script_gets(daemon: FakeDaemon) -> None:
    daemon.answers["search"] = found(*THREE)
    main(["x"])
    main(["--everywhere", "x"])
    asked = [params.get("everywhere", False) for params in daemon.called("search")]
    assert asked == [False, True]


def test_a_terminal_says_on_which_machine_and_links_only_what_is_here(
    daemon: FakeDaemon, terminal: Callable[..., Terminal]
) -> None:
    twin = [{"machine": "desk", "path": "/x", "reachable": False}]
    daemon.answers["search"] = found(
        far("/volume1/a\x1b.jpg"),
        far("/mnt/b.jpg", reachable=True),
        result("/c.jpg", machine=None, reachable=True, elsewhere=twin),
    )
    screen = terminal(80)
    main(["--everywhere", "x"])
    away, near, own = screen.text().splitlines()
    assert "nas:/volume1/" in away
    assert "a\\x1b.jpg" in away
    assert "]8;;" not in away
    assert "]8;;file://" in near
    assert "on nas" in near
    assert "on desk" in own


def test_what_is_elsewhere_is_not_opened(daemon: FakeDaemon, capsysbinary: Captured) -> None:
    daemon.answers["search"] = found(far("/volume1/a.jpg"))
    assert main(["--everywhere", "--open", "x"]) == 1
    assert b"nas:/volume1/a.jpg cannot be reached from here" in capsysbinary.readouterr().err


@pytest.mark.parametrize("options", [["--everywhere", "--here"], ["--follow", "--everywhere"]])
def test_what_excludes_each_other_is_wrong_usage(options: list[str]) -> None:
    assert main([*options, "x"]) == 2
