"""Where the weights of a model lie on this machine, and what exactly they are.

Rules of this file: it never touches the network, and it names no file whose
content is not proved: what lies in Hugging Face's cache is checked against the
name that the hub gave it, whoever put it there.
"""

from __future__ import annotations

import logging
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from imgqd import digests, hubcache, modelfiles, presets

log = logging.getLogger(__name__)

_DEMO: Final = Path(__file__).parent / "data" / "demo"


class MissingWeights(Exception):
    """The weights are not there, or not to be trusted; the text ends with what mends it."""


@dataclass(frozen=True, slots=True)
class Weights:
    """A model's weights: `key` says what is in them, wherever they lie.

    `config` is set for models that bring their own, `tokenizer` is the folder of
    Hugging Face's tokenizer for models that need one.
    """

    path: Path
    key: str
    config: Path | None = None
    tokenizer: Path | None = None

    @property
    def pickled(self) -> bool:
        """Whether they must be loaded with `weights_only=True`, as there is no safe form."""
        return self.path.suffix != ".safetensors"


def find(name: str) -> Weights:
    """Return the weights of a model; raises MissingWeights."""
    name = presets.resolve(name)
    if name == presets.DEMO:
        return _in_folder(_DEMO, "this installation is damaged: pip install --force-reinstall imgq")
    if name.startswith(presets.LOCAL):
        folder = Path(name.removeprefix(presets.LOCAL)).expanduser()
        return _in_folder(folder, "put it there, or choose a model: imgqctl model use NAME")
    files = cached(name)
    path = files["weights"]
    if path.suffix != ".safetensors":
        log.warning("%s comes as a pickle only: nothing but its numbers is loaded", name)
    tokenizer = files["tokenizer"].parent if "tokenizer" in files else None
    # Most are remembered from the check in `cached`; a git-named file is hashed here.
    return Weights(path, f"sha256:{digests.sha256(path)}", files.get("config"), tokenizer)


def cached(name: str) -> dict[str, Path]:
    """Return every file of a model by its role, all checked; raises MissingWeights."""
    try:
        return modelfiles.collect(name, lambda file: held(file, name))
    except modelfiles.UnknownModel as error:
        raise MissingWeights(str(error)) from error


def blob_name(path: Path) -> str:
    """Return the name that the hub gave to a cached file's content, "" where none is kept."""
    # One step only: blobs themselves may be links into a store that goes by other names.
    return path.readlink().name if path.is_symlink() else ""


def _in_folder(folder: Path, mend: str) -> Weights:
    for name in (modelfiles.CONFIG, modelfiles.SAFE):
        if not (folder / name).is_file():
            raise MissingWeights(f"{folder} has no {name}: {mend}")
    path = folder / modelfiles.SAFE
    has_tokenizer = (folder / "tokenizer.json").is_file()
    return Weights(
        path,
        f"sha256:{digests.sha256(path)}",
        folder / modelfiles.CONFIG,
        folder if has_tokenizer else None,
    )


def held(file: modelfiles.HubFile, model: str) -> Path | None:
    """Return a model's file in the cache, None for an optional one; raises MissingWeights."""
    if not hubcache.is_name(file.repo):
        raise MissingWeights(f"{model} names no repository: write hf-hub:ORG/NAME")
    for name in file.names:
        for revision in _revisions(file.repo):
            path = hubcache.held(file.repo, name, revision)
            if path is None:
                continue
            if digests.matches(path, blob_name(path)):
                return path
            raise MissingWeights(f"{path} is damaged: mend it with: imgqctl model pull {model}")
    if file.optional:
        return None
    raise MissingWeights(
        f"the {file.role} of {model} must be fetched first: imgqctl model pull {model}"
    )


def _revisions(repo: str) -> list[str]:
    """Return "main", then every other version in the cache.

    Any program that asks for some file of the repository moves "main" to a version
    that may hold nothing but that file; the weights are still there, under the old one.
    """
    snapshots = hubcache.folder(repo) / "snapshots"
    others = sorted(path.name for path in snapshots.iterdir()) if snapshots.is_dir() else []
    return ["main", *others]
