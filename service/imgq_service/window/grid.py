"""The grid of thumbnails: what Qt needs to draw cells, and to move from one to the next."""

from __future__ import annotations

import os
from collections.abc import Sequence
from html import escape
from typing import Final

from PySide6.QtCore import (
    QAbstractListModel,
    QMimeData,
    QModelIndex,
    QPersistentModelIndex,
    QRect,
    QSize,
    Qt,
    QUrl,
)
from PySide6.QtGui import QPainter, QPalette, QPixmap
from PySide6.QtWidgets import (
    QAbstractItemView,
    QListView,
    QStyle,
    QStyledItemDelegate,
    QStyleOptionViewItem,
    QWidget,
)

from imgq.paths import file_uri
from imgq_service.window.view import Cell, Move, Page, step

THUMB: Final = 128
_PAD: Final = 8
_TEXT: Final = 22
_LINE: Final = 34
_WIDE: Final = THUMB + 2 * _PAD
_HIGH: Final = THUMB + _TEXT + 2 * _PAD
_KEPT: Final = 400
"""Thumbnails in memory, some 25 MB at most: the same pictures come again at the next key."""

_Index = QModelIndex | QPersistentModelIndex
_ROOT: Final = QModelIndex()


class Cells(QAbstractListModel):
    """The cells of a page, with a row that is a line between the real and the weak matches."""

    def __init__(self, parent: QWidget) -> None:
        super().__init__(parent)
        self.page = Page()
        self._pictures: dict[bytes, QPixmap] = {}

    def show(self, page: Page) -> list[bytes]:
        """Show a page; return the pictures whose thumbnails are not there yet."""
        self.beginResetModel()
        self.page = page
        self.endResetModel()
        return [cell.path for cell in page.cells if cell.path not in self._pictures]

    def put(self, path: bytes, picture: QPixmap) -> None:
        """Show a picture's thumbnail wherever the picture is."""
        while len(self._pictures) >= _KEPT:
            self._pictures.pop(next(iter(self._pictures)))
        self._pictures[path] = picture
        for place, cell in enumerate(self.page.cells):
            if cell.path == path:
                index = self.index(self.row(place))
                self.dataChanged.emit(index, index)

    def row(self, place: int) -> int:
        """Return the row of the cell at a place."""
        return place + (self._has_line and place >= self.page.strong)

    def cell(self, index: _Index) -> Cell | None:
        """Return the cell of a row, None for the line."""
        place = self.place(index)
        return None if place < 0 else self.page.cells[place]

    def place(self, index: _Index) -> int:
        """Return the place of a row's cell, -1 for the line and for no row."""
        row = index.row() if index.isValid() else -1
        if self._has_line and row >= self.page.strong:
            return -1 if row == self.page.strong else row - 1
        return row

    def thumbnail(self, path: bytes) -> QPixmap | None:
        """Return a picture's thumbnail, if it is there."""
        return self._pictures.get(path)

    @property
    def _has_line(self) -> bool:
        return self.page.strong < len(self.page.cells)

    def rowCount(self, _parent: _Index = _ROOT) -> int:  # noqa: N802 - Qt's name
        """Return the number of rows."""
        return len(self.page.cells) + self._has_line

    def data(self, index: _Index, role: int = Qt.ItemDataRole.DisplayRole) -> object:
        """Return a row's name, and what is said when it is pointed at; screen readers ask, too."""
        cell = self.cell(index)
        if role == Qt.ItemDataRole.DisplayRole:
            return "Weak matches" if cell is None else cell.name
        if cell is None or role != Qt.ItemDataRole.ToolTipRole:
            return None
        # A file's name may look like HTML, which could show other files.
        return f"<p style='white-space:pre'>{escape(cell.tip)}</p>"

    def flags(self, index: _Index) -> Qt.ItemFlag:
        """Return what can be done with a row."""
        if self.cell(index) is None:
            return Qt.ItemFlag.NoItemFlags
        can = Qt.ItemFlag.ItemIsEnabled | Qt.ItemFlag.ItemIsSelectable
        return can | Qt.ItemFlag.ItemIsDragEnabled

    def mimeData(self, indexes: Sequence[QModelIndex]) -> QMimeData:  # noqa: N802 - Qt's name
        """Return what is dragged out: the files."""
        dragged = QMimeData()
        cells = [cell for index in indexes if (cell := self.cell(index)) is not None]
        dragged.setUrls([QUrl(file_uri(cell.path)) for cell in cells])
        dragged.setText("\n".join(os.fsdecode(cell.path) for cell in cells))
        return dragged


