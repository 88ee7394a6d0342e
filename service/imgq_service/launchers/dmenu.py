"""wofi and fuzzel, which show the lines that they are given: one for the words, one for the rows.

`python -m imgq_service.launchers.dmenu fuzzel|wofi` asks for words, shows what was found, and
opens the chosen picture. Words typed instead of a choice are the next search; Escape ends it.

Sources: fuzzel(1) and wofi(7).
"""

from __future__ import annotations

import shutil
import subprocess
import sys
from collections.abc import Callable, Sequence
from typing import Final, NamedTuple

from imgq.command import run
from imgq.errors import ImgqError, Usage
from imgq_service.launchers.acting import act
from imgq_service.launchers.rows import Page, Row, found, trouble


class Menu(NamedTuple):
    """How a program is called for so many lines, and how it wants a line with a picture.

    `says_it_all`: of a chosen line it prints everything, and not the text alone.
    """

    arguments: Callable[[int], tuple[str, ...]]
    line: Callable[[str, str], str]
    says_it_all: bool


def _fuzzel(lines: int) -> tuple[str, ...]:
    looks = ("--width=70", "--line-height=32", f"--lines={min(lines, _LINES)}")
    return ("--dmenu", "--prompt=imgq: ", *looks)


def _wofi(lines: int) -> tuple[str, ...]:
    looks = ("--insensitive", "--width=60%", f"--height={'50%' if lines else '60'}")
    pictures = ("--allow-images", "--define=image_size=48", "--cache-file=/dev/null")
    return ("--dmenu", "--prompt=imgq: what do the pictures show?", *looks, *pictures)


_LINES: Final = 8

MENUS: Final = {
    "fuzzel": Menu(_fuzzel, lambda text, icon: f"{text}\0icon\x1f{icon}", says_it_all=False),
    "wofi": Menu(_wofi, lambda text, icon: f"img:{icon}:text:{text}", says_it_all=True),
}


def main() -> int:
    """Run until a picture is opened or the person has enough; raises ImgqError."""
    if len(sys.argv) != 2 or sys.argv[1] not in MENUS:
        raise Usage(f"say which: {', '.join(MENUS)}")
    name = sys.argv[1]
    page = Page()
    while True:
        chosen = choose(name, page)
        if chosen is None:
            return 0
        if isinstance(chosen, str):
            page = found(chosen) if chosen else Page()
            continue
        try:
            act("open", chosen.uri)
        except ImgqError as error:
            page = trouble(error)
            continue
        return 0


def choose(name: str, page: Page) -> Row | str | None:
    """Return the row that a person chose, or what they typed instead; None if they gave up."""
    choices = choices_of(name, page)
    # The note is a line, too, and the last: chosen, it leads back to the words.
    shown = [line for line, _ in choices.values()] + ([page.note] if page.note else [])
    said = _called(name, shown)
    if said is None or said == page.note:
        return None if said is None else ""
    return choices[said][1] if said in choices else said


def choices_of(name: str, page: Page) -> dict[str, tuple[str, Row]]:
    """Return what the program prints of each choice, with the line for it and its row."""
    menu = MENUS[name]
    choices = {}
    for row in page.rows:
        text = f"{row.title}   {row.subtitle}"
        line = menu.line(text, row.icon) if row.icon else text
        choices[line if menu.says_it_all else text] = (line, row)
    return choices


def _called(name: str, lines: Sequence[str]) -> str | None:
    program = shutil.which(name)
    if program is None:
        raise ImgqError(f"{name} is not installed here")
    done = subprocess.run(  # noqa: S603 - no shell
        [program, *MENUS[name].arguments(len(lines))],
        input="\n".join(lines).encode("utf-8", "surrogateescape"),
        stdout=subprocess.PIPE,
        check=False,
    )
    return done.stdout.decode("utf-8", "surrogateescape").removesuffix("\n") or None


if __name__ == "__main__":
    sys.exit(run("imgq", main))
