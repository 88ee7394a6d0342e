"""Joins the tray's parts: life brings scenes, the shell shows them, a click becomes an act."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import threading
from typing import TYPE_CHECKING, Final

from imgq import paths
from imgq.errors import ImgqError
from imgq.opening import open_file
from imgq_service.door import Door
from imgq_service.standing import Standing
from imgq_service.tray import login
from imgq_service.tray.life import Life
from imgq_service.tray.menu import Act, Item, menu
from imgq_service.tray.scene import Scene, face

if TYPE_CHECKING:
    from imgq_service.tray.qt_shell import QtShell
    from imgq_service.tray.shell import Shell

_BEGINNING: Final = '# All that can be set: README.md, "Configuration".\n'


def run() -> int:
    """Show the icon until Quit or a signal."""
    tray = Tray()
    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, lambda *_: tray.quit())
    tray.run()
    return 0


class Tray:
    """The icon in the tray, with all that is behind it."""

    def __init__(self) -> None:
        self._home = os.fsencode(os.path.expanduser("~"))
        scene = Scene(away="looking for the daemon", at_login=login.is_on())
        self._shell = _shell()(face(scene), self._menu(scene), self._act)
        self._door = Door("tray")
        self._life = Life(self._show, self._door, Standing.ours(), scene)

    def run(self) -> None:
        """Live until `quit`."""
        self._life.start()
        try:
            self._shell.run()
        finally:
            self._life.stop()
            self._door.close()

    def quit(self) -> None:
        """End `run`."""
        self._shell.stop()

    def _show(self, scene: Scene) -> None:
        self._shell.show(face(scene), self._menu(scene))

    def _menu(self, scene: Scene) -> tuple[Item, ...]:
        return menu(scene, self._home)

    def _act(self, act: Act) -> None:
        # What opens a file waits for a moment whether that goes wrong; the menu does not.
        threading.Thread(target=self._try, args=(act,), daemon=True).start()

    def _try(self, act: Act) -> None:
        try:
            self._done(act)
        except (ImgqError, OSError) as error:
            self._life.say(str(error))

    def _done(self, act: Act) -> None:
        match act:
            case Act("quit"):
                self.quit()
            case Act("search"):
                _spawn("--search")
            case Act("again", str(query)):
                _spawn("--search", query)
            case Act(("add" | "why") as question):
                _spawn("--ask", question)
            case Act(("open" | "show"), bytes(path)):
                open_file(path)
            case Act("settings"):
                open_file(_settings())
            case Act("login"):
                on = not login.is_on()
                (login.turn_on if on else login.turn_off)()
                self._life.set_login(on=on)
            case _:
                self._life.do(act)


def _shell() -> type[Shell | QtShell]:
    """Return pystray's icon where it has a menu (GTK, or a Mac), else Qt's."""
    from imgq_service.tray import shell  # noqa: PLC0415 - looks for a display

    if shell.HAS_MENU:
        return shell.Shell
    from imgq_service.tray.qt_shell import QtShell  # noqa: PLC0415 - 40 MB that few need

    return QtShell


def _spawn(*words: str) -> None:
    """Start the window as a process of its own."""
    window = subprocess.Popen(  # noqa: S603 - our own interpreter and no shell
        [sys.executable, "-m", "imgq_service.tray.cli", *words],
        stdin=subprocess.DEVNULL,
        start_new_session=True,
    )
    threading.Thread(target=window.wait, daemon=True).start()


def _settings() -> bytes:
    path = paths.settings_path()
    if not path.exists():
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(_BEGINNING, "utf-8")
    return os.fsencode(path)
