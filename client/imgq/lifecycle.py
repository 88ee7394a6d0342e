"""Starts the daemon and waits until it answers; stops it and waits until it is gone."""

from __future__ import annotations

import contextlib
import os
import shutil
import subprocess
import sys
import time
from pathlib import Path

from imgq import managers, paths
from imgq.client import Client
from imgq.errors import ImgqError, NotRunning
from imgq.text import readable

_START_TIMEOUT_S = 60.0
_STOP_TIMEOUT_S = 60.0
# Between two looks at a socket that is not there yet; nobody can wait for it to listen.
_PAUSE_S = 0.05


def running() -> bool:
    """Tell whether a daemon answers; one that would be started by the question does not."""
    manager = managers.ours()
    return False if manager is not None and _sleeps(manager) else _answers()


def start(timeout_s: float = _START_TIMEOUT_S) -> str | None:
    """Start the daemon, by its service where there is one, and wait until it answers.

    Returns the name of the manager that runs it, None where it stands by itself.
    Raises ImgqError if it does not come.
    """
    manager = managers.ours()
    if manager is not None:
        manager.start()
        _wait_until_it_answers(timeout_s, None, f"see {manager.log}")
        return manager.name
    log = paths.state_folder() / "imgqd.log"
    process = _spawn(_program(), log)
    _wait_until_it_answers(timeout_s, process, f"see {log}")
    return None


def stop(timeout_s: float = _STOP_TIMEOUT_S) -> str | None:
    """Stop the daemon and wait until nobody listens any more; raises NotRunning if nobody did.

    Returns the name of the manager that did it. Then its socket is closed, too: no question
    starts the daemon again.
    """
    deadline = time.monotonic() + timeout_s
    manager = managers.ours()
    state = managers.State() if manager is None else manager.state()
    if manager is not None and (state.runs or state.listens):
        manager.stop()
        _wait_until_gone(deadline)
        if not state.runs:
            raise NotRunning(f"imgqd does not run: {manager.name} starts it no longer when asked")
        return manager.name
    _stop_alone(timeout_s)
    return None


def stop_stray(timeout_s: float = _STOP_TIMEOUT_S) -> bool:
    """Stop a daemon that no manager runs, if there is one; return whether there was.

    Where a manager holds the socket, the question would start one.
    """
    if "IMGQ_SOCKET" in os.environ:
        return False  # that is a daemon of this shell's own
    with contextlib.suppress(NotRunning):
        _stop_alone(timeout_s)
        return True
    return False


def restart(timeout_s: float = _START_TIMEOUT_S) -> str | None:
    """Exchange the daemon's process, or start it; as `start` in all else."""
    manager = managers.ours()
    if manager is not None and (manager.state().runs or not running()):
        manager.restart()
        _wait_until_it_answers(timeout_s, None, f"see {manager.log}")
        return manager.name
    with contextlib.suppress(NotRunning):
        _stop_alone(timeout_s)
    return start(timeout_s)


def _stop_alone(timeout_s: float) -> None:
    deadline = time.monotonic() + timeout_s
    with Client() as client:
        client.shutdown(timeout_s)
    _wait_until_gone(deadline)


def _sleeps(manager: managers.Manager) -> bool:
    state = manager.state()
    return state.listens and not state.runs


def _answers() -> bool:
    try:
        with Client() as client:
            client.hello()
    except NotRunning:
        return False
    return True


def _listening() -> bool:
    try:
        Client().close()
    except NotRunning:
        return False
    return True


def _wait_until_gone(deadline: float) -> None:
    while _listening():
        if time.monotonic() > deadline:
            raise ImgqError("the daemon has not stopped yet: see `imgqctl status` and its log")
        time.sleep(_PAUSE_S)


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
    timeout_s: float, process: subprocess.Popen[bytes] | None, where: str
) -> None:
    deadline = time.monotonic() + timeout_s
    while not _answers():
        if process is not None and process.poll() is not None:
            last = readable(_last_line(paths.state_folder() / "imgqd.log"))
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
