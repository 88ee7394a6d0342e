"""Which file system a folder lies on, and when mounts come and go.

Some file systems tell nobody of changes that are made elsewhere: on a server,
in a phone, in the host of a virtual machine. Folders on those are walked.
"""

from __future__ import annotations

import os
import select
import sys
from collections.abc import Mapping
from typing import Final

from imgqd import machine
from imgqd.scope import is_within

_NETWORK: Final = "nfs nfs4 cifs smb3 smbfs ncpfs afs afpfs coda ceph davfs webdav ftp"
_CLUSTER: Final = "glusterfs lustre gpfs beegfs ocfs2 gfs2"
_HOST: Final = "9p virtiofs vboxsf vmhgfs prl_fs hgfs macfuse osxfuse fusefs"
_REMOTE: Final = frozenset(f"{_NETWORK} {_CLUSTER} {_HOST}".split())
"""Types whose content changes without the kernel here knowing; all of `fuse.*` besides.

`fuseblk` is not among them: a disk of this machine, as with NTFS, that only changes from here.
"""


def is_remote(kind: str) -> bool:
    """Return whether a file system of this type changes without a word."""
    return kind in _REMOTE or kind.startswith("fuse.")


def table() -> Mapping[bytes, str]:
    """Return the mounts there are: mount point -> type of the file system."""
    return dict(machine.mounts())


def kind_of(path: bytes, known: Mapping[bytes, str] | None = None) -> str:
    """Return the type of the file system that holds a path, "" where it is not known."""
    known = table() if known is None else known
    around = [point for point in known if is_within(path, point)]
    return known[max(around, key=len)] if around else ""


def below(folder: bytes, known: Mapping[bytes, str]) -> Mapping[bytes, str]:
    """Return the mounts inside a folder, without one on the folder itself."""
    return {
        point: kind for point, kind in known.items() if point != folder and is_within(point, folder)
    }


class News:
    """Tells that mounts have come or gone; on Linux the kernel says so, elsewhere nobody does.

    `fileno` becomes readable then. proc(5): a mountinfo file polls as urgent after a change.
    """

    def __init__(self) -> None:
        self._file: int | None = None
        self._poll: select.epoll | None = None
        if sys.platform == "linux":
            self._file = os.open("/proc/self/mountinfo", os.O_RDONLY | os.O_CLOEXEC)
            self._poll = select.epoll()
            self._poll.register(self._file, select.EPOLLPRI)

    def fileno(self) -> int | None:
        """Return the descriptor to wait for, None where there is none."""
        return None if self._poll is None else self._poll.fileno()

    def came(self) -> bool:
        """Return whether there was a change since the last call."""
        return self._poll is not None and bool(self._poll.poll(0))

    def close(self) -> None:
        """Listen no longer."""
        if self._poll is not None:
            self._poll.close()
        if self._file is not None:
            os.close(self._file)
