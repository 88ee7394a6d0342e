"""Draws the daemon's state as it changes: a line that moves, or a line for each change."""

from __future__ import annotations

import sys
import time
from collections.abc import Callable
from typing import Self, TextIO

from imgq.progress import Sample, progress
from imgq.reports import Status
from imgq.screen import Screen, screen_of

_HOME_AND_CLEAR = "\r\x1b[K"


class Follower:
    """Shows one status after the other; leave it as a context, so that the line is ended."""

    def __init__(
        self, out: TextIO | None = None, clock: Callable[[], float] = time.monotonic
    ) -> None:
        self._out = sys.stdout if out is None else out
        self._on_terminal = self._out.isatty()
        self._clock = clock
        self._first: Sample | None = None
        self._shown = ""

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        if self._on_terminal and self._shown:
            self._out.write("\n")
            self._out.flush()

    def show(self, status: Status) -> None:
        """Show a status, if it looks different from the one before."""
        sample = Sample(self._clock(), status)
        if self._first is None or not status.pending:
            # A new piece of work starts here: its rate is measured from now on.
            self._first = sample
        # Asked each time: a window may be made smaller, and a line that breaks stays for ever.
        columns = (screen_of(self._out) or Screen()).columns
        # The last column stays free: some terminals break the line after it.
        text = progress(self._first, sample, columns - 1)
        if text == self._shown:
            return
        self._shown = text
        self._out.write(_HOME_AND_CLEAR + text if self._on_terminal else text + "\n")
        self._out.flush()
