"""From what the daemon knows of itself to what a person should do about it. Pure functions."""

from __future__ import annotations

import os
import shlex
import sys
from collections.abc import Mapping, Sequence
from typing import Any, Final

from imgq.protocol import path_bytes
from imgqd import formats, inotify, mounts, presets
from imgqd.findings import Finding, bad, counted, fine, size, warning
from imgqd.records import shown

_WATCHES: Final = "max_user_watches"
_INSTANCES: Final = "max_user_instances"

_CROWDED: Final = 0.8
"""The share of the watches that may be ours before somebody is warned."""

_LEAST_WATCHES: Final = 1 << 19
_MANY_INSTANCES: Final = 1024

_HEAVY: Final = 2 << 30
"""Bytes of memory, all processes together, from which on somebody is warned."""


def folder(row: Mapping[str, Any], kind: str, unreadable: Sequence[bytes]) -> Finding:
    """Judge one watched folder by its row in `status`, and what its walks could not read."""
    path = path_bytes(row["path"])
    name, why = shown(path), row.get("reason") or ""
    if row["state"] != "online":
        remedy = f"connect its disk, or: imgqctl remove {_argument(path)}"
        return warning(f"{name} is offline{_after(why)}", remedy)
    where = f"{name} ({kind})" if kind else name
    holds = counted(row["files"], "file")
    if row["watch"] == "scan_only":
        said = f"{where}: {holds}, looked through now and then{_after(why)}"
        return warning(said, _watching(why, kind))
    if row["watch"] == "partial":
        uncovered = row.get("uncovered", 0)
        part = f"all but {counted(uncovered, 'folder')}" if uncovered else "a part"
        said = f"{where}: {holds}, {part} watched live{_after(why)}"
        return warning(said, _watching(why, kind))
    if unreadable:
        named = f"{shown(unreadable[0])}{', …' if len(unreadable) > 1 else ''}"
        return warning(
            f"{where}: {holds}, watched live, {counted(len(unreadable), 'folder')} in it cannot "
            f"be read: {named}",
            "give yourself the right to read them (chmod u+rx), or exclude them in the settings",
        )
    return fine(f"{where}: {holds}, watched live")


def watches(used: int | None, limits: Mapping[str, int | None]) -> Finding:
    """Judge how many folders are watched, against what the system allows one person."""
    most = limits.get(_WATCHES)
    known = ", ".join(
        f"{value:,} {name.rpartition('_')[2]}"
        for name, value in limits.items()
        if value is not None
    )
    allowed = f" (the system allows {known})" if known else ""
    if used is None:
        return fine(f"the system does not tell how many folders are watched{allowed}")
    said = f"{counted(used, 'folder')} watched{allowed}"
    if most is not None and used > _CROWDED * most:
        return warning(said, _raising(_WATCHES, _enough(used)))
    return fine(said)


def model(row: Mapping[str, Any]) -> Finding:
    """Judge the model by its row in `status`."""
    name, state = row["name"], row["state"]
    choose = "choose another: imgqctl model use NAME (imgqctl model lists them)"
    said = f"{name} is {state}: {row['detail']}"
    if state == "missing" and name != presets.DEMO and not name.startswith(presets.LOCAL):
        return bad(said, f"imgqctl model pull {shlex.quote(name)}, or {choose}")
    if state in {"missing", "failed"}:
        return bad(said, choose)
    if state == "loading":
        return warning(row["detail"] or f"{name} is being loaded", "imgqctl doctor, in a moment")
    waiting = f", {row['waiting']:,} to come" if row["waiting"] else ""
    made = counted(row["vectors"], "vector")
    said = f"{name}, from {_source(name)}: {made}{waiting}"
    moving = row.get("migrating")
    if moving is None:
        return fine(said)
    said += f"; {moving['done']:,} of {moving['total']:,} seen by {moving['to']}, which comes next"
    if moving["stuck"]:
        back = f"imgqctl model use {shlex.quote(name)} ends the move"
        return warning(f"{said}: {moving['waits']}", back)
    return fine(f"{said}: {moving['waits']}" if moving["waits"] else said)


def accelerator(
    embedder: Mapping[str, Any], device: str, precision: str, *, is_text_awake: bool
) -> Finding:
    """Say where texts and pictures are embedded; the core itself never asks the hardware."""
    text = "texts on cpu" if is_text_awake else "texts asleep"
    asked = f"device = {device}, precision = {precision}"
    if embedder["detail"]:
        said = f"{text}, pictures {embedder['detail']} ({asked})"
        return warning(said, 'the driver\'s log, or: device = "cpu" in [model]')
    if not embedder["running"]:
        return fine(f"{text}, pictures asleep ({asked})")
    return fine(f"{text}, pictures on {embedder['device']} in {embedder['precision']} ({asked})")


def cluster(row: Mapping[str, Any], trouble: str | None) -> Finding:
    """Say whether there is help of other machines; `trouble` is what a try just now met."""
    place = row["scheduler"]
    if trouble is not None:
        mend = "start the scheduler there, or mend [cluster]: docs/cluster.md"
        return warning(f"{place} is not used: {trouble}", mend)
    if row["connected"]:
        return fine(f"{place}: {counted(row['workers'], 'worker')} with the model at work")
    if row["detail"]:
        return warning(
            f"{place} answers, but was not used: {row['detail']}",
            "start imgqd-worker there with the same model: docs/cluster.md",
        )
    return fine(f"{place} answers, and is asked when there is bulk work")


