"""What a file contains, as a SHA-256 that is computed once.

A model's weights are half a gigabyte and the embedder starts often, so the
digest is remembered beside the file's identity. Any write changes that identity
(inode, size, mtime or ctime), and then the digest is computed again.
"""

from __future__ import annotations

import contextlib
import hashlib
import os
import tempfile
from pathlib import Path

from imgq import paths


def sha256(path: Path) -> str:
    """Return the SHA-256 of a file's content in hexadecimal."""
    note = _note(path)
    before = _identity(path)
    with contextlib.suppress(OSError, ValueError):
        digest, identity = note.read_text("ascii").split(" ", 1)
        if identity == before:
            return digest
    with path.open("rb") as file:
        digest = hashlib.file_digest(file, "sha256").hexdigest()
    if _identity(path) == before:
        _remember(note, f"{digest} {before}")
    return digest


def git_sha1(path: Path) -> str:
    """Return the name that git gives to a file's content; for small files only."""
    content = path.read_bytes()
    return hashlib.sha1(b"blob %d\0" % len(content) + content, usedforsecurity=False).hexdigest()


def matches(path: Path, name: str) -> bool:
    """Tell whether the content is what the hub calls `name`: a SHA-256, or git's for small files.

    A name of any other form proves nothing and matches nothing.
    """
    by_length = {64: sha256, 40: git_sha1}
    digest = by_length.get(len(name))
    return digest is not None and digest(path) == name


def _identity(path: Path) -> str:
    status = path.stat()
    fields = (status.st_dev, status.st_ino, status.st_size, status.st_mtime_ns, status.st_ctime_ns)
    return " ".join(map(str, fields))


def _note(path: Path) -> Path:
    place = hashlib.sha256(os.fsencode(path.resolve())).hexdigest()
    return paths.cache_folder() / "digests" / place


def _remember(note: Path, text: str) -> None:
    # A cache that cannot be written costs time at the next start, nothing else.
    with contextlib.suppress(OSError):
        note.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
        with tempfile.NamedTemporaryFile("w", dir=note.parent, delete=False) as file:
            file.write(text)
        Path(file.name).replace(note)
