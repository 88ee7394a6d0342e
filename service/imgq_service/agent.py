"""The launchd agent of the daemon and its socket, as a property list.

Rules of this file: it starts nothing and writes nothing. launchd has no bound of memory
that slows a program down, and no watchdog: `[service] memory_high` is for systemd.
"""

from __future__ import annotations

import os
import plistlib
from collections.abc import Mapping
from pathlib import Path
from typing import Final

from imgq import paths
from imgq.errors import ImgqError
from imgq.managers import LABEL
from imgq_service.unit import INHERITED

_LISTENER: Final = "Listener"
"""The name by which the daemon asks for its socket."""


def content(program: Path, environment: Mapping[str, str]) -> bytes:
    """Return the agent that runs `program`, with what it needs of a shell's environment.

    Raises ImgqError for names that a property list cannot hold.
    """
    inherited = {name: environment[name] for name in INHERITED if environment.get(name)}
    log = os.fspath(paths.state_folder() / "imgqd.log")
    agent = {
        "Label": LABEL,
        "ProgramArguments": [os.fspath(program)],
        "EnvironmentVariables": inherited,
        "RunAtLoad": True,
        # What ends by a mistake is begun again, twice a minute at most.
        "KeepAlive": {"SuccessfulExit": False},
        "ThrottleInterval": 30,
        "ExitTimeOut": 30,
        "Sockets": {
            _LISTENER: {
                "SockPathName": os.fspath(paths.socket_path()),
                "SockPathMode": 0o600,
            }
        },
        # Not Background: the words of a search are encoded in this job, too.
        "ProcessType": "Standard",
        "Nice": 5,
        "LowPriorityIO": True,
        "Umask": 0o077,
        "HardResourceLimits": {"Core": 0},
        "StandardOutPath": log,
        "StandardErrorPath": log,
    }
    try:
        return plistlib.dumps(agent)
    except (ValueError, UnicodeEncodeError) as error:
        raise ImgqError(f"{program} cannot stand in an agent: {error}") from error


def is_ours(raw: bytes) -> bool:
    """Tell whether an agent's file is one of these."""
    try:
        agent = plistlib.loads(raw)
    except (plistlib.InvalidFileException, ValueError):
        return False
    return isinstance(agent, dict) and _LISTENER in agent.get("Sockets", {})
