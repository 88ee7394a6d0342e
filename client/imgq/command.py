"""What every command line of ours shares: one-line errors, exit statuses, a quiet end."""

from __future__ import annotations

import argparse
import os
import sys
from collections.abc import Callable, Sequence
from typing import NoReturn

from imgq import durations
from imgq.errors import ImgqError, Usage
from imgq.screen import say
from imgq.text import readable

INTERRUPTED = 130
_HELP_COLUMNS = 80


class Parser(argparse.ArgumentParser):
    """A parser whose errors are one line, and which takes no half-written options."""

    def __init__(
        self, *, prog: str, usage: str = "", description: str = "", epilog: str = ""
    ) -> None:
        super().__init__(
            prog=prog,
            usage=usage or None,
            description=description,
            epilog=epilog,
            allow_abbrev=False,
            formatter_class=_formatter,
        )

    def error(self, message: str) -> NoReturn:
        """Raise Usage instead of printing the usage and leaving."""
        raise Usage(f"{message}: see {self.prog} --help")


class Version(argparse.Action):
    """Prints the version; finding it out is too slow for every start."""

    def __call__(
        self,
        parser: argparse.ArgumentParser,
        namespace: argparse.Namespace,  # noqa: ARG002 - argparse's signature
        values: str | Sequence[object] | None,  # noqa: ARG002
        option_string: str | None = None,  # noqa: ARG002
    ) -> NoReturn:
        """Print the version and leave."""
        from importlib.metadata import version  # noqa: PLC0415

        sys.stdout.write(f"{parser.prog} {version('imgq')}\n")
        parser.exit()


def _formatter(prog: str) -> argparse.HelpFormatter:
    # Without a width argparse imports shutil, and with it three compressors, at every start.
    return argparse.RawDescriptionHelpFormatter(prog, width=_HELP_COLUMNS)


def duration(text: str) -> float:
    """Read a duration from the command line."""
    try:
        return durations.parse(text)
    except ValueError as error:
        raise argparse.ArgumentTypeError(str(error)) from None


def run(program: str, body: Callable[[], int]) -> int:
    """Run a command and return its exit status, whatever happens."""
    try:
        status = _body(body)
        # Here, not at the interpreter's end: it can only complain with a traceback.
        sys.stdout.flush()
    except ImgqError as error:
        say(program, readable(str(error)))
        return error.exit_status
    except KeyboardInterrupt:
        return INTERRUPTED
    except BrokenPipeError:
        # The reader, `head` perhaps, has what it wanted.
        _drop_output()
        return 0
    except OSError as error:
        _drop_output()
        say(program, readable(f"{error}: nothing more was written"))
        return 1
    return status


def _body(body: Callable[[], int]) -> int:
    try:
        return body()
    except SystemExit as leaving:
        # argparse leaves like this after --help and --version.
        return leaving.code if isinstance(leaving.code, int) else 0


def _drop_output() -> None:
    nowhere = os.open(os.devnull, os.O_WRONLY)
    os.dup2(nowhere, sys.stdout.fileno())
    os.close(nowhere)
