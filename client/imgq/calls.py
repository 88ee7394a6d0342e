"""The calls beside searching: one function for each method of the protocol.

The functions' docstrings are those of the clients' methods, and their arguments, too.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from imgq import paths
from imgq.answers import Matches
from imgq.asking import SYNC_TIMEOUT_S, AnyPath, Call, patience, sendable
from imgq.model_reports import Dropped, Models, Pulled
from imgq.protocol import path_bytes, wire_path
from imgq.reports import Check, Hello, Root, Status, Synced, Why
from imgq.store_reports import Store, Verified

# Every folder is walked, and a sync comes before it and perhaps after it.
_DOCTOR_S = 600.0

# A catalog of gigabytes is written anew.
_DROP_S = 600.0

# What takes the engine longest but a comparison: it removes a machine's rows.
_STORE_S = 120.0

# All keys of a million pictures, on both sides.
_VERIFY_S = 3600.0

# A gigabyte on a slow line.
_PULL_S = 7200.0


def hello() -> Call[Hello]:
    """Ask who answers."""
    return Call("hello", {}, Hello.from_wire)


def status() -> Call[Status]:
    """Ask how the daemon is."""
    return Call("status", {}, Status.from_wire)


def sync(timeout: float = SYNC_TIMEOUT_S) -> Call[Synced]:
    """Wait until every change made before the call is searchable."""
    return Call("sync", {"timeout_s": timeout}, Synced.from_wire, patience(timeout))


def why(path: AnyPath) -> Call[Why]:
    """Ask why one file is searchable, or is not."""
    return Call("why", _path(path), Why.from_wire)


def doctor(timeout: float = _DOCTOR_S) -> Call[tuple[Check, ...]]:
    """Ask for a check of what nobody sees; of a large library that takes a while."""
    return Call("doctor", {}, _checks, timeout)


def roots() -> Call[tuple[Root, ...]]:
    """Ask for the watched folders."""
    return Call("roots.list", {}, _roots)


def add_root(path: AnyPath) -> Call[tuple[Root, ...]]:
    """Watch a folder and everything below it."""
    return Call("roots.add", _path(path), _roots)


def remove_root(path: AnyPath) -> Call[tuple[Root, ...]]:
    """Watch a folder no longer; its pictures are not touched."""
    return Call("roots.remove", _path(path), _roots)


def pause(duration: float | None = None) -> Call[str]:
    """Stop indexing, for `duration` seconds or until `resume`; return the daemon's state."""
    return Call("pause", {} if duration is None else {"duration_s": duration}, _state)


def resume() -> Call[str]:
    """Go on indexing; return the daemon's state."""
    return Call("resume", {}, _state)


def rescan(path: AnyPath | None = None) -> Call[str]:
    """Compare a folder, or all of them, with the catalog; return the daemon's state."""
    return Call("rescan", {} if path is None else _path(path), _state)


def models() -> Call[Models]:
    """Ask which models there are."""
    return Call("models.list", {}, Models.from_wire)


def use_model(name: str) -> Call[Models]:
    """Change to another model; the old one answers until the new one knows every picture."""
    return Call("models.use", {"name": sendable(name)}, Models.from_wire)


def pull_model(name: str, timeout: float = _PULL_S) -> Call[Pulled]:
    """Fetch a model's weights; the statuses in the meantime tell how far it is."""
    return Call("models.pull", {"name": sendable(name)}, Pulled.from_wire, timeout)


def import_model(path: AnyPath, name: str | None = None, timeout: float = _PULL_S) -> Call[Pulled]:
    """Copy a model's weights from a folder or file; `name` says which model a file belongs to."""
    params = _path(path)
    if name is not None:
        params["as"] = sendable(name)
    return Call("models.import", params, Pulled.from_wire, timeout)


