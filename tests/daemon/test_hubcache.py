"""The hub's cache is read as its own library reads it, without that library."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest
from huggingface_hub import try_to_load_from_cache
from huggingface_hub.errors import HFValidationError
from huggingface_hub.utils import validate_repo_id  # type: ignore[attr-defined]
from hypothesis import given
from hypothesis import strategies as st

from imgqd import hubcache

REPO = "org/some.model"


@given(st.one_of(st.text(max_size=20), st.text("aé-._/0", max_size=12), st.just("a" * 97)))
def test_a_name_is_one_where_the_library_takes_it(name: str) -> None:
    try:
        validate_repo_id(name)
    except HFValidationError:
        assert not hubcache.is_name(name)
    else:
        assert hubcache.is_name(name)


@pytest.mark.parametrize("revision", ["main", "aaaa", "bbbb"])
@pytest.mark.parametrize("name", ["w.safetensors", "deep/config.json", "nothing"])
@pytest.mark.parametrize("ref", ["aaaa", "bbbb", "gone", None])
def test_a_file_is_found_where_the_library_finds_it(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, revision: str, name: str, ref: str | None
) -> None:
    monkeypatch.setenv("HF_HUB_CACHE", str(tmp_path))
    place = hubcache.folder(REPO)
    for commit, held in (("aaaa", "w.safetensors"), ("bbbb", "deep/config.json")):
        path = place / "snapshots" / commit / held
        path.parent.mkdir(parents=True)
        path.touch()
    (place / ".no_exist" / "bbbb").mkdir(parents=True)
    (place / ".no_exist" / "bbbb" / "w.safetensors").touch()
    if ref is not None:
        (place / "refs").mkdir()
        (place / "refs" / "main").write_text(ref)
    theirs = try_to_load_from_cache(REPO, name, cache_dir=tmp_path, revision=revision)
    ours = hubcache.held(REPO, name, revision)
    assert ours == (Path(theirs) if isinstance(theirs, str) else None)


@pytest.mark.system
def test_the_cache_lies_where_the_library_has_it(monkeypatch: pytest.MonkeyPatch) -> None:
    names = ("HF_HUB_CACHE", "HUGGINGFACE_HUB_CACHE", "HF_HOME", "XDG_CACHE_HOME")
    settings = [
        {},
        {"XDG_CACHE_HOME": "/x"},
        {"XDG_CACHE_HOME": "/x", "HF_HOME": "~/$USER/h"},
        {"HF_HOME": "/h", "HUGGINGFACE_HUB_CACHE": "/older"},
        {"HUGGINGFACE_HUB_CACHE": "/older", "HF_HUB_CACHE": "$HOME/hub"},
    ]
    code = (
        "import importlib, json, os, sys\n"
        "from huggingface_hub import constants\n"
        "for told in json.loads(sys.argv[1]):\n"
        f"    for name in {names}: os.environ.pop(name, None)\n"
        "    os.environ.update(told)\n"
        "    print(importlib.reload(constants).HF_HUB_CACHE)\n"
    )
    told = [sys.executable, "-c", code, json.dumps(settings)]
    theirs = subprocess.run(told, capture_output=True, text=True, check=True).stdout.split()
    for setting, place in zip(settings, theirs, strict=True):
        with monkeypatch.context() as patch:
            for name in names:
                patch.delenv(name, raising=False)
            for name, value in setting.items():
                patch.setenv(name, value)
            assert os.fspath(hubcache.root()) == place
