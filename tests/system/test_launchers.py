"""Plug-ins in stand-ins for their programs, and the example for a new launcher."""

from __future__ import annotations

import contextlib
import json
import re
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from drawings import lines_of
from house import PATIENCE, House

pytestmark = pytest.mark.system

TESTS = Path(__file__).parents[1]


class Host:
    """A stand-in program with a plug-in in it, in a Python that knows nothing of ours."""

    def __init__(self, library: House, program: str, plugin: Path) -> None:
        strange = library.base / "strange"
        strange.mkdir(exist_ok=True)
        # As Ulauncher does: where its own packages are, ours of that name would not work.
        (strange / "msgpack.py").write_text("raise ImportError('for another Python')")
        self._process = subprocess.Popen(
            [sys.executable, "-I", "-S", TESTS / program, plugin],
            env={**library.environment, "PYTHONPATH": str(strange)},
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
        )

    def say(self, *event: Any) -> Any:
        assert self._process.stdin is not None
        assert self._process.stdout is not None
        self._process.stdin.write(json.dumps(event) + "\n")
        self._process.stdin.flush()
        return json.loads(self._process.stdout.readline())

    def end(self) -> int:
        self._process.communicate(timeout=PATIENCE)
        return self._process.returncode

    def kill(self) -> None:
        self._process.kill()
        self._process.communicate()


@pytest.fixture
def hosted(library: House) -> Iterator[Callable[[str, Path], Host]]:
    """Give what runs a plug-in in a host, which goes with the test."""
    with contextlib.ExitStack() as ends:

        def run(program: str, plugin: Path) -> Host:
            host = Host(library, program, plugin)
            ends.callback(host.kill)
            return host

        yield run


def test_ulauncher_shows_rows_and_opens_one(
    library: House, opened: Path, hosted: Callable[[str, Path], Host]
) -> None:
    assert library.run("imgq-service", "launcher", "ulauncher").returncode == 0
    folder = library.base / "data/ulauncher/extensions/imgq"
    manifest = json.loads((folder / "manifest.json").read_text())
    assert re.fullmatch(r"\^2\.\d+\.\d+", manifest["required_api_version"])
    assert manifest.keys() >= {"name", "description", "developer_name", "icon"}
    assert (folder / manifest["icon"]).is_file()
    host = hosted("ulauncher_host.py", folder / "main.py")
    row, note = host.say("query", "blue boat")["result_list"]
    assert note["name"].startswith("searching names only")
    assert row["name"] == "blue boat.png"
    assert Path(row["icon"]).is_file()
    (hint,) = host.say("query", "")["result_list"]
    assert hint["name"]
    host.say("enter", row["on_enter"]["data"])
    assert lines_of(opened) == [f"{library.pictures}/blue boat.png"]
    odd, _ = host.say("query", "odd")["result_list"]
    host.say("enter", odd["on_enter"]["data"])
    assert lines_of(opened, 2)[1].endswith("odd \udcff <b>&.png")
    assert host.end() == 0


def test_albert_shows_rows_opens_one_and_leaves_what_was_overtaken(
    library: House, opened: Path, hosted: Callable[[str, Path], Host]
) -> None:
    assert library.run("imgq-service", "launcher", "albert").returncode == 0
    host = hosted("albert_host.py", library.base / "data/albert/python/plugins/imgq.py")
    assert host.say("stale", "green tree") == []
    (uri, text, subtext, icon), _ = host.say("query", "green tree")
    assert uri == f"file://{library.pictures}/green%20tree.png"
    assert text == "green tree.png"
    assert subtext.startswith("~/pictures")
    assert icon.startswith("image:/")
    host.say("act", 0, 0)
    assert lines_of(opened) == [f"{library.pictures}/green tree.png"]
    assert host.end() == 0


def test_a_plug_in_whose_imgq_is_gone_says_what_to_do(
    library: House, hosted: Callable[[str, Path], Host]
) -> None:
    assert library.run("imgq-service", "launcher", "albert").returncode == 0
    plugin = library.base / "data/albert/python/plugins/imgq.py"
    moved = plugin.with_name("moved.py")
    moved.write_text(plugin.read_text().replace(sys.executable, "/nowhere/python"))
    host = hosted("albert_host.py", moved)
    ((_, text, *_),) = host.say("query", "green tree")
    assert "imgq-service launcher albert" in text
    assert host.end() == 0


def test_the_example_for_a_new_launcher_runs_as_it_stands(
    library: House, tmp_path: Path, opened: Path
) -> None:
    document = (TESTS.parent / "docs/launchers.md").read_text()
    ((code, _),) = re.findall(r"```python\n(#!.*?)```\n()", document, re.DOTALL)
    assert code.count("\n") <= 40
    script = tmp_path / "imgq-bemenu"
    script.write_text(code)
    # A menu that chooses the first line.
    menu = tmp_path / "bemenu"
    menu.write_text('#!/bin/sh\nhead -n 1 | tee -a "$HOME/shown"\n')
    menu.chmod(0o700)
    environment = {**library.environment, "PATH": f"{tmp_path}:{library.environment['PATH']}"}
    run = [sys.executable, str(script)]
    done = subprocess.run([*run, "odd"], env=environment, capture_output=True, check=False)
    assert (done.returncode, done.stderr) == (0, b"")
    assert lines_of(opened)[0].endswith("odd \udcff <b>&.png")
    environment["IMGQ_SOCKET"] = str(tmp_path / "none")
    done = subprocess.run([*run, "odd"], env=environment, capture_output=True, check=False)
    assert done.stderr == b""
    assert b"imgqctl start" in (library.base / "shown").read_bytes()
