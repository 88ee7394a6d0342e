"""What the decoder's sandbox stops: each of its layers, tried from inside a bare process."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from daemon.cell import SCRIPT, UNSURE, World, abi, run, tried, world_in
from imgqd.decoder import sandbox

pytestmark = [
    pytest.mark.system,
    pytest.mark.skipif(sys.platform != "linux", reason="elsewhere there are only limits"),
]


@pytest.fixture
def world(tmp_path: Path) -> Iterator[World]:
    with world_in(tmp_path) as world:
        yield world


def test_without_a_sandbox_the_attempts_succeed(world: World) -> None:
    lines = [line for line in world.attempts(0) if line.split()[0] not in UNSURE]
    _, answers = tried("", lines, world)
    assert {line for line, answer in answers.items() if answer != "done"} == {"fork-bomb"}
    assert answers["fork-bomb"] == "30 children"


@pytest.mark.parametrize("prefix", ["", "thread "])
@pytest.mark.parametrize("layers", ["landlock seccomp", "seccomp", "landlock"])
def test_each_layer_alone_and_both_stop_what_is_theirs(
    layers: str, prefix: str, world: World
) -> None:
    expected = world.attempts(layers == "landlock", prefix)
    if layers == "landlock" and 1 <= abi() < 6:
        pytest.skip("this kernel's Landlock knows neither signals nor abstract sockets")
    _, answers = tried(layers, list(expected), world)
    assert answers == expected


def test_what_landlock_stops_it_stops_for_a_child_too(world: World) -> None:
    _, answers = tried("landlock", ["fork read /etc/passwd"], world)
    assert answers == {"fork read /etc/passwd": "EACCES"}


def test_all_layers_are_told(world: World) -> None:
    held, _ = tried("landlock seccomp", [], world)
    landlock = held.pop("landlock")
    assert landlock >= 1
    assert held == {"seccomp": True, "no_new_privs": True, "limits": True, "missing": []}


OLD_THREAD = """
import queue, threading
asked, told = queue.Queue(), queue.Queue()
threading.Thread(target=lambda: told.put(evil.attempt(asked.get())), daemon=True).start()
evil.ATTEMPTS["read"] = lambda path: (asked.put(f"list {path}"), told.get())[1]
"""

WITHOUT = {
    "package": ("sys.modules['pyseccomp'] = None", "seccomp: import of pyseccomp halted"),
    "library": (
        "import ctypes.util; ctypes.util.find_library = {'c': 'libc.so.6'}.get",
        "seccomp: Unable to find libseccomp",
    ),
    "landlock": (
        "from imgqd.decoder import sandbox as s; s._LANDLOCK_CREATE_RULESET = 1023",
        "Landlock: Function not implemented",
    ),
    "linux": ("sys.platform = 'darwin'", "this system has neither Landlock nor seccomp"),
    "threads": (OLD_THREAD, "Landlock: threads that were there before it (1) are not confined"),
}
"""What is taken away, and what is said of it; with `threads` one from before makes the attempt."""


@pytest.mark.parametrize("lacking", WITHOUT)
def test_a_machine_that_lacks_a_layer_has_the_others_and_says_so(
    lacking: str, world: World
) -> None:
    before, words = WITHOUT[lacking]
    held, answers = tried("landlock seccomp", ["read /"], world, before)
    if lacking != "threads" or held["landlock"] < 8:
        assert [line.startswith(words) for line in held["missing"]] == [True], held
    assert answers["read /"] == ("EISDIR" if lacking == "linux" else "EACCES")
    assert held["limits"] is True
    assert held["no_new_privs"] is (lacking != "linux")


@pytest.mark.skipif(
    tuple(map(int, os.uname().release.split(".")[:2])) < (6, 3), reason="Linux 6.3 brought it"
)
def test_memory_that_was_written_never_runs(world: World) -> None:
    assert tried("", ["writable-code"], world)[1] == {"writable-code": "done"}
    assert tried("landlock", ["writable-code"], world)[1] == {"writable-code": "EACCES"}


def test_each_abi_of_landlock_handles_the_rights_that_it_brought() -> None:
    # include/uapi/linux/landlock.h: rights on files, on ports, scopes.
    assert {abi: sandbox._handled(abi) for abi in (1, 2, 3, 4, 5, 6, 8, 9, 10, 99)} == {
        1: (0x1FFF, 0, 0),
        2: (0x3FFF, 0, 0),
        3: (0x7FFF, 0, 0),
        4: (0x7FFF, 3, 0),
        5: (0xFFFF, 3, 0),
        6: (0xFFFF, 3, 3),
        8: (0xFFFF, 3, 3),
        9: (0x1FFFF, 3, 3),
        10: (0x1FFFF, 0xF, 3),
        99: (0x1FFFF, 0xF, 3),
    }


def test_threads_can_end_and_the_process_can_abort(world: World) -> None:
    _, answers = tried("landlock seccomp", ["end-thread", "thread end-thread"], world)
    assert answers == {"end-thread": "done", "thread end-thread": "done"}
    done = run(SCRIPT, [["landlock", "seccomp"], "", ["abort"]])
    assert done.returncode == -signal.SIGABRT


WORK = """
import time
from imgqd.decoder import sandbox
def work(seconds):
    end = time.process_time() + seconds
    while time.process_time() < end:
        pass
sandbox.enter(2 << 30)
for _ in range(4):  # together they use more than the first may
    sandbox.allow_cpu(1.0)
    work(0.6)
print("four pictures", flush=True)
work(60)
"""


def test_each_picture_has_a_cpu_budget_of_its_own_and_the_process_ends_with_it() -> None:
    done = run(WORK)
    assert done.stdout == "four pictures\n"
    assert done.returncode == -signal.SIGXCPU


ORPHAN = """
import subprocess, sys, time
if sys.argv[1:]:
    from imgqd.decoder import sandbox
    sandbox.enter(2 << 30)
    print("ready", flush=True)
    time.sleep(20)
    print("outlived", flush=True)
else:
    subprocess.run([sys.executable, "-c", sys.orig_argv[2], "child"])
"""


def test_a_sleeping_process_ends_with_the_core_that_started_it() -> None:
    with subprocess.Popen([sys.executable, "-c", ORPHAN], stdout=subprocess.PIPE) as core:
        assert core.stdout is not None
        assert core.stdout.readline() == b"ready\n"
        core.kill()
        # The child holds the other end, too: it reads to the end when both are gone.
        assert core.stdout.read() == b""


MACHINE_CODE = """
import ctypes, mmap, threading
from imgqd.decoder import sandbox
memory = mmap.mmap(-1, 4096, prot=mmap.PROT_READ | mmap.PROT_WRITE | mmap.PROT_EXEC)
memory.write(bytes.fromhex("b814000000cd80c3"))  # mov eax, 20; int 0x80; ret
getpid = ctypes.CFUNCTYPE(ctypes.c_int)(ctypes.addressof(ctypes.c_char.from_buffer(memory)))
print(getpid(), flush=True)
sandbox.enter(2 << 30)
threading.Thread(target=getpid).start()
"""


@pytest.mark.skipif(os.uname().machine != "x86_64", reason="the code is for x86_64")
def test_system_calls_by_their_numbers_for_32_bits_end_the_process() -> None:
    done = run(MACHINE_CODE)
    if not done.stdout:
        pytest.skip("this kernel does not know them")
    assert done.returncode == -signal.SIGSYS
