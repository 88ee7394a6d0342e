"""rofi's script mode: type, Enter, look at the rows, Enter opens one, Alt+1 shows it in its folder.

rofi runs this anew for each Enter, and says in ROFI_RETV why: 0 the beginning, 1 a row was
chosen (ROFI_INFO has what the row carried), 2 a line was typed (the argument), 10 the first
key of its own on a row. After the beginning, an answer without rows closes rofi.

Source: rofi-script(5).
"""

from __future__ import annotations

import os
import sys
from typing import Final

from imgq.errors import ImgqError
from imgq_service.launchers.acting import act
from imgq_service.launchers.rows import Page, Row, found, trouble

_CHOSEN: Final = "1"
_TYPED: Final = "2"
_KEY: Final = "10"
_HELP: Final = (
    "what do the pictures show? then Enter; on a picture Enter opens, Alt+1 shows its folder"
)


def main() -> int:
    """Answer one call of rofi."""
    state = os.environ.get("ROFI_RETV")
    uri = os.environ.get("ROFI_INFO", "")
    if state in {_CHOSEN, _KEY} and uri:
        page = _acted("open" if state == _CHOSEN else "show", uri)
        if page is None:
            return 0
    elif state == _TYPED and sys.argv[1:]:
        page = found(" ".join(sys.argv[1:]))
    else:
        page = Page()
    sys.stdout.buffer.write(answer(page))
    return 0


def answer(page: Page) -> bytes:
    """Return what rofi reads: its settings, the note, a line for each row."""
    said = page.note if page.rows else _HELP
    settings = {"prompt": "imgq", "use-hot-keys": "true", "message": _escaped(said)}
    lines = [f"\0{key}\x1f{value}" for key, value in settings.items()]
    lines += [_line(row) for row in page.rows]
    if page.note and not page.rows:
        # Without a row rofi would close.
        lines.append(f"{page.note}\0nonselectable\x1ftrue")
    return "".join(f"{line}\n" for line in lines).encode("utf-8", "surrogateescape")


def _line(row: Row) -> str:
    icon = f"\x1ficon\x1f{row.icon}" if row.icon else ""
    return f"{row.title}   {row.subtitle}\0info\x1f{row.uri}{icon}"


def _acted(action: str, uri: str) -> Page | None:
    try:
        act(action, uri)
    except ImgqError as error:
        return trouble(error)
    return None


def _escaped(text: str) -> str:
    # Messages are Pango markup, rows are not.
    return text.replace("&", "&amp;").replace("<", "&lt;").replace(">", "&gt;")


if __name__ == "__main__":
    sys.exit(main())
