"""What is done with a choice: `python -m imgq_service.launchers.acting open|show URI`.

`search WORDS` opens the search window where there is one, else a page of pictures.
"""

from __future__ import annotations

import importlib.util
import subprocess
import sys
from urllib.parse import unquote_to_bytes

from imgq.command import run
from imgq.errors import ImgqError, Usage
from imgq.opening import open_file
from imgq.text import readable
from imgq_service.revealing import reveal

_PROGRAM = "imgq"
_FILE = "file://"
_SHEET = "from imgq.cli import main; raise SystemExit(main())"


def act(action: str, uri: str) -> None:
    """Open a picture, or show it in the file manager; raises ImgqError where that cannot be."""
    path = path_of(uri)
    if action == "open":
        open_file(path)
    elif action == "show":
        reveal(path)
    else:
        raise Usage(f"{readable(action)}: a picture can be opened (open) or shown (show)")


def path_of(uri: str) -> bytes:
    """Return the path of a row's URI; raises Usage for anything else."""
    path = unquote_to_bytes(uri.removeprefix(_FILE))
    if not uri.startswith(_FILE) or not path.startswith(b"/"):
        raise Usage(f"{readable(uri)} is no picture's address")
    return path


def search(query: str) -> None:
    """Open the search window with a line; without one, a page of what the line finds."""
    if importlib.util.find_spec("PySide6") is not None:
        command = ["-m", "imgq_service.tray.cli", "--search", query]
    elif query.strip():
        command = ["-c", _SHEET, "--sheet", "--", query]
    else:
        raise ImgqError("the search window is not here: `pip install 'imgq[tray]'` brings it")
    subprocess.Popen(  # noqa: S603 - no shell
        [sys.executable, "-P", *command],
        stdin=subprocess.DEVNULL,
        stdout=subprocess.DEVNULL,
        start_new_session=True,
    )


def _main() -> int:
    match sys.argv[1:]:
        case ["search", *words]:
            search(" ".join(words))
        case [action, uri]:
            act(action, uri)
        case _:
            raise Usage("say open URI, show URI or search WORDS")
    return 0


if __name__ == "__main__":
    sys.exit(run(_PROGRAM, _main))
