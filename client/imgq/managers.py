"""The service manager that runs the daemon, where one does: systemd's for a person, or launchd.

Rules of this file: the daemon is never asked, since to connect to a manager's socket starts it.
"""

from __future__ import annotations

import os
import re
import shutil
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path
from typing import ClassVar, Protocol, Self

from imgq.errors import ImgqError

SERVICE = "imgqd.service"
SOCKET = "imgqd.socket"
LABEL = "org.imgq.imgqd"

_ALIVE = {"active", "activating", "reloading", "deactivating"}
_ENDS = {
    "core-dump": "a crash",
    "exit-code": "an error",
    "oom-kill": "too little memory",
    "service-start-limit-hit": "an error, again and again",
    "signal": "a crash",
    "start-limit-hit": "an error, again and again",
    "timeout": "a start or an end that took too long",
    "watchdog": "no sign of life",
}
"""systemd's words for how a unit ended, in words for a person."""

_FIELDS = "Id,LoadState,ActiveState,UnitFileState,MainPID,StatusText,Result"


@dataclass(frozen=True, slots=True)
class State:
    """What a manager knows of the daemon.

    `listens`: it holds the socket, and whoever connects starts the daemon. `words` are the
    daemon's own, `trouble` is what it last ended with, if that was bad.
    """

    is_installed: bool = False
    is_enabled: bool = False
    runs: bool = False
    listens: bool = False
    pid: int = 0
    words: str = ""
    trouble: str = ""


class Manager(Protocol):
    """What both can do; each raises ImgqError where the manager refuses."""

    name: ClassVar[str]
    log: ClassVar[str]
    """Where the daemon's last words are, as the end of a sentence."""

    def state(self) -> State:
        """Return what the manager knows."""
        ...

    def start(self) -> None:
        """Let it listen and run."""
        ...

    def stop(self) -> None:
        """End the daemon, and close the socket, so that no question starts it again."""
        ...

    def restart(self) -> None:
        """Exchange the process; where there is a socket, it stays open."""
        ...


@dataclass(frozen=True, slots=True)
class Systemd:
    """A person's own systemd, by its systemctl at the path `program`."""

    name: ClassVar[str] = "systemd"
    log: ClassVar[str] = f"`journalctl --user -u {SERVICE}`"
    program: str

    @classmethod
    def reach(cls) -> Self | None:
        """Return it, or None: no systemd, a container, a login without a session."""
        program = shutil.which("systemctl")
        if program is None:
            return None
        manager = cls(program)
        return manager if manager.ask("show", "--property=Version") is not None else None

    def state(self) -> State:
        """Return what the manager knows."""
        shown = self.ask("show", f"--property={_FIELDS}", SERVICE, SOCKET) or ""
        units = [_fields(block) for block in shown.split("\n\n")]
        of = {unit.get("Id"): unit for unit in units}
        service, socket = of.get(SERVICE, {}), of.get(SOCKET, {})
        failed = service.get("ActiveState") == "failed" or socket.get("ActiveState") == "failed"
        results = (unit.get("Result", "") for unit in (socket, service))
        ended = next((one for one in results if one and one != "success"), "failed")
        return State(
            is_installed=service.get("LoadState") == "loaded",
            is_enabled=service.get("UnitFileState") == "enabled",
            runs=service.get("ActiveState") in _ALIVE,
            listens=socket.get("ActiveState") in _ALIVE,
            pid=int(service.get("MainPID") or 0),
            words=service.get("StatusText", ""),
            trouble=_ENDS.get(ended, ended) if failed else "",
        )

    def start(self) -> None:
        """Let it listen and run."""
        # Whoever says start means it, however often it failed before.
        self.ask("reset-failed", SERVICE, SOCKET)
        # What is started brings its socket along.
        self._or_log("start")

    def stop(self) -> None:
        """End the daemon, and close the socket, so that no question starts it again."""
        self.do("stop", *self._units())

    def restart(self) -> None:
        """Exchange the process; its socket stays open."""
        self.ask("reset-failed", SERVICE, SOCKET)
        self._or_log("restart")

    def ask(self, *words: str) -> str | None:
        """Return what systemctl prints, or None where its exit status says no."""
        done = self._run(*words)
        return done.stdout.strip() if done.returncode == 0 else None

    def do(self, *words: str) -> None:
        """Make systemctl do something; raises ImgqError with its last word."""
        done = self._run(*words)
        if done.returncode != 0:
            lines = done.stderr.strip().splitlines() or [f"exit status {done.returncode}"]
            raise ImgqError(f"`systemctl --user {' '.join(words)}` failed: {lines[-1]}")

    def _or_log(self, word: str) -> None:
        if self.ask(word, SERVICE) is None:
            raise ImgqError(f"{SERVICE} did not start: {self.log} says why")

    def _units(self) -> tuple[str, ...]:
        # A unit that somebody wrote by hand may have no socket.
        known = self.ask("show", "--property=LoadState", "--value", SOCKET)
        return (SOCKET, SERVICE) if known == "loaded" else (SERVICE,)

    def _run(self, *words: str) -> subprocess.CompletedProcess[str]:
        return _done(self.program, "--user", *words)


