"""How the processes of `imgq` and `imgqctl` begin and end; what they do is in `cli` and `ctl`.

A person waits for both, so garbage is not looked for among what is just being imported, and
at the end the interpreter does not take apart, one by one, what the kernel is to drop as a whole.
Together that is a sixth of the time that such a process takes.
"""

from __future__ import annotations

import gc
import os
import sys

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable
    from typing import NoReturn


def imgq() -> NoReturn:
    """Search, and end the process."""
    gc.disable()
    from imgq.cli import main  # noqa: PLC0415

    _run(main)


def imgqctl() -> NoReturn:
    """Look after the daemon, and end the process."""
    gc.disable()
    from imgq.ctl import main  # noqa: PLC0415

    _run(main)


def _run(main: Callable[[], int]) -> NoReturn:
    # Modules stay; whatever comes now may be garbage, in a process that follows for days, too.
    gc.freeze()
    gc.enable()
    status = main()
    # All that an interpreter's end would do for us: our children, files and threads need no end.
    for stream in (sys.stdout, sys.stderr):
        try:  # noqa: SIM105 - contextlib takes longer to import
            stream.flush()
        except OSError:
            pass  # said by `run` already, where there was anything to say
    os._exit(status)
