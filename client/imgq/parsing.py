"""How every command line of ours is parsed: by argparse, with errors of one line.

Apart from `command`, since a search of words needs no parser.
"""

from __future__ import annotations

import argparse
import sys
from collections.abc import Sequence
from typing import NoReturn

from imgq import durations
from imgq.errors import Usage

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
