"""imgqctl store: the store that several machines share."""

from __future__ import annotations

import sys
from argparse import Namespace

from imgq.client import Client
from imgq.errors import ImgqError, Usage
from imgq.following import Follower
from imgq.parsing import Parser
from imgq.progress import store_progress
from imgq.put import put, put_json
from imgq.reports import Status
from imgq.screen import screen_of
from imgq.store_reports import Machine, Store, Verified
from imgq.summary import store_line
from imgq.terminal import clock, table
from imgq.text import counted, readable, readable_path

_HEADINGS = ("machine", "pictures", "model", "last heard of", "")
_NONE = "no store is set: [store] url in the settings names one (docs/stores.md)"


def add_actions(parser: Parser) -> None:
    """Give the parser of `imgqctl store` its actions."""
    # Without an action it says how the store is.
    parser.set_defaults(json=False)
    actions = parser.add_subparsers(title="actions", metavar="ACTION")
    for name, command, text, options in (
        ("status", show, "how the store is (also without an action)", ("json",)),
        ("backfill", _backfill, "tell it all pictures of this machine once more", ("claim",)),
        ("verify", _verify, "compare it with this machine's catalog", ("mend", "json")),
        ("detach", _detach, "tell it no more, and forget it in the settings", ("remove",)),
        ("forget", _forget, "remove the pictures of a machine that is gone for good", ("yes",)),
        ("switch", _switch, "let this machine's model answer now, complete or not", ("yes",)),
    ):
        one = actions.add_parser(name, help=text, description=text)
        one.set_defaults(command=command)
        if command is _forget:
            one.add_argument("machine", metavar="MACHINE")
        for option in options:
            one.add_argument(f"--{option}", action="store_true", help=_HELP[option])


_HELP = {
    "json": "print one JSON object",
    "claim": "take over this machine's name there from whoever has it",
    "mend": "send what is missing, and remove what is there in vain",
    "remove": "remove this machine's pictures from it, too",
    "yes": "do not ask",
}


def show(options: Namespace) -> int:
    """Say how the store is, and whose pictures it holds."""
    with Client() as client:
        store = client.store()
    if store is None:
        put(_NONE)
        return 1
    if options.json:
        machines = store.machines
        put_json({**store.raw, "machines": None if machines is None else list(map(_raw, machines))})
        return 0
    put(f"{readable(store.host)}: {store_line(store)}")
    if store.machines:
        rows = [_row(one, store.machine) for one in store.machines]
        put(*table([_HEADINGS, *rows]))
    return 0


def _raw(one: Machine) -> dict[str, object]:
    return {
        "machine": one.name,
        "model": one.model,
        "complete": one.complete,
        "seen": one.seen,
        "answers": one.answers,
        "rows": one.rows,
    }


def _row(one: Machine, own: str) -> tuple[str, ...]:
    notes = ["this machine"] if one.name == own else []
    if not one.complete:
        notes.append("not all told yet")
    if one.rows is None:
        notes.append("as another model sees them")
    pictures = "-" if one.rows is None else f"{one.rows:,}"
    return (
        readable(one.name),
        pictures,
        readable(one.model),
        clock(one.seen),
        ", ".join(notes),
    )


def _backfill(options: Namespace) -> int:
    with Client() as client:
        store = client.backfill_store(claim=options.claim)
        if store is None or screen_of(sys.stdout) is None:
            put("the store is told everything once more: `imgqctl store` shows how far it is")
            return 0
        with Follower() as follower:
            for status in client.statuses():
                if (store := status.store) is None or store.state in {"in_step", "behind"}:
                    break
                if store.state not in {"filling", "starting"}:
                    raise ImgqError(readable(store.detail or store.state))
                follower.draw(store_progress(store, follower.columns))
    put("the store has all pictures of this machine")
    return 0


def _verify(options: Namespace) -> int:
    with Client() as client, Follower(sys.stderr) as follower:

        def news(status: Status) -> None:
            if status.store is not None and status.store.work is not None:
                follower.draw(store_progress(status.store, follower.columns))

        found = client.verify_store(mend=options.mend, news=news)
    if options.json:
        put_json(
            {
                "checked": found.checked,
                "missing": found.missing,
                "vain": found.vain,
                "mended": bool(options.mend),
            }
        )
    else:
        put(*_differences(found, is_mended=options.mend))
    return 0 if options.mend or not (found.missing or found.vain) else 1


def _differences(found: Verified, *, is_mended: bool) -> list[str]:
    looked = f"{counted(found.checked, 'picture')} compared"
    if not found.missing and not found.vain:
        return [f"{looked}: the store holds what the catalog says"]
    lines = [f"{looked}: {found.missing:,} missing in the store, {found.vain:,} there in vain"]
    for one in found.named:
        name = f"picture {one.hash[:12]}" if one.path is None else readable_path(one.path)
        lines.append(f"  {'missing' if one.missing else 'in vain'}  {name}")
    more = found.missing + found.vain - len(found.named)
    if more > 0:
        lines.append(f"  and {more:,} more")
    lines.append("all of it is mended" if is_mended else "`imgqctl store verify --mend` mends it")
    return lines


def _detach(options: Namespace) -> int:
    with Client() as client:
        removed = client.detach_store(remove=options.remove)
    put("the store is told no more; [store] url in the settings is empty now")
    if removed is None:
        put("what it was told stays there: `imgqctl store forget` on another machine removes it")
    else:
        put(f"{counted(removed, 'picture')} of this machine removed from it")
    return 0


def _forget(options: Namespace) -> int:
    name = readable(options.machine)
    _confirm(options, f"remove all that {name} has told the store?")
    with Client() as client:
        rows = client.forget_machine(options.machine)
    put(f"{counted(rows or 0, 'picture')} of {name} removed from the store")
    return 0


def _switch(options: Namespace) -> int:
    with Client() as client:
        store = client.store()
        if store is None:
            put(_NONE)
            return 1
        late = [
            one.name
            for one in store.machines or ()
            if not one.answers and one.name != store.machine and not _has_all(one.name, store)
        ]
        if late:
            names = readable(", ".join(sorted(set(late))))
            _confirm(
                options, f"the pictures of {names} are not found until they change, too: go on?"
            )
        client.switch_store()
    put("this machine's model answers in the store from now on")
    return 0


def _has_all(name: str, store: Store) -> bool:
    return any(one.name == name and one.answers and one.complete for one in store.machines or ())


def _confirm(options: Namespace, question: str) -> None:
    if options.yes:
        return
    if not sys.stdin.isatty():
        raise Usage(f"{question} say so with --yes")
    sys.stdout.write(f"{question} [y/N] ")
    sys.stdout.flush()
    if sys.stdin.readline().strip().lower() not in {"y", "yes"}:
        raise ImgqError("nothing was done")
