"""Text for a terminal: nothing that it would obey, and no wider than there is room.

A file's name is the stranger in the house: it may hold line breaks, escape
sequences or bytes that are no text at all. It is shown with those escaped;
what goes into a pipe never passes through here.
"""

from __future__ import annotations

ELLIPSIS = "…"
# Zero width joiner: without it, many an emoji falls into pieces.
_JOINER = "\u200d"


def readable(text: str) -> str:
    """Return the text with everything escaped that a terminal could obey or hide."""
    if text.isprintable():
        return text
    return "".join(char if _harmless(char) else _escaped(char) for char in text)


def readable_path(path: bytes, home: bytes = b"") -> str:
    """Return a path for people: ~ for the home folder, escapes for bytes that are no text."""
    if home and (path == home or path.startswith(home + b"/")):
        path = b"~" + path[len(home) :]
    return readable(path.decode("utf-8", "surrogateescape"))


def width(text: str) -> int:
    """Return the number of columns that a terminal gives to the text."""
    return len(text) if text.isascii() else sum(map(_columns, text))


def clip(text: str, room: int) -> str:
    """Return the text in at most `room` columns, with the middle left out where it is too long.

    The end gets the larger part: it holds the name of the file.
    """
    if width(text) <= room:
        return text
    if room <= 1:
        return ELLIPSIS[:room]
    tail_room = (room * 2) // 3
    tail = _fitting(text[::-1], tail_room)[::-1]
    # A mark whose letter is left out would land on the ellipsis.
    while tail and _columns(tail[0]) == 0:
        tail = tail[1:]
    return _fitting(text, room - 1 - width(tail)) + ELLIPSIS + tail


def grouped(number: int) -> str:
    """Return a number with its thousands apart."""
    return f"{number:,}"


def counted(number: int, one: str, many: str = "") -> str:
    """Return a number with its noun."""
    return f"{grouped(number)} {one if number == 1 else many or one + 's'}"


def _fitting(text: str, room: int) -> str:
    for place, char in enumerate(text):
        room -= _columns(char)
        if room < 0:
            return text[:place]
    return text


def _columns(char: str) -> int:
    if char.isascii():
        return 1
    from unicodedata import category, east_asian_width  # noqa: PLC0415 - few names need it

    if category(char) in {"Mn", "Me", "Cf"}:
        return 0
    return 2 if east_asian_width(char) in {"W", "F"} else 1


def _harmless(char: str) -> bool:
    # macOS puts a narrow no-break space into the name of every screenshot.
    return char.isprintable() or char == _JOINER or (char.isspace() and _is_space(char))


def _is_space(char: str) -> bool:
    from unicodedata import category  # noqa: PLC0415

    return category(char) == "Zs"


def _escaped(char: str) -> str:
    code = ord(char)
    if 0xDC80 <= code <= 0xDCFF:
        # surrogateescape: a byte that is no UTF-8
        return f"\\x{code - 0xDC00:02x}"
    return char.encode("unicode_escape").decode()
