"""Finding weights on this machine: what is trusted, under which key, and what is said."""

import hashlib
import os
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest

from imgqd import digests, modelfiles, presets, weights
from imgqd.weights import MissingWeights

MODEL = "ViT-B-32-256/datacomp_s34b_b86k"
REPO = "laion/CLIP-ViT-B-32-256x256-DataComp-s34B-b86K"
CONTENT = b"what the weights are"
KEY = f"sha256:{hashlib.sha256(CONTENT).hexdigest()}"


@pytest.fixture(autouse=True)
def _home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HOME", str(tmp_path))
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
    hub = str(tmp_path / "hub")
    monkeypatch.setattr("huggingface_hub.constants.HF_HUB_CACHE", hub)
    monkeypatch.setenv("HF_HUB_CACHE", os.fspath(hub))


@pytest.fixture
def keep(tmp_path: Path) -> Callable[..., Path]:
    """Return a function that puts a file into the cache as Hugging Face's client does."""

    def keep(name: str, content: bytes = CONTENT, *, repo: str = REPO, commit: str = "1") -> Path:
        storage = tmp_path / "hub" / f"models--{repo.replace('/', '--')}"
        blob = storage / "blobs" / hashlib.sha256(content).hexdigest()
        pointer = storage / "snapshots" / commit / name
        reference = storage / "refs" / "main"
        for place in (blob, pointer, reference):
            place.parent.mkdir(parents=True, exist_ok=True)
        blob.write_bytes(content)
        pointer.symlink_to(os.path.relpath(blob, pointer.parent))
        reference.write_text(commit)
        return pointer

    return keep


def test_weights_in_the_cache_go_by_their_content(keep: Callable[..., Path]) -> None:
    path = keep(modelfiles.SAFE)
    assert weights.find(MODEL) == weights.Weights(path, KEY)
    assert weights.find("fast") == weights.find(MODEL)


def test_safetensors_are_preferred_to_pickles(keep: Callable[..., Path]) -> None:
    keep("open_clip_pytorch_model.bin", b"a pickle")
    assert weights.find(MODEL).pickled
    keep(modelfiles.SAFE)
    assert not weights.find(MODEL).pickled


def test_a_file_that_is_not_what_its_name_says_is_not_used(keep: Callable[..., Path]) -> None:
    path = keep(modelfiles.SAFE)
    weights.find(MODEL)
    path.resolve().write_bytes(CONTENT.upper())
    with pytest.raises(MissingWeights, match=r"damaged.*imgqctl model pull"):
        weights.find(MODEL)


def test_a_file_that_nobody_vouches_for_is_not_used(keep: Callable[..., Path]) -> None:
    path = keep(modelfiles.SAFE)
    path.unlink()
    path.write_bytes(CONTENT)
    with pytest.raises(MissingWeights, match="damaged"):
        weights.find(MODEL)


def test_another_program_that_moves_main_does_not_hide_the_weights(
    keep: Callable[..., Path],
) -> None:
    path = keep(modelfiles.SAFE, commit="1")
    keep("README.md", b"a new version", commit="2")
    assert weights.find(MODEL).path == path


def test_a_model_with_a_tokenizer_is_found_with_its_folder(keep: Callable[..., Path]) -> None:
    repo = "timm/ViT-B-32-SigLIP2-256"
    keep(modelfiles.SAFE, repo=repo)
    with pytest.raises(MissingWeights, match="the tokenizer of"):
        weights.find("balanced")
    tokenizer = keep("tokenizer.json", b"{}", repo=repo)
    assert weights.find("balanced").tokenizer == tokenizer.parent


def test_what_is_not_here_is_named_with_the_command_that_gets_it() -> None:
    with pytest.raises(MissingWeights, match=f"imgqctl model pull {MODEL}$"):
        weights.find(MODEL)


