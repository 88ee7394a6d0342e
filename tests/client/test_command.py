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
import signal, sys
signal.signal(signal.SIGINT, signal.default_int_handler)
from imgq.cli import main
sys.exit(main())
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


def test_what_the_body_returns_is_the_status() -> None:
    assert run("x", lambda: 0) == 0
    assert run("x", lambda: 1) == 1


def test_a_mistake_of_ours_is_not_hidden() -> None:
    with pytest.raises(ZeroDivisionError):
        run("x", lambda: 1 // 0)
