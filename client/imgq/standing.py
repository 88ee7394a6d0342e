"""`imgq --follow`: prints every new match as it comes, until Ctrl-C or the reader has enough."""

from __future__ import annotations

import os
import select
import signal
import sys
import threading
from collections.abc import Iterator
from typing import TYPE_CHECKING

from imgq.answers import Match, Matches
from imgq.jsonlines import match_line
from imgq.matches import CursorFile, follow
from imgq.screen import say, screen_of
from imgq.terminal import reading, row

if TYPE_CHECKING:
    from imgq.cli import Options

_RANKS = 3


class _ReaderLeft(BaseException):
    """Nobody reads what is printed. No OSError: that would be taken for the socket's."""


def run(program: str, query: str, options: Options) -> int:
    """Print matches for ever; ends by an exception only."""
    kept = None if options.cursor is None else CursorFile(options.cursor)
    cursor = None if kept is None else kept.read()
    _end_with_the_reader()
    try:
        return _print(
            program,
            follow(query, like=options.like, cursor=cursor, news=lambda text: say(program, text)),
            kept,
            options,
        )
    except _ReaderLeft:
        raise BrokenPipeError from None


def _print(
    program: str, events: Iterator[Matches], kept: CursorFile | None, options: Options
) -> int:
    printed = 0
    said = False
    for event in events:
        # With each new connection it comes again.
        for hint in () if said else reading(event):
            say(program, hint)
        said = True
        if event.restarted:
            say(program, "the index is another one than before: some may come again")
        for match in event.results:
            printed += 1
            _put(_line(match, printed, options))
        # After the lines: what was not printed is told again.
        if kept is not None:
            kept.write(event.cursor)
    return 0


def _line(match: Match, number: int, options: Options) -> bytes:
    screen = screen_of(sys.stdout)
    if options.json:
        return match_line(match, number, weak=False)
    if options.print0:
        return match.path + b"\0"
    if screen is None:
        return match.path + b"\n"
    return row(match, number, _RANKS, screen).encode() + b"\n"


def _put(line: bytes) -> None:
    sys.stdout.buffer.write(line)
    sys.stdout.buffer.flush()


def _end_with_the_reader() -> None:
    """Interrupt the main thread once nobody reads, even while there is nothing to print."""
    # Not SIGPIPE, which a daemon that hangs up raises, too.
    signal.signal(signal.SIGUSR1, _left)
    threading.Thread(target=_watch, args=[sys.stdout.fileno()], daemon=True).start()


def _left(*_: object) -> None:
    # Once: the next one could meet the code that ends the program.
    signal.signal(signal.SIGUSR1, signal.SIG_IGN)
    raise _ReaderLeft


def _watch(output: int) -> None:
    look = select.poll()
    look.register(output, 0)  # errors and hang-ups come unasked
    if look.poll():
        os.kill(os.getpid(), signal.SIGUSR1)