def test_a_folder_with_a_model_is_found(tmp_path: Path) -> None:
    for name in (modelfiles.CONFIG, modelfiles.SAFE):
        with pytest.raises(MissingWeights, match=name):
            weights.find(f"local-dir:{tmp_path}")
        (tmp_path / name).write_bytes(CONTENT)
    found = weights.find(f"local-dir:{tmp_path}")
    assert found == weights.Weights(tmp_path / modelfiles.SAFE, KEY, tmp_path / modelfiles.CONFIG)


def test_the_demo_model_is_a_folder_like_any_other(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(weights, "_DEMO", tmp_path)
    with pytest.raises(MissingWeights, match="force-reinstall"):
        weights.find("demo")
    for name in (modelfiles.CONFIG, modelfiles.SAFE):
        (tmp_path / name).write_bytes(CONTENT)
    assert weights.find("demo").key == KEY


def test_a_digest_is_computed_once(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    file = tmp_path / "file"
    file.write_bytes(CONTENT)
    first = digests.sha256(file)
    with monkeypatch.context() as patch:
        patch.setattr(hashlib, "file_digest", None)
        assert digests.sha256(file) == first
    file.write_bytes(CONTENT.upper())
    assert digests.sha256(file) == hashlib.sha256(CONTENT.upper()).hexdigest()


def test_a_digest_needs_no_place_to_be_remembered(tmp_path: Path) -> None:
    (tmp_path / "cache").write_bytes(b"no folder")
    file = tmp_path / "file"
    file.write_bytes(CONTENT)
    assert f"sha256:{digests.sha256(file)}" == KEY


def test_small_files_go_by_the_name_that_git_gives_them(tmp_path: Path) -> None:
    file = tmp_path / "file"
    file.write_bytes(b"hello\n")
    # What `git hash-object` says.
    assert digests.matches(file, "ce013625030ba8dba906f756967f9e9ca394464a")
    assert not digests.matches(file, "ce013625030ba8dba906f756967f9e9ca394464b")
    assert not digests.matches(file, "main")


def test_open_clip_would_take_the_same_files() -> None:
    table, _ = modelfiles._open_clip()
    for architecture, tag in table.list_pretrained():
        seen: list[modelfiles.HubFile] = []

        def obtain(file: modelfiles.HubFile, seen: list[modelfiles.HubFile] = seen) -> Path | None:
            seen.append(file)
            return None

        modelfiles.collect(f"{architecture}/{tag}", obtain)
        wanted = table.get_pretrained_cfg(architecture, tag)["hf_hub"]
        named = wanted.rpartition("/")[2] or table.HF_WEIGHTS_NAME
        assert seen[-1].repo == wanted.rpartition("/")[0]
        assert seen[-1].names == (*table._get_safe_alternatives(named), named)


@pytest.mark.parametrize("name", presets.PRESETS)
def test_every_preset_is_a_model_of_open_clip(name: str) -> None:
    seen: list[modelfiles.HubFile] = []
    modelfiles.collect(presets.resolve(name), seen.append)
    assert seen[-1].names[0] == modelfiles.SAFE


def test_a_model_at_a_plain_address_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    table, _ = modelfiles._open_clip()
    monkeypatch.setitem(table._PRETRAINED["RN50"], "openai", {"url": "https://example.org/x.pt"})
    with pytest.raises(MissingWeights, match="not on Hugging Face"):
        weights.find("RN50/openai")


@pytest.mark.system
@pytest.mark.parametrize(
    ("module", "heavy"),
    [("imgqd.presets", "huggingface_hub open_clip torch"), ("imgqd.fetch", "open_clip torch")],
)
def test_nothing_heavy_is_imported(module: str, heavy: str) -> None:
    program = f"import sys, {module}; from imgqd import presets; print(*sys.modules)"
    if module == "imgqd.fetch":
        program += "; imgqd.fetch.modelfiles._open_clip(); print(*sys.modules)"
    loaded = subprocess.run(
        [sys.executable, "-c", program], check=True, capture_output=True, text=True
    )
    assert not set(heavy.split()) & set(loaded.stdout.split())
