"""imgq: find pictures by what they show.

Rules of this file: it is started for every search, so it imports nothing that
a search into a terminal or a pipe does not need. What only some options need
is imported where they are.
"""

from __future__ import annotations

import os
import sys
import time
from argparse import Namespace
from collections.abc import Iterator, Sequence

from imgq.answers import Match, SearchAnswer
from imgq.command import Parser, Version, duration, run
from imgq.errors import ImgqError, Usage
from imgq.screen import say, screen_of
from imgq.searching import Searcher
from imgq.terminal import hints, listing
from imgq.text import readable

_PROGRAM = "imgq"
_NOTHING_FOUND = 1
_MARK = "\0"
"""Before a word that argparse would take for an option; no argument can hold it."""

_EPILOG = """\
Into a pipe: one path a line, nothing else. With --everywhere a file that cannot
be reached from here is MACHINE:PATH, as scp and rsync take it.

exit status:
  0  found           3  the daemon cannot be reached
  1  nothing found   4  the daemon refused
  2  wrong usage     130  ended by Ctrl-C"""

_ONCE = (
    "limit", "offset", "all", "fold", "sync", "timeout", "open", "preview", "sheet", "output",
    "everywhere", "here",
)  # fmt: skip
"""Options of one search, without a meaning for a query that stands."""


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the command and return its exit status."""
    return run(_PROGRAM, lambda: _main(arguments))


def _main(arguments: Sequence[str] | None) -> int:
    given = sys.argv[1:] if arguments is None else arguments
    if given[:1] in (["--complete"], ["--completion"]):
        from imgq import completion  # noqa: PLC0415

        return completion.run(given[0], given[1:], _parser())
    options = _parse(given)
    query = " ".join(options.query)
    if not query.strip() and options.like is None:
        raise Usage("what should the pictures show? give a QUERY, or a picture with --like")
    if options.print0 and options.json:
        raise Usage("--json and --print0 exclude each other: leave one of them out")
    if options.output is not None and not options.sheet:
        raise Usage("--output goes with --sheet: it says where the sheet is written")
    if options.everywhere and options.here:
        raise Usage("--everywhere and --here exclude each other: leave one of them out")
    if options.follow:
        return _follow(query, options)
    if options.cursor is not None:
        raise Usage("--cursor goes with --follow: it keeps how far that came")
    with Searcher() as searcher:
        answer = searcher.search(
            query,
            limit=20 if options.limit is None else options.limit,
            offset=options.offset or 0,
            like=options.like,
            # Asked for in any case: a person is told how many there are.
            weak=True,
            fold=options.fold,
            sync=options.sync,
            timeout=options.timeout,
            everywhere=_everywhere(options),
        )
        return _show(searcher, answer, options)


def _everywhere(options: Namespace) -> bool | None:
    """Return whether other machines are asked; None lets the settings say."""
    if options.everywhere or options.here:
        return bool(options.everywhere)
    # A script that was written for files of this machine goes on getting those.
    is_read = not (options.json or options.print0 or options.open or options.sheet)
    return None if is_read and screen_of(sys.stdout) is not None else False


def _parse(arguments: Sequence[str]) -> Namespace:
    # argparse loses the "--" when options may stand between the words.
    end = arguments.index("--") if "--" in arguments else len(arguments)
    parser = _parser()
    marked = [_MARK + one if _is_less(one) else one for one in arguments[:end]]
    options = parser.parse_intermixed_args(marked)
    options.query = [one.removeprefix(_MARK) for one in options.query] + list(arguments[end + 1 :])
    return options


def _follow(query: str, options: Namespace) -> int:
    for name in _ONCE:
        if getattr(options, name) not in {None, False}:
            raise Usage(f"--{name} is of one search: leave it out with --follow")
    from imgq import standing  # noqa: PLC0415

    return standing.run(_PROGRAM, query, options)


def _is_less(argument: str) -> bool:
    """Return whether an argument is a word with a minus, as in `imgq beach -people`."""
    if not argument.startswith("-") or argument.startswith("--") or len(argument) == 1:
        return False
    if argument[1:].isdigit():
        return False
    letter, rest = argument[1], argument[2:]
    # Options are one letter; a number may stick to the one that takes it.
    return not (letter in "0hno" and not rest) and not (letter == "n" and rest.isdigit())


def _show(searcher: Searcher, answer: SearchAnswer, options: Namespace) -> int:
    if options.sheet:
        return _sheet(searcher, answer, options)
    for chunk in _output(searcher, answer, options):
        sys.stdout.buffer.write(chunk)
    sys.stdout.buffer.flush()
    for hint in hints(answer, time.time(), weak=options.all):
        say(_PROGRAM, hint)
    shown = _shown(answer, options)
    if not shown:
        return _NOTHING_FOUND
    if options.open:
        from imgq.opening import open_file  # noqa: PLC0415

        if not shown[0].reachable:
            raise ImgqError(f"{readable(os.fsdecode(shown[0].place))} cannot be reached from here")
        open_file(shown[0].path)
    return 0


def _sheet(searcher: Searcher, answer: SearchAnswer, options: Namespace) -> int:
    for hint in hints(answer, time.time(), weak=options.all):
        say(_PROGRAM, hint)
    if not _shown(answer, options):
        return _NOTHING_FOUND
    from imgq import sheet  # noqa: PLC0415
    from imgq.opening import open_file  # noqa: PLC0415

    title = " ".join(options.query)
    written = sheet.write(searcher, title, answer, options.output, weak=options.all)
    if options.output is None:
        open_file(written)
    return 0


def _output(searcher: Searcher, answer: SearchAnswer, options: Namespace) -> Iterator[bytes]:
    shown = _shown(answer, options)
    screen = screen_of(sys.stdout)
    if options.json:
        from imgq.jsonlines import match_line  # noqa: PLC0415

        for place, match in enumerate(shown, answer.offset):
            yield match_line(match, place + 1, weak=place >= answer.weak_from)
    elif options.print0:
        yield from (match.place + b"\0" for match in shown)
    elif screen is None:
        yield from (match.place + b"\n" for match in shown)
    elif options.preview and screen.links:
        from imgq.preview import previewed  # noqa: PLC0415

        yield from previewed(searcher, answer, screen, weak=options.all)
    else:
        for line in listing(answer, screen, weak=options.all):
            yield line.encode() + b"\n"


def _shown(answer: SearchAnswer, options: Namespace) -> tuple[Match, ...]:
    return answer.results if options.all else answer.strong


def _parser() -> Parser:
    parser = Parser(
        prog=_PROGRAM,
        usage="imgq [OPTIONS] QUERY...",
        description="Find pictures by what they show.",
        epilog=_EPILOG,
    )
    add = parser.add_argument
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
    return parser


def _count(text: str) -> int:
    if not (text.isascii() and text.isdigit()):
        raise ValueError
    return int(text)


_count.__name__ = "number"
