"""Whether the tray starts at login: one file, written and removed, nothing else.

Sources: Desktop Application Autostart Specification 0.5 (freedesktop.org); launchd.plist(5).
"""

from __future__ import annotations

import contextlib
import plistlib
import sys
from pathlib import Path
from typing import Final

from imgq.paths import settings_path
from imgq_service.entry import command_line

_LABEL: Final = "org.imgq.tray"


def path() -> Path:
    """Return the file that makes the tray start at login."""
    if sys.platform == "darwin":
        return Path("~/Library/LaunchAgents").expanduser() / f"{_LABEL}.plist"
    return settings_path().parents[1] / "autostart" / "imgq-tray.desktop"


def is_on() -> bool:
    """Tell whether the tray starts at login."""
    return path().is_file()


def turn_on() -> None:
    """Let the tray start at login, by the interpreter that runs now."""
    command = [sys.executable, "-m", "imgq_service.tray.cli", "--wait"]
    content = _agent(command) if sys.platform == "darwin" else _entry(command)
    file = path()
    file.parent.mkdir(parents=True, exist_ok=True)
    draft = file.with_name(f".{file.name}.new")
    draft.write_bytes(content)
    draft.replace(file)


def turn_off() -> None:
    """Let it start no longer, and leave no folder that was made for it."""
    path().unlink(missing_ok=True)
    with contextlib.suppress(OSError):
        path().parent.rmdir()


def _entry(command: list[str]) -> bytes:
    return (
        "[Desktop Entry]\n"
        "Type=Application\n"
        "Name=imgq\n"
        "Comment=Shows how the picture search is, and searches\n"
        f"Exec={command_line(command)}\n"
        "X-GNOME-Autostart-enabled=true\n"
    ).encode()


def _agent(command: list[str]) -> bytes:
    return plistlib.dumps(
        {
            "Label": _LABEL,
            "ProgramArguments": command,
            "RunAtLoad": True,
            "LimitLoadToSessionType": "Aqua",
        }
    )
