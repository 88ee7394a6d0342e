"""The download of a model: a child process, the only one that talks to the network.

Rules of this file: nothing unproved ever enters the cache. A file comes down as
`BLOB.incomplete` (where the next attempt goes on), is checked against the digest
that the hub gave for it, and only then gets the name under which Hugging Face's
own client finds it. That client throws away what was cut off, so the bytes are
fetched here; asking, access, naming and linking are its business.
"""

from __future__ import annotations

import logging
import os
import shutil
import sys
import time
from collections.abc import Callable
from contextlib import suppress
from functools import partial
from pathlib import Path
from typing import Any, BinaryIO, Final

# Read once, when huggingface_hub is imported. Xet would bypass the resuming below.
os.environ.update(HF_HUB_DISABLE_XET="1", HF_HUB_DISABLE_TELEMETRY="1", DO_NOT_TRACK="1")

import httpx2
from huggingface_hub import (
    HfFileMetadata,
    constants,
    get_hf_file_metadata,
    get_session,
    hf_hub_download,
    hf_hub_url,
)
from huggingface_hub.errors import HFValidationError, RemoteEntryNotFoundError
from huggingface_hub.file_download import repo_folder_name
from huggingface_hub.utils import (  # type: ignore[attr-defined]  # public, but not in __all__
    WeakFileLock,
    build_hf_headers,
    hf_raise_for_status,
)

from imgqd import digests, faults, importing, modelfiles, presets, weights
from imgqd.serving import Fault, Handler, Line

log = logging.getLogger(__name__)

_PACE: Final = 0.2
"""Seconds between two notifications of progress."""

Report = Callable[[str, int, int], None]
"""Called with a file's name, the bytes that are here, and the bytes that it has."""


