"""imgq-service: makes the daemon a part of a person's desktop session, and undoes it."""

from __future__ import annotations

import sys
from collections.abc import Callable, Iterable, Sequence
from typing import Final

from imgq.command import run
from imgq.errors import ImgqError
from imgq.parsing import Parser, Version
from imgq_service import launchd, systemd
from imgq_service.launchers import command as launcher

_PROGRAM: Final = "imgq-service"

_EPILOG: Final = """\
exit status:
  0  done; status: it runs
  1  it went wrong; status: not installed
  2  wrong usage
  3  status: installed, but it does not run"""


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the command and return its exit status."""
    return run(_PROGRAM, lambda: _main(arguments))


def _main(arguments: Sequence[str] | None) -> int:
    given = sys.argv[1:] if arguments is None else arguments
    if given[:1] == ["launcher"]:
        return launcher.run(given[1:])
    command: Callable[[], int] = _parser().parse_args(given).command
    try:
        return command()
    except BrokenPipeError:
        raise  # Of the output's reader; every other error is a file's.
    except OSError as error:
        raise ImgqError(f"{error}: nothing was changed after that") from error


def _parser() -> Parser:
    parser = Parser(
        prog=_PROGRAM,
        description="Make the daemon a part of your desktop session.",
        epilog=_EPILOG,
    )
    parser.add_argument("--version", action=Version, nargs=0, help="print the version")
    commands = parser.add_subparsers(
        title="commands", metavar="COMMAND", required=True, prog=_PROGRAM
    )
    for name, command, text in (
        ("install", _install, "start the daemon now and at every login"),
        ("remove", _remove, "stop the daemon and forget the service"),
        ("status", _status, "say whether the service is installed, enabled, and runs"),
    ):
        one = commands.add_parser(name, help=text, description=text)
        one.set_defaults(command=command)
    # For the help only: what follows it is read by itself.
    commands.add_parser("launcher", help=launcher.HELP)
    return parser


def _install() -> int:
    _say(launchd.install() if sys.platform == "darwin" else systemd.install())
    return 0


def _remove() -> int:
    _say(launchd.remove() if sys.platform == "darwin" else systemd.remove())
    return 0


def _status() -> int:
    lines, status = launchd.status() if sys.platform == "darwin" else systemd.status()
    _say(lines)
    return status


def _say(lines: Iterable[str]) -> None:
    for line in lines:
        sys.stdout.write(f"{line}\n")


if __name__ == "__main__":
    sys.exit(main())
