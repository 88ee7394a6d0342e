"""A real Milvus server for tests: started, killed, brought back, on loopback alone.

It is the standalone server of the package `milvus`, run with its own data folder. All
of its ports are free ones. It is never started where another interface than loopback is up.
"""

from __future__ import annotations

import contextlib
import os
import shutil
import signal
import socket
import subprocess
import time
import urllib.error
import urllib.request
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Final, TypeVar

import psutil

from imgqd.stores.interface import StoreAway
from stores.alone import is_alone

T = TypeVar("T")

READY: Final = 240.0
"""Seconds until it answers at the latest: eight on a quiet machine, after a kill a minute."""

ROOT: Final = "root:Milvus"
"""The token that every new server with authorization takes."""

_PORTS: Final = (
    "PROXY_PORT",
    "PROXY_INTERNALPORT",
    "ROOTCOORD_PORT",
    "QUERYCOORD_PORT",
    "QUERYNODE_PORT",
    "INDEXCOORD_PORT",
    "INDEXNODE_PORT",
    "DATACOORD_PORT",
    "DATANODE_PORT",
    "METRICS_PORT",
)


@dataclass(frozen=True, slots=True)
class Papers:
    """What a server shows who asks for TLS."""

    certificate: Path
    key: Path
    authority: Path


class Server:
    """One server; its address and its data stay the same from start to start."""

    def __init__(
        self,
        binaries: Path,
        folder: Path,
        *,
        papers: Papers | None = None,
        is_guarded: bool = False,
        settings: Mapping[str, str] | None = None,
    ) -> None:
        self.folder = folder
        self._binaries = binaries
        self._running: subprocess.Popen[bytes] | None = None
        client, peer, *others = free_ports(len(_PORTS) + 2)
        ports = dict(zip(_PORTS, others, strict=True))
        self._health = f"http://127.0.0.1:{ports['METRICS_PORT']}/healthz"
        self.uri = f"{'http' if papers is None else 'https'}://127.0.0.1:{ports['PROXY_PORT']}"
        # By these names every setting of milvus.yaml can be given.
        given = {name: str(port) for name, port in ports.items()}
        given |= {
            "DEPLOY_MODE": "STANDALONE",
            "ETCD_USE_EMBED": "true",
            "ETCD_DATA_DIR": str(folder / "etcd"),
            "ETCD_CONFIG_PATH": str(folder / "configs" / "etcd.yaml"),
            "ETCD_ENDPOINTS": f"127.0.0.1:{client}",
            "LOCALSTORAGE_PATH": str(folder / "data"),
            "ROCKSMQ_PATH": str(folder / "rocksmq"),
            "LOG_FILE_ROOTPATH": "",
            "LOG_LEVEL": "warn",
            "COMMON_SECURITY_AUTHORIZATIONENABLED": str(is_guarded).lower(),
            "LD_LIBRARY_PATH": str(binaries),
            "MILVUS_RUN_DIR": str(folder / "run"),
        }
        if papers is not None:
            given |= {
                "COMMON_SECURITY_TLSMODE": "1",
                "TLS_SERVERPEMPATH": str(papers.certificate),
                "TLS_SERVERKEYPATH": str(papers.key),
                "TLS_CAPEMPATH": str(papers.authority),
            }
        self._given = given | dict(settings or {})
        _write_settings(folder, client, peer)

    @property
    def pid(self) -> int:
        """Its process, of which there must be one."""
        assert self._running is not None
        return self._running.pid

    @property
    def is_running(self) -> bool:
        """Whether it was started, and has not ended by itself."""
        return self._running is not None and self._running.poll() is None

    @property
    def memory(self) -> int:
        """The bytes that it holds in memory."""
        return int(psutil.Process(self.pid).memory_info().rss)

    @property
    def most_memory(self) -> int:
        """The most bytes that it held in memory since it was started."""
        status = Path(f"/proc/{self.pid}/status").read_text()
        return int(status.partition("VmHWM:")[2].split()[0]) * 1024

    @property
    def disk(self) -> int:
        """The bytes of its files."""
        return sum(path.lstat().st_blocks * 512 for path in self.folder.rglob("*"))

    def start(self, seconds: float = READY) -> float:
        """Start it, and wait until it answers; return the seconds that took."""
        if not is_alone():
            raise RuntimeError("it would listen on all interfaces: run `make stores`")
        began = time.monotonic()
        with (self.folder / "log.txt").open("ab") as log:
            self._running = subprocess.Popen(
                [self._binaries / "milvus", "run", "standalone"],
                cwd=self.folder,
                env={"PATH": os.environ["PATH"], "HOME": str(self.folder), **self._given},
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=log,
                start_new_session=True,
            )
        while not self._is_ready():
            if self._running.poll() is not None or time.monotonic() > began + seconds:
                self.kill()
                raise RuntimeError(f"it does not start: {self.said()}")
            time.sleep(0.2)
        return time.monotonic() - began

    def kill(self) -> None:
        """End it as a power cut would."""
        self._end(signal.SIGKILL)

    def freeze(self) -> None:
        """Let it neither answer nor refuse, as a machine does whose cable is pulled."""
        os.kill(self.pid, signal.SIGSTOP)

    def thaw(self) -> None:
        """Let it go on."""
        os.kill(self.pid, signal.SIGCONT)

    def stop(self) -> None:
        """End it, and delete what it has."""
        self._end(signal.SIGKILL)
        for path in self.folder.iterdir():
            shutil.rmtree(path) if path.is_dir() else path.unlink()

    def said(self, length: int = 2000) -> str:
        """Return the end of what it wrote to its log."""
        text = (self.folder / "log.txt").read_text(errors="replace")
        return text[-length:]

    def _end(self, how: signal.Signals) -> None:
        if self._running is not None:
            with contextlib.suppress(ProcessLookupError):
                os.killpg(self._running.pid, how)
            self._running.wait()
            self._running = None

    def _is_ready(self) -> bool:
        try:
            with urllib.request.urlopen(self._health, timeout=5) as answer:
                return bool(answer.read().strip() == b"OK")
        except (urllib.error.URLError, OSError):
            return False


