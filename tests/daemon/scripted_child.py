"""A real child process whose every answer is a test's: run by `child.start`."""

from __future__ import annotations

import os
import signal
import sys
import threading
import time
from typing import Any

from imgqd import serving
from imgqd.serving import Fault

LINE = serving.Line(int(sys.argv[1]))


def echo(params: dict[str, Any]) -> Any:
    return params


def refuse(params: dict[str, Any]) -> Any:
    raise Fault(params["code"], params["text"])


def die(params: dict[str, Any]) -> Any:
    if "signal" in params:
        os.kill(os.getpid(), params["signal"])
    os._exit(params["status"])


def stop(_: dict[str, Any]) -> None:
    os.kill(os.getpid(), signal.SIGSTOP)


def tell(params: dict[str, Any]) -> int:
    for number in range(params["times"]):
        LINE.notify("progress", {"number": number})
    return int(params["times"])


def read(params: dict[str, Any]) -> bytes:
    with os.fdopen(params["fds"][0], "rb") as file:
        return file.read()


def about(_: dict[str, Any]) -> dict[str, Any]:
    return {
        "arguments": sys.argv[2:],
        "folder": os.getcwd(),
        "group": os.getpgid(0) == os.getpid(),
        "input": os.readlink("/proc/self/fd/0") if os.path.exists("/proc/self/fd/0") else "",
        "variable": os.environ.get("IMGQ_TEST"),
    }


def stubborn(_: dict[str, Any]) -> dict[str, Any]:
    """Go on living once the core has hung up."""
    global linger  # noqa: PLW0603 - a script of one process
    linger = True
    return {}


def prepared(params: dict[str, Any]) -> Any:
    """Wait until the core has said that the next one has come in; return what was prepared."""
    if "until" in params:
        while not os.path.exists(params["until"]):
            time.sleep(0.001)
    return params["prepared"]


def prepare(params: dict[str, Any]) -> None:
    """Take note of a request while another is worked on."""
    params["prepared"] = f"{params['name']} while {threading.current_thread().name}"
    if "says" in params:
        with open(params["says"], "w"):
            pass


def wait(params: dict[str, Any]) -> Any:
    """Answer once a file is there."""
    while not os.path.exists(params["until"]):
        time.sleep(0.001)
    return threading.current_thread().name


def slip(_: dict[str, Any]) -> Any:
    """Be a mistake of ours."""
    raise ZeroDivisionError


linger = False

if __name__ == "__main__":
    handlers = {one.__name__: one for one in (echo, refuse, die, stop, tell, read, about, stubborn)}
    if "ahead" in sys.argv:
        LINE.serve_ahead({**handlers, "prepared": prepared}, {"prepared": prepare})
    elif "lanes" in sys.argv:
        LINE.serve_lanes({**handlers, "wait": wait, "slip": slip}, {"wait": "slow"})
    else:
        LINE.serve(handlers)
    while linger:
        signal.pause()
