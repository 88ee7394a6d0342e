"""A model from a folder or file: copied to where models lie, each file once it is proved.

For machines without a network. What comes of the hub goes into Hugging Face's own
cache, as a download would have put it there; a folder that open_clip saved goes into
one of imgq's own. Nothing half enters either: a file has its name when all of it is there.
"""

from __future__ import annotations

import hashlib
import json
import os
import re
import shutil
import struct
import subprocess
import sys
import tempfile
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any, Final

from huggingface_hub import constants
from huggingface_hub.file_download import repo_folder_name

from imgq import paths
from imgqd import digests, modelfiles, presets, weights
from imgqd.serving import Fault

_STORED: Final = "models--"
"""What the name of a repository's folder in the cache begins with."""

_UNKNOWN: Final = "imported"
"""The version of files that came without the hub's folders."""

_SMALL: Final = 1 << 20
"""Bytes up to which the hub names a content by git's hash."""

_CHUNK: Final = 1 << 20

_PROVE: Final = "import sys; from imgqd import towers; towers.prove(sys.argv[1])"

Report = Callable[[str, int, int], None]
"""Called with a file's name, the bytes that are here, and the bytes that it has."""


def take_in(report: Report, path: Path, name: str | None) -> dict[str, Any]:
    """Copy a model and return its name, its files, and the bytes that were copied."""
    if not path.exists():
        raise Fault("not_found", f"{path} does not exist")
    source = Source(path, report)
    if name is None:
        if path.is_file():
            raise Fault(
                "usage", f"which model is {path.name}? imgqctl model import FILE --as ARCH/TAG"
            )
        name = source.name()
    if name is None:
        return _own_place(source)
    try:
        files = modelfiles.collect(name, source.obtain)
    except modelfiles.UnknownModel as error:
        raise Fault("not_found", str(error)) from error
    return {"name": name, "files": sorted(map(os.fspath, files.values())), "bytes": source.copied}


class Source:
    """Where the files are taken from; `copied` counts their bytes."""

    def __init__(self, path: Path, report: Report) -> None:
        self.path = path
        self._report = report
        self.copied = 0
        self._repo = next((_repo(part) for part in path.parts if part.startswith(_STORED)), None)

    def name(self) -> str | None:
        """Return the model that a folder of the hub's holds, None for any other folder."""
        if self._repo is not None:
            return modelfiles.name_of(self._repo)
        stored = [_repo(one.name) for one in self.path.glob(f"{_STORED}*") if one.is_dir()]
        if len(stored) > 1:
            held = ", ".join(sorted(map(modelfiles.name_of, stored)))
            raise Fault("usage", f"{self.path} holds {held}: say which with --as NAME")
        return modelfiles.name_of(stored[0]) if stored else None

    def obtain(self, file: modelfiles.HubFile) -> Path | None:
        """Copy one file into the cache; one that is there already is taken, too."""
        for name in file.names:
            for place in self._places(file.repo, name):
                if place.is_file():
                    return self._enter(file.repo, name, place)
        if file.role == "weights" and self.path.is_file():
            is_safe = self.path.suffix == ".safetensors"
            return self._enter(file.repo, file.names[0 if is_safe else -1], self.path)
        try:
            return weights.held(file, file.repo)
        except weights.MissingWeights:
            raise Fault("not_found", f"{self.path} has no {file.names[0]} of {file.repo}") from None

    def copy(self, place: Path, target: Path, digest: str | None = None) -> None:
        """Copy a file; it has its new name once all of it is on the disk, and is what it was."""
        size = place.stat().st_size
        target.parent.mkdir(parents=True, exist_ok=True)
        if shutil.disk_usage(target.parent).free < size:
            raise Fault("unavailable", f"no room for {place.name} in {target.parent}: free some")
        hashed, done = hashlib.sha256(), 0
        with (
            place.open("rb") as file,
            tempfile.NamedTemporaryFile(
                dir=target.parent, prefix=f"{target.name}.", delete=False
            ) as draft,
        ):
            try:
                while chunk := file.read(_CHUNK):
                    draft.write(chunk)
                    hashed.update(chunk)
                    done += len(chunk)
                    self._report(place.name, done, size)
                draft.flush()
                os.fsync(draft.fileno())
                if done != size or (digest is not None and digest not in _names(hashed, place)):
                    raise Fault("not_found", f"{place} is damaged, or changed: copy it again")
                os.chmod(draft.name, 0o644)
                os.replace(draft.name, target)
            except BaseException:
                os.unlink(draft.name)
                raise
        self.copied += size

    def _places(self, repo: str, name: str) -> Iterator[Path]:
        """Yield where a file of a repository may lie below the folder, or beside it."""
        folder = repo_folder_name(repo_id=repo, repo_type="model")
        if self._repo in {repo, None}:
            yield self.path / name
            yield from sorted(self.path.glob(f"snapshots/*/{name}"))
        for above in (self.path, *list(self.path.parents)[:3]):
            yield from sorted(above.glob(f"{folder}/snapshots/*/{name}"))

    def _enter(self, repo: str, name: str, place: Path) -> Path:
        """Put a file into the cache under the hub's name for its content, and link it."""
        digest = weights.blob_name(place)
        if len(digest) not in {40, 64}:
            is_small = place.stat().st_size <= _SMALL
            digest = digests.git_sha1(place) if is_small else digests.sha256(place)
        elif not digests.matches(place, digest):
            raise Fault("not_found", f"{place} is damaged: copy it again from where it was")
        prove(place)
        folder = Path(constants.HF_HUB_CACHE) / repo_folder_name(repo_id=repo, repo_type="model")
        blob = folder / "blobs" / digest
        if not (blob.exists() and digests.matches(blob, digest)):
            self.copy(place, blob, digest)
        version = place.parent.name
        if not re.fullmatch(r"[0-9a-f]{40}", version):
            version = _UNKNOWN
        link = folder / "snapshots" / version / name
        link.parent.mkdir(parents=True, exist_ok=True)
        draft = link.with_name(f"{link.name}.{os.getpid()}")
        draft.symlink_to(os.path.relpath(blob, link.parent))
        draft.replace(link)
        main = folder / "refs" / "main"
        if not main.exists():
            main.parent.mkdir(parents=True, exist_ok=True)
            main.write_text(version, "ascii")
        return link


