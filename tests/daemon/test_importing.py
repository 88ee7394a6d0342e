"""A model from a folder or a file: where it ends up, and what never enters."""

from __future__ import annotations

import hashlib
import os
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

import imgqd
from daemon.machine import MODEL, REPO, SAFE, WEIGHTS, safetensors
from imgqd import importing, modelfiles, weights
from imgqd.serving import Fault

DEMO = Path(imgqd.__file__).parent / "data" / "demo"
COMMIT = "c" * 40
FOLDER = f"models--{REPO.replace('/', '--')}"


@pytest.fixture(autouse=True)
def _home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    home = tmp_path / "home"
    monkeypatch.setenv("HOME", str(home))
    monkeypatch.setenv("XDG_CACHE_HOME", str(home / "cache"))
    monkeypatch.setenv("XDG_DATA_HOME", str(home / "data"))
    monkeypatch.setattr("huggingface_hub.constants.HF_HUB_CACHE", str(home / "hub"))
    monkeypatch.setenv("HF_HUB_CACHE", str(home / "hub"))


@pytest.fixture
def take_in() -> Callable[..., dict[str, Any]]:
    def act(path: Path, name: str | None = None) -> dict[str, Any]:
        return importing.take_in(lambda *_: None, path, name)

    return act


def stored(base: Path, content: bytes = WEIGHTS, *, linked: bool = True) -> Path:
    """Make a hub's folder of the fast model, as the hub's client does, or as a copy without links.

    Returns the folder of the version.
    """
    version = base / FOLDER / "snapshots" / COMMIT
    version.mkdir(parents=True)
    if linked:
        blob = base / FOLDER / "blobs" / hashlib.sha256(WEIGHTS).hexdigest()
        blob.parent.mkdir()
        blob.write_bytes(content)
        (version / SAFE).symlink_to(f"../../blobs/{blob.name}")
    else:
        (version / SAFE).write_bytes(content)
    return version


@pytest.mark.parametrize("linked", [True, False], ids=["with links", "without links"])
@pytest.mark.parametrize("depth", [0, 1, 3], ids=["the cache", "the repository", "the version"])
def test_a_copied_cache_is_known_by_its_folders_whichever_is_named(
    tmp_path: Path, take_in: Callable[..., dict[str, Any]], depth: int, *, linked: bool
) -> None:
    version = stored(tmp_path / "stick", linked=linked)
    path = [tmp_path / "stick", version.parent.parent, version.parent, version][depth]
    taken = take_in(path)
    assert (taken["name"], taken["bytes"]) == (MODEL, len(WEIGHTS))
    shutil.rmtree(tmp_path / "stick")
    found = weights.find("fast")
    assert found.path.read_bytes() == WEIGHTS
    assert found.path.parent.name == COMMIT
    # Other programs that use the cache find it as well.
    assert (tmp_path / "home" / "hub" / FOLDER / "refs" / "main").read_text() == COMMIT


def test_what_is_there_already_is_not_copied_again(
    tmp_path: Path, take_in: Callable[..., dict[str, Any]]
) -> None:
    version = stored(tmp_path / "stick")
    take_in(version)
    assert take_in(version)["bytes"] == 0


def test_a_file_is_the_model_that_it_is_said_to_be(
    tmp_path: Path, take_in: Callable[..., dict[str, Any]]
) -> None:
    file = tmp_path / "downloaded.safetensors"
    file.write_bytes(WEIGHTS)
    with pytest.raises(Fault, match=r"--as ARCH/TAG"):
        take_in(file)
    assert take_in(file, MODEL)["name"] == MODEL
    assert weights.find("fast").path.read_bytes() == WEIGHTS


def test_a_folder_that_open_clip_saved_gets_a_place_of_our_own(
    tmp_path: Path, take_in: Callable[..., dict[str, Any]]
) -> None:
    folder = tmp_path / "stick" / "drawings"
    shutil.copytree(DEMO, folder)
    taken = take_in(folder)
    target = tmp_path / "home" / "data" / "imgq" / "models" / "drawings"
    assert taken["name"] == f"local-dir:{target}"
    shutil.rmtree(folder)
    assert weights.find(taken["name"]).key == weights.find("demo").key
    # A newer one takes its place.
    shutil.copytree(DEMO, folder)
    (folder / SAFE).write_bytes(WEIGHTS)
    assert take_in(folder)["name"] == taken["name"]
    assert weights.find(taken["name"]).path.read_bytes() == WEIGHTS
    assert [one.name for one in target.parent.iterdir()] == ["drawings"]


