"""A desktop without a screen: Xvfb, a window manager, a session bus, each a process of its own.

What is not installed skips the test, with its name. Nothing outlives the block.
"""

from __future__ import annotations

import contextlib
import io
import os
import shutil
import subprocess
import sys
from collections.abc import Iterator, Mapping
from pathlib import Path

import pytest
from PIL import Image

from house import PATIENCE

_BUS = Path(__file__).with_name("bus.conf")
"""A session bus that starts nothing: which services this machine has is no matter of a test's."""


class Desktop:
    """A display and a session bus, and hands for keyboard and mouse."""

    def __init__(self, environment: Mapping[str, str]) -> None:
        self.environment = dict(environment)
        self.environment.pop("WAYLAND_DISPLAY", None)
        self._started: list[subprocess.Popen[bytes]] = []

    def start(self, *command: str | Path, **extra: str) -> subprocess.Popen[bytes]:
        """Start a program on this desktop; it is ended with it."""
        process = subprocess.Popen(
            command,
            env={**self.environment, **extra},
            stdin=subprocess.DEVNULL,
            stdout=subprocess.DEVNULL,
        )
        self._started.append(process)
        return process

    def tell(self, *command: str | Path) -> str:
        """Run a program to its end and return what it printed."""
        return subprocess.run(
            command, env=self.environment, capture_output=True, timeout=PATIENCE, check=True
        ).stdout.decode()

    def window(self, title: str) -> str:
        """Wait until a window with such a title (a pattern) is seen; return its number."""
        return self.tell("xdotool", "search", "--sync", "--onlyvisible", "--name", title).split()[0]

    def windows(self, title: str) -> list[str]:
        """Return the windows with such a title that are seen now."""
        done = subprocess.run(
            ["xdotool", "search", "--onlyvisible", "--name", title],
            env=self.environment, capture_output=True, text=True, check=False,
        )  # fmt: skip
        return done.stdout.split()

    def press(self, *keys: str) -> None:
        """Press keys, as `ctrl+c`, in whatever window has the keyboard."""
        self.tell("xdotool", "key", "--clearmodifiers", *keys)

    def write(self, text: str) -> None:
        """Type a text."""
        self.tell("xdotool", "type", "--delay", "1", text)

    def shot(self) -> Image.Image:
        """Return what is on the screen."""
        run = ["import", "-window", "root", "png:-"]
        done = subprocess.run(
            run, env=self.environment, capture_output=True, timeout=PATIENCE, check=True
        )
        return Image.open(io.BytesIO(done.stdout)).convert("RGB")

    def end(self) -> None:
        """End all that was started, the last first."""
        for process in reversed(self._started):
            process.terminate()
            try:
                process.wait(PATIENCE)
            except subprocess.TimeoutExpired:
                process.kill()
                process.wait()


def need(*programs: str) -> None:
    """Skip the test where one of some programs is not installed."""
    missing = [program for program in programs if shutil.which(program) is None]
    if missing:
        pytest.skip(f"not installed here: {', '.join(missing)}")


def need_qt() -> None:
    """Skip the test where Qt cannot be loaded: its packages count on libraries of the system."""
    probe = [sys.executable, "-c", "import PySide6.QtWidgets"]
    done = subprocess.run(probe, capture_output=True, text=True, check=False)
    if done.returncode != 0:
        pytest.skip(f"Qt cannot be loaded here: {done.stderr.strip().splitlines()[-1]}")


@contextlib.contextmanager
def session_bus() -> Iterator[str]:
    """Give the address of a session bus without a desktop."""
    need("dbus-daemon")
    bus, address = _bus()
    try:
        yield address
    finally:
        bus.terminate()
        bus.wait(PATIENCE)


def _bus() -> tuple[subprocess.Popen[bytes], str]:
    bus = subprocess.Popen(
        ["dbus-daemon", f"--config-file={_BUS}", "--nofork", "--print-address=1"],
        stdout=subprocess.PIPE,
        stderr=subprocess.DEVNULL,
    )
    assert bus.stdout is not None
    address = bus.stdout.readline().decode().strip()
    bus.stdout.close()
    return bus, address


@contextlib.contextmanager
def desktop(environment: Mapping[str, str]) -> Iterator[Desktop]:
    """Give a desktop with a window manager that gives each new window the keyboard."""
    need("Xvfb", "openbox", "xdotool", "import", "dbus-daemon")
    need_qt()
    one = Desktop(environment)
    try:
        reading, writing = os.pipe()
        server = ["Xvfb", "-displayfd", str(writing), "-screen", "0", "1024x768x24", "-nolisten",
                  "tcp"]  # fmt: skip
        display = subprocess.Popen(server, pass_fds=[writing], stderr=subprocess.DEVNULL)
        one._started.append(display)
        os.close(writing)
        with open(reading, "rb") as said:
            one.environment["DISPLAY"] = f":{said.readline().decode().strip()}"
        bus, address = _bus()
        one._started.append(bus)
        one.environment["DBUS_SESSION_BUS_ADDRESS"] = address
        one.start("openbox", "--sm-disable")
        yield one
    finally:
        one.end()
