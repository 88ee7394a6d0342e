"""Hugging Face's cache as it lies on the disk, read without its library.

That loads an HTTP client: 11 MB and a fifth of a second, in a process that must be small and
never asks the network. Who downloads uses the library (`fetch`); a test holds both to the
same answers. The layout: https://huggingface.co/docs/huggingface_hub/guides/manage-cache
"""

from __future__ import annotations

import os
import re
from pathlib import Path
from typing import Final

_NAME: Final = re.compile(r"(\b[\w\-.]{1,96}\b/)?\b[\w\-.]{1,96}\b", re.ASCII)
"""What the hub allows as the name of a repository."""


def root() -> Path:
    """Return the folder of the cache, by the environment that the library goes by."""
    home = os.environ.get("XDG_CACHE_HOME", os.path.join("~", ".cache"))
    home = os.environ.get("HF_HOME", os.path.join(home, "huggingface"))
    # The older name first: it is what the newer one is by default.
    older = os.environ.get("HUGGINGFACE_HUB_CACHE", os.path.join(home, "hub"))
    return Path(os.path.expandvars(os.path.expanduser(os.environ.get("HF_HUB_CACHE", older))))


def is_name(repo: str) -> bool:
    """Return whether a text can be the name of a repository."""
    odd = "--" in repo or ".." in repo or repo.endswith(".git")
    return not odd and _NAME.fullmatch(repo) is not None


def folder(repo: str) -> Path:
    """Return where the files of a repository lie, if any do."""
    return root() / "--".join(["models", *repo.split("/")])


def held(repo: str, name: str, revision: str) -> Path | None:
    """Return a file of a version ("main", or a commit) where it is in the cache."""
    place = folder(repo)
    try:
        commit = (place / "refs" / revision).read_text(encoding="utf-8")
    except OSError:
        commit = revision
    path = place / "snapshots" / commit / name
    return path if path.is_file() else None
