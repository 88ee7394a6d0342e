"""The search window itself: one field, chips, the grid, and a small line for what is not right."""

from __future__ import annotations

import os
import time
from collections.abc import Callable
from html import escape
from typing import Final

from PySide6.QtCore import QEvent, QObject, Qt, Signal
from PySide6.QtGui import QKeyEvent, QPixmap
from PySide6.QtWidgets import QLabel, QLineEdit, QSizePolicy, QVBoxLayout, QWidget

from imgq.answers import SearchAnswer
from imgq.errors import ImgqError
from imgq.opening import open_file
from imgq.text import readable, readable_path
from imgq_service.door import knock
from imgq_service.revealing import reveal
from imgq_service.standing import Standing
from imgq_service.window import hands
from imgq_service.window.asking import Asker, Found, Heard, Large, Seen
from imgq_service.window.grid import THUMB, Grid
from imgq_service.window.view import Cell, Move, Page, page

_MOVES: Final[dict[int, Move]] = {
    Qt.Key.Key_Up: "up",
    Qt.Key.Key_Down: "down",
    Qt.Key.Key_PageUp: "page up",
    Qt.Key.Key_PageDown: "page down",
}
_SIDEWAYS: Final[dict[int, Move]] = {
    Qt.Key.Key_Left: "left",
    Qt.Key.Key_Right: "right",
    Qt.Key.Key_Home: "first",
    Qt.Key.Key_End: "last",
}
"""These are the field's own until a picture is chosen."""

_SMOOTH: Final = Qt.TransformationMode.SmoothTransformation
_HINT: Final = (
    "Enter opens · Ctrl+C path · Ctrl+Shift+C picture · Ctrl+O folder · "
    "Ctrl+D tell me of new ones · Escape"
)


class _Ear(QObject):
    """Brings what the asker's thread hears into the thread of the window."""

    heard = Signal(object)


