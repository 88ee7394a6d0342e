"""imgq-service: makes the daemon a part of a person's desktop session, and undoes it."""

from __future__ import annotations

import contextlib
import os
import sys
from typing import TYPE_CHECKING, Final

from imgq.command import Parser, Version, run
from imgq.errors import ImgqError, Usage
from imgq_service import unit
from imgq_service.manager import Manager

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence
    from pathlib import Path

_PROGRAM: Final = "imgq-service"
_ENABLE: Final = f"systemctl --user enable --now {unit.NAME}"


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the command and return its exit status."""
    return run(_PROGRAM, lambda: _main(arguments))


def _main(arguments: Sequence[str] | None) -> int:
    command: Callable[[], int] = _parser().parse_args(arguments).command
    if sys.platform == "darwin":
        raise Usage("there is no service for launchd yet: start the daemon with `imgqctl start`")
    try:
        return command()
    except BrokenPipeError:
        raise  # Of the output's reader; every other error is a file's.
    except OSError as error:
        raise ImgqError(f"{error}: nothing was changed after that") from error


def _parser() -> Parser:
    parser = Parser(prog=_PROGRAM, description="Make the daemon a part of your desktop session.")
    parser.add_argument("--version", action=Version, nargs=0, help="print the version")
    commands = parser.add_subparsers(
        title="commands", metavar="COMMAND", required=True, prog=_PROGRAM
    )
    for name, command, text in (
        ("install", _install, "start the daemon now and at every login"),
        ("remove", _remove, "stop the daemon and forget the service"),
        ("status", _status, "say whether the service is there and runs"),
    ):
        one = commands.add_parser(name, help=text, description=text)
        one.set_defaults(command=command)
    return parser


def _install() -> int:
    path = unit.path()
    text = unit.text(unit.program(), os.environ)
    changed = _ours(path) != text
    if changed:
        _write(path, text)
    manager = Manager.reach()
    if manager is None:
        _say(f"{path} is written, but no user manager answers here: after login, run `{_ENABLE}`")
        return 0
    manager.do("daemon-reload")
    manager.do("enable", unit.NAME)
    manager.do("restart" if changed else "start", unit.NAME)
    _say(f"{unit.NAME} runs, now and after every login")
    return 0


def _remove() -> int:
    path = unit.path()
    there = _ours(path) is not None
    manager = Manager.reach()
    if there and manager is not None:
        manager.do("disable", "--now", unit.NAME)
    _erase(path)
    if there and manager is not None:
        manager.do("daemon-reload")
        # Known only if it had failed; then this is the last that is remembered of it.
        manager.ask("reset-failed", unit.NAME)
    if there and manager is None:
        _say(f"{path} is removed; no user manager answers here: a running daemon goes on")
    else:
        _say(f"{unit.NAME} is removed" if there else f"{unit.NAME} was not installed")
    return 0


def _status() -> int:
    path = unit.path()
    if _ours(path) is None:
        _say("not installed: `imgq-service install` does it")
        return ImgqError.exit_status
    manager = Manager.reach()
    if manager is None:
        _say(f"{path} is there, but no user manager answers here")
        return ImgqError.exit_status
    fields = ("ActiveState", "UnitFileState")
    shown = manager.ask("show", "--value", f"--property={','.join(fields)}", unit.NAME) or ""
    active, _, enabled = shown.partition("\n")
    _say(f"{active or 'unknown'}, {enabled or 'unknown'}: {path}")
    return 0 if active == "active" else ImgqError.exit_status


def _ours(path: Path) -> str | None:
    """Return the unit's text, None without one; raises ImgqError for somebody else's."""
    if not os.path.lexists(path):
        return None
    text = path.read_text("utf-8", errors="replace") if path.is_file() else ""
    if not text.startswith(unit.MARK):
        raise ImgqError(f"{path} is not imgq-service's: move it away, then try again")
    return text


def _write(path: Path, text: str) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    # A manager that reads at this moment finds the old unit or the new one.
    new = path.with_name(f".{path.name}.new")
    new.write_text(text, "utf-8")
    new.replace(path)


def _erase(path: Path) -> None:
    wants = path.parent / "default.target.wants"
    # systemctl has removed its link, if it could be asked.
    for file in (path, wants / path.name):
        file.unlink(missing_ok=True)
    for folder in (wants, path.parent, path.parents[1]):
        with contextlib.suppress(OSError):
            folder.rmdir()


def _say(line: str) -> None:
    sys.stdout.write(f"{line}\n")


if __name__ == "__main__":
    sys.exit(main())
