"""The systemd unit of the daemon, as text.

Rules of this file: it starts nothing and writes nothing. What is in the unit is
allowed to a user's own services, and lets torch, CUDA and the decoders' sandbox
work: so no MemoryDenyWriteExecute (compiled kernels), no RestrictNamespaces and
no SystemCallFilter (the sandbox makes system calls that @system-service lacks).
"""

from __future__ import annotations

import os
import shutil
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Final

from imgq import paths
from imgq.errors import ImgqError

if TYPE_CHECKING:
    from collections.abc import Mapping

NAME: Final = "imgqd.service"
MARK: Final = "# Written by imgq-service; to change something: systemctl --user edit imgqd"
"""The first line of a unit that may be overwritten and removed."""

_INHERITED: Final = (
    "HF_HOME",
    "HF_HUB_CACHE",
    "XDG_CACHE_HOME",
    "XDG_CONFIG_HOME",
    "XDG_DATA_HOME",
)
"""Without these the service would look for settings and models where the shell does not."""

_TEXT: Final = """\
{mark}
[Unit]
Description=Keeps picture folders searchable by what the pictures show
StartLimitIntervalSec=300
StartLimitBurst=5

[Service]
Type=notify
{environment}ExecStart={command}
ExecReload=/bin/kill -HUP $MAINPID
Restart=on-failure
RestartSec=2
# Wrong settings stay wrong.
RestartPreventExitStatus=2
# The daemon ends its own processes; the rest is for the manager.
KillMode=mixed
TimeoutStopSec=30
# A picture that eats all memory costs one decoder, not the daemon.
OOMPolicy=continue

# Whatever else the person does comes first.
Nice=5
CPUWeight=20
IOSchedulingClass=idle

NoNewPrivileges=yes
UMask=0077
LimitCORE=0
# The network is for the download of models.
RestrictAddressFamilies=AF_UNIX AF_INET AF_INET6

[Install]
WantedBy=default.target
"""


def path() -> Path:
    """Return where a person's own units lie."""
    return paths.settings_path().parents[1] / "systemd" / "user" / NAME


def text(program: Path, environment: Mapping[str, str]) -> str:
    """Return the unit that runs `program`, with what it needs of a shell's environment.

    Raises ImgqError for a path that systemd does not take.
    """
    inherited = [
        f"Environment={_quoted(f'{name}={environment[name]}')}\n"
        for name in _INHERITED
        if environment.get(name)
    ]
    if set(os.fspath(program)) & set("\"'\\"):
        raise ImgqError(f"systemd runs no program in {program.parent}: it has quotes in its name")
    # The colon keeps a dollar sign in the path from being a variable.
    command = f":{_quoted(os.fspath(program))}"
    return _TEXT.format(mark=MARK, environment="".join(inherited), command=command)


def program() -> Path:
    """Return the daemon that belongs to the running interpreter; raises ImgqError."""
    # A virtual environment's commands are beside its interpreter, and rarely on the PATH.
    beside = Path(sys.executable).parent / "imgqd"
    found = beside if os.access(beside, os.X_OK) else shutil.which("imgqd")
    if found is None:
        raise ImgqError("imgqd is not installed here: `pip install 'imgq[daemon]'` brings it")
    return Path(found).absolute()


def _quoted(word: str) -> str:
    if not word.isprintable():
        raise ImgqError(f"{word!r} cannot stand in a unit: install imgq in a plainer folder")
    for special, escaped in (("\\", "\\\\"), ('"', '\\"'), ("%", "%%")):
        word = word.replace(special, escaped)
    return f'"{word}"'
