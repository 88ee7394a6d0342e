"""What is copied of a picture that was found.

Rules of this file: the bytes of a picture are never decoded here, only those of a PNG
that the daemon's sandboxed decoders made.
"""

from __future__ import annotations

import os
from typing import Final

from PySide6.QtCore import QMimeData, QUrl
from PySide6.QtGui import QGuiApplication, QImage

from imgq.errors import ImgqError
from imgq.paths import file_uri
from imgq.text import readable_path

_MOST: Final = 64 << 20
_TYPES: Final = {
    b".png": "image/png",
    b".jpg": "image/jpeg",
    b".jpeg": "image/jpeg",
    b".gif": "image/gif",
    b".webp": "image/webp",
}
"""What other programs take from a clipboard as it is."""


def copy_path(path: bytes) -> None:
    """Copy the file: as a path where text is pasted, as a file in a file manager."""
    held = QMimeData()
    held.setText(path.decode("utf-8", "replace"))
    held.setUrls([QUrl(file_uri(path))])
    QGuiApplication.clipboard().setMimeData(held)


def copy_picture(path: bytes, preview: bytes) -> None:
    """Copy the picture: the file's own bytes where programs know them, and the PNG at `preview`.

    Raises ImgqError where neither can be read.
    """
    held = QMimeData()
    image = QImage(os.fsdecode(preview))
    if image.isNull():
        raise ImgqError(f"{readable_path(path)} cannot be copied: there is no preview of it")
    held.setImageData(image)
    kind = _TYPES.get(os.path.splitext(path)[1].lower())
    if kind is not None and os.path.getsize(path) <= _MOST:
        with open(path, "rb") as file:
            held.setData(kind, file.read())
    QGuiApplication.clipboard().setMimeData(held)
