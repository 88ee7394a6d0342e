"""`imgq-service launcher [NAME] [--remove]`."""

from __future__ import annotations

import contextlib
import importlib.util
import sys
from collections.abc import Sequence
from typing import Final

from imgq.errors import ImgqError, Usage
from imgq.parsing import Parser
from imgq_service.launchers import installing
from imgq_service.launchers.pieces import ALL, Launcher

HELP: Final = "find pictures from a launcher; without a NAME, list what there is"
_EXTRA: Final = "pip install 'imgq[launchers]'"


def run(arguments: Sequence[str]) -> int:
    """Install, remove or list, and return the exit status; raises ImgqError."""
    parser = Parser(prog="imgq-service launcher", description=HELP)
    parser.add_argument("name", metavar="NAME", nargs="?", help=", ".join(_here()))
    parser.add_argument("--remove", action="store_true", help="undo it, without a trace")
    options = parser.parse_args(arguments)
    try:
        if options.name is not None:
            _say(_done(options.name, remove=options.remove))
        elif options.remove:
            raise Usage("which? `imgq-service launcher` lists them")
        else:
            _list()
    except BrokenPipeError:
        raise  # Of the output's reader; every other error is a file's.
    except OSError as error:
        raise ImgqError(f"{error}: nothing was changed after that") from error
    return 0


def _done(name: str, *, remove: bool) -> str:
    launcher = ALL.get(name)
    if launcher is None:
        raise Usage(f"no launcher is called {name}: there are {', '.join(_here())}")
    if sys.platform not in launcher.platforms:
        where = " and ".join({"darwin": "macOS"}.get(one, "Linux") for one in launcher.platforms)
        raise Usage(f"{name} is for {where}: here there are {', '.join(_here())}")
    if remove:
        there = installing.remove(launcher.pieces())
        if there and launcher.needs:
            _tell_the_bus()
        said = f"{name} is removed" if there else f"{name} was not installed"
        more = launcher.after_removal()
        return f"{said}; {more}" if more else said
    if launcher.needs and importlib.util.find_spec(launcher.needs) is None:
        raise ImgqError(f"{launcher.needs} is not installed here: `{_EXTRA}` brings it")
    installing.install(launcher.pieces())
    if launcher.needs:
        _tell_the_bus()
    return f"{name} is installed; {launcher.then()}"


def _list() -> None:
    from imgq.terminal import table  # noqa: PLC0415 - the service's own commands need no msgpack

    rows = [(name, _state(ALL[name])) for name in _here()]
    for line in table(rows):
        _say(line)


def _state(launcher: Launcher) -> str:
    try:
        there = [installing.check(piece) for piece in launcher.pieces()]
    except ImgqError as error:
        return str(error)
    if not any(there):
        return "not installed"
    if not all(there):
        return "a part of it is gone: install it again"
    waits = launcher.waits()
    return f"installed; {waits}" if waits else "installed"


def _here() -> list[str]:
    return [name for name, one in ALL.items() if sys.platform in one.platforms]


def _tell_the_bus() -> None:
    # Not every session bus looks at its folders by itself; where there is none, it is read anew.
    with contextlib.suppress(ImportError):
        from imgq_service import bus  # noqa: PLC0415 - needs jeepney

        with contextlib.suppress(bus.NoBus):
            bus.reload()


def _say(line: str) -> None:
    sys.stdout.write(f"{line}\n")
