"""Draw the README's picture of a session: `python daemon/demo/record.py docs/session.svg`.

Everything in it is what the programs print on a real terminal, in the
demonstration's places, with the demonstration's pictures.
"""

from __future__ import annotations

import fcntl
import os
import pty
import re
import signal
import struct
import subprocess
import sys
import tempfile
import termios
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parents[1]))

from rich.console import Console
from rich.text import Text

from demo.tour import BIN, Tour

_COLUMNS = 92


def main(target: Path) -> None:
    """Record the session and write it as SVG."""
    with tempfile.TemporaryDirectory(prefix="imgq-demo-") as folder:
        tour = Tour(Path(folder).resolve())
        tour.draw()
        # The person's home is the demonstration's: paths are shown from there.
        tour.environment["HOME"] = folder
        lines = _session(tour)
    with open(os.devnull, "w", encoding="utf-8") as nowhere:
        console = Console(record=True, width=_COLUMNS, file=nowhere, color_system="truecolor")
        for line in lines:
            console.print(Text.from_ansi(line))
        drawn = console.export_svg(title="imgq")
    # A picture in a README loads nothing from anywhere.
    drawn = re.sub(r"@font-face \{.*?\}\s*", "", drawn, flags=re.DOTALL)
    target.write_text(drawn, encoding="utf-8")


def _session(tour: Tour) -> list[str]:
    tour.run("imgqctl", "start")
    try:
        lines = _typed("imgqctl status --follow", _progress(tour))
        lines += _typed('imgq "beach sunset"', _output(tour, ["imgq", "-n", "3", "beach sunset"]))
        lines += _typed("mv Pictures/travel Pictures/holidays", [])
        (tour.pictures / "travel").rename(tour.pictures / "holidays")
        lines += _typed(
            'imgq --sync "beach sunset"',
            _output(tour, ["imgq", "-n", "3", "--sync", "beach sunset"]),
        )
        lines += _typed(
            "imgq a red car | head -1", _output(tour, ["imgq", "-n", "1", "a red car"], piped=True)
        )
        return lines + _typed("imgqctl status", _output(tour, ["imgqctl", "status"]))
    finally:
        tour.run("imgqctl", "stop")


def _typed(command: str, output: list[str]) -> list[str]:
    return [f"\x1b[32m$\x1b[0m \x1b[1m{command}\x1b[0m", *output, ""]


def _progress(tour: Tour) -> list[str]:
    """Return the progress bar as it stood in the middle of the work."""
    written = _on_terminal(tour, ["imgqctl", "status", "--follow"], until=b"idle")
    states = [state for state in re.split(r"[\r\n]+", written) if "indexing" in state]
    return [states[len(states) * 2 // 3]]


def _output(tour: Tour, command: list[str], *, piped: bool = False) -> list[str]:
    if piped:
        printed = subprocess.run(  # noqa: S603 - our own programs
            [BIN / command[0], *command[1:]], env=tour.environment, capture_output=True, check=True
        ).stdout
        return printed.decode().replace(str(tour.base), "~").splitlines()
    return [line for line in _on_terminal(tour, command).splitlines() if line]


def _on_terminal(tour: Tour, command: list[str], until: bytes | None = None) -> str:
    """Return what a command writes on a terminal; with `until`, interrupt it once that is seen."""
    ours, theirs = pty.openpty()
    fcntl.ioctl(theirs, termios.TIOCSWINSZ, struct.pack("HHHH", 40, _COLUMNS, 0, 0))
    process = subprocess.Popen(  # noqa: S603 - our own programs
        [BIN / command[0], *command[1:]],
        env={**tour.environment, "TERM": "xterm-256color"},
        stdin=theirs,
        stdout=theirs,
        stderr=theirs,
        start_new_session=True,
    )
    os.close(theirs)
    written = b""
    while True:
        try:
            data = os.read(ours, 65536)
        except OSError:  # the other end is closed
            break
        written += data
        if until is not None and until in written:
            process.send_signal(signal.SIGINT)
            until = None
    process.wait()
    os.close(ours)
    # Links and the erasing of lines mean nothing in a picture.
    return re.sub(r"\x1b\]8;[^\x1b]*\x1b\\|\x1b\[\d*K|\x1b\[\?\d+[hl]", "", written.decode())


if __name__ == "__main__":
    main(Path(sys.argv[1]))
