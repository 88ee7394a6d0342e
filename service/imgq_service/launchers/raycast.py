"""Raycast's script command, which shows text: `python -m imgq_service.launchers.raycast WORDS HOW`.

HOW is `list`, `open` (the best picture) or `page` (all of them, as pictures in the browser).

Source: https://github.com/raycast/script-commands
"""

from __future__ import annotations

import sys

from imgq.command import run
from imgq.errors import ImgqError, Usage
from imgq_service.launchers import acting
from imgq_service.launchers.rows import Page, found


def main() -> int:
    """Answer one call; raises ImgqError."""
    query, how = (*sys.argv[1:], "", "")[:2]
    if not query.strip():
        raise Usage("what should the pictures show?")
    if how == "page":
        acting.search(query)
        return 0
    page = found(query)
    if how == "open" and page.rows:
        acting.act("open", page.rows[0].uri)
        page = Page(page.rows[:1], page.note)
    if not page.answered:
        raise ImgqError(page.note)
    sys.stdout.write(text(page))
    return 0


def text(page: Page) -> str:
    """Return what is shown: two lines for each picture, and the note."""
    lines = [f"{row.title}\n    {row.subtitle}" for row in page.rows]
    return "".join(f"{line}\n" for line in (*lines, *([page.note] if page.note else [])))


if __name__ == "__main__":
    sys.exit(run("imgq", main))
