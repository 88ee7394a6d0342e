"""A cluster of this machine's own: a real scheduler and real workers over TLS, one by one.

Certificates are made by the commands of docs/cluster.md.
"""

from __future__ import annotations

import contextlib
import os
import re
import signal
import subprocess
import sys
import threading
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path

from house import BIN, PATIENCE

DOCUMENT = Path(__file__).parents[1] / "docs" / "cluster.md"


STRANGER = """
import asyncio, sys
from imgqd import chore, dasklink
from imgqd.credentials import Credentials

async def work(address, *files):
    tag = chore.tag("sha256:other")
    made = await dasklink.worker(address, Credentials(*files), "stranger", tag, 30, {})
    print("at work", flush=True)
    await made.finished()

asyncio.run(work(*sys.argv[1:]))
"""


class Program:
    """A process whose words are kept and waited for."""

    def __init__(self, command: Sequence[str | Path], environment: Mapping[str, str]) -> None:
        self.process = subprocess.Popen(
            command, env=environment, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True
        )
        self.said: list[str] = []
        """The lines that it has written."""
        self._has_ended = False
        self._more = threading.Condition()
        self._listener = threading.Thread(target=self._listen)
        self._listener.start()

    def until_said(self, words: str) -> str:
        """Return the line with some words once it has written that."""
        with self._more:
            assert self._more.wait_for(lambda: self._has_ended or self._line(words), PATIENCE)
            line = self._line(words)
            assert line is not None, f"it never said {words!r} but: {''.join(self.said)}"
            return line.rstrip()

    def kill(self) -> None:
        """End it as a power cut would."""
        if self.process.poll() is None:
            self.process.send_signal(signal.SIGKILL)
        self.process.wait(PATIENCE)
        self._listener.join(PATIENCE)

    def _line(self, words: str) -> str | None:
        return next((line for line in self.said if words in line), None)

    def _listen(self) -> None:
        assert self.process.stdout is not None
        with self.process.stdout as lines:
            for line in lines:
                with self._more:
                    self.said.append(line)
                    self._more.notify_all()
        with self._more:
            self._has_ended = True
            self._more.notify_all()


class Machines:
    """A folder with certificates, and what was started with them."""

    def __init__(self, base: Path) -> None:
        self.base = base
        self._programs: list[Program] = []
        self._environment = {
            **os.environ,
            "XDG_CACHE_HOME": str(base / "cache"),
            # Threads of four processes on two cores wait for each other, spinning.
            "OMP_NUM_THREADS": "1",
        }
        self.address = ""
        self.certify("scheduler", "localhost")
        self.certify("worker", "localhost")
        self.certify("laptop", "laptop")

    def certify(self, name: str, host: str) -> None:
        """Make a certificate, and an authority before the first, as the documentation says."""
        given = {"NAME": name, "HOST": host}
        done = [f"{name}.pem"] if (self.base / "ca.pem").exists() else ["ca.pem", f"{name}.pem"]
        commands = re.findall(r"```sh certificates\n(.*?)```", DOCUMENT.read_text(), re.DOTALL)
        assert len(commands) == 2
        for script in commands[-len(done) :]:
            subprocess.run(
                ["sh", "-ec", script],
                cwd=self.base,
                env={**os.environ, **given},
                check=True,
                capture_output=True,
            )

    @property
    def settings(self) -> str:
        """The daemon's part of it."""
        return (
            f'[cluster]\nscheduler = "{self.address}"\nca_file = "{self.base}/ca.pem"\n'
            f'cert_file = "{self.base}/laptop.pem"\nkey_file = "{self.base}/laptop.key"\n'
        )

    def scheduler(self) -> Program:
        """Start a scheduler at a free port."""
        command: list[str | Path] = [
            BIN / "dask",
            "scheduler",
            "--protocol",
            "tls",
            "--host",
            "localhost",
        ]
        command += ["--port", "0", "--no-dashboard", "--dashboard-address", "127.0.0.1:0"]
        command += [f"--tls-ca-file={self.base}/ca.pem", f"--tls-cert={self.base}/scheduler.pem"]
        started = self._start([*command, f"--tls-key={self.base}/scheduler.key"])
        port = started.until_said("Scheduler at:").rpartition(":")[2]
        self.address = f"tls://localhost:{port}"
        return started

    def stranger(self) -> Program:
        """Start a worker that holds another model, at least by what it says."""
        started = self.script(STRANGER, "worker")
        started.until_said("at work")
        return started

    def script(self, source: str, name: str) -> Program:
        """Start a script with the scheduler's address and the files of a certificate."""
        files = (self.base / one for one in ("ca.pem", f"{name}.pem", f"{name}.key"))
        return self._start([sys.executable, "-c", source, self.address, *files])

    def worker(self) -> Program:
        """Start a worker with the demo model, without waiting for it."""
        return self._start(
            [
                *(BIN / "imgqd-worker", self.address, "--model", "demo"),
                *("--ca", self.base / "ca.pem", "--cert", self.base / "worker.pem"),
                *("--key", self.base / "worker.key"),
            ]
        )

    def _start(self, command: Sequence[str | Path]) -> Program:
        started = Program(command, self._environment)
        self._programs.append(started)
        return started

    def close(self) -> None:
        """End all of them."""
        for program in self._programs:
            program.kill()


@contextlib.contextmanager
def machines(base: Path) -> Iterator[Machines]:
    """Give certificates, and an end to whatever was started with them."""
    base.mkdir()
    made = Machines(base)
    try:
        yield made
    finally:
        made.close()