class Window(QWidget):
    """The window; closing it ends the search, not the daemon."""

    def __init__(self, query: str = "") -> None:
        super().__init__()
        self.setWindowTitle("imgq")
        self.resize(5 * (THUMB + 16) + 40, 560)
        self._home = os.fsencode(os.path.expanduser("~"))
        self.field = QLineEdit(query, self)
        self.field.setPlaceholderText("What do your pictures show?")
        self.field.setAccessibleName("Search")
        self.field.setClearButtonEnabled(True)
        self.chips = QLabel(self)
        self.grid = Grid(self)
        self.note = QLabel(_HINT, self)
        self._lay_out()
        self._ear = _Ear(self)
        self._ear.heard.connect(self._hear)
        self.asker = Asker(self._ear.heard.emit)
        self.field.textChanged.connect(self._typed)
        self.field.installEventFilter(self)
        self.grid.doubleClicked.connect(lambda _: self._open())
        self._keys = self._bound()
        self.asker.start()
        if query:
            self._typed(query)

    def come(self, query: str) -> None:
        """Come to the front, with another line where there is one."""
        if query:
            self.field.setText(query)
        self.field.selectAll()
        self.showNormal()
        self.raise_()
        self.activateWindow()

    def closeEvent(self, event: QEvent) -> None:  # noqa: N802 - Qt's name
        """Hang up before the window goes."""
        self.asker.stop()
        event.accept()

    def eventFilter(self, _watched: QObject, event: QEvent) -> bool:  # noqa: N802 - Qt's name
        """Take the field's keys that are the window's."""
        if not isinstance(event, QKeyEvent) or event.type() != QEvent.Type.KeyPress:
            return False
        # A keypad's key is the same key.
        held = event.modifiers() & ~Qt.KeyboardModifier.KeypadModifier
        act = self._keys.get((event.key(), held))
        if act is not None:
            return act()
        move = _MOVES.get(event.key())
        if move is None and self.grid.chosen is not None:
            move = _SIDEWAYS.get(event.key())
        if move is None or held:
            return False
        self.field.deselect()
        self.grid.move_choice(move)
        return True

    def _lay_out(self) -> None:
        box = QVBoxLayout(self)
        large = self.field.font()
        large.setPointSizeF(large.pointSizeF() * 1.4)
        self.field.setFont(large)
        for label in (self.chips, self.note):
            label.setTextFormat(Qt.TextFormat.PlainText)
            label.setWordWrap(True)
            label.setSizePolicy(QSizePolicy.Policy.Ignored, QSizePolicy.Policy.Minimum)
        self.chips.setTextFormat(Qt.TextFormat.RichText)
        self.chips.hide()
        for part in (self.field, self.chips):
            box.addWidget(part)
        box.addWidget(self.grid, 1)
        box.addWidget(self.note)

    def _bound(self) -> dict[tuple[int, Qt.KeyboardModifier], Callable[[], bool]]:
        plain, ctrl = Qt.KeyboardModifier.NoModifier, Qt.KeyboardModifier.ControlModifier
        return {
            (Qt.Key.Key_Escape, plain): self.close,
            (Qt.Key.Key_Return, plain): self._open,
            (Qt.Key.Key_Enter, plain): self._open,
            (Qt.Key.Key_C, ctrl): self._copy_path,
            (Qt.Key.Key_C, ctrl | Qt.KeyboardModifier.ShiftModifier): self._copy_picture,
            (Qt.Key.Key_O, ctrl): self._reveal,
            (Qt.Key.Key_D, ctrl): self._stand,
        }

    def _typed(self, line: str) -> None:
        self.asker.search(line)
        if not line.strip():
            self._show(Page(note=_HINT))

    def _hear(self, heard: Heard) -> None:
        match heard:
            case Found(query, answer) if query != self.field.text():
                pass  # another key came meanwhile
            case Found(_, ImgqError() as error):
                self.setWindowTitle("imgq")
                self._show(Page(note=readable(str(error))))
            case Found(query, SearchAnswer() as answer):
                self._show(page(answer, time.time(), self._home))
                self.setWindowTitle(_title(query))
            case Seen(picture, thumbnail):
                self._put(picture, thumbnail)
            case Large(picture, ImgqError() as error):
                self._say(str(error))
            case Large(picture, bytes() as preview):
                self._do(lambda: hands.copy_picture(picture, preview), "the picture is copied")

    def _show(self, found: Page) -> None:
        missing = self.grid.cells.show(found)
        self.grid.scrollToTop()
        self.asker.look(missing)
        self.chips.setVisible(bool(found.chips))
        self.chips.setText(_chips_html(found.chips))
        self._say(found.note)

    def _put(self, picture: bytes, thumbnail: bytes) -> None:
        shown = QPixmap(os.fsdecode(thumbnail))
        if shown.isNull():
            return
        density = self.devicePixelRatioF()
        side = round(THUMB * density)
        if max(shown.width(), shown.height()) > side:
            keep, smooth = Qt.AspectRatioMode.KeepAspectRatio, _SMOOTH
            shown = shown.scaled(side, side, keep, smooth)
        shown.setDevicePixelRatio(density)
        self.grid.cells.put(picture, shown)

    def _target(self) -> Cell | None:
        """Return the cell that is chosen, else the best there is."""
        cells = self.grid.cells.page.cells
        return self.grid.chosen or (cells[0] if cells else None)

    def _open(self) -> bool:
        if (cell := self._target()) is not None:
            self._do(lambda: open_file(cell.path), f"opened {cell.name}")
        return True

    def _reveal(self) -> bool:
        if (cell := self._target()) is not None:
            self._do(lambda: reveal(cell.path), f"shown in its folder: {cell.name}")
        return True

    def _copy_path(self) -> bool:
        cell = self._target()
        if cell is None or self.field.hasSelectedText():
            return False  # the field copies its own
        self._do(lambda: hands.copy_path(cell.path), f"copied: {readable_path(cell.path)}")
        return True

    def _copy_picture(self) -> bool:
        if (cell := self._target()) is not None:
            self.asker.look_closely(cell.path)
        return True

    def _stand(self) -> bool:
        line = self.field.text().strip()
        if line:
            self._do(lambda: _stand(line), f"the tray tells of each new one: {line}")
        return True

    def _do(self, act: Callable[[], None], said: str) -> None:
        try:
            act()
        except (ImgqError, OSError) as error:
            said = str(error)
        self._say(readable(said))

    def _say(self, text: str) -> None:
        self.note.setText(text or _HINT)


def _stand(line: str) -> None:
    Standing.ours().add(line)
    if not knock("tray", "standing"):
        raise ImgqError(f"{line} is kept, but no tray runs to tell of it: start imgq-tray")


def _title(query: str) -> str:
    """Return the title of a window that shows the answer to a line."""
    return f"{readable(query)} - imgq"


def _chips_html(chips: tuple[str, ...]) -> str:
    # Spaces that do not break: a chip stays in one piece.
    return "&nbsp; ".join(
        f'<span style="background-color:#3584e4;color:#ffffff">&nbsp;{one}&nbsp;</span>'
        for one in (escape(chip).replace(" ", "&nbsp;") for chip in chips)
    )
