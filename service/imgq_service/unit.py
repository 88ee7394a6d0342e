"""The systemd units of the daemon and its socket, as text.

Rules of this file: it starts nothing and writes nothing. What is in the units is allowed to
a person's own services, needs no namespace, and lets torch, CUDA and the decoders' sandbox
work. So no MemoryDenyWriteExecute (compiled kernels), no RestrictNamespaces and no
SystemCallFilter (the sandbox makes system calls that @system-service lacks), and nothing
like ProtectSystem or PrivateTmp: a user's manager can do these only in a namespace of its
own, and there every picture that belongs to somebody else would belong to nobody.
"""

from __future__ import annotations

import os
from collections.abc import Mapping
from pathlib import Path
from typing import Final

from imgq import paths
from imgq.errors import ImgqError
from imgq.managers import SERVICE, SOCKET

MARK: Final = "# Written by imgq-service; to change something: systemctl --user edit imgqd"
"""The first line of a unit that may be overwritten and removed."""

INHERITED: Final = (
    "HF_HOME",
    "HF_HUB_CACHE",
    "XDG_CACHE_HOME",
    "XDG_CONFIG_HOME",
    "XDG_DATA_HOME",
)
"""Without these the service would look for settings and models where the shell does not."""

_SERVICE: Final = """\
{mark}
[Unit]
Description=Keeps picture folders searchable by what the pictures show
# Whoever asks while the daemon starts, or is exchanged, waits in its socket.
Requires={socket}
After={socket}
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
# The loop that answers gives a sign of life twice in this time, or is ended and begun again.
WatchdogSec=2min
# A large catalog is checked, and the index is loaded, before anybody is answered.
TimeoutStartSec=10min
# The daemon ends its own processes; the rest is for the manager.
KillMode=mixed
TimeoutStopSec=30
# A picture that eats all memory costs one decoder, not the daemon.
OOMPolicy=continue

# Whatever else the person does comes first.
Nice=5
CPUWeight=20
IOWeight=20
IOSchedulingClass=idle
OOMScoreAdjust=200
# From [service] memory_high of the settings; bulk work waits before it is reached.
MemoryHigh={memory_high}

NoNewPrivileges=yes
UMask=0077
LimitCORE=0
LockPersonality=yes
RestrictRealtime=yes
RestrictSUIDSGID=yes
SystemCallArchitectures=native
# The network is for the download of models.
RestrictAddressFamilies=AF_UNIX AF_INET AF_INET6

[Install]
WantedBy=default.target
Also={socket}
"""

_SOCKET: Final = """\
{mark}
[Unit]
Description=Where picture searches are asked

[Socket]
ListenStream=%t/imgq/imgqd.sock
SocketMode=0600
DirectoryMode=0700
Backlog=1024
RemoveOnStop=yes

[Install]
WantedBy=sockets.target
"""


def folder() -> Path:
    """Return where a person's own units lie."""
    return paths.settings_path().parents[1] / "systemd" / "user"


def texts(program: Path, environment: Mapping[str, str], memory_high: str) -> dict[Path, str]:
    """Return path -> unit: those that run `program`, with what it needs of a shell's environment.

    `memory_high` is in systemd's own words. Raises ImgqError for a path that systemd does
    not take.
    """
    inherited = [
        f"Environment={_quoted(f'{name}={environment[name]}')}\n"
        for name in INHERITED
        if environment.get(name)
    ]
    if set(os.fspath(program)) & set("\"'\\"):
        raise ImgqError(f"systemd runs no program in {program.parent}: it has quotes in its name")
    # The colon keeps a dollar sign in the path from being a variable.
    command = f":{_quoted(os.fspath(program))}"
    service = _SERVICE.format(
        mark=MARK,
        socket=SOCKET,
        environment="".join(inherited),
        command=command,
        memory_high=memory_high,
    )
    socket = _SOCKET.format(mark=MARK)
    return {folder() / SERVICE: service, folder() / SOCKET: socket}


def _quoted(word: str) -> str:
    if not word.isprintable():
        raise ImgqError(f"{word!r} cannot stand in a unit: install imgq in a plainer folder")
    for special, escaped in (("\\", "\\\\"), ('"', '\\"'), ("%", "%%")):
        word = word.replace(special, escaped)
    return f'"{word}"'
