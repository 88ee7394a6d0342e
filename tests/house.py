"""A house for one daemon: its own places, its own folders, the real process and socket.

Nothing here sleeps: readiness comes as the daemon's own READY=1, everything
else as an answer to `sync`, `status` events or the end of a process.
"""

from __future__ import annotations

import contextlib
import hashlib
import os
import random
import signal
import socket
import sqlite3
import subprocess
import sys
import time
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import Final

import numpy as np
from PIL import Image

from imgq import Client
from imgq.reports import Status

BIN = Path(sys.executable).parent
"""Where the console scripts of the environment under test lie."""

TORCHLESS = Path(__file__).with_name("torchless")
"""A picture tower for the demo model that needs no torch, where PYTHONPATH names the folder."""

PATIENCE = 110.0
"""Seconds after which a wait is a failure: a machine at work on other things is slow."""

_PACE = 0.02
"""Seconds between two looks at what nobody tells of."""

LISTED = 900
"""Files up to which one search can list all; the most is 1,000 results."""

_ROWS = """
    SELECT folder.path, file.name, file.state, image.hash
    FROM file JOIN folder ON folder.id = file.folder JOIN root ON root.id = folder.root
    LEFT JOIN image ON image.id = file.image WHERE root.online
"""


EAGER: Final = (
    "power = {pause_on_battery = false, pause_on_power_saver = false, pause_when_hot = false, "
    "pause_when_memory_is_short = false}"
)
"""Whatever state the machine is in that runs the tests, nothing waits."""


class House:
    """One daemon's settings, state, socket and picture folders under one temporary folder."""

    launcher: Sequence[str] = ()
    """A command that becomes the daemon (by exec: the process stays the same)."""

    def __init__(
        self, base: Path, *, model: str = "demo", settings: str = "", torchless: bool = False
    ) -> None:
        """Make the places; `torchless` takes the same tower from tests/torchless, in a moment."""
        self.base = base
        self.pictures = base / "pictures"
        self.pictures.mkdir(parents=True)
        (base / "run").mkdir(mode=0o700)
        self.settings_file = base / "config" / "imgq" / "config.toml"
        self.settings_file.parent.mkdir(parents=True)
        self.settings_file.write_text(
            f'# The folders of this test.\nfolders = ["{self.pictures}"]\n{EAGER}\n'
            f'[model]\nname = "{model}"\n{settings}'
        )
        self.environment = {
            **os.environ,
            "XDG_CONFIG_HOME": str(base / "config"),
            "XDG_DATA_HOME": str(base / "data"),
            "XDG_CACHE_HOME": str(base / "cache"),
            "XDG_RUNTIME_DIR": str(base / "run"),
            "HF_HOME": str(base / "hub"),
        }
        # Whoever runs the tests is not told of them.
        for name in ("IMGQ_SOCKET", "DBUS_SESSION_BUS_ADDRESS", "OMP_WAIT_POLICY"):
            self.environment.pop(name, None)
        if torchless:
            self.put_before(TORCHLESS)
        self.socket = base / "run" / "imgq" / "imgqd.sock"
        self.catalog = base / "data" / "imgq" / "catalog.sqlite3"
        self.log = base / "imgqd.log"
        self.process: subprocess.Popen[bytes] | None = None

    def put_before(self, folder: Path) -> None:
        """Let the house's processes look for modules in a folder first."""
        beside = self.environment.get("PYTHONPATH")
        self.environment["PYTHONPATH"] = f"{folder}{f':{beside}' if beside else ''}"

    def start(self) -> None:
        """Start the daemon and wait until it listens."""
        notify = self.base / "run" / "notify"
        notify.unlink(missing_ok=True)
        with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as ready, self.log.open("ab") as log:
            ready.bind(str(notify))
            ready.settimeout(PATIENCE)
            self.process = subprocess.Popen(
                [*self.launcher, BIN / "imgqd"],
                env={**self.environment, "NOTIFY_SOCKET": str(notify)},
                stderr=log,
                stdin=subprocess.DEVNULL,
            )
            assert ready.recv(100) == b"READY=1", self.log.read_text()

    def stop(self, number: int = signal.SIGTERM) -> int:
        """Send a signal, wait for the end, and return the exit status."""
        self.signal(number)
        assert self.process is not None
        status = self.process.wait(PATIENCE)
        self.process = None
        return status

    @property
    def pid(self) -> int:
        """The daemon's process id."""
        assert self.process is not None
        return self.process.pid

    def signal(self, number: int) -> None:
        """Send the daemon a signal."""
        os.kill(self.pid, number)

    def kill(self) -> None:
        """End the daemon as a power cut would."""
        self.stop(signal.SIGKILL)

    def client(self, timeout: float = PATIENCE) -> Client:
        """Return a client of this house's daemon."""
        return Client(str(self.socket), timeout=timeout)

    def sync(self) -> None:
        """Wait until every change so far is in."""
        with self.client() as client:
            client.sync(PATIENCE)

    def status(self) -> Status:
        """Return the daemon's status."""
        with self.client() as client:
            return client.status()

    def counters(self) -> Counter[str]:
        """Return what was done so far; the difference of two is what was done between them."""
        return Counter(self.status().raw["counters"])

    def wait(self, condition: Callable[[Status], bool]) -> Status:
        """Return the first status that fulfils a condition, as the daemon tells of its changes."""
        deadline = time.monotonic() + PATIENCE
        with self.client() as client:
            for status in client.statuses():
                if condition(status):
                    return status
                assert time.monotonic() < deadline, f"not so after {PATIENCE} s: {status.raw}"
        raise AssertionError("the daemon hung up")

    def until_logged(self, words: str, times: int = 1) -> None:
        """Return once the log holds some words so many times; the test's deadline ends it."""
        reading = subprocess.Popen(
            ["tail", "-n", "+1", "-F", self.log],
            stdout=subprocess.PIPE,
            stderr=subprocess.DEVNULL,
            text=True,
        )
        assert reading.stdout is not None
        try:
            for line in reading.stdout:
                times -= words in line
                if times == 0:
                    return
        finally:
            reading.kill()
            reading.wait()
            reading.stdout.close()

    def found(self, query: str = "png") -> set[bytes]:
        """Return every path that a search with `all` gives: by content all, by name the query's."""
        with self.client() as client:
            answer = client.search(query, limit=1000, weak=True)
        return {path for match in answer.results for path in (match.path, *match.also)}

    def on_disk(self) -> set[bytes]:
        """Return every picture file under the house's folder, by its name."""
        return {
            os.path.join(folder, name)
            for folder, _, names in os.walk(os.fsencode(self.pictures))
            for name in names
            if name.lower().endswith((b".png", b".jpg"))
        }

    def rows(self) -> dict[bytes, tuple[str, bytes | None]]:
        """Return path -> (state, hash of the content) as the catalog has it, past the daemon."""
        catalog = sqlite3.connect(f"{self.catalog.as_uri()}?mode=ro", uri=True)
        with contextlib.closing(catalog):
            return {
                os.path.join(folder, name): (state, content)
                for folder, name, state, content in catalog.execute(_ROWS)
            }

    def assert_true(self, *roots: Path) -> None:
        """Check the promise: after sync, the disk, the catalog and the answers are the same.

        Of a big library one search lists a part only: then the catalog stands for the answers.
        """
        self.sync()
        on_disk = self.on_disk()
        for root in roots:
            on_disk |= {os.fsencode(path) for path in root.rglob("*.png")}
        truth = {path: ("indexed", content_hash(path)) for path in on_disk}
        status = self.status()
        rows = self.rows()
        assert status.raw["pending"] == 0
        if len(on_disk) <= LISTED:
            found = self.found()
            different = sorted(found ^ on_disk)
            assert not different, f"{len(found)} of {len(on_disk)} found: {different[:3]}"
        wrong = sorted(path for path in truth.keys() | rows if truth.get(path) != rows.get(path))
        assert not wrong, [(path, truth.get(path), rows.get(path)) for path in wrong[:5]]
        assert status.raw["files"] == len(on_disk)
        if status.raw["model"]["state"] == "ready":
            assert status.raw["model"]["vectors"] == len(set(truth.values()))

    def run(self, program: str, *arguments: str | bytes) -> subprocess.CompletedProcess[str]:
        """Run one of the console scripts in this house and return what it came to."""
        return subprocess.run(
            [BIN / program, *arguments],
            env=self.environment,
            capture_output=True,
            text=True,
            errors="surrogateescape",
            timeout=PATIENCE,
            check=False,
        )


