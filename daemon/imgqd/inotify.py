"""What the kernel says of this process's inotify instances: what they cover, hold, and may hold.

Linux only: elsewhere there are no instances, and every answer is "unknown".
Sources: proc(5) on fdinfo, inotify(7).
"""

from __future__ import annotations

import contextlib
import fcntl
import os
import re
import struct
import termios
from collections.abc import Iterable
from typing import Final

Identity = tuple[int, int]
"""(device, inode), as stat gives them."""

_WATCH: Final = re.compile(rb"^inotify wd:[0-9a-f]+ ino:([0-9a-f]+) sdev:([0-9a-f]+)", re.MULTILINE)

_LIMITS: Final = {
    "max_user_watches": ("/proc/sys/fs/inotify/max_user_watches", "max_inotify_watches"),
    "max_user_instances": ("/proc/sys/fs/inotify/max_user_instances", "max_inotify_instances"),
    "max_queued_events": ("/proc/sys/fs/inotify/max_queued_events", None),
}


class Covered:
    """The folders that have a watch."""

    def __init__(self, identities: Iterable[Identity]) -> None:
        self._identities = frozenset(identities)
        self._devices = frozenset(device for device, _ in self._identities)
        self._inodes = frozenset(inode for _, inode in self._identities)

    def __len__(self) -> int:
        return len(self._identities)

    def holds(self, folder: Identity) -> bool:
        """Return whether a folder has a watch.

        On btrfs stat gives each subvolume a device of its own, and the kernel's list does not:
        of a device that the list never names only the inode is compared.
        """
        device, inode = folder
        return folder in self._identities or (device not in self._devices and inode in self._inodes)


def instances() -> tuple[int, ...]:
    """Return the descriptors of this process that are inotify instances."""
    found = []
    try:
        numbers = [int(name) for name in os.listdir("/proc/self/fd")]
    except OSError:
        return ()
    for number in numbers:
        with contextlib.suppress(OSError):  # the listing's own descriptor is closed by now
            if os.readlink(f"/proc/self/fd/{number}") == "anon_inode:inotify":
                found.append(number)
    return tuple(found)


def covered(descriptors: Iterable[int]) -> Covered | None:
    """Return the folders that these instances watch, None where nobody can tell."""
    identities: set[Identity] = set()
    known = False
    for number in descriptors:
        try:
            with open(f"/proc/self/fdinfo/{number}", "rb") as file:
                text = file.read()
        except OSError:
            continue
        known = True
        for inode, device in _WATCH.findall(text):
            identities.add((_device(int(device, 16)), int(inode, 16)))
    return Covered(identities) if known else None


def has_unread(descriptors: Iterable[int]) -> bool:
    """Return whether events wait in the kernel that no thread has read."""
    for number in descriptors:
        with contextlib.suppress(OSError):  # closed meanwhile
            raw = fcntl.ioctl(number, termios.FIONREAD, b"\0" * 4)
            if struct.unpack("i", raw)[0]:
                return True
    return False


def limit(name: str) -> int | None:
    """Return a limit (`max_user_watches` and so on) as it holds for this process, None if unknown.

    A user namespace may have a lower one of its own.
    """
    path, own = _LIMITS[name]
    values = [_number(path)]
    if own is not None:
        values.append(_number(f"/proc/sys/user/{own}"))
    return min((value for value in values if value is not None), default=None)


def _number(path: str) -> int | None:
    try:
        with open(path, encoding="ascii") as file:
            return int(file.read())
    except (OSError, ValueError):
        return None


def _device(raw: int) -> int:
    # The kernel packs the minor number into 20 bits (kdev_t.h); os.makedev is what stat says.
    return os.makedev(raw >> 20, raw & 0xFFFFF)
