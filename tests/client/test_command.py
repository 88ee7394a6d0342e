"""The ends of a process that only a process can come to."""

import os
import signal
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from client.fake_daemon import FakeDaemon, found, result
from imgq.command import run

# A shell ignores SIGINT for what it runs in the background, and children inherit that.
PROGRAM = """
import signal
signal.signal(signal.SIGINT, signal.default_int_handler)
from imgq.programs import imgq
imgq()
"""
IMGQ = (sys.executable, "-c", PROGRAM, "x")


def test_a_reader_that_has_enough_is_no_error(daemon: FakeDaemon) -> None:
    daemon.answers["search"] = found(*[result(f"/{'x' * 200}/{n}") for n in range(1000)])
    process = subprocess.Popen(IMGQ, stdout=subprocess.PIPE, stderr=subprocess.PIPE)
    with process:
        assert process.stdout is not None
        assert process.stderr is not None
        assert process.stdout.read(3) == b"/xx"
        process.stdout.close()
        assert process.stderr.read() == b""
    assert process.returncode == 0


def test_ctrl_c_is_status_130_and_no_traceback(daemon: FakeDaemon) -> None:
    def interrupt(*_: Any) -> bytes:
        os.kill(process.pid, signal.SIGINT)
        return b""

    daemon.answers["search"] = interrupt
    process = subprocess.Popen(IMGQ, stdout=subprocess.PIPE, stderr=subprocess.PIPE)
    out, err = process.communicate(timeout=20)
    assert (process.returncode, out, err) == (130, b"", b"")


@pytest.mark.skipif(not Path("/dev/full").exists(), reason="only Linux has a full device")
def test_a_full_disk_is_one_line(daemon: FakeDaemon) -> None:
    daemon.answers["search"] = found(result("/a"))
    with Path("/dev/full").open("wb") as full:
        done = subprocess.run(IMGQ, stdout=full, stderr=subprocess.PIPE, check=False)
    assert done.returncode == 1
    assert done.stderr.count(b"\n") == 1
    assert b"No space left on device" in done.stderr


HALF_DONE = """
import sys
from imgq import programs
from imgq.command import run
from imgq.errors import Refused

def body():
    sys.stdout.write("half")
    raise Refused("busy", "no more")

programs._run(lambda: run("imgqctl", body))
"""


def half_done(out: int) -> subprocess.CompletedProcess[bytes]:
    command = [sys.executable, "-c", HALF_DONE]
    # As for a person: what is printed waits in the process.
    environment = {**os.environ, "PYTHONUNBUFFERED": ""}
    return subprocess.run(command, env=environment, stdout=out, stderr=subprocess.PIPE, check=False)


def test_what_was_printed_before_an_error_is_not_lost() -> None:
    done = half_done(subprocess.PIPE)
    assert (done.returncode, done.stdout, done.stderr) == (4, b"half", b"imgqctl: no more\n")


def test_an_error_is_said_to_whoever_has_stopped_reading() -> None:
    reading, writing = os.pipe()
    os.close(reading)
    done = half_done(writing)
    os.close(writing)
    assert (done.returncode, done.stderr) == (4, b"imgqctl: no more\n")


def test_what_the_body_returns_is_the_status() -> None:
    assert run("x", lambda: 0) == 0
    assert run("x", lambda: 1) == 1


def test_a_mistake_of_ours_is_not_hidden() -> None:
    with pytest.raises(ZeroDivisionError):
        run("x", lambda: 1 // 0)