class Progress:
    """Tells the core how far a file is, but not more often than it wants to know."""

    def __init__(
        self,
        notify: Callable[[str, dict[str, Any]], None],
        pace: float = _PACE,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self._notify = notify
        self._pace = pace
        self._clock = clock
        self._next = -1.0

    def __call__(self, file: str, done: int, total: int) -> None:
        """Report `done` of `total` bytes; the first and the last of a file always get through."""
        now = self._clock()
        if now >= self._next or done in {0, total}:
            self._next = now + self._pace
            self._notify("progress", {"file": file, "done": done, "total": total})


class Download:
    """One model on its way into Hugging Face's cache; `received` counts its bytes."""

    def __init__(self, model: str, report: Report) -> None:
        self._model = model
        self._report = report
        self._headers = {**build_hf_headers(library_name="imgq"), "Accept-Encoding": "identity"}
        self.received = 0

    def obtain(self, file: modelfiles.HubFile) -> Path | None:
        """Bring one file into the cache, proved; None for an optional one that there is not."""
        for name in file.names:
            with suppress(RemoteEntryNotFoundError):
                return self._obtain(file.repo, name)
        if file.optional:
            return None
        raise Fault("not_found", f"{file.repo} has no {file.names[0]}: choose another model")

    def _obtain(self, repo: str, name: str) -> Path:
        found = get_hf_file_metadata(hf_hub_url(repo, name), headers=self._headers)
        etag, commit, size = found.etag, found.commit_hash, found.size
        if not _usable(found) or etag is None or size is None:
            raise Fault(
                "unavailable",
                f"{constants.ENDPOINT} does not say what {name} contains: is HF_ENDPOINT right?",
            )
        folder = repo_folder_name(repo_id=repo, repo_type="model")
        cache = Path(constants.HF_HUB_CACHE)
        blob = cache / folder / "blobs" / etag
        lock = cache / ".locks" / folder / f"{etag}.lock"
        for place in (blob, lock):
            place.parent.mkdir(parents=True, exist_ok=True)
        with WeakFileLock(lock):
            if blob.exists() and not digests.matches(blob, etag):
                blob.unlink()
            if not blob.exists():
                self._fetch(hf_hub_url(repo, name, revision=commit), name, blob, size)
        return _proved(Path(hf_hub_download(repo, name, library_name="imgq")))

    def _fetch(self, url: str, name: str, blob: Path, size: int) -> None:
        """Download to a file beside the blob, going on where it ends, and prove it."""
        part = blob.with_name(f"{blob.name}.incomplete")
        with part.open("ab") as file:
            if file.tell() > size:
                _empty(file)
            _ensure_room(part, size - file.tell())
            self._report(name, file.tell(), size)
            while (done := file.seek(0, os.SEEK_END)) < size:
                self._go_on(url, name, file, size)
                if file.tell() <= done:
                    raise Fault("unavailable", faults.cut_off(name, done, size, self._model))
            os.fsync(file.fileno())
        if not digests.matches(part, blob.name):
            part.unlink()
            raise Fault(
                "unavailable",
                f"{name} came with a wrong checksum and was deleted: "
                f"pull again, and if it stays so, look at what is between you and {url}",
            )
        part.rename(blob)
        self._report(name, size, size)

    def _go_on(self, url: str, name: str, file: BinaryIO, size: int) -> None:
        """Append what the server sends until it ends, breaks, or is more than there should be."""
        start = file.tell()
        headers = self._headers | ({"Range": f"bytes={start}-"} if start else {})
        timeout = constants.HF_HUB_DOWNLOAD_TIMEOUT
        with (
            suppress(httpx2.TransportError),
            get_session().stream("GET", url, headers=headers, timeout=timeout) as response,
        ):
            hf_raise_for_status(response)
            if start and response.status_code != httpx2.codes.PARTIAL_CONTENT:
                _empty(file)
            for chunk in response.iter_bytes():
                file.write(chunk)
                self.received += len(chunk)
                if file.tell() >= size:
                    return
                self._report(name, file.tell(), size)


def locate(params: dict[str, Any]) -> dict[str, Any]:
    """Say where the files of a model lie, without any network."""
    name = _text(params)
    try:
        if name.startswith(presets.LOCAL):
            return {"files": {"weights": os.fspath(weights.find(name).path)}}
        files = weights.cached(_name(params))
    except weights.MissingWeights as error:
        raise Fault("not_found", str(error)) from error
    return {"files": {role: os.fspath(path) for role, path in files.items()}}


def check(params: dict[str, Any]) -> dict[str, Any]:
    """Refuse what is the name of no model, without any network."""
    name = _text(params)
    try:
        if name.startswith(presets.LOCAL):
            weights.find(name)
        elif "/" not in name and name not in modelfiles.names():
            raise modelfiles.UnknownModel(presets.nearest(name, modelfiles.names()))
        elif name != presets.DEMO and not name.startswith(presets.HUB):
            modelfiles.listed(presets.resolve(name))
    except (modelfiles.UnknownModel, weights.MissingWeights) as error:
        raise Fault("not_found", str(error)) from error
    return {}


def pull(report: Report, params: dict[str, Any]) -> dict[str, Any]:
    """Get every file of a model that is not here yet; `bytes` came over the network."""
    name = _name(params)
    with suppress(weights.MissingWeights):
        return {"files": sorted(map(os.fspath, weights.cached(name).values())), "bytes": 0}
    try:
        download = Download(name, report)
        files = modelfiles.collect(name, download.obtain)
    except modelfiles.UnknownModel as error:
        raise Fault("not_found", str(error)) from error
    except (BrokenPipeError, ConnectionResetError):
        raise  # The core has gone, and nobody is left to tell.
    except (httpx2.HTTPError, httpx2.InvalidURL, OSError, ValueError) as error:
        log.info("pulling %s", name, exc_info=error)
        raise faults.explain(error, name) from error
    return {"files": sorted(map(os.fspath, files.values())), "bytes": download.received}


def take_in(report: Report, params: dict[str, Any]) -> dict[str, Any]:
    """Copy a model from a folder or file; `name` says which one it is, where it is not plain."""
    name = params.get("name")
    if name is not None:
        if name == presets.DEMO or name.startswith(presets.LOCAL):
            raise Fault("usage", f'{name} is no model of the hub: write --as "ARCH/TAG"')
        check({"name": name})
    try:
        return importing.take_in(report, Path(params["path"]), name)
    except HFValidationError as error:
        raise Fault("not_found", f"{name} names no repository: write hf-hub:ORG/NAME") from error
    except OSError as error:
        raise Fault("unavailable", f"it cannot be copied: {error.strerror or error}") from error


def _text(params: dict[str, Any]) -> str:
    name = params.get("name")
    if not isinstance(name, str) or not name:
        raise Fault("usage", "name is the text of a model's name")
    return name


def _name(params: dict[str, Any]) -> str:
    name = _text(params)
    if name == presets.DEMO or name.startswith(presets.LOCAL):
        raise Fault("usage", f"{name} is on this disk already: there is nothing to pull")
    return presets.resolve(name)


def _usable(found: HfFileMetadata) -> bool:
    """Tell whether the server proves its files, as a hub does."""
    return found.commit_hash is not None and len(found.etag or "") in {40, 64}


def _ensure_room(path: Path, needed: int) -> None:
    free = shutil.disk_usage(path.parent).free
    if free < needed:
        raise Fault("unavailable", faults.no_room(path, needed - free))


def _empty(file: BinaryIO) -> None:
    file.truncate(0)
    file.seek(0)


def _proved(path: Path) -> Path:
    """Return what the client gave, if it is the checked file; else remove it."""
    if not path.is_symlink():
        path.unlink()
        raise Fault(
            "internal",
            f"{constants.HF_HUB_CACHE} holds no symbolic links: set HF_HOME to a folder that does",
        )
    if not digests.matches(path, weights.blob_name(path)):
        # The repository changed since, and the client got the new version by itself, wrongly.
        (path.parent / path.readlink()).unlink()
        path.unlink()
        raise Fault("unavailable", f"{path.name} came with a wrong checksum: pull again")
    return path


def main() -> None:
    """Serve on the socket whose number is the first argument."""
    line = Line(int(sys.argv[1]))
    handlers: dict[str, Handler] = {
        "locate": locate,
        "check": check,
        "pull": partial(pull, Progress(line.notify)),
        "import": partial(take_in, Progress(line.notify)),
    }
    with suppress(BrokenPipeError, ConnectionResetError):
        line.serve(handlers)


if __name__ == "__main__":
    main()
