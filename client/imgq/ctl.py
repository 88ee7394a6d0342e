"""imgqctl: look after the daemon. Each command of the table below is one function."""

from __future__ import annotations

import sys
from argparse import Namespace
from collections.abc import Callable, Sequence
from dataclasses import asdict

from imgq import ctl_models, ctl_store, paths
from imgq.asking import SYNC_TIMEOUT_S
from imgq.client import Client
from imgq.command import run
from imgq.durations import spoken
from imgq.errors import NotRunning
from imgq.following import Follower
from imgq.parsing import Parser, Version, duration
from imgq.put import put, put_json
from imgq.screen import Screen, say, screen_of
from imgq.summary import root_lines, status_lines, why_sentence
from imgq.terminal import synced
from imgq.text import readable, readable_path

_PROGRAM = "imgqctl"

_EPILOG = """\
exit status:
  0  done                      3  the daemon cannot be reached
  1  not so, or it went wrong  4  the daemon refused
  2  wrong usage"""


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the command and return its exit status."""
    return run(_PROGRAM, lambda: _main(arguments))


def _main(arguments: Sequence[str] | None) -> int:
    options = _parser().parse_args(arguments)
    command: Callable[[Namespace], int] = options.command
    return command(options)


def _status(options: Namespace) -> int:
    with Client() as client:
        if options.follow:
            return _follow(client, as_json=options.json)
        status = client.status()
    if options.json:
        put_json(status.raw)
    else:
        put(*status_lines(status, _screen()))
    return 0


def _follow(client: Client, *, as_json: bool) -> int:
    if as_json:
        for status in client.statuses():
            put_json(status.raw)
            sys.stdout.flush()
    else:
        with Follower() as follower:
            for status in client.statuses():
                follower.show(status)
    return 0


def _add(options: Namespace) -> int:
    from imgq import first  # noqa: PLC0415 - few calls want it

    if first.is_first():
        return first.add(options.folders)
    with Client() as client:
        for folder in options.folders:
            client.add_root(folder)
            put(f"watching {_shown(folder)}")
    return 0


def _remove(options: Namespace) -> int:
    with Client() as client:
        for folder in options.folders:
            client.remove_root(folder)
            put(f"no longer watching {_shown(folder)}")
    return 0


def _folders(_: Namespace) -> int:
    with Client() as client:
        roots = client.roots()
    screen = screen_of(sys.stdout)
    if screen is None:
        for root in roots:
            sys.stdout.buffer.write(root.path + b"\n")
    else:
        put(*root_lines(roots, screen))
    if not roots:
        say(_PROGRAM, "no folder is watched: `imgqctl add DIR` watches one")
    return 0 if roots else 1


def _sync(options: Namespace) -> int:
    with Client() as client:
        answer = client.sync(options.timeout)
    put(synced(answer.as_of))
    return 0


def _pause(options: Namespace) -> int:
    with Client() as client:
        client.pause(options.duration)
    until = "until `imgqctl resume`"
    put(f"paused {until if options.duration is None else 'for ' + spoken(options.duration)}")
    return 0


def _resume(_: Namespace) -> int:
    with Client() as client:
        put(f"resumed: {readable(client.resume())}")
    return 0


def _rescan(options: Namespace) -> int:
    with Client() as client:
        client.rescan(options.folder)
    what = "every folder" if options.folder is None else _shown(options.folder)
    put(f"scanning {what} again")
    return 0


def _why(options: Namespace) -> int:
    with Client() as client:
        why = client.why(options.file)
    put(why_sentence(why, _screen()))
    return 0 if why.state == "searchable" else 1


def _doctor(options: Namespace) -> int:
    from imgq import doctor  # noqa: PLC0415 - few calls want it

    checks, status = doctor.examine()
    if options.json:
        put_json(*(asdict(check) for check in checks))
    else:
        put(*doctor.lines(checks, screen_of(sys.stdout)))
    return status


def _start(_: Namespace) -> int:
    from imgq import lifecycle  # noqa: PLC0415 - only these three start processes

    if lifecycle.running():
        put("imgqd is already running")
        return 0
    put(f"imgqd is running{_by(lifecycle.start())}")
    return 0


def _stop(_: Namespace) -> int:
    from imgq import lifecycle  # noqa: PLC0415

    try:
        put(f"imgqd has stopped{_by(lifecycle.stop())}")
    except NotRunning:
        put("imgqd is not running")
    return 0


def _restart(_: Namespace) -> int:
    from imgq import lifecycle  # noqa: PLC0415

    put(f"imgqd is running again{_by(lifecycle.restart())}")
    return 0


def _by(manager: str | None) -> str:
    return "" if manager is None else f" (by {manager})"


def _screen() -> Screen:
    return screen_of(sys.stdout) or Screen()


def _shown(path: str) -> str:
    return readable_path(paths.absolute(path), _screen().home)


def _parser() -> Parser:
    parser = Parser(
        prog=_PROGRAM,
        usage="imgqctl COMMAND [OPTIONS]",
        description="Look after imgqd, the daemon that keeps your pictures searchable.",
        epilog=_EPILOG,
    )
    parser.add_argument("--version", action=Version, nargs=0, help="print the version")
    commands = parser.add_subparsers(
        title="commands", metavar="COMMAND", required=True, prog=_PROGRAM
    )

    def add(name: str, command: Callable[[Namespace], int], help_text: str) -> Parser:
        one = commands.add_parser(name, help=help_text, description=help_text)
        one.set_defaults(command=command)
        return one

    status = add("status", _status, "how the daemon is, and what it is doing")
    status.add_argument("--json", action="store_true", help="print one JSON object a line")
    status.add_argument("--follow", action="store_true", help="go on until Ctrl-C")
    for name, command, text in (
        ("add", _add, "watch folders and everything below them"),
        ("remove", _remove, "watch folders no longer; no picture is touched"),
    ):
        add(name, command, text).add_argument("folders", metavar="DIR", nargs="+")
    add("folders", _folders, "list the watched folders")
    sync = add("sync", _sync, "wait until every change until now is searchable")
    sync.add_argument("--timeout", metavar="TIME", type=duration, default=SYNC_TIMEOUT_S)
    pause = add("pause", _pause, "stop indexing, for a while or until resume")
    pause.add_argument("duration", metavar="DURATION", nargs="?", type=duration)
    add("resume", _resume, "go on indexing")
    rescan = add("rescan", _rescan, "look for changes that were not noticed")
    rescan.add_argument("folder", metavar="DIR", nargs="?")
    why = add("why", _why, "why a file is searchable, or is not")
    why.add_argument("file", metavar="FILE")
    doctor = add("doctor", _doctor, "check what nobody sees, and say what to do about it")
    doctor.add_argument("--json", action="store_true", help="print one JSON object a line")
    model = add("model", ctl_models.list_models, "list the models, use one, fetch one")
    ctl_models.add_actions(model)
    store = add("store", ctl_store.show, "the store that several machines share")
    ctl_store.add_actions(store)
    add("start", _start, "start the daemon and wait until it answers")
    add("stop", _stop, "stop the daemon and wait until it is gone")
    add("restart", _restart, "exchange the daemon's process and wait until it answers")
    return parser