@dataclass(frozen=True, slots=True)
class Launchd:
    """macOS's launchd, by its launchctl at the path `program`."""

    name: ClassVar[str] = "launchd"
    log: ClassVar[str] = "imgqd.log in imgq's folder of ~/Library/Application Support"
    program: str

    @classmethod
    def reach(cls) -> Self | None:
        """Return it, or None where there is no launchctl."""
        program = shutil.which("launchctl")
        return None if program is None else cls(program)

    def state(self) -> State:
        """Return what the manager knows."""
        done = _done(self.program, "print", self._job())
        shown = done.stdout if done.returncode == 0 else ""
        pid = re.search(r"^\s*pid = (\d+)$", shown, re.MULTILINE)
        ended = re.search(r"^\s*last exit code = (.+)$", shown, re.MULTILINE)
        was_bad = pid is None and ended is not None and ended[1] not in {"0", "(never exited)"}
        disabled = _done(self.program, "print-disabled", self._domain()).stdout
        return State(
            is_installed=agent_path().is_file(),
            is_enabled=not re.search(rf'"{re.escape(LABEL)}" => (disabled|true)', disabled),
            runs=pid is not None,
            listens=bool(shown),
            pid=int(pid[1]) if pid else 0,
            trouble=f"exit code {ended[1]}" if was_bad and ended else "",
        )

    def start(self) -> None:
        """Let it listen and run."""
        if not self.state().listens:
            self.do("bootstrap", self._domain(), str(agent_path()))
        self.do("kickstart", self._job())

    def stop(self) -> None:
        """End the daemon, and close the socket, so that no question starts it again."""
        self.do("bootout", self._job())

    def restart(self) -> None:
        """Exchange the process; its socket stays open."""
        if self.state().listens:
            self.do("kickstart", "-k", self._job())
        else:
            self.start()

    def enable(self) -> None:
        """Undo a `launchctl disable`."""
        self.do("enable", self._job())

    def do(self, *words: str) -> None:
        """Make launchctl do something; raises ImgqError with its last word."""
        done = _done(self.program, *words)
        if done.returncode != 0:
            lines = done.stderr.strip().splitlines() or [f"exit status {done.returncode}"]
            raise ImgqError(f"`launchctl {' '.join(words)}` failed: {lines[-1]}")

    def _domain(self) -> str:
        return f"gui/{os.getuid()}"

    def _job(self) -> str:
        return f"{self._domain()}/{LABEL}"


def reach() -> Systemd | Launchd | None:
    """Return this system's manager, None where none answers."""
    return Launchd.reach() if sys.platform == "darwin" else Systemd.reach()


def ours() -> Manager | None:
    """Return the manager that has a service of ours, None where the daemon stands by itself."""
    # The service does not know of this shell's socket: it would be another daemon.
    if "IMGQ_SOCKET" in os.environ:
        return None
    manager = reach()
    return manager if manager is not None and manager.state().is_installed else None


def agent_path() -> Path:
    """Return where launchd finds the daemon's agent."""
    return Path("~/Library/LaunchAgents").expanduser() / f"{LABEL}.plist"


def _fields(block: str) -> dict[str, str]:
    return dict(line.split("=", 1) for line in block.splitlines() if "=" in line)


def _done(*command: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(  # noqa: S603 - fixed words, no shell
        command,
        check=False,
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
        errors="replace",
    )
