"""The service under a person's own systemd: install, remove and status of two units."""

from __future__ import annotations

import contextlib
import os
from collections.abc import Iterator
from pathlib import Path

from imgq import lifecycle
from imgq.errors import ImgqError
from imgq.managers import SERVICE, SOCKET, Systemd
from imgq_service import files, telling, unit, wanted

_ENABLE = f"systemctl --user enable --now {SERVICE}"


def install() -> Iterator[str]:
    """Write the units, and let the daemon run now and at every login."""
    daemon = wanted.program()
    wanted.check(daemon)
    texts = unit.texts(daemon, os.environ, wanted.memory_high())
    is_new = _write(texts)
    manager = Systemd.reach()
    if manager is None:
        where = unit.folder() / SERVICE
        yield f"{where} is written, but no user manager answers here: after login, run `{_ENABLE}`"
        return
    manager.do("daemon-reload")
    manager.do("enable", SERVICE, SOCKET)
    if is_new:
        manager.do("stop", SOCKET, SERVICE)
    state = manager.state()
    if not state.runs:
        if not state.listens and lifecycle.stop_stray():
            yield "the daemon that ran by itself was stopped"
        manager.start()
    yield f"{SERVICE} runs, now and after every login"


def remove() -> Iterator[str]:
    """Stop the daemon, and remove what install has written."""
    there = [path for path in _paths() if files.read(path, _is_ours) is not None]
    manager = Systemd.reach()
    if there and manager is not None:
        manager.do("disable", "--now", *(path.name for path in there))
    _erase()
    if not there:
        yield f"{SERVICE} was not installed"
    elif manager is None:
        yield f"{SERVICE} is removed; no user manager answers here: a running daemon goes on"
    else:
        manager.do("daemon-reload")
        # Known only if it had failed; then this is the last that is remembered of it.
        manager.ask("reset-failed", SERVICE, SOCKET)
        yield f"{SERVICE} is removed"
    yield from (f"{one} is yours, and stays" for one in _edited() if there)


def status() -> tuple[list[str], int]:
    """Return what to say, and the exit status."""
    found = {path: files.read(path, _is_ours) for path in _paths()}
    if found[unit.folder() / SERVICE] is None:
        return ["not installed: `imgq-service install` does it"], telling.NOT_INSTALLED
    is_current = False
    # Install says what is wrong with program or settings.
    with contextlib.suppress(ImgqError):
        texts = unit.texts(wanted.program(), os.environ, wanted.memory_high())
        is_current = all(found[path] == text.encode() for path, text in texts.items())
    manager = Systemd.reach()
    state = None if manager is None else manager.state()
    where = f"{unit.folder() / SERVICE}"
    return [*telling.status(state, where, is_current=is_current)], telling.exit_status(state)


def _write(texts: dict[Path, str]) -> bool:
    """Write what is not there yet; return whether anything was."""
    # All are looked at before the first is written.
    old = {path: text for path, text in texts.items() if _differs(path, text)}
    for path, text in old.items():
        files.write(path, text.encode())
    return bool(old)


def _differs(path: Path, text: str) -> bool:
    return files.read(path, _is_ours) != text.encode()


def _erase() -> None:
    # systemctl has removed its links, if it could be asked.
    folder = unit.folder()
    links = {folder / "default.target.wants": SERVICE, folder / "sockets.target.wants": SOCKET}
    folders = [*links, folder, folder.parent]
    if runtime := os.environ.get("XDG_RUNTIME_DIR"):
        folders.append(Path(runtime, "imgq"))
    files.erase([*_paths(), *(wants / name for wants, name in links.items())], folders)


def _paths() -> tuple[Path, Path]:
    return unit.folder() / SERVICE, unit.folder() / SOCKET


def _edited() -> list[Path]:
    """Return what `systemctl edit` has made."""
    return [path for one in _paths() if (path := one.with_name(f"{one.name}.d")).is_dir()]


def _is_ours(content: bytes) -> bool:
    return content.startswith(unit.MARK.encode())
