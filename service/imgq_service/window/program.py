"""Runs the window, or one of the tray's questions, in a process of its own."""

from __future__ import annotations

import signal
import sys
from collections.abc import Callable
from typing import Final

from PySide6.QtCore import QSocketNotifier
from PySide6.QtGui import QGuiApplication
from PySide6.QtWidgets import QApplication

from imgq_service.door import Door
from imgq_service.window import dialogs
from imgq_service.window.window import Window

_QUESTIONS: Final[dict[str, Callable[[], None]]] = {
    "add": dialogs.add_folder,
    "why": dialogs.why_not_found,
}


def search(query: str) -> int:
    """Open the window and return when it was closed."""
    application = _application()
    door = Door("window")
    window = Window(query)
    bell = QSocketNotifier(door.fileno(), QSocketNotifier.Type.Read)
    bell.activated.connect(lambda: _answer(door, window))
    window.show()
    window.field.setFocus()
    try:
        return application.exec()
    finally:
        door.close()


def ask(question: str) -> int:
    """Ask one of the tray's questions, `add` or `why`."""
    # The name holds it: Qt ends with its application.
    application = _application()
    _QUESTIONS[question]()
    application.quit()
    return 0


def _answer(door: Door, window: Window) -> None:
    query = door.opened()
    if query is not None:
        window.come(query)


def _application() -> QApplication:
    # Without this Ctrl-C would wait for the next event.
    signal.signal(signal.SIGINT, signal.SIG_DFL)
    QGuiApplication.setDesktopFileName("imgq")
    application = QApplication(sys.argv[:1])
    application.setApplicationName("imgq")
    return application