@pytest.mark.parametrize(
    ("content", "said"),
    [
        (WEIGHTS[:-1], "damaged"),
        (WEIGHTS[:1000] + b"x" + WEIGHTS[1001:], "damaged"),
        (b"", "damaged"),
    ],
    ids=["cut off", "changed", "empty"],
)
def test_what_the_hubs_name_for_it_does_not_fit_stays_outside(
    tmp_path: Path, take_in: Callable[..., dict[str, Any]], content: bytes, said: str
) -> None:
    with pytest.raises(Fault, match=said):
        take_in(stored(tmp_path / "stick", content))
    assert list((tmp_path / "home").rglob("blobs/*")) == []


@pytest.mark.parametrize(
    "content",
    [WEIGHTS[:-1], WEIGHTS + b"x", b"", b"\x80\x02csystem", b"\xff" * 8 + WEIGHTS[8:]],
    ids=["cut off", "too long", "empty", "a pickle", "a header without an end"],
)
def test_what_is_no_whole_safetensors_file_stays_outside(
    tmp_path: Path, take_in: Callable[..., dict[str, Any]], content: bytes
) -> None:
    file = tmp_path / "downloaded.safetensors"
    file.write_bytes(content)
    with pytest.raises(Fault, match="no whole safetensors file"):
        take_in(file, MODEL)
    assert list((tmp_path / "home").rglob("blobs/*")) == []


def test_a_file_that_changes_while_it_is_copied_does_not_enter(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, take_in: Callable[..., dict[str, Any]]
) -> None:
    version = stored(tmp_path / "stick")
    prove = importing.prove

    def and_change(path: Path) -> None:
        prove(path)
        path.resolve().write_bytes(safetensors(len(WEIGHTS), 9)[: len(WEIGHTS)])

    monkeypatch.setattr(importing, "prove", and_change)
    with pytest.raises(Fault, match="changed"):
        take_in(version)
    assert [path for path in (tmp_path / "home").rglob("*") if path.parent.name == "blobs"] == []


@pytest.mark.parametrize(
    ("make", "said"),
    [
        (lambda base: base / "nowhere", "does not exist"),
        (lambda base: base, "has no open_clip_config.json"),
    ],
)
def test_what_holds_no_model_is_said_in_one_line(
    tmp_path: Path,
    take_in: Callable[..., dict[str, Any]],
    make: Callable[[Path], Path],
    said: str,
) -> None:
    with pytest.raises(Fault, match=said) as caught:
        take_in(make(tmp_path))
    assert "\n" not in caught.value.text


def test_of_a_cache_of_several_models_one_is_to_be_named(
    tmp_path: Path, take_in: Callable[..., dict[str, Any]]
) -> None:
    stored(tmp_path / "stick")
    (tmp_path / "stick" / "models--somebody--else").mkdir()
    with pytest.raises(Fault, match=r"holds ViT-B-32-256/.*, hf-hub:somebody/else: .*--as"):
        take_in(tmp_path / "stick")
    assert take_in(tmp_path / "stick", MODEL)["name"] == MODEL
    assert os.listdir(tmp_path / "home" / "hub") == [FOLDER]


@pytest.mark.system
@pytest.mark.model
def test_a_pickle_that_holds_more_than_numbers_stays_outside(
    tmp_path: Path, take_in: Callable[..., dict[str, Any]]
) -> None:
    import pickle

    import torch

    class Evil:
        def __reduce__(self) -> tuple[Any, tuple[str]]:
            return os.system, (f"touch {tmp_path}/done",)

    file = tmp_path / "weights.pt"
    file.write_bytes(pickle.dumps(Evil()))
    with pytest.raises(Fault, match="holds more than numbers"):
        take_in(file, MODEL)
    torch.save({"a": torch.ones(3)}, file)
    assert take_in(file, MODEL)["name"] == MODEL
    assert weights.find(MODEL).pickled
    assert not (tmp_path / "done").exists()
    assert modelfiles.SAFE not in {path.name for path in (tmp_path / "home").rglob("*")}
