"""The questions that the tray's menu asks: which folder, which file."""

from __future__ import annotations

import os

from PySide6.QtCore import Qt
from PySide6.QtWidgets import QFileDialog, QMessageBox

from imgq.client import Client
from imgq.errors import ImgqError
from imgq.screen import Screen
from imgq.summary import why_sentence
from imgq.text import readable


def add_folder() -> None:
    """Ask for a folder, and watch it."""
    chosen = QFileDialog.getExistingDirectory(None, "Watch a folder", os.path.expanduser("~"))
    if not chosen:
        return
    try:
        with Client() as client:
            client.add_root(chosen)
    except ImgqError as error:
        _say(QMessageBox.Icon.Warning, str(error))


def why_not_found() -> None:
    """Ask for a file, and say why it is not found, or that it is."""
    chosen, _ = QFileDialog.getOpenFileName(None, "Why is it not found?", os.path.expanduser("~"))
    if not chosen:
        return
    try:
        with Client() as client:
            said = why_sentence(client.why(chosen), Screen())
    except ImgqError as error:
        said = str(error)
    _say(QMessageBox.Icon.Information, said)


def _say(icon: QMessageBox.Icon, text: str) -> None:
    box = QMessageBox(icon, "imgq", readable(text))
    # A file's name may look like HTML, which could show other files.
    box.setTextFormat(Qt.TextFormat.PlainText)
    box.exec()