class _Drawing(QStyledItemDelegate):
    def __init__(self, grid: Grid) -> None:
        super().__init__(grid)
        self._grid = grid

    def sizeHint(self, _option: QStyleOptionViewItem, index: _Index) -> QSize:  # noqa: N802
        """Return a cell's size; the line takes a row of its own."""
        if self._grid.cells.cell(index) is None:
            return QSize(self._grid.viewport().width() - 1, _LINE)
        return QSize(_WIDE, _HIGH)

    def paint(self, pen: QPainter, option: QStyleOptionViewItem, index: _Index) -> None:
        """Draw a cell, or the line."""
        rect: QRect = option.rect
        palette: QPalette = option.palette
        state: QStyle.StateFlag = option.state
        cell = self._grid.cells.cell(index)
        pen.save()
        if cell is None:
            _draw_line(pen, rect, palette)
        else:
            chosen = bool(state & QStyle.StateFlag.State_Selected)
            _draw_cell(
                pen, rect, palette, cell, self._grid.cells.thumbnail(cell.path), chosen=chosen
            )
        pen.restore()


def _draw_line(pen: QPainter, rect: QRect, palette: QPalette) -> None:
    words = "Weak matches"
    pen.setPen(palette.color(QPalette.ColorRole.PlaceholderText))
    inside = rect.adjusted(_PAD, _PAD, -_PAD, 0)
    pen.drawText(inside, Qt.AlignmentFlag.AlignLeft | Qt.AlignmentFlag.AlignVCenter, words)
    after = inside.left() + pen.fontMetrics().horizontalAdvance(words) + _PAD
    pen.drawLine(after, inside.center().y(), inside.right(), inside.center().y())


def _draw_cell(
    pen: QPainter,
    rect: QRect,
    palette: QPalette,
    cell: Cell,
    picture: QPixmap | None,
    *,
    chosen: bool,
) -> None:
    if chosen:
        pen.setRenderHint(QPainter.RenderHint.Antialiasing)
        pen.setPen(Qt.PenStyle.NoPen)
        pen.setBrush(palette.highlight())
        pen.drawRoundedRect(rect.adjusted(2, 2, -2, -2), 6, 6)
    space = QRect(rect.left() + _PAD, rect.top() + _PAD, THUMB, THUMB)
    if picture is None:
        pen.fillRect(space.adjusted(8, 8, -8, -8), palette.alternateBase())
    else:
        # On a dense screen it has more pixels than points.
        size = picture.deviceIndependentSize().toSize()
        shown = QRect(0, 0, size.width(), size.height())
        shown.moveCenter(space.center())
        pen.drawPixmap(shown.topLeft(), picture)
    role = QPalette.ColorRole.HighlightedText if chosen else QPalette.ColorRole.Text
    pen.setPen(palette.color(role))
    text = QRect(space.left(), space.bottom() + 2, THUMB, _TEXT)
    name = pen.fontMetrics().elidedText(cell.name, Qt.TextElideMode.ElideMiddle, THUMB)
    pen.drawText(text, Qt.AlignmentFlag.AlignCenter, name)


class Grid(QListView):
    """The view: it never has the keyboard, which stays in the field above it."""

    def __init__(self, parent: QWidget) -> None:
        super().__init__(parent)
        self.cells = Cells(self)
        self.setModel(self.cells)
        self.setItemDelegate(_Drawing(self))
        self.setViewMode(QListView.ViewMode.IconMode)
        self.setMovement(QListView.Movement.Static)
        self.setResizeMode(QListView.ResizeMode.Adjust)
        self.setSelectionMode(QAbstractItemView.SelectionMode.SingleSelection)
        self.setVerticalScrollMode(QAbstractItemView.ScrollMode.ScrollPerPixel)
        self.setHorizontalScrollBarPolicy(Qt.ScrollBarPolicy.ScrollBarAlwaysOff)
        self.setFocusPolicy(Qt.FocusPolicy.NoFocus)
        self.setDragEnabled(True)
        self.setAccessibleName("Pictures that were found")

    @property
    def chosen(self) -> Cell | None:
        """The cell that a key acts upon."""
        return self.cells.cell(self.currentIndex())

    def move_choice(self, move: Move) -> None:
        """Choose the cell that a key leads to."""
        columns = max(1, self.viewport().width() // _WIDE)
        rows = max(1, self.viewport().height() // _HIGH)
        page = self.cells.page
        at = self.cells.place(self.currentIndex())
        there = step(at, move, len(page.cells), page.strong, columns, rows)
        index = self.cells.index(self.cells.row(there)) if there >= 0 else QModelIndex()
        self.setCurrentIndex(index)
        if there < 0:
            self.clearSelection()
            self.scrollToTop()
