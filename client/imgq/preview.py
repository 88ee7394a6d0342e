"""`imgq --preview`: each result with a small picture, by what the terminal can show.

kitty's and iTerm2's own protocols take the PNG as it is; sixel needs `chafa`; everywhere else
two pixels stand in a character, by `chafa` or by `imgq.blocks`. Rules of this file: it is
imported for the option only, and whatever goes wrong costs the picture and never the result.

Sources: kitty graphics protocol (with Unicode placeholders), iTerm2 inline images, tmux(1)
`allow-passthrough`, XTerm control sequences (DA1: 4 is sixel).
"""

from __future__ import annotations

import base64
import os
import select
import shutil
import subprocess
import termios
import time
import tty
from collections.abc import Iterator
from typing import Final, NamedTuple

from imgq.answers import Match, SearchAnswer
from imgq.blocks import blocks, size_of
from imgq.calls import thumbnail
from imgq.errors import Refused
from imgq.screen import Screen
from imgq.searching import Searcher
from imgq.terminal import DIVIDER, listing

_ROWS: Final = 8
_PIECE: Final = 4096
"""Bytes of base64 in one of kitty's sequences."""

_ANSWER_S: Final = 0.3
"""Seconds in which a terminal says what it can; over a slow line it takes a while."""

_KITTY: Final = ("kitty", "ghostty")
_METHODS: Final = ("kitty", "iterm", "sixel", "blocks")
_PLACE: Final = "\U0010eeee"
_LINES: Final = "\u0305\u030d\u030e\u0310\u0312\u033d\u033e\u033f"
"""The diacritics by which kitty counts the lines of a placed picture, from 0."""


class Way(NamedTuple):
    """How pictures are shown here; `tmux`: through it, to the terminal behind it."""

    method: str
    tmux: bool = False


def previewed(
    searcher: Searcher, answer: SearchAnswer, screen: Screen, *, weak: bool
) -> Iterator[bytes]:
    """Yield the lines of a ranked list, below each line its picture."""
    way = _way()
    matches = iter(answer.results)
    for line in listing(answer, screen, weak=weak):
        yield line.encode() + b"\n"
        if line != screen.paint("2", DIVIDER):
            yield _picture(searcher, next(matches), way, screen)


def _picture(searcher: Searcher, match: Match, way: Way, screen: Screen) -> bytes:
    if match.machine is not None:
        return b""  # the daemon knows this machine's pictures alone
    size = 128 if way.method == "blocks" else 256
    try:
        path = searcher.ask(thumbnail(match.path, size=size))
        with open(path, "rb") as file:
            return _shown(way, path, file.read(), screen)
    except (Refused, OSError, ValueError, subprocess.SubprocessError):
        return b""


def _way() -> Way:
    chosen = os.environ.get("IMGQ_PREVIEW", "")
    in_tmux = bool(os.environ.get("TMUX"))
    if chosen in _METHODS:
        return Way(chosen, in_tmux and chosen in {"kitty", "iterm"})
    if in_tmux:
        outer = _tmux("display-message", "-p", "#{client_termname} #{client_termtype}").lower()
        if _tmux("show-options", "-Apv", "allow-passthrough") in {"on", "all"}:
            if any(name in outer for name in _KITTY):
                return Way("kitty", tmux=True)
            if "iterm" in outer:
                return Way("iterm", tmux=True)
    elif (direct := _by_environment()) is not None:
        return direct
    if shutil.which("chafa") is not None and _says_sixel():
        return Way("sixel")
    return Way("blocks")


def _by_environment() -> Way | None:
    term, program = os.environ.get("TERM", ""), os.environ.get("TERM_PROGRAM", "")
    if os.environ.get("KITTY_WINDOW_ID") or any(name in term for name in _KITTY):
        return Way("kitty")
    if program in {"iTerm.app", "WezTerm"} or os.environ.get("LC_TERMINAL") == "iTerm2":
        return Way("iterm")
    return None


