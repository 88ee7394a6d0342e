"""Ground on which a daemon can fail: mounts that come and go, and limits of its own."""

from __future__ import annotations

import contextlib
import os
import shutil
import subprocess
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Self

from house import picture

WITHOUT_OVERRIDE = ("setpriv", "--bounding-set=-dac_override,-dac_read_search")
"""Becomes a program that a mode keeps out, even if it runs as root."""

_NAMESPACE = ("unshare", "--user", "--map-root-user")


class Missing(Exception):
    """The machine does not have what this ground needs; the text says what."""


class Mounts:
    """Mounts for the length of a `with`: at its end all are gone, whatever happens."""

    def __init__(self) -> None:
        self._points: list[Path] = []

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        for point in reversed(self._points):
            # A daemon that hangs may keep it busy: then it goes when the daemon does.
            subprocess.run(["umount", "--lazy", point], check=False, capture_output=True)

    def tmpfs(self, point: Path) -> None:
        """Mount a disk in memory; raises Missing where nothing may be mounted."""
        self._mount(point, "-t", "tmpfs", "-o", "size=16m", "imgq-test")

    def bind(self, folder: Path, point: Path) -> None:
        """Show a folder at another place; raises Missing."""
        self._mount(point, "--bind", os.fspath(folder))

    def image(self, file: Path, point: Path) -> None:
        """Mount a file that holds a file system; raises Missing."""
        self._mount(point, "-o", "loop", os.fspath(file))

    def unmount(self, point: Path) -> None:
        """Take a mount away."""
        _run("umount", os.fspath(point))
        self._points.remove(point)

    def _mount(self, point: Path, *arguments: str) -> None:
        point.mkdir(parents=True, exist_ok=True)
        _run("mount", *arguments, os.fspath(point))
        self._points.append(point)


def ext4(file: Path) -> Path:
    """Make a small file that holds an empty file system; raises Missing."""
    with file.open("wb") as image:
        image.truncate(8 << 20)
    _run("mkfs.ext4", "-q", os.fspath(file))
    return file


def limited(*, watches: int | None = None, instances: int | None = None) -> Sequence[str]:
    """Return a launcher for a program that may have so many inotify watches and instances."""
    limits = {"watches": watches, "instances": instances}
    orders = [
        f"echo {number} > {_limit(name)}" for name, number in limits.items() if number is not None
    ]
    return (*_NAMESPACE, "sh", "-c", f'{" && ".join(orders)} && exec "$@"', "sh")


def raise_watches(pid: int, number: int) -> None:
    """Give a program that was started by `limited` more watches."""
    order = f"echo {number} > {_limit('watches')}"
    _run("nsenter", "--user", f"--target={pid}", "sh", "-c", order)


def check_limits() -> None:
    """Raise Missing where no program can be given limits of its own."""
    _run(*limited(watches=10, instances=10), "true")


def bulk(folder: Path, count: int) -> None:
    """Write many picture files of a few contents, whose names the witness does not ask for."""
    folder.mkdir(parents=True, exist_ok=True)
    contents = []
    for seed in range(4):
        path = Path(os.fsdecode(picture(folder / f"first-{seed}.jpg", 10_000 + seed, (16, 16))))
        contents.append(path.read_bytes())
        path.unlink()
    for number in range(count):
        (folder / f"bulk-{number}.jpg").write_bytes(contents[number % len(contents)])


def overflow(folder: Path) -> None:
    """Let more happen in a folder than the kernel's queue of events holds, and leave nothing."""
    held = int(Path("/proc/sys/fs/inotify/max_queued_events").read_text())
    paths = [folder / "overflow-1.jpg", folder / "overflow-2.jpg"]
    for path in paths:
        path.touch()
    # By turns: an event that is like the one before it is not queued.
    for number in range(held + 1):
        os.utime(paths[number % 2])
    for path in paths:
        path.unlink()


@contextlib.contextmanager
def closed(folder: Path) -> Iterator[None]:
    """Keep everybody out of a folder for the length of the block."""
    mode = folder.stat().st_mode
    folder.chmod(0)
    try:
        yield
    finally:
        folder.chmod(mode)


def _limit(name: str) -> str:
    return f"/proc/sys/user/max_inotify_{name}"


def _run(program: str, *arguments: str) -> None:
    if shutil.which(program) is None:
        raise Missing(f"there is no {program}")
    done = subprocess.run([program, *arguments], capture_output=True, text=True, check=False)
    if done.returncode != 0:
        raise Missing(f"{program}: {done.stderr.strip()}")
