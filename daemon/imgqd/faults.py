"""What a failed download means to a person: one line that says what to do.

Errors of the network and of the hub come in from `fetch`; nothing here opens
a connection.
"""

from __future__ import annotations

import errno
from pathlib import Path
from typing import Final

import httpx2
from huggingface_hub import constants
from huggingface_hub.errors import (
    GatedRepoError,
    HfHubHTTPError,
    HFValidationError,
    LocalEntryNotFoundError,
    OfflineModeIsEnabled,
    RepositoryNotFoundError,
)

from imgqd.serving import Fault

_FULL: Final = {errno.ENOSPC, errno.EDQUOT, errno.EFBIG}
_LOG_IN: Final = "log in with: hf auth login"


def explain(error: Exception, model: str) -> Fault:
    """Return the answer that a failed download deserves."""
    cause = error.__cause__
    if isinstance(error, LocalEntryNotFoundError) and isinstance(cause, Exception):
        # The client asked again to link the file, and could not: what it met is the reason.
        error = cause
    if isinstance(error, HfHubHTTPError):
        return _refusal(error, model)
    if isinstance(error, HFValidationError):
        return Fault("not_found", f"{model} is no name of a repository: write hf-hub:ORG/NAME")
    return _no_network(error) or _no_disk(error, model)


def no_room(path: Path, missing: int | None = None) -> str:
    """Return the text for a disk that is full, or lacks `missing` bytes."""
    lack = "" if missing is None else f", {missing / 1e6:.0f} MB are missing"
    return f"no room for {path}{lack}: free some, or set HF_HOME to a folder on another disk"


def cut_off(name: str, done: int, size: int, model: str) -> str:
    """Return the text for a connection that ended too early."""
    return (
        f"the connection broke after {done} of {size} bytes of {name}: "
        f"imgqctl model pull {model} goes on from there"
    )


def _refusal(error: HfHubHTTPError, model: str) -> Fault:
    status = error.response.status_code
    if isinstance(error, GatedRepoError):
        return Fault(
            "unavailable",
            f"{model} is behind terms of use: accept them on its page at {constants.ENDPOINT}, "
            f"{_LOG_IN}, then pull again",
        )
    if isinstance(error, RepositoryNotFoundError) or status == httpx2.codes.NOT_FOUND:
        return Fault(
            "not_found",
            f"the hub has no {model}, or it is private ({status}): check the name, or {_LOG_IN}",
        )
    if status in {httpx2.codes.UNAUTHORIZED, httpx2.codes.FORBIDDEN}:
        return Fault("unavailable", f"the hub refused {model} ({status}): {_LOG_IN}")
    if status == httpx2.codes.TOO_MANY_REQUESTS:
        return Fault("unavailable", "the hub wants a pause (429): pull again in a few minutes")
    return Fault("unavailable", f"the hub failed at {model} ({status}): pull again later")


def _no_network(error: Exception) -> Fault | None:
    if isinstance(error, OfflineModeIsEnabled):
        return Fault("unavailable", "HF_HUB_OFFLINE forbids downloads: unset it, then pull again")
    if isinstance(error, httpx2.HTTPError | httpx2.InvalidURL):
        return Fault(
            "unavailable",
            f"cannot reach {constants.ENDPOINT} ({_kind(error)}): "
            "check the network or HF_ENDPOINT, then pull again",
        )
    return None


def _no_disk(error: Exception, model: str) -> Fault:
    if isinstance(error, OSError) and error.errno in _FULL:
        return Fault("unavailable", no_room(Path(constants.HF_HUB_CACHE)))
    return Fault("internal", f"cannot keep {model} in {constants.HF_HUB_CACHE}: {_kind(error)}")


def _kind(error: Exception) -> str:
    """Return an error as one line, for some have several and some have none."""
    first = str(error).partition("\n")[0].strip()
    return first or type(error).__name__
