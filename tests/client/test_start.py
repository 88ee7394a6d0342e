"""A search starts a process of its own each time: what it imports is what a person waits for."""

import subprocess
import sys

PROGRAM = """
import sys
before = set(sys.modules)
import imgq.cli
imgq.cli._parse(["-n", "3", "a", "cat"])
print(*sorted(set(sys.modules) - before))
"""
OURS = {
    "imgq",
    "imgq.answers",
    "imgq.asking",
    "imgq.cli",
    "imgq.command",
    "imgq.connection",
    "imgq.durations",
    "imgq.errors",
    "imgq.lacking",
    "imgq.paths",
    "imgq.protocol",
    "imgq.screen",
    "imgq.searching",
    "imgq.terminal",
    "imgq.text",
}
# What costs milliseconds and is easily drawn in.
DEAR = {
    "asyncio",
    "bz2",
    "dataclasses",
    "importlib.metadata",
    "inspect",
    "json",
    "logging",
    "numpy",
    "pathlib",
    "shutil",
    "subprocess",
    "tempfile",
    "unicodedata",
    "urllib",
    "zlib",
}
# msgpack's own compiled half brings the other along.
THIRD_PARTY = {"msgpack", "cython_runtime"}


def test_a_search_imports_only_what_it_needs() -> None:
    # -S: whatever else is installed here may import things at every start.
    command = [sys.executable, "-S", "-c", f"import sys; sys.path[:] = {sys.path!r}\n{PROGRAM}"]
    done = subprocess.run(command, capture_output=True, text=True, check=True)
    imported = set(done.stdout.split())
    tops = {name.partition(".")[0] for name in imported}
    assert {name for name in imported if name.partition(".")[0] == "imgq"} == OURS
    assert imported & DEAR == set()
    foreign = {top for top in tops - sys.stdlib_module_names if not top.startswith("_")}
    assert foreign - {"imgq"} <= THIRD_PARTY
