"""The options of `imgq`, whose one definition is what argparse is told here.

Apart from `cli`, since few searches have a use for it: words need no parser.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

from imgq.parsing import Parser, Version, duration

if TYPE_CHECKING:
    from imgq.cli import Options

_MARK = "\0"
"""Before a word that argparse would take for an option; no argument can hold it."""

_EPILOG = """\
Into a pipe: one path a line, nothing else. With --everywhere a file that cannot
be reached from here is MACHINE:PATH, as scp and rsync take it.

exit status:
  0  found           3  the daemon cannot be reached
  1  nothing found   4  the daemon refused
  2  wrong usage     130  ended by Ctrl-C"""


def parse(arguments: Sequence[str], options: Options) -> Options:
    """Put what a command line says into the options, and return them; raises Usage."""
    # argparse loses the "--" when options may stand between the words.
    end = arguments.index("--") if "--" in arguments else len(arguments)
    marked = [_MARK + one if _is_less(one) else one for one in arguments[:end]]
    parser().parse_intermixed_args(marked, options)
    words = [one.removeprefix(_MARK) for one in options.query]
    options.query = [*words, *arguments[end + 1 :]]
    return options


def parser() -> Parser:
    """Return what knows the options: their help, their errors, and what completes them."""
    made = Parser(
        prog="imgq",
        usage="imgq [OPTIONS] QUERY...",
        description="Find pictures by what they show.",
        epilog=_EPILOG,
    )
    add = made.add_argument
    add(
        "query",
        metavar="QUERY",
        nargs="*",
        help="what the pictures show; taken:2023, -people, sort:date (docs/search.md)",
    )
    add("-n", "--limit", metavar="N", type=_count, help="at most N results (20)")
    add("--offset", metavar="N", type=_count, help="leave out the first N results")
    add("--like", metavar="FILE", help="find pictures that look like this one")
    add("--all", action="store_true", help="show the weak matches, too")
    add("--fold", action="store_true", help="put near-duplicates under the best of them")
    add("--sync", action="store_true", help="answer when every change until now is in")
    add("--everywhere", action="store_true", help="ask the machines that share a store, too")
    add("--here", action="store_true", help="ask this machine alone, whatever the settings say")
    add("--timeout", metavar="TIME", type=duration, help="wait no longer than this: 30, 2min")
    add("--json", action="store_true", help="print one JSON object a line")
    add("-0", "--print0", action="store_true", help="end each path with a zero byte")
    add("--follow", action="store_true", help="wait, and print each new match as it comes")
    add("--cursor", metavar="FILE", help="with --follow: go on where FILE says, and keep it there")
    add("--preview", action="store_true", help="show the pictures in the terminal, too")
    add("--sheet", action="store_true", help="open a page that shows the results as pictures")
    add("-o", "--output", metavar="FILE", help="with --sheet: write it to FILE, open nothing")
    add("--open", action="store_true", help="open the first result")
    add("--completion", metavar="SHELL", help="print what completes imgq in bash, zsh or fish")
    add("--version", action=Version, nargs=0, help="print the version")
    return made


def _is_less(argument: str) -> bool:
    """Return whether an argument is a word with a minus, as in `imgq beach -people`."""
    if not argument.startswith("-") or argument.startswith("--") or len(argument) == 1:
        return False
    if argument[1:].isdigit():
        return False
    letter, rest = argument[1], argument[2:]
    # Options are one letter; a number may stick to the one that takes it.
    return not (letter in "0hno" and not rest) and not (letter == "n" and rest.isdigit())


def _count(text: str) -> int:
    if not (text.isascii() and text.isdigit()):
        raise ValueError
    return int(text)


_count.__name__ = "number"
