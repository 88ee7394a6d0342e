"""Command lines in desktop entries, as the menu and the autostart folder read them.

Source: Desktop Entry Specification 1.5 (freedesktop.org), The Exec key.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final

from imgq.errors import ImgqError

_PLAIN: Final = frozenset("abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789/._+-@:,=")


def command_line(command: Sequence[str]) -> str:
    """Return a command as the value of `Exec`; raises ImgqError for what cannot stand there."""
    return " ".join(map(_quoted, command))


def _quoted(word: str) -> str:
    if not word.isprintable():
        raise ImgqError(f"{word!r} cannot stand in a desktop entry: install imgq elsewhere")
    if set(word) <= _PLAIN:
        return word
    # Twice: once for the entry's strings, once for the words in quotes.
    for special in ("\\", '"', "`", "$"):
        word = word.replace(special, f"\\{special}")
    return '"' + word.replace("\\", "\\\\").replace("%", "%%") + '"'