def drop_model(name: str, timeout: float = _DROP_S) -> Call[Dropped]:
    """Delete the vectors of a model that is not in use, and give their room back to the disk."""
    return Call("models.drop", {"name": sendable(name)}, Dropped.from_wire, timeout)


def store() -> Call[Store | None]:
    """Ask how the shared store is, and which machines it holds pictures of; None without one."""
    return Call("store.status", {}, Store.from_wire, _STORE_S)


def backfill_store(*, claim: bool = False) -> Call[Store | None]:
    """Tell the store everything once more; `claim`: whoever had this machine's name before."""
    return Call("store.backfill", {"claim": claim}, Store.from_wire, _STORE_S)


def verify_store(*, mend: bool = False, timeout: float = _VERIFY_S) -> Call[Verified]:
    """Compare what the store holds of this machine with the catalog, and mend it if asked."""
    return Call("store.verify", {"mend": mend}, Verified.from_wire, timeout)


def detach_store(*, remove: bool = False) -> Call[int | None]:
    """Tell the store no more; return how many of this machine's rows were removed, if asked."""
    return Call("store.detach", {"remove": remove}, _rows, _STORE_S)


def forget_machine(machine: str) -> Call[int | None]:
    """Remove all that another machine has told the store; return how many rows that were."""
    return Call("store.forget", {"machine": sendable(machine)}, _rows, _STORE_S)


def switch_store() -> Call[Store | None]:
    """Let this machine's model answer, whichever machines have not told as it sees pictures."""
    return Call("store.switch", {}, Store.from_wire, _STORE_S)


def subscribe(topics: Sequence[str]) -> Call[int]:
    """Ask for the events of some topics; return the number that they carry."""
    return Call("subscribe", {"topics": list(topics)}, lambda raw: int(raw["subscription"]))


def follow(
    query: str = "", *, like: AnyPath | None = None, cursor: str | None = None
) -> Call[tuple[int, Matches]]:
    """Ask for new pictures that match; return the events' number, and where they begin."""
    params: dict[str, Any] = {"topics": ["matches"]}
    if query:
        params["query"] = sendable(query)
    if like is not None:
        params["like"] = wire_path(paths.absolute(like))
    if cursor is not None:
        params["cursor"] = sendable(cursor)
    return Call("subscribe", params, lambda raw: (int(raw["subscription"]), Matches.from_wire(raw)))


def unsubscribe(subscription: int) -> Call[None]:
    """End a subscription by the number that its events carry."""
    return Call("unsubscribe", {"subscription": subscription}, lambda _: None)


def thumbnail(
    path: AnyPath | None = None, *, image_id: int | None = None, size: int = 256
) -> Call[bytes]:
    """Ask for a PNG of a picture, no side longer than `size` (128, 256, 512, 1024); its path."""
    params: dict[str, Any] = {"size": size}
    if path is not None:
        params |= _path(path)
    if image_id is not None:
        params["image_id"] = image_id
    return Call("thumbnail", params, lambda raw: path_bytes(raw["path"]))


def shutdown() -> Call[None]:
    """Stop the daemon."""
    return Call("shutdown", {}, lambda _: None)


STATUS_EVENT: Call[Status] = Call("status", {}, lambda event: Status.from_wire(event["status"]))
"""Nothing to send: it makes the record of an event."""

MATCHES_EVENT: Call[Matches] = Call("subscribe", {}, Matches.from_wire)
"""The same for an event of `follow`."""


def _path(path: AnyPath) -> dict[str, Any]:
    return {"path": wire_path(paths.absolute(path))}


def _roots(raw: Any) -> tuple[Root, ...]:
    return tuple(Root.from_wire(root) for root in raw["roots"])


def _checks(raw: Any) -> tuple[Check, ...]:
    return tuple(Check.from_wire(check) for check in raw["checks"])


def _rows(raw: Any) -> int | None:
    return None if raw["rows"] is None else int(raw["rows"])


def _state(raw: Any) -> str:
    return str(raw["state"])
