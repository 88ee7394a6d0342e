"""The place where a real server runs: nobody reaches it, and nothing outlives it."""

from __future__ import annotations

import os
import signal
import socket
import subprocess
import sys
import time
from pathlib import Path

import psutil
import pytest

from stores.alone import apart

ALONE = Path(__file__).with_name("alone.py")
# A shell's job in the background ignores SIGINT, and what it starts, too.
INSIDE = """
import signal, socket, subprocess, sys, time
signal.signal(signal.SIGINT, signal.default_int_handler)
sys.path.insert(0, {tests!r})
from stores.alone import is_alone
subprocess.Popen(["sleep", {marked!r}], start_new_session=True)
server = socket.create_server(("0.0.0.0", {port}))
print(is_alone(), flush=True)
time.sleep({seconds})
"""

pytestmark = pytest.mark.system


@pytest.mark.parametrize("how", [None, signal.SIGINT, signal.SIGTERM, signal.SIGKILL])
def test_only_loopback_is_there_and_nothing_outlives_it(how: signal.Signals | None) -> None:
    if apart() is None:
        pytest.skip("no namespaces here")
    seconds = 0 if how is None else 60
    marked = f"{900 + (how or 0)}.{os.getpid()}"
    with socket.create_server(("127.0.0.1", 0)) as ours:
        # Taken here, and free in there.
        port = ours.getsockname()[1]
        script = INSIDE.format(
            tests=str(ALONE.parents[1]), marked=marked, port=port, seconds=seconds
        )
        with subprocess.Popen(
            [sys.executable, str(ALONE), sys.executable, "-c", script],
            stdout=subprocess.PIPE,
            stderr=subprocess.DEVNULL,
            start_new_session=True,
            text=True,
        ) as running:
            assert running.stdout is not None
            assert running.stdout.readline() == "True\n"
            if how is signal.SIGINT:
                os.killpg(running.pid, how)  # as Ctrl-C in a terminal
            elif how is not None:
                running.send_signal(how)
            running.wait(20)
    until = time.monotonic() + 10
    while any(marked in (one.info["cmdline"] or ()) for one in psutil.process_iter(["cmdline"])):
        assert time.monotonic() < until
        time.sleep(0.05)
