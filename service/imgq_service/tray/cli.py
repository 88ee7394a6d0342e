"""imgq-tray: the icon in the tray, and the search window."""

from __future__ import annotations

import importlib.util
import os
import sys
from argparse import Namespace
from collections.abc import Sequence
from types import ModuleType
from typing import Final

from imgq.command import run
from imgq.errors import ImgqError
from imgq.parsing import Parser, Version
from imgq_service.door import knock

PROGRAM: Final = "imgq-tray"
_TRAY: Final = "pip install 'imgq[tray]'"
_QT: Final = "PySide6"
_SYSTEM: Final = "libegl1 libgl1 libxkbcommon0 libdbus-1-3 libfontconfig1 libxcb-cursor0"
"""The packages with the system's libraries that Qt's own packages count on."""


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the command and return its exit status."""
    return run(PROGRAM, lambda: _main(arguments))


def _main(arguments: Sequence[str] | None) -> int:
    options = _parser().parse_args(arguments)
    if options.search is not None:
        return _search(" ".join(options.search))
    if options.ask is not None:
        return _ask(options.ask)
    if options.login is not None:
        return _login(on=options.login == "on")
    return _tray(options)


def _parser() -> Parser:
    parser = Parser(prog=PROGRAM, description="Shows how imgq is in the tray, and searches.")
    parser.add_argument("--version", action=Version, nargs=0, help="print the version")
    one = parser.add_mutually_exclusive_group()
    one.add_argument(
        "--search", metavar="WORD", nargs="*", help="open the search window: for a hotkey"
    )
    one.add_argument("--ask", choices=("add", "why"), help="ask for a folder to watch, or a file")
    one.add_argument("--login", choices=("on", "off"), help="start at login, or no longer")
    parser.add_argument(
        "--wait", action="store_true", help="wait up to 30 s for a panel (at login)"
    )
    return parser


def _search(query: str) -> int:
    # Before anything large is imported.
    if knock("window", query):
        return 0
    status: int = _window().search(query)
    return status


def _ask(question: str) -> int:
    status: int = _window().ask(question)
    return status


def _login(*, on: bool) -> int:
    from imgq_service.tray import login  # noqa: PLC0415 - few calls want it

    if on:
        login.turn_on()
        sys.stdout.write(f"the tray starts at login: {login.path()}\n")
    else:
        login.turn_off()
        sys.stdout.write("the tray does not start at login\n")
    return 0


def _tray(options: Namespace) -> int:
    if knock("tray", "are you there?"):
        sys.stderr.write(f"{PROGRAM}: the tray is there already\n")
        return 0
    try:
        from imgq_service.tray import presence  # noqa: PLC0415 - needs the extra
    except ImportError as error:
        raise ImgqError(f"{error.name} is not installed here: `{_TRAY}` brings it") from None
    obstacle = presence.obstacle(wait=options.wait)
    if obstacle is not None:
        sys.stderr.write(f"{PROGRAM}: {obstacle}; `{PROGRAM} --search` works without one\n")
        return 0
    from imgq_service.tray import program  # noqa: PLC0415 - needs the extra, too

    return program.run()


def _window() -> ModuleType:
    """Return what opens windows; raises ImgqError where the toolkit cannot be loaded."""
    _need_qt()
    try:
        from imgq_service.window import program  # noqa: PLC0415 - a tenth of a second
    except ImportError as error:
        # Qt's packages bring Qt, and not what every desktop has: libEGL.so.1, say.
        raise ImgqError(
            f"Qt cannot be loaded: {error} (Debian, Ubuntu: `sudo apt install {_SYSTEM}`)"
        ) from None
    return program


def _need_qt() -> None:
    if importlib.util.find_spec(_QT) is None:
        raise ImgqError(f"{_QT} is not installed here: `{_TRAY}` brings it")
    screens = ("DISPLAY", "WAYLAND_DISPLAY", "QT_QPA_PLATFORM")
    if sys.platform != "darwin" and not any(os.environ.get(name) for name in screens):
        # Qt would abort the process.
        raise ImgqError("no display: the window needs a desktop session; `imgq` searches without")


if __name__ == "__main__":
    sys.exit(main())
