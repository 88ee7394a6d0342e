"""imgqctl model: what there is, and how it comes, is used, and goes."""

from __future__ import annotations

import sys
from argparse import Namespace
from collections.abc import Callable

from imgq.client import Client
from imgq.following import Follower
from imgq.model_reports import ModelChoice, Models, Pulled
from imgq.parsing import Parser
from imgq.progress import size
from imgq.put import put, put_json
from imgq.reports import Status
from imgq.summary import moving_line
from imgq.terminal import table
from imgq.text import counted, readable

_PUBLISHED = "not published here"
_HEADINGS = ("", "name", "open_clip", "licence", "download", "dim", "ImageNet", "on disk", "seen")


def add_actions(parser: Parser) -> None:
    """Give the parser of `imgqctl model` its actions."""
    # Without an action it lists.
    parser.set_defaults(json=False)
    actions = parser.add_subparsers(title="actions", metavar="ACTION")
    listing = actions.add_parser("list", help="list the models (also without an action)")
    listing.add_argument("--json", action="store_true", help="print one JSON object")
    listing.set_defaults(command=list_models)
    for name, command, text in (
        ("use", _use, "change to a model; the one before answers until it has seen all pictures"),
        ("pull", _pull, "fetch a model's weights now"),
        ("drop", _drop, "delete what a model has seen, once another one is in use"),
    ):
        one = actions.add_parser(name, help=text, description=text)
        one.add_argument("name", metavar="NAME")
        one.set_defaults(command=command)
    text = "take weights from a folder or file, for a machine without a network"
    importing = actions.add_parser("import", help=text, description=text)
    importing.add_argument("path", metavar="DIR|FILE")
    importing.add_argument(
        "--as", dest="name", metavar="NAME", help='which model a file belongs to ("ARCH/TAG")'
    )
    importing.set_defaults(command=_import)


def list_models(options: Namespace) -> int:
    """List the models."""
    with Client() as client:
        models = client.models()
    if options.json:
        put_json(models.raw)
    else:
        put(*lines(models))
        if models.migrating is not None:
            put(moving_line(models.migrating))
    return 0


def lines(models: Models) -> list[str]:
    """Return the models as a table, with a star before the one that answers."""
    if not models.available:
        return []
    rows = [_row(choice, models.active) for choice in models.available]
    return table([_HEADINGS, *rows])


def _row(choice: ModelChoice, active: str) -> tuple[str, ...]:
    licence = readable(choice.licence) or "?"
    return (
        "*" if choice.name == active else " ",
        readable(choice.name),
        readable(choice.model) if choice.model != choice.name else "",
        f"{licence}: no ordinary use" if choice.restricted else licence,
        "-" if choice.size is None else size(choice.size),
        "-" if choice.dim is None else str(choice.dim),
        _PUBLISHED if choice.imagenet is None else f"{choice.imagenet:.1%}",
        "yes" if choice.on_disk else "no",
        f"{choice.vectors:,}" if choice.vectors else "-",
    )


def _use(options: Namespace) -> int:
    with Client() as client:
        models = client.use_model(options.name)
        now = client.status().model
    chosen = next((one for one in models.available if one.name == options.name), None)
    if chosen is not None and chosen.restricted:
        put(
            f"mind the licence of {readable(chosen.name)}: {readable(chosen.licence)} "
            "forbids ordinary use"
        )
    moving = models.migrating
    if moving is None:
        is_ready = now.get("state", "ready") == "ready"
        put(readable(f"{models.active} is in use" if is_ready else str(now.get("detail"))))
        return 0
    before, after = readable(moving.before), readable(moving.after)
    put(
        f"{before} goes on answering until {after} has seen {counted(moving.total, 'picture')}; "
        f"then {after} answers",
        f"`imgqctl status` shows how far it is, `imgqctl model use {before}` ends it",
    )
    if moving.waits:
        put(f"it waits: {readable(moving.waits)}")
    return 0


def _pull(options: Namespace) -> int:
    with Client() as client, Follower(sys.stderr) as follower:
        pulled = client.pull_model(options.name, _downloads(follower))
    put(_brought(pulled, "fetched"))
    return 0


def _import(options: Namespace) -> int:
    with Client() as client, Follower(sys.stderr) as follower:
        pulled = client.import_model(options.path, options.name, _downloads(follower))
    name = readable(pulled.name)
    put(_brought(pulled, "copied"), f"`imgqctl model use {name}` changes to it")
    return 0


def _drop(options: Namespace) -> int:
    with Client() as client:
        dropped = client.drop_model(options.name)
    gone = f"{counted(dropped.vectors, 'vector')} of {readable(dropped.name)} deleted"
    room = "their room is given back" if dropped.shrunk else "their room is kept for new pictures"
    put(f"{gone}; {room}")
    return 0


def _downloads(follower: Follower) -> Callable[[Status], None]:
    def news(status: Status) -> None:
        if status.download is not None:
            follower.show(status)

    return news


def _brought(pulled: Pulled, how: str) -> str:
    files = counted(pulled.files, "file")
    return f"{readable(pulled.name)} is on this disk: {files}, {size(pulled.size)} {how}"