def memory(used: Mapping[str, int]) -> Finding:
    """Judge the memory of all processes together."""
    total = sum(used.values())
    largest = sorted(used.items(), key=lambda item: -item[1])
    said = f"{size(total)}: " + ", ".join(f"{name} {size(count)}" for name, count in largest)
    if total > _HEAVY:
        return warning(
            said,
            "a smaller model (imgqctl model use fast), or a shorter release_after in [model]",
        )
    return fine(said)


def deaf() -> Finding:
    """Return what it means that nothing can be watched at all."""
    return warning(
        "nothing tells of changes here: the folders are looked through instead",
        _raising(_INSTANCES, _MANY_INSTANCES),
    )


def _watching(why: str, kind: str) -> str:
    if _WATCHES in why:
        most = inotify.limit(_WATCHES) or 0
        return _raising(_WATCHES, _enough(most))
    if _INSTANCES in why:
        return _raising(_INSTANCES, _MANY_INSTANCES)
    if mounts.is_remote(kind) or "elsewhere" in why:
        return "nothing: it is looked through every watch.rescan, and before each --sync"
    return "imgqctl rescan tries to watch it again"


def sandbox(bounds: str, held: Mapping[str, Any]) -> Finding:
    """Judge what holds the decoders back, by what one of them said of itself."""
    layers = [f"Landlock (ABI {held['landlock']})"] if held["landlock"] else []
    layers += [
        words
        for name, words in (("seccomp", "seccomp"), ("no_new_privs", "no privileges"))
        if held[name]
    ]
    confined = ", ".join(["an open file and nothing else", *layers])
    said = f"decoders: {confined}; {bounds}"
    missing = held["missing"]
    if not missing:
        return fine(said)
    if sys.platform != "linux":
        return fine(f"{said}; {'; '.join(missing)}")
    return warning(
        f"{said}; missing: {'; '.join(missing)}",
        "a kernel of 5.13 or later has Landlock, the system's package libseccomp has seccomp",
    )


def decoders(installed: Mapping[str, str]) -> Finding:
    """Judge which decoders are installed."""
    known = ", ".join(f"{name} {version}" for name, version in sorted(installed.items()))
    missing = [package for package in formats.PACKAGES if package not in installed]
    if not missing:
        return fine(known)
    lost = "; ".join(f"without {one} no {formats.PACKAGES[one]}" for one in missing)
    return warning(f"{known}; {lost}", f"pip install {' '.join(missing)}, then: imgqctl rescan")


def _raising(limit: str, number: int) -> str:
    """Return the command that raises an inotify limit, now and after each start."""
    file = "/etc/sysctl.d/60-imgq.conf"
    line = f"fs.inotify.{limit} = {number}"
    return f"echo '{line}' | sudo tee -a {file} && sudo sysctl -p {file} && imgqctl rescan"


def _enough(used: int) -> int:
    """Return a limit with room to grow: a power of two, twice what is used at least."""
    return max(_LEAST_WATCHES, 1 << (2 * used).bit_length())


def _source(name: str) -> str:
    if name == presets.DEMO:
        return "this installation"
    if name.startswith(presets.LOCAL):
        return name.removeprefix(presets.LOCAL)
    home = os.environ.get("HF_HOME") or os.path.join(
        os.environ.get("XDG_CACHE_HOME") or os.path.expanduser("~/.cache"), "huggingface"
    )
    return os.environ.get("HF_HUB_CACHE") or os.path.join(home, "hub")


def _after(why: str) -> str:
    return f": {why}" if why else ""


def _argument(path: bytes) -> str:
    try:
        return shlex.quote(path.decode())
    except UnicodeDecodeError:
        return "DIR"


def store(row: Mapping[str, Any]) -> Finding:
    """Judge the store that several machines share, by its row in `status`."""
    host, detail, behind = row["host"], row["detail"], row["behind"]
    to_tell = f", {counted(behind, 'picture')} to tell" if behind else ""
    if row["state"] == "away":
        return warning(
            f"{host} is away: {detail}{to_tell}",
            "see whether the server runs and can be reached; it is told the rest when it is back",
        )
    if row["state"] in {"refused", "other_model"}:
        return bad(f"{host} is told nothing: {detail}{to_tell}", "see docs/stores.md, [store]")
    if row["unindexed"]:
        rows = counted(row["unindexed"], "picture")
        return warning(
            f"{host}: {rows} are not in its index, and searches may miss them",
            "wait, or see the server's own log",
        )
    if row["waits_for"]:
        names = ", ".join(row["waits_for"])
        return warning(
            f"{host}: another model answers there until {names} has told everything",
            "let that machine run, or: imgqctl store switch",
        )
    known = "" if row["rows"] is None else f", {counted(row['rows'], 'picture')} of all machines"
    return fine(f"{host}: {row['state'].replace('_', ' ')}{to_tell}{known}")
