"""A search starts a process of its own each time: what it imports is what a person waits for."""

import subprocess
import sys
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from client.fake_daemon import FakeDaemon, found, result
from imgq import cli
from imgq.options import parse, parser

BIN = Path(sys.executable).parent

# What msgpack imports is its own matter.
PROGRAM = """
import sys
import msgpack
before = set(sys.modules)
from imgq.cli import main
assert main(["a", "--all", "red", "car"]) == 0
print(*sorted(set(sys.modules) - before), file=sys.stderr)
"""
OURS = {
    "imgq",
    "imgq.answers",
    "imgq.asking",
    "imgq.cli",
    "imgq.command",
    "imgq.connection",
    "imgq.errors",
    "imgq.lacking",
    "imgq.paths",
    "imgq.protocol",
    "imgq.records",
    "imgq.screen",
    "imgq.searching",
    "imgq.terminal",
    "imgq.text",
}
# All else costs milliseconds, and is easily drawn in: typing, argparse, socket, re, enum,
# functools, contextlib, collections.abc, dataclasses, json, pathlib, ...
THEIRS = {"__future__", "_socket"}
NAMES = [name for name in vars(cli.Options) if not name.startswith("_")]
FLAGS = [f"--{name}" for name in NAMES if getattr(cli.Options, name) is False]
# No argument of a process can hold a zero byte.
WORDS = st.text(st.characters(codec="utf-8", exclude_characters="\0")).filter(
    lambda word: not word.startswith("-")
)


def test_a_search_imports_only_what_it_needs(daemon: FakeDaemon) -> None:
    daemon.answers["search"] = found(result("/a.jpg"))
    # -S: whatever else is installed here may import things at every start.
    command = [sys.executable, "-S", "-c", f"import sys; sys.path[:] = {sys.path!r}\n{PROGRAM}"]
    done = subprocess.run(command, capture_output=True, text=True, check=True)
    assert done.stdout == "/a.jpg\n"
    imported = set(done.stderr.split())
    assert {name for name in imported if name.partition(".")[0] == "imgq"} == OURS
    assert imported - OURS <= THEIRS


def test_a_search_asks_once_and_greets_nobody(daemon: FakeDaemon) -> None:
    daemon.answers["search"] = found(result("/a.jpg"))
    assert cli.main(["a", "red", "car"]) == 0
    assert [method for method, _ in daemon.calls] == ["search"]


@given(st.lists(WORDS | st.sampled_from(FLAGS), max_size=6))
def test_words_and_flags_mean_what_argparse_takes_them_for(told: list[str]) -> None:
    short, long = cli._options(told), parse(told, cli.Options())
    assert [getattr(short, name) for name in NAMES] == [getattr(long, name) for name in NAMES]
    assert short.query == [one for one in told if one not in FLAGS]


@pytest.mark.parametrize("told", ["-0", "-n5", "--limit=5", "--", "-people", "--al", "--query"])
def test_all_else_is_left_to_argparse(told: str, monkeypatch: pytest.MonkeyPatch) -> None:
    asked = []
    monkeypatch.setattr("imgq.options.parse", lambda *told: asked.append(told))
    cli._options(["--all", "beach", told, "7"])
    assert [given for given, _ in asked] == [["--all", "beach", told, "7"]]


def test_what_holds_where_nothing_is_told_is_what_the_parser_knows() -> None:
    known = {one.dest: one.default for one in parser()._actions if one.dest != "help"}
    told = {name: getattr(cli.Options, name) for name in NAMES if name != "query"}
    assert {**told, "query": None, "completion": None, "version": None} == known


@pytest.mark.parametrize(
    ("words", "status", "said"),
    [(["x"], 0, b""), (["--all", "x"], 0, b""), (["--help"], 0, b""), ([], 2, b"imgq: what ")],
)
def test_the_program_ends_with_its_status_and_all_that_it_printed(
    daemon: FakeDaemon, words: list[str], status: int, said: bytes
) -> None:
    paths = [f"/{'x' * 200}/{number}.jpg" for number in range(500)]
    daemon.answers["search"] = found(*map(result, paths))
    done = subprocess.run([BIN / "imgq", *words], capture_output=True, check=False)
    assert (done.returncode, done.stderr[: len(said)]) == (status, said)
    if words[-1:] == ["x"]:
        assert done.stdout.decode().split() == paths
    else:
        assert done.stdout.startswith(b"usage: imgq" if words else b"")