def _tmux(*command: str) -> str:
    try:
        done = subprocess.run(  # noqa: S603 - constants of ours
            ["tmux", *command],  # noqa: S607 - the person's own, as TMUX says
            capture_output=True,
            text=True,
            timeout=2,
            check=False,
        )
    except (OSError, subprocess.SubprocessError):
        return ""
    return done.stdout.strip()


def _says_sixel() -> bool:
    """Ask the terminal what it is (DA1); one that does not answer cannot."""
    try:
        number = os.open("/dev/tty", os.O_RDWR | os.O_NOCTTY)
    except OSError:
        return False
    try:
        before = termios.tcgetattr(number)
        try:
            tty.setcbreak(number)
            os.write(number, b"\x1b[c")
            return b"4" in _answer(number).removeprefix(b"\x1b[?").rstrip(b"c").split(b";")[1:]
        finally:
            termios.tcsetattr(number, termios.TCSADRAIN, before)
    except (OSError, termios.error):
        return False
    finally:
        os.close(number)


def _answer(number: int) -> bytes:
    said, until = b"", time.monotonic() + _ANSWER_S
    while not said.endswith(b"c") and (left := until - time.monotonic()) > 0:
        if not select.select([number], [], [], left)[0]:
            break
        said += os.read(number, 100)
    return said


def _shown(way: Way, path: bytes, content: bytes, screen: Screen) -> bytes:
    width, height = size_of(content)
    # A character is about twice as high as wide.
    columns = max(1, min(screen.columns - 1, 2 * _ROWS, round(2 * _ROWS * width / height)))
    rows = max(1, min(_ROWS, round(columns * height / width / 2)))
    if way.method == "kitty":
        return _kitty(content, columns, rows, tmux=way.tmux)
    if way.method == "iterm":
        return _iterm(content, columns, rows, tmux=way.tmux)
    if shutil.which("chafa") is not None:
        return _chafa(way.method, path, columns, rows, screen)
    return blocks(content, columns, rows) if screen.colour else b""


def _kitty(content: bytes, columns: int, rows: int, *, tmux: bool) -> bytes:
    data = base64.b64encode(content)
    number = int.from_bytes(os.urandom(3), "big") | 1
    keys = f"a=T,f=100,q=2,c={columns},r={rows}" + (f",U=1,i={number}" if tmux else "")
    pieces = []
    for at in range(0, len(data), _PIECE):
        more = int(at + _PIECE < len(data))
        head = f"{keys},m={more}" if at == 0 else f"m={more},q=2"
        one = b"\x1b_G" + head.encode() + b";" + data[at : at + _PIECE] + b"\x1b\\"
        pieces.append(_through(one) if tmux else one)
    if not tmux:
        return b"".join(pieces) + b"\n"
    # Cells that stand for the picture: tmux moves and clears them as it does any others.
    red, green, blue = number >> 16, number >> 8 & 255, number & 255
    colour = f"\x1b[38;2;{red};{green};{blue}m"
    lines = [f"{colour}{_PLACE}{mark}{_PLACE * (columns - 1)}\x1b[39m\n" for mark in _LINES[:rows]]
    return b"".join(pieces) + "".join(lines).encode()


def _iterm(content: bytes, columns: int, rows: int, *, tmux: bool) -> bytes:
    keys = f"inline=1;size={len(content)};width={columns};height={rows}"
    one = b"\x1b]1337;File=" + keys.encode() + b":" + base64.b64encode(content) + b"\x07"
    return (_through(one) if tmux else one) + b"\n"


def _through(sequence: bytes) -> bytes:
    return b"\x1bPtmux;" + sequence.replace(b"\x1b", b"\x1b\x1b") + b"\x1b\\"


def _chafa(method: str, path: bytes, columns: int, rows: int, screen: Screen) -> bytes:
    form = "sixels" if method == "sixel" else "symbols"
    colours = "full" if screen.colour else "none"
    done = subprocess.run(  # noqa: S603 - no shell, and an absolute path is no option
        ["chafa", "-f", form, "-c", colours, "-s", f"{columns}x{rows}", "--animate=off", path],  # noqa: S607
        stdin=subprocess.DEVNULL,
        capture_output=True,
        timeout=5,
        check=True,
    )
    return done.stdout.rstrip(b"\n") + b"\n"