def patiently(ask: Callable[[], T], seconds: float = READY) -> T:
    """Ask until the store is back, as the daemon does."""
    until = time.monotonic() + seconds
    while True:
        try:
            return ask()
        except StoreAway:
            if time.monotonic() > until:
                raise
            time.sleep(0.5)


Start = Callable[..., Server]
"""Starts a server that a test has for itself; takes what `Server` does."""


def unpacked(into: Path) -> Path:
    """Return the folder of the server's programs, unpacked there if they are not yet.

    Raises ModuleNotFoundError where the package is not installed.
    """
    import milvus

    # A private function; the version of the package is pinned.
    milvus._initialize_data_files(str(into))
    return into / "bin"


def free_ports(count: int) -> list[int]:
    """Return ports that nobody listened on a moment ago."""
    with contextlib.ExitStack() as held:
        sockets = [held.enter_context(socket.socket()) for _ in range(count)]
        for one in sockets:
            one.bind(("127.0.0.1", 0))
        return [int(one.getsockname()[1]) for one in sockets]


def _write_settings(folder: Path, client: int, peer: int) -> None:
    import milvus

    configs = folder / "configs"
    configs.mkdir(parents=True)
    settings = milvus.MilvusServerConfig(data_dir=str(folder))
    settings.resolve_storage()
    settings.write_config()
    # Otherwise its etcd takes the two ports that every etcd takes.
    configs.joinpath("etcd.yaml").write_text(
        f"data-dir: {folder / 'etcd'}\n"
        f"listen-client-urls: http://127.0.0.1:{client}\n"
        f"advertise-client-urls: http://127.0.0.1:{client}\n"
        f"listen-peer-urls: http://127.0.0.1:{peer}\n"
        f"initial-advertise-peer-urls: http://127.0.0.1:{peer}\n"
        f"initial-cluster: default=http://127.0.0.1:{peer}\n"
    )
