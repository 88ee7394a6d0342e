"""imgq: find pictures by what they show.

Rules of this file: it is started for every search, so it imports nothing that
a search into a terminal or a pipe does not need. What only some options need,
argparse among it, is imported where they are. `tests/client/test_start.py` holds that.
"""

from __future__ import annotations

import os
import sys
import time

from imgq.command import run
from imgq.errors import ImgqError, Usage
from imgq.screen import say, screen_of
from imgq.searching import Searcher
from imgq.terminal import hints, listing
from imgq.text import readable

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from imgq.answers import Match, SearchAnswer

_PROGRAM = "imgq"
_NOTHING_FOUND = 1

_ONCE = (
    "limit", "offset", "all", "fold", "sync", "timeout", "open", "preview", "sheet", "output",
    "everywhere", "here",
)  # fmt: skip
"""Options of one search, without a meaning for a query that stands."""


class Options:
    """What `imgq` was told; what stands here holds where it was told nothing."""

    query: Sequence[str] = ()
    limit: int | None = None
    offset: int | None = None
    like: str | None = None
    all: bool = False
    fold: bool = False
    sync: bool = False
    everywhere: bool = False
    here: bool = False
    timeout: float | None = None
    json: bool = False
    print0: bool = False
    follow: bool = False
    cursor: str | None = None
    preview: bool = False
    sheet: bool = False
    output: str | None = None
    open: bool = False


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the command and return its exit status."""
    return run(_PROGRAM, lambda: _main(arguments))


def _main(arguments: Sequence[str] | None) -> int:
    given = sys.argv[1:] if arguments is None else arguments
    if given[:1] in (["--complete"], ["--completion"]):
        from imgq import completion  # noqa: PLC0415

        return completion.run(given[0], given[1:])
    options = _options(given)
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


def _everywhere(options: Options) -> bool | None:
    """Return whether other machines are asked; None lets the settings say."""
    if options.everywhere or options.here:
        return options.everywhere
    # A script that was written for files of this machine goes on getting those.
    is_read = not (options.json or options.print0 or options.open or options.sheet)
    return None if is_read and screen_of(sys.stdout) is not None else False


def _options(arguments: Sequence[str]) -> Options:
    # Words, and options that take nothing, are the same for argparse, which takes longer to
    # import than the answer to come. All else is its business.
    options, words = Options(), []
    for one in arguments:
        if not one.startswith("-"):
            words.append(one)
        elif one.startswith("--") and getattr(Options, one[2:], None) is False:
            setattr(options, one[2:], True)
        else:
            from imgq.options import parse  # noqa: PLC0415

            return parse(arguments, Options())
    options.query = words
    return options


def _follow(query: str, options: Options) -> int:
    for name in _ONCE:
        if getattr(options, name) not in {None, False}:
            raise Usage(f"--{name} is of one search: leave it out with --follow")
    from imgq import standing  # noqa: PLC0415

    return standing.run(_PROGRAM, query, options)


def _show(searcher: Searcher, answer: SearchAnswer, options: Options) -> int:
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


def _sheet(searcher: Searcher, answer: SearchAnswer, options: Options) -> int:
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


def _output(searcher: Searcher, answer: SearchAnswer, options: Options) -> Iterator[bytes]:
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


def _shown(answer: SearchAnswer, options: Options) -> tuple[Match, ...]:
    return answer.results if options.all else answer.strong