def prove(path: Path) -> None:
    """Raise Fault for weights that are cut off, or that hold anything but numbers."""
    if path.suffix == ".safetensors":
        if not _is_whole(path):
            raise Fault("not_found", f"{path} is no whole safetensors file: copy it again")
    elif path.suffix in {".bin", ".pt", ".pth", ".ckpt"}:
        proving = subprocess.run(  # noqa: S603 - our own interpreter and module
            [sys.executable, "-P", "-c", _PROVE, os.fspath(path)],
            capture_output=True,
            text=True,
            check=False,
        )
        if proving.returncode:
            raise Fault(
                "not_found",
                f"{path} is damaged, or holds more than numbers: take the .safetensors of it",
            )


def _is_whole(path: Path) -> bool:
    """Return whether a safetensors file's header can be read, and describes all of the file."""
    size = path.stat().st_size
    with path.open("rb") as file:
        head = file.read(8)
        length = struct.unpack("<Q", head)[0] if len(head) == 8 else size
        if length > size - 8:
            return False
        try:
            header = json.loads(file.read(length))
            ends = [
                one["data_offsets"][1] for name, one in header.items() if name != "__metadata__"
            ]
        except (ValueError, KeyError, TypeError, AttributeError, IndexError):
            return False
    return bool(max(ends, default=0) + 8 + length == size)


def _own_place(source: Source) -> dict[str, Any]:
    """Copy a folder that open_clip saved into a folder of imgq's own, whole or not at all."""
    folder = source.path
    for name in (modelfiles.CONFIG, modelfiles.SAFE):
        if not (folder / name).is_file():
            raise Fault(
                "not_found",
                f"{folder} has no {name}: name a folder {_STORED}ORG--NAME of Hugging Face's "
                "cache, or one that open_clip saved",
            )
    prove(folder / modelfiles.SAFE)
    target = paths.state_folder() / "models" / folder.resolve().name
    target.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
    draft = Path(tempfile.mkdtemp(dir=target.parent, prefix=f".{target.name}."))
    try:
        wanted = [one for one in folder.iterdir() if one.suffix in {".json", ".txt", ".model"}]
        for one in [*wanted, folder / modelfiles.SAFE]:
            source.copy(one, draft / one.name)
        _exchange(draft, target)
    finally:
        shutil.rmtree(draft, ignore_errors=True)
    files = sorted(os.fspath(one) for one in target.iterdir())
    return {"name": f"{presets.LOCAL}{target}", "files": files, "bytes": source.copied}


def _exchange(draft: Path, target: Path) -> None:
    """Give a finished folder its name, instead of one that had it before."""
    before = target.with_name(f"{draft.name}.before")
    if target.exists():
        target.rename(before)
    draft.rename(target)
    shutil.rmtree(before, ignore_errors=True)


def _repo(folder: str) -> str:
    return "/".join(folder.removeprefix(_STORED).split("--"))


def _names(hashed: Any, place: Path) -> set[str]:
    """Return what the hub may call a content that was just read."""
    names = {hashed.hexdigest()}
    return names | {digests.git_sha1(place)} if place.stat().st_size <= _SMALL else names
