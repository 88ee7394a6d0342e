"""Which paths count: roots, exclusions and picture names. Pure logic but for `.nomedia`.

Watcher, scanner and `why` ask here, so that they cannot disagree.
"""

from __future__ import annotations

import fnmatch
import os
import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Final

from imgqd.formats import SUFFIXES
from imgqd.records import shown

NO_MEDIA: Final = b".nomedia"
"""A file of this name keeps its folder and all below it out, as on Android."""


def is_picture_name(name: bytes) -> bool:
    """Return whether a file of this name is looked at."""
    # What os.path.splitext means, at a third of its time: walks ask for every file.
    stem, _, suffix = name.rpartition(b".")
    return suffix.lower() in SUFFIXES and bool(stem.strip(b"."))


@dataclass(frozen=True)
class Scope:
    """The watched part of the disk.

    `roots` are absolute, resolved folders; `exclude` are names or globs, where
    one with a slash is held against the whole path below its root. `barred`
    are folders that never count, wherever they lie: the daemon's own state.
    """

    roots: tuple[bytes, ...]
    exclude: tuple[str, ...]
    barred: tuple[bytes, ...] = ()

    def root_of(self, path: bytes) -> bytes | None:
        """Return the innermost root that contains the path, or None."""
        inside = [root for root in self.roots if is_within(path, root)]
        return max(inside, key=len, default=None)

    def exclusion(self, path: bytes) -> str | None:
        """Return why a path inside a root does not count, or None if it does."""
        root = self.root_of(path)
        if root is None:
            return "it lies in no watched folder"
        for folder in self.barred:
            if is_within(path, folder):
                return "it lies in imgq's own state folder"
        at, below = root, b""
        for name in path[len(root) :].strip(b"/").split(b"/"):
            if not name:
                break
            if os.path.lexists(os.path.join(at, NO_MEDIA)):
                return f"{shown(at)} holds a .nomedia file"
            at = os.path.join(at, name)
            below = os.path.join(below, name)
            rule = self.rule_for(name, below)
            if rule is not None:
                return f"the exclude rule {rule!r} matches {shown(name)!r}"
        return None

    def rule_for(self, name: bytes, below_root: bytes) -> str | None:
        """Return the exclude rule that matches one name, or its path below its root."""
        if not self._pattern.fullmatch(name) and not (
            self._path_pattern and self._path_pattern.fullmatch(below_root)
        ):
            return None
        for rule in self.exclude:
            subject = below_root if "/" in rule else name
            if re.fullmatch(_bytes_pattern(rule), subject, re.DOTALL):
                return rule
        return None

    @cached_property
    def _pattern(self) -> re.Pattern[bytes]:
        names = [_bytes_pattern(rule) for rule in self.exclude if "/" not in rule]
        return re.compile(b"|".join(names) or b"(?!)", re.DOTALL)

    @cached_property
    def _path_pattern(self) -> re.Pattern[bytes] | None:
        paths = [_bytes_pattern(rule) for rule in self.exclude if "/" in rule]
        return re.compile(b"|".join(paths), re.DOTALL) if paths else None


def is_within(path: bytes, folder: bytes) -> bool:
    """Return whether the path is the folder or lies below it."""
    return path == folder or path.startswith(folder.rstrip(b"/") + b"/")


def outermost(paths: Iterable[bytes]) -> Sequence[bytes]:
    """Return the paths that lie below no other of them."""
    kept: list[bytes] = []
    for path in sorted(paths):
        if not kept or not is_within(path, kept[-1]):
            kept.append(path)
    return kept


def _bytes_pattern(rule: str) -> bytes:
    # latin-1 keeps every byte of a name one character, so globs work on names that are not UTF-8.
    return fnmatch.translate(rule.strip("/").encode().decode("latin-1")).encode("latin-1")