def until(condition: Callable[[], bool], what: str) -> None:
    """Wait for something that nobody tells of: a file of another program's, the clipboard.

    Between two looks it leaves the processors to those that it waits for.
    """
    deadline = time.monotonic() + PATIENCE
    while not condition():
        assert time.monotonic() < deadline, f"not so after {PATIENCE} s: {what}"
        time.sleep(_PACE)


@contextlib.contextmanager
def running(house: House) -> Iterator[House]:
    """Start a house's daemon, and stop it whatever happens."""
    house.start()
    try:
        yield house
    finally:
        if house.process is not None and house.process.poll() is None:
            house.stop(signal.SIGKILL)


def picture(path: Path | bytes, seed: int, size: tuple[int, int] = (48, 48)) -> Path | bytes:
    """Write a small picture that no other seed gives, and return its path."""
    # The generator is Python's: numpy's would cost most of the time.
    noise = np.frombuffer(random.Random(seed).randbytes(6 * 6 * 3), np.uint8)
    image = Image.fromarray(noise.reshape(6, 6, 3), "RGB").resize(size, Image.Resampling.NEAREST)
    os.makedirs(os.path.dirname(path), exist_ok=True)
    with open(path, "wb") as file:
        name = os.fsdecode(path).lower()
        image.save(file, "JPEG" if name.endswith((".jpg", ".jpeg")) else "PNG")
    return path


def content_hash(path: Path | bytes) -> bytes:
    """Return the hash of a file's content as the catalog keeps it."""
    with open(path, "rb") as file:
        return hashlib.blake2b(file.read(), digest_size=16).digest()
