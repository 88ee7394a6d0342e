"""Draws the daemon's state as it changes: a line that moves, or a line for each change."""

from __future__ import annotations

import sys
from typing import Self, TextIO

from imgq.progress import progress
from imgq.reports import Status
from imgq.screen import Screen, screen_of

_HOME_AND_CLEAR = "\r\x1b[K"


class Follower:
    """Shows one status after the other; leave it as a context, so that the line is ended."""

    def __init__(self, out: TextIO | None = None) -> None:
        self._out = sys.stdout if out is None else out
        self._on_terminal = self._out.isatty()
        self._shown = ""

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.end()

    def show(self, status: Status) -> None:
        """Show a status, if it looks different from the one before."""
        self.draw(progress(status, self.columns))

    @property
    def columns(self) -> int:
        """The columns that a line may have."""
        # Asked each time: a window may be made smaller, and a line that breaks stays for ever.
        columns = (screen_of(self._out) or Screen()).columns
        # The last column stays free: some terminals break the line after it.
        return columns - 1

    def draw(self, text: str) -> None:
        """Show a line in the place of the one before, if it is another one."""
        if text == self._shown:
            return
        self._shown = text
        self._out.write(_HOME_AND_CLEAR + text if self._on_terminal else text + "\n")
        self._out.flush()

    def end(self) -> None:
        """Let the line that moves stay as it is."""
        if self._on_terminal and self._shown:
            self._out.write("\n")
            self._out.flush()
        self._shown = ""

    def leave(self, *lines: str) -> None:
        """Put lines that stay in the place of the one that moves, which comes again below them."""
        beginning = _HOME_AND_CLEAR if self._on_terminal and self._shown else ""
        self._out.write(beginning + "".join(f"{line}\n" for line in lines))
        self._out.flush()
        self._shown = ""
