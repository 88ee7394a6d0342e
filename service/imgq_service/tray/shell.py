"""The icon and its menu in the desktop's tray. The only home of pystray.

Rules of this file: pystray looks for a display when it is imported, so this module is
imported last. Its menus are made anew from the data of `menu` at each change.
"""

from __future__ import annotations

import threading
from collections.abc import Callable
from typing import Any, Final

import pystray

from imgq_service.tray.drawing import icon
from imgq_service.tray.menu import BREAK, Act, Item
from imgq_service.tray.scene import Face

HAS_MENU: Final = bool(pystray.Icon.HAS_MENU)
"""Whether what pystray found is good for more than a picture: by Xlib not even clicks arrive."""


class Shell:
    """The icon; `act` is called at a click, from a thread that must be left soon."""

    def __init__(self, face: Face, items: tuple[Item, ...], act: Callable[[Act], None]) -> None:
        self._face = face
        self._items = items
        self._act = act
        self._ready = threading.Event()
        self._ended = False
        menu = pystray.Menu(lambda: tuple(map(self._made, self._items)))
        self._icon: Any = pystray.Icon("imgq", icon(face), face.title, menu)

    def run(self) -> None:
        """Show the icon until `stop`; for the main thread."""
        try:
            self._icon.run(self._begin)
        except Exception:
            # At its end it takes back a notification, and raises where nobody shows any.
            if not self._ended:
                raise

    def stop(self) -> None:
        """End `run`."""
        self._ended = True
        self._icon.stop()

    def show(self, face: Face, items: tuple[Item, ...]) -> None:
        """Show a face and a menu; what is as it was is left alone."""
        self._ready.wait()
        if items != self._items:
            self._items = items
            self._icon.update_menu()
        if face != self._face:
            before, self._face = self._face, face
            if (before.mood, before.step) != (face.mood, face.step):
                self._icon.icon = icon(face)
            if before.title != face.title:
                self._icon.title = face.title

    def _begin(self, shown: Any) -> None:
        shown.visible = True
        self._ready.set()

    def _made(self, item: Item) -> Any:
        if item is BREAK:
            return pystray.Menu.SEPARATOR
        if item.items:
            return pystray.MenuItem(item.label, pystray.Menu(*map(self._made, item.items)))
        act = item.act
        if act is None:
            return pystray.MenuItem(item.label, None, enabled=False)
        ticked = item.ticked
        return pystray.MenuItem(
            item.label,
            lambda: self._act(act),
            checked=None if ticked is None else lambda _: ticked,
            default=item.main,
        )
