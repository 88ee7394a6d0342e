"""`imgqd`: the daemon, in the foreground."""

from __future__ import annotations

import argparse
import asyncio
import contextlib
import errno
import faulthandler
import importlib.metadata
import logging
import os
import sys
import time
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Final

from imgq import paths

try:
    from imgqd import config
    from imgqd.socketfile import SocketTrouble
except ModuleNotFoundError as missing:
    sys.exit(f"imgqd: {missing.name} is not installed: pip install 'imgq[daemon]'")

if TYPE_CHECKING:
    from imgqd.supervisor import Supervisor

_BEGINNINGS: Final = 3
"""How often in a row the daemon begins again with a new catalog before it ends."""

_THREADS: Final = ("OPENBLAS_NUM_THREADS", "OMP_NUM_THREADS")

_SOON: Final = 300.0
"""Seconds within which damage that comes again counts as in a row."""

_STDERR: Final = 2
"""The descriptor of the log, whatever `sys.stderr` is by then."""


def main() -> int:
    """Run `imgqd` and return its exit status."""
    parser = argparse.ArgumentParser(
        prog="imgqd",
        description="Watch picture folders and answer searches by what the pictures show.",
        epilog="SIGTERM and SIGINT stop it cleanly, SIGHUP reads the settings again.",
    )
    parser.add_argument(
        "--config", type=Path, metavar="FILE", help=f"settings file ({paths.settings_path()})"
    )
    parser.add_argument(
        "--check", action="store_true", help="check the settings, say what they come to, and end"
    )
    parser.add_argument(
        "--version", action="version", version=f"imgqd {importlib.metadata.version('imgq')}"
    )
    arguments = parser.parse_args()
    path = (arguments.config or paths.settings_path()).absolute()
    try:
        settings = config.load(path)
    except config.SettingsError as error:
        return _fail(str(error), 2)
    if arguments.check:
        return _check(path, settings)
    _log()
    # A watchdog ends a process that is stuck by SIGABRT: then the journal has where. Of one
    # thread only: those that run meanwhile can crash whoever writes down where they are.
    faulthandler.enable(_STDERR, all_threads=False)
    # Half a second of FAISS and NumPy that a mistake in the settings need not wait for.
    with _one_thread():
        from imgqd import app, supervisor  # noqa: F401, PLC0415
    try:
        return _run(settings, path, supervisor.Supervisor.of())
    except SocketTrouble as error:
        return _fail(str(error), 4)


@contextlib.contextmanager
def _one_thread() -> Iterator[None]:
    """Load NumPy's OpenBLAS and FAISS's OpenMP so that a query is one thread's work.

    Others would only wait for cores, and OpenMP's turn while they wait. FAISS's own
    `omp_set_num_threads` holds for the thread that calls it, and many search. It is told by
    the environment, which no other process is to inherit.
    """
    before = {name: os.environ.get(name) for name in _THREADS}
    os.environ.update(dict.fromkeys(_THREADS, "1"))
    try:
        yield
    finally:
        for name, value in before.items():
            os.environ.pop(name)
            if value is not None:
                os.environ[name] = value


def _run(settings: config.Settings, path: Path, supervisor: Supervisor) -> int:
    from imgqd import alone, app  # noqa: PLC0415
    from imgqd.catalog import CatalogDamaged, CatalogError  # noqa: PLC0415

    in_a_row = 0
    while True:
        began = time.monotonic()
        try:
            asyncio.run(app.run(settings, path, supervisor))
        except CatalogDamaged as error:
            in_a_row = in_a_row + 1 if time.monotonic() - began < _SOON else 1
            if in_a_row > _BEGINNINGS:
                return _fail(f"the catalog was damaged again ({error}): check the disk", 4)
            # They may have been changed through the daemon itself.
            with contextlib.suppress(config.SettingsError):
                settings = config.load(path)
        except (alone.AlreadyRunning, SocketTrouble, CatalogError) as error:
            return _fail(str(error), 4)
        except OSError as error:
            remedy = ": free some space" if error.errno == errno.ENOSPC else ""
            where = error.filename or paths.state_folder()
            return _fail(f"{where}: {error.strerror}{remedy}", 4)
        else:
            return 0


def _check(path: Path, settings: config.Settings) -> int:
    print(f"settings: {path}{'' if path.exists() else ' (not there: defaults)'}")  # noqa: T201
    print(f"model:    {settings.model.name}")  # noqa: T201
    held = settings.service.memory_high
    print(f"memory:   {held}, as the service's MemoryHigh: imgq-service install")  # noqa: T201
    for root in settings.roots:
        missing = "" if os.path.isdir(root) else " (not there: offline until it is)"
        print(f"folder:   {os.fsdecode(root)}{missing}")  # noqa: T201
    return 0


def _log() -> None:
    # The journal has the time already.
    in_journal = "JOURNAL_STREAM" in os.environ
    form = "%(message)s" if in_journal else "%(asctime)s %(levelname).1s %(message)s"
    logging.basicConfig(level=logging.INFO, format=form, stream=sys.stderr)
    for library in ("faiss", "watchdog"):
        logging.getLogger(library).setLevel(logging.WARNING)


def _fail(text: str, status: int) -> int:
    print(f"imgqd: {text}", file=sys.stderr)  # noqa: T201
    return status
