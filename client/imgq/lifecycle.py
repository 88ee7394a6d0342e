"""Starts the daemon and waits until it answers; stops it and waits until it is gone."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
import time
from pathlib import Path

from imgq import paths
from imgq.client import Client
from imgq.errors import ImgqError, NotRunning
from imgq.text import readable

UNIT = "imgqd.service"
_START_TIMEOUT_S = 60.0
_STOP_TIMEOUT_S = 60.0
# Between two looks at a socket that is not there yet; nobody can wait for it to listen.
_PAUSE_S = 0.05


def running() -> bool:
    """Tell whether a daemon answers."""
    try:
        with Client() as client:
            client.hello()
    except NotRunning:
        return False
    return True


def start(timeout_s: float = _START_TIMEOUT_S) -> None:
    """Start the daemon, by its service where there is one; raises ImgqError if it does not come."""
    if not _start_service():
        log = paths.state_folder() / "imgqd.log"
        process = _spawn(_program(), log)
        _wait_until_it_answers(timeout_s, process, log)
    else:
        _wait_until_it_answers(timeout_s, None, None)


def stop(timeout_s: float = _STOP_TIMEOUT_S) -> None:
    """Stop the daemon and wait until nobody listens any more; raises NotRunning if nobody did."""
    deadline = time.monotonic() + timeout_s
    with Client() as client:
        client.shutdown(timeout_s)
    while _listening():
        if time.monotonic() > deadline:
            raise ImgqError("the daemon has not stopped yet: see `imgqctl status` and its log")
        time.sleep(_PAUSE_S)


def _listening() -> bool:
    try:
        Client().close()
    except NotRunning:
        return False
    return True


def _start_service() -> bool:
    # The service does not know of this shell's socket: it would start another daemon.
    systemctl = None if "IMGQ_SOCKET" in os.environ else shutil.which("systemctl")
    if systemctl is None or _quiet(systemctl, "--user", "cat", UNIT) != 0:
        return False
    if _quiet(systemctl, "--user", "start", UNIT) != 0:
        raise ImgqError(f"{UNIT} did not start: `journalctl --user -u {UNIT}` says why")
    return True


def _quiet(*command: str) -> int:
    return subprocess.run(  # noqa: S603 - fixed words, no shell
        command, check=False, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL
    ).returncode


def _program() -> str:
    # A virtual environment's commands are beside its interpreter, and rarely on the PATH.
    beside = Path(sys.executable).parent / "imgqd"
    program = str(beside) if os.access(beside, os.X_OK) else shutil.which("imgqd")
    if program is None:
        raise ImgqError("imgqd is not installed here: `pip install 'imgq[daemon]'` brings it")
    return program


def _spawn(program: str, log: Path) -> subprocess.Popen[bytes]:
    log.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
    with log.open("ab") as output:
        return subprocess.Popen(  # noqa: S603 - a program that we have just found
            [program],
            stdin=subprocess.DEVNULL,
            stdout=output,
            stderr=output,
            cwd="/",
            start_new_session=True,
        )


def _wait_until_it_answers(
    timeout_s: float, process: subprocess.Popen[bytes] | None, log: Path | None
) -> None:
    deadline = time.monotonic() + timeout_s
    where = f"see {log}" if log else f"see `journalctl --user -u {UNIT}`"
    while not running():
        if process is not None and process.poll() is not None:
            last = readable(_last_line(log)) if log else ""
            said = f" ({last})" if last else ""
            raise ImgqError(f"imgqd ended with status {process.returncode}{said}: {where}")
        if time.monotonic() > deadline:
            raise ImgqError(f"imgqd does not answer after {timeout_s:.0f} s: {where}")
        time.sleep(_PAUSE_S)


def _last_line(log: Path) -> str:
    with log.open("rb") as file:
        file.seek(max(0, log.stat().st_size - 4096))
        lines = file.read().decode("utf-8", "replace").splitlines()
    return lines[-1].strip() if lines else ""
