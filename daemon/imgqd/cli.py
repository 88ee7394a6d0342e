"""`imgqd`: the daemon, in the foreground."""

from __future__ import annotations

import argparse
import asyncio
import importlib.metadata
import logging
import os
import sys
from pathlib import Path

from imgq import paths

try:
    from imgqd import config
except ModuleNotFoundError as missing:
    sys.exit(f"imgqd: {missing.name} is not installed: pip install 'imgq[daemon]'")


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
    return _run(settings, path)


def _run(settings: config.Settings, path: Path) -> int:
    # Half a second of FAISS and NumPy that a mistake in the settings need not wait for.
    from imgqd import app  # noqa: PLC0415
    from imgqd.catalog import CatalogError  # noqa: PLC0415
    from imgqd.server import SocketTrouble  # noqa: PLC0415

    try:
        asyncio.run(app.run(settings, path))
    except (app.AlreadyRunning, SocketTrouble, CatalogError) as error:
        return _fail(str(error), 4)
    except OSError as error:
        return _fail(f"{error.filename or 'imgqd'}: {error.strerror}", 4)
    return 0


def _check(path: Path, settings: config.Settings) -> int:
    print(f"settings: {path}{'' if path.exists() else ' (not there: defaults)'}")  # noqa: T201
    print(f"model:    {settings.model.name}")  # noqa: T201
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
