"""A house with drawings in it, in which what is opened is written down."""

from __future__ import annotations

import contextlib
import os
from collections.abc import Iterator, Sequence
from pathlib import Path

from demo.sample import draw
from house import House, running, until

_OPENER = '#!/bin/sh\nprintf "%s\\n" "$1" >> "$HOME/opened"\n'


@contextlib.contextmanager
def drawings(base: Path, captions: Sequence[str]) -> Iterator[House]:
    """Give a running house; it has no weights, so it starts at once and knows names only."""
    house = House(base, model="ViT-B-32/openai")
    for caption in captions:
        name = os.path.join(os.fsencode(house.pictures), os.fsencode(f"{caption}.png"))
        with open(name, "wb") as file:
            draw(caption if caption.isascii() else "red car", 7).save(file, "PNG")
    programs = house.base / "bin"
    programs.mkdir()
    (programs / "xdg-open").write_text(_OPENER)
    (programs / "xdg-open").chmod(0o700)
    house.environment["PATH"] = f"{programs}:{house.environment['PATH']}"
    house.environment["HOME"] = str(house.base)
    with running(house):
        house.sync()
        yield house


def opened(house: House) -> Path:
    """Return the file of what was opened, a path a line; nothing until now."""
    file = house.base / "opened"
    file.unlink(missing_ok=True)
    return file


def lines_of(there: Path, count: int = 1) -> list[str]:
    """Wait for so many lines in a file, and return them."""
    until(lambda: there.exists() and there.read_bytes().count(b"\n") >= count, "it is opened")
    return os.fsdecode(there.read_bytes()).splitlines()
