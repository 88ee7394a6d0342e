"""What the standard streams are joined to, found out once."""

from __future__ import annotations

import os
import sys

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import NamedTuple, TextIO
else:
    from imgq.records import NamedTuple

_PLAIN_COLUMNS = 80


class Screen(NamedTuple):
    """A terminal's abilities; `home` and `host` are what paths are shown and linked with."""

    columns: int = _PLAIN_COLUMNS
    colour: bool = False
    links: bool = False
    home: bytes = b""
    host: str = ""

    def paint(self, code: str, text: str) -> str:
        """Return the text in a colour or weight, where there is such a thing."""
        return f"\x1b[{code}m{text}\x1b[0m" if self.colour and text else text


def screen_of(stream: TextIO) -> Screen | None:
    """Return the terminal behind a stream, or None for a pipe or a file."""
    if not stream.isatty():
        return None
    able = os.environ.get("TERM", "dumb") != "dumb"
    return Screen(
        columns=_columns(stream),
        # https://no-color.org: whatever its value, unless it is empty.
        colour=able and not os.environ.get("NO_COLOR"),
        links=able,
        home=os.fsencode(os.environ.get("HOME", "")).rstrip(b"/"),
        host=os.uname().nodename,
    )


def say(program: str, text: str) -> None:
    """Write one line to standard error."""
    sys.stderr.write(f"{program}: {text}\n")


def _columns(stream: TextIO) -> int:
    try:
        # A terminal that does not know its size says 0.
        return os.get_terminal_size(stream.fileno()).columns or _PLAIN_COLUMNS
    except OSError:
        return _PLAIN_COLUMNS
