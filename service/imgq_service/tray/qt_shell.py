"""The icon and its menu by Qt: where pystray has no menu, since its Python knows no GTK.

Rules of this file: `show` and `stop` may be called from any thread; the rest is the main thread's.
"""

from __future__ import annotations

import signal
import socket
import sys
from collections.abc import Callable

from PySide6.QtCore import QObject, QSocketNotifier, Signal
from PySide6.QtGui import QAction, QGuiApplication, QIcon, QImage, QPixmap
from PySide6.QtWidgets import QApplication, QMenu, QSystemTrayIcon

from imgq_service.tray.drawing import SIDE, icon
from imgq_service.tray.menu import BREAK, Act, Item
from imgq_service.tray.scene import Face


class _Wire(QObject):
    """From the other threads into the one of the icon."""

    shown = Signal(object, object)
    ended = Signal()


class QtShell:
    """The icon; `act` is called at a click, and is to return soon."""

    def __init__(self, face: Face, items: tuple[Item, ...], act: Callable[[Act], None]) -> None:
        QGuiApplication.setDesktopFileName("imgq")
        self._application = QApplication(sys.argv[:1])
        self._application.setQuitOnLastWindowClosed(False)
        self._act = act
        self._face: Face | None = None
        self._items: tuple[Item, ...] = ()
        self._menu = QMenu()
        self._icon = QSystemTrayIcon()
        self._icon.activated.connect(self._clicked)
        self._draw(face, items)
        self._icon.setContextMenu(self._menu)
        self._wire = _Wire()
        self._wire.shown.connect(self._draw)
        self._wire.ended.connect(self._application.quit)

    def run(self) -> None:
        """Show the icon until `stop`."""
        # A signal's handler runs when Python does: the byte that it writes wakes it.
        waking, woken = socket.socketpair()
        with waking, woken:
            waking.setblocking(False)
            woken.setblocking(False)
            signal.set_wakeup_fd(waking.fileno())
            bell = QSocketNotifier(woken.fileno(), QSocketNotifier.Type.Read)
            bell.activated.connect(lambda: woken.recv(64))
            self._icon.show()
            self._application.exec()
            self._icon.hide()
            signal.set_wakeup_fd(-1)

    def stop(self) -> None:
        """End `run`."""
        self._wire.ended.emit()

    def show(self, face: Face, items: tuple[Item, ...]) -> None:
        """Show a face and a menu; what is as it was is left alone."""
        self._wire.shown.emit(face, items)

    def _draw(self, face: Face, items: tuple[Item, ...]) -> None:
        if items != self._items:
            self._items = items
            self._menu.clear()
            self._fill(self._menu, items)
        if face == self._face:
            return
        self._face = face
        drawn = icon(face).tobytes()
        image = QImage(drawn, SIDE, SIDE, 4 * SIDE, QImage.Format.Format_RGBA8888)
        self._icon.setIcon(QIcon(QPixmap.fromImage(image)))
        self._icon.setToolTip(face.title)

    def _fill(self, menu: QMenu, items: tuple[Item, ...]) -> None:
        for item in items:
            # A single ampersand would underline what follows it.
            label = item.label.replace("&", "&&")
            if item is BREAK:
                menu.addSeparator()
            elif item.items:
                self._fill(menu.addMenu(label), item.items)
            else:
                menu.addAction(self._action(menu, item, label))

    def _action(self, menu: QMenu, item: Item, label: str) -> QAction:
        action = QAction(label, menu)
        act = item.act
        action.setEnabled(act is not None)
        if item.ticked is not None:
            action.setCheckable(True)
            action.setChecked(item.ticked)
        if act is not None:
            action.triggered.connect(lambda: self._act(act))
        return action

    def _clicked(self, reason: QSystemTrayIcon.ActivationReason) -> None:
        main = next((item.act for item in self._items if item.main), None)
        if reason == QSystemTrayIcon.ActivationReason.Trigger and main is not None:
            self._act(main)
