"""What every program of ours shares: exit statuses, and a quiet end."""

from __future__ import annotations

import os
import sys

from imgq.errors import ImgqError
from imgq.screen import say
from imgq.text import readable

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable

INTERRUPTED = 130


def run(program: str, body: Callable[[], int]) -> int:
    """Run a command and return its exit status, whatever happens."""
    try:
        status = _body(body)
        # Here, not at the interpreter's end: it can only complain with a traceback.
        sys.stdout.flush()
    except ImgqError as error:
        say(program, readable(str(error)))
        return error.exit_status
    except KeyboardInterrupt:
        return INTERRUPTED
    except BrokenPipeError:
        # The reader, `head` perhaps, has what it wanted.
        _drop_output()
        return 0
    except OSError as error:
        _drop_output()
        say(program, readable(f"{error}: nothing more was written"))
        return 1
    return status


def _body(body: Callable[[], int]) -> int:
    try:
        return body()
    except SystemExit as leaving:
        # argparse leaves like this after --help and --version.
        return leaving.code if isinstance(leaving.code, int) else 0


def _drop_output() -> None:
    nowhere = os.open(os.devnull, os.O_WRONLY)
    os.dup2(nowhere, sys.stdout.fileno())
    os.close(nowhere)
