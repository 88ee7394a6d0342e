"""imgqctl doctor: what a person cannot see, a line for each thing, and below it what to do.

Where no daemon answers, what can be looked at without one is.
"""

from __future__ import annotations

import contextlib
import os
import shlex
import shutil
import stat
import sys
from collections.abc import Iterator, Sequence
from pathlib import Path

from imgq import managers, paths
from imgq.client import Client
from imgq.errors import NotRunning, Refused, Unreachable
from imgq.reports import Check
from imgq.screen import Screen, screen_of
from imgq.text import readable, width

_MARKS = {"fine": ("✓", "32", "ok"), "warning": ("!", "33", "warn"), "bad": ("✗", "31", "bad")}
_UNKNOWN = ("?", "33", "?")
_BOLD = "1"
_NOTICE = "checking…"
_CLEARED = "\r\x1b[K"


def examine() -> tuple[Sequence[Check], int]:
    """Return the findings and the exit status: the daemon's, or ours where it does not answer."""
    try:
        with _notice(), Client() as client:
            checks = client.doctor()
    except Unreachable as error:
        return [_unreachable(error), *_without_daemon(error)], error.exit_status
    except Refused as error:
        if error.code != "usage":
            raise
        raise Refused(
            error.code,
            "this daemon is older than imgqctl and knows no doctor: "
            "`imgqctl stop`, then `imgqctl start`",
        ) from error
    return checks, 1 if any(check.state == "bad" for check in checks) else 0


def lines(checks: Sequence[Check], screen: Screen | None) -> Iterator[str]:
    """Yield the findings as lines for a terminal, or without a screen for a pipe."""
    room = max((width(readable(check.name)) for check in checks), default=0)
    for check in checks:
        symbol, colour, word = _MARKS.get(check.state, _UNKNOWN)
        mark = f"{word:<4}" if screen is None else screen.paint(colour, symbol)
        name = readable(check.name)
        padding = " " * (room - width(name))
        title = name if screen is None else screen.paint(_BOLD, name)
        yield f"{mark} {title}{padding}  {readable(check.detail)}"
        if check.remedy:
            arrow = "do:" if screen is None else screen.paint(colour, "→")
            yield f"  {arrow} {readable(check.remedy)}"


@contextlib.contextmanager
def _notice() -> Iterator[None]:
    """Show on a terminal that something goes on, and take it away again."""
    screen = screen_of(sys.stdout)
    # Where nothing can be taken away again, nothing is shown.
    if screen is None or not screen.links:
        yield
        return
    sys.stdout.write(_NOTICE)
    sys.stdout.flush()
    try:
        yield
    finally:
        sys.stdout.write(_CLEARED)
        sys.stdout.flush()


def _unreachable(error: Unreachable) -> Check:
    if isinstance(error, NotRunning):
        return Check("daemon", "bad", "the daemon does not run", "imgqctl start")
    what, _, remedy = str(error).rpartition(": ")
    return Check("daemon", "bad", what or remedy, remedy if what else None)


def _without_daemon(error: Unreachable) -> Iterator[Check]:
    try:
        yield _socket(is_served=not isinstance(error, NotRunning))
    except OSError as trouble:
        yield Check("socket", "bad", str(trouble), "look at the owner and mode of that folder")
    yield from _service()
    yield _program()
    yield _settings()


def _service() -> Iterator[Check]:
    manager = managers.ours()
    if manager is None:
        return
    state = manager.state()
    if state.trouble:
        said = f"under {manager.name} the daemon ended with {state.trouble}"
        yield Check("service", "bad", said, f"{manager.log.strip('`')}, then: imgqctl start")
    elif not state.runs:
        said = f"{manager.name} has it, and does not run it"
        yield Check("service", "warning", said, "imgqctl start")
    else:
        yield Check("service", "fine", f"{manager.name} runs pid {state.pid}", None)


def _socket(*, is_served: bool) -> Check:
    path = paths.socket_path().absolute()
    trouble = _folder_trouble(path.parent)
    if trouble is not None:
        return trouble
    if not path.exists():
        return Check("socket", "fine", f"{path} does not exist yet: the daemon makes it", None)
    if not path.is_socket():
        return Check("socket", "bad", f"{path} is there and is no socket", "move it away")
    if is_served:
        return Check("socket", "fine", str(path), None)
    left = f"{path} is left of a daemon that was killed: nobody listens"
    return Check("socket", "warning", left, "imgqctl start makes a new one")


def _folder_trouble(folder: Path) -> Check | None:
    """Return why the daemon would not put its socket into a folder."""
    try:
        status = folder.stat()
    except FileNotFoundError:
        return None
    if status.st_uid != os.getuid():
        said, remedy = f"{folder} belongs to another user", "set IMGQ_SOCKET to another place"
    elif stat.S_IMODE(status.st_mode) & 0o077:
        said = f"{folder} is open to others: the daemon does not use it"
        remedy = f"chmod 700 {shlex.quote(str(folder))}"
    else:
        return None
    return Check("socket", "bad", said, remedy)


def _program() -> Check:
    # A virtual environment's commands are beside its interpreter, and rarely on the PATH.
    beside = Path(sys.executable).parent / "imgqd"
    program = str(beside) if os.access(beside, os.X_OK) else shutil.which("imgqd")
    if program is None:
        return Check("program", "bad", "imgqd is not installed here", "pip install 'imgq[daemon]'")
    return Check("program", "fine", program, None)


def _settings() -> Check:
    path = paths.settings_path()
    if not path.exists():
        return Check("settings", "fine", f"{path} does not exist: the defaults hold", None)
    return Check("settings", "fine", f"{path} (imgqd --check reads it)", None)
