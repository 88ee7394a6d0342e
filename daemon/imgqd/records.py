"""The records that travel between the stages, in the field's own words.

All frozen: a stage answers with a new record, it never changes one it got.
Paths are raw bytes everywhere; only the outermost edge turns them into text.
"""

from __future__ import annotations

import os
import stat
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Final, NamedTuple

import numpy as np
from numpy.typing import NDArray

Vector = NDArray[np.float32]
"""A unit vector (or rows of them), float32."""


class Stamp(NamedTuple):
    """What lstat says of a file; two equal stamps mean an untouched file."""

    dev: int
    inode: int
    size: int
    mtime_ns: int
    ctime_ns: int

    @classmethod
    def of(cls, status: os.stat_result) -> Stamp:
        """Return the stamp in an lstat or fstat result."""
        return cls(
            signed(status.st_dev),
            signed(status.st_ino),
            status.st_size,
            status.st_mtime_ns,
            status.st_ctime_ns,
        )


@dataclass(frozen=True, slots=True)
class Hint:
    """Look at this path: something may have happened there. Never believed, only followed."""

    path: bytes
    noticed: float
    """Unix time at which the change was certainly on the disk."""
    live: bool
    """From the watcher (a person is waiting) rather than from a scan."""


@dataclass(frozen=True, slots=True)
class Observed:
    """What the disk says about one path: `stamp` of a picture file, or None for no such picture."""

    path: bytes
    stamp: Stamp | None
    noticed: float
    live: bool


@dataclass(frozen=True, slots=True)
class Walked:
    """A walk that came to its end: what it met below `top`, and what it could not read."""

    top: bytes
    root: bytes
    began: float
    """Unix time: everything that was there before is in the catalog, or in the settler's hands."""
    spent: float
    """Seconds."""
    folders: Mapping[bytes, tuple[int, int]]
    """Path -> (device, inode)."""
    unreadable: Sequence[bytes]


@dataclass(frozen=True, slots=True)
class Root:
    """A watched folder."""

    id: int
    path: bytes
    identity: tuple[int, int] | None
    """(device, inode) when it was last seen; None when never."""
    online: bool


@dataclass(frozen=True, slots=True)
class Work:
    """A file whose content is not known yet; `version` grows with each change of it."""

    file: int
    version: int
    path: bytes
    stamp: Stamp
    noticed: float
    attempts: int
    live: bool = True
    """Whether the watcher noticed it; a walk found the others."""


class Metadata(NamedTuple):
    """What a picture, or the sidecar beside it, says of itself; None where nobody says.

    A tuple, as `Found`: an answer has hundreds of both, and these are made in a tenth of the time.
    """

    taken: str | None = None
    """When it was taken by the clock of the place, `YYYY-MM-DDTHH:MM:SS`."""
    taken_offset: int | None = None
    """Seconds by which that clock was before UTC."""
    taken_from: str | None = None
    """Which part says so: `exif`, `xmp` or `iptc`."""
    camera: str | None = None
    lens: str | None = None
    latitude: float | None = None
    longitude: float | None = None
    """Degrees, north and east."""
    rating: int | None = None
    """0 to 5 stars, -1 for rejected."""
    keywords: tuple[str, ...] = ()
    title: str | None = None
    description: str | None = None
    software: str | None = None
    is_screenshot: bool = False
    frames: int = 1
    """Pictures of an animation."""


_SILENT: Final = Metadata()


@dataclass(frozen=True, slots=True)
class Picture:
    """What a decoder says of a file's content."""

    hash: bytes
    format: str
    width: int
    height: int
    """As a person sees it, that is after the EXIF orientation."""
    metadata: Metadata = _SILENT
    print: bytes | None = None
    """What it looks like (`prints`); None where it was not decoded."""


@dataclass(frozen=True, slots=True)
class Indexed:
    """A file whose content is known: its picture and, where a model is ready, its vector."""

    work: Work
    picture: Picture
    vector: Vector | None
    sidecar: str | None = None
    """Which sidecar was read with it (`sidecar.key`), None without one."""


@dataclass(frozen=True, slots=True)
class Failed:
    """A file that is not searchable, and why."""

    work: Work
    reason: str
    detail: str


@dataclass(frozen=True, slots=True)
class Change:
    """What a commit means for the index: images that became findable, and that ceased to be."""

    appeared: tuple[int, ...] = ()
    vanished: tuple[int, ...] = ()
    queued: int = 0
    reused: int = 0
    removed: int = 0
    kin: tuple[bytes, ...] = ()
    """Other names of a file that changed (hard links): no event comes for them."""


@dataclass(frozen=True, slots=True)
class Arrival:
    """A picture that became findable: by its name (model 0), or by a model's vector."""

    id: int
    """Grows with each arrival, for ever."""
    image: int
    model: int
    first: int | None
    """When it had a vector for the first time, whichever model's."""


@dataclass(frozen=True, slots=True)
class Model:
    """A model as its own files describe it; `key` tells its weights from all others."""

    name: str
    key: str
    dim: int
    size: int
    resize: str
    """`shortest` (then the centre is cropped), `longest` (then padded) or `squash`."""
    interpolation: str
    fill: int


@dataclass(frozen=True, slots=True)
class VectorSet:
    """The vectors of one model in the catalog; `pictures` of them are of pictures that are there.

    The name is the one under which the model was used last.
    """

    number: int
    key: str
    name: str
    dim: int
    pictures: int


@dataclass(frozen=True, slots=True)
class Lacking:
    """A picture that one model has seen and another has not, and the files that show it."""

    image: int
    hash: bytes
    files: tuple[tuple[bytes, Stamp], ...]


class Found(NamedTuple):
    """A file as an answer shows it."""

    image: int
    path: bytes
    size: int
    mtime_ns: int
    format: str | None
    width: int | None
    height: int | None
    metadata: Metadata = _SILENT


@dataclass(frozen=True, slots=True)
class Elsewhere:
    """A file on another machine."""

    machine: str
    found: Found
    is_here: bool = False
    """Whether the same file can be reached from here, by the same path."""


@dataclass(frozen=True, slots=True)
class FileRow:
    """What the catalog holds of one path."""

    stamp: Stamp
    state: str
    image: int | None
    reason: str | None
    detail: str | None


@dataclass(frozen=True, slots=True)
class Totals:
    """The catalog counted: for status and for every answer's `pending`."""

    files: int = 0
    pictures: int = 0
    pending: int = 0
    without_vector: int = 0
    failed: dict[str, int] = field(default_factory=dict)
    files_of_root: dict[int, int] = field(default_factory=dict)


def shown(path: bytes) -> str:
    """Return a path for a person to read: bytes that are no UTF-8 as backslash and number."""
    return path.decode(errors="backslashreplace")


def signed(number: int) -> int:
    """Return an unsigned 64-bit number as SQLite can hold it."""
    return number - (1 << 64) if number >= 1 << 63 else number


def is_regular(mode: int) -> bool:
    """Return whether a mode is that of an ordinary file."""
    return stat.S_ISREG(mode)
