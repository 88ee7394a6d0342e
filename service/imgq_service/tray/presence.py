"""Is there a tray at all? Asked before an icon is made that nobody would see."""

from __future__ import annotations

import os
import sys
import time
from typing import Final

from Xlib import X
from Xlib.display import Display
from Xlib.error import DisplayConnectionError, DisplayNameError, XauthError

from imgq_service import bus

_WATCHER: Final = "org.kde.StatusNotifierWatcher"
_SELECTION: Final = "_NET_SYSTEM_TRAY_S{}"
_WAIT_S: Final = 30.0
_LOOK_S: Final = 1.0
_GNOME: Final = "GNOME shows tray icons only with the extension AppIndicator (in most app stores)"


def obstacle(*, wait: bool = False) -> str | None:
    """Return why no icon can be shown, in a line, None where one can.

    `wait`: a session that has just begun may get its panel some seconds later.
    """
    deadline = time.monotonic() + (_WAIT_S if wait else 0.0)
    while (reason := _obstacle()) is not None and time.monotonic() < deadline:
        time.sleep(_LOOK_S)
    return reason


def _obstacle() -> str | None:
    if sys.platform == "darwin":
        return None
    if not os.environ.get("DISPLAY") and not os.environ.get("WAYLAND_DISPLAY"):
        return "no display: the tray needs a desktop session"
    if not has_panel() and not has_watcher():
        if "GNOME" in os.environ.get("XDG_CURRENT_DESKTOP", ""):
            return f"no tray: {_GNOME}"
        return "no tray here: the panel of this desktop shows no icons of programs"
    return None


def has_watcher() -> bool:
    """Tell whether a panel shows icons by D-Bus, with their menus (StatusNotifierItem)."""
    return bus.is_there(_WATCHER)


def has_panel() -> bool:
    """Tell whether a panel shows icons that are X11 windows."""
    try:
        display = Display()
    except (DisplayNameError, DisplayConnectionError, XauthError, OSError):
        return False
    try:
        name = _SELECTION.format(display.get_default_screen())
        return bool(display.get_selection_owner(display.intern_atom(name)) != X.NONE)
    finally:
        display.close()
