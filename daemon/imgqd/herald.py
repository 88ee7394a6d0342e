"""Shows one notification and ends: in a process of its own, since the desktop may hang.

On standard input it gets a JSON object with `title`, `text` and `icon`; not among its
arguments, which every user of the machine can read. The only home of jeepney in the daemon.
Sources: Desktop Notifications Specification 1.3 (freedesktop.org); osascript(1).
"""

from __future__ import annotations

import html
import json
import os
import subprocess
import sys
from typing import Any, Final

_PATIENCE_S: Final = 3.0
_NAME: Final = "org.freedesktop.Notifications"
_NORMAL: Final = 1


def main() -> int:
    """Return 0 once the desktop has taken it, else 1 and a line that says why not."""
    notice = json.load(sys.stdin)
    try:
        tell = _on_a_mac if sys.platform == "darwin" else _on_the_bus
        tell(str(notice["title"]), str(notice["text"]), str(notice["icon"]))
    except Exception as error:  # noqa: BLE001 - whatever the desktop does, it is a line in the log
        sys.stderr.write(f"{type(error).__name__}: {error}\n")
        return 1
    return 0


def _on_the_bus(title: str, text: str, icon: str) -> None:
    # Only Linux has it.
    from jeepney import DBusAddress, new_method_call  # noqa: PLC0415
    from jeepney.io.blocking import open_dbus_connection  # noqa: PLC0415
    from jeepney.wrappers import unwrap_msg  # noqa: PLC0415

    service = DBusAddress(f"/{_NAME.replace('.', '/')}", _NAME, _NAME)
    with open_dbus_connection(_bus()) as bus:

        def ask(method: str, signature: str = "", body: tuple[Any, ...] = ()) -> Any:
            call = new_method_call(service, method, signature, body)
            return unwrap_msg(bus.send_and_get_reply(call, timeout=_PATIENCE_S))

        [capabilities] = ask("GetCapabilities")
        # A folder may be called <b>.
        shown = html.escape(text, quote=False) if "body-markup" in capabilities else text
        hints = {"urgency": ("y", _NORMAL)}
        ask("Notify", "susssasa{sv}i", ("imgq", 0, icon, title, shown, [], hints, -1))


def _bus() -> str:
    # A daemon that was started outside of the desktop's session finds its bus where systemd has it.
    runtime = os.environ.get("XDG_RUNTIME_DIR", "")
    return os.environ.get("DBUS_SESSION_BUS_ADDRESS") or f"unix:path={runtime}/bus"


def _on_a_mac(title: str, text: str, _: str) -> None:
    script = f"display notification {_quoted(text)} with title {_quoted(title)}"
    command = ["/usr/bin/osascript", "-"]
    subprocess.run(  # noqa: S603 - a fixed program; the script comes to its standard input
        command, input=script, text=True, timeout=_PATIENCE_S, capture_output=True, check=True
    )


def _quoted(text: str) -> str:
    escaped = text.replace("\\", "\\\\").replace('"', '\\"')
    return f'"{escaped}"'


if __name__ == "__main__":
    sys.exit(main())
