"""The service under macOS's launchd: install, remove and status of one agent."""

from __future__ import annotations

import contextlib
import os
from collections.abc import Iterator

from imgq import lifecycle, paths
from imgq.errors import ImgqError
from imgq.managers import LABEL, Launchd, agent_path
from imgq_service import agent, files, telling, wanted


def install() -> Iterator[str]:
    """Write the agent, and let the daemon run now and at every login."""
    daemon = wanted.program()
    wanted.check(daemon)
    content = agent.content(daemon, os.environ)
    path = agent_path()
    is_new = files.read(path, agent.is_ours) != content
    if is_new:
        files.write(path, content)
    # launchd makes the socket, but not its folder.
    paths.socket_path().parent.mkdir(mode=0o700, parents=True, exist_ok=True)
    manager = Launchd.reach()
    if manager is None:
        yield f"{path} is written, but there is no launchctl: it starts at the next login"
        return
    manager.enable()
    if is_new and manager.state().listens:
        manager.stop()
    state = manager.state()
    if not state.runs:
        if not state.listens and lifecycle.stop_stray():
            yield "the daemon that ran by itself was stopped"
        manager.start()
    yield f"{LABEL} runs, now and after every login"


def remove() -> Iterator[str]:
    """Stop the daemon, and remove what install has written."""
    path = agent_path()
    there = files.read(path, agent.is_ours) is not None
    manager = Launchd.reach()
    if there and manager is not None and manager.state().listens:
        manager.stop()
    place = paths.socket_path()
    files.erase([path, place] if there else [], [path.parent, place.parent])
    yield f"{LABEL} is removed" if there else f"{LABEL} was not installed"


def status() -> tuple[list[str], int]:
    """Return what to say, and the exit status."""
    path = agent_path()
    found = files.read(path, agent.is_ours)
    if found is None:
        return ["not installed: `imgq-service install` does it"], telling.NOT_INSTALLED
    is_current = False
    with contextlib.suppress(ImgqError):  # install says what is wrong
        is_current = found == agent.content(wanted.program(), os.environ)
    manager = Launchd.reach()
    state = None if manager is None else manager.state()
    return [*telling.status(state, str(path), is_current=is_current)], telling.exit_status(state)
