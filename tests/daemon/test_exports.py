"""The shelf of light text encoders: whole or not at all, and no longer than they are needed."""

from __future__ import annotations

import json
import os
from pathlib import Path

import pytest

from imgqd import exports
from imgqd.exports import Manifest, Unexported

KEY, OTHER = "sha256:1", "sha256:2"

FILES = (exports.GRAPH, exports.WEIGHTS, exports.VOCABULARY, exports.MERGES, exports.ROWS)


@pytest.fixture(autouse=True)
def shelf(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path))
    return tmp_path / "imgq" / "text"


def make(key: str) -> Path:
    with exports.making(key) as folder:
        for name in FILES:
            (folder / name).write_text(f"{name} of {key}")
        exports.write(folder, Manifest(key, model={"dim": 4}, precision="int8", width=8))
    return exports.place(key)


def test_what_was_made_is_found_by_its_key() -> None:
    with pytest.raises(Unexported) as told:
        exports.find(KEY)
    assert not told.value.final
    make(KEY)
    folder, manifest = exports.find(KEY)
    assert folder == exports.place(KEY)
    assert (manifest.key, manifest.model, manifest.width) == (KEY, {"dim": 4}, 8)
    with pytest.raises(Unexported):
        exports.find(OTHER)


def test_why_there_will_be_none_is_kept() -> None:
    with exports.making(KEY) as folder:
        exports.write(folder, Manifest(KEY, "it looks at all of a text"))
    with pytest.raises(Unexported) as told:
        exports.find(KEY)
    assert told.value.final == "it looks at all of a text"


@pytest.mark.parametrize("name", FILES)
@pytest.mark.parametrize("damage", ["changed", "gone"])
def test_a_damaged_folder_is_none_until_it_is_made_again(name: str, damage: str) -> None:
    path = make(KEY) / name
    if damage == "gone":
        path.unlink()
    else:
        path.write_bytes(path.read_bytes()[:-1] + b"?")
    with pytest.raises(Unexported) as told:
        exports.find(KEY)
    assert not told.value.final
    make(KEY)
    exports.find(KEY)


@pytest.mark.parametrize(
    "edit",
    [
        lambda table: table.update(version=exports.VERSION + 1),
        lambda table: table.update(key=OTHER),
        lambda table: table.update(unheard_of=1),
        lambda table: table["files"].pop(exports.GRAPH),
        lambda table: table.update(files=None),
    ],
)
def test_a_foreign_folder_is_none(edit: object) -> None:
    path = make(KEY) / "manifest.json"
    table = json.loads(path.read_text())
    assert callable(edit)
    edit(table)
    path.write_text(json.dumps(table))
    with pytest.raises(Unexported):
        exports.find(KEY)


def test_what_goes_wrong_while_it_is_made_leaves_what_was_there(shelf: Path) -> None:
    make(KEY)

    def interrupted() -> None:
        with exports.making(KEY) as folder:
            (folder / exports.GRAPH).write_text("half")
            raise OSError("full")

    with pytest.raises(OSError, match="full"):
        interrupted()
    exports.find(KEY)
    assert [path.name for path in shelf.iterdir()] == [exports.place(KEY).name]


def test_only_what_is_needed_or_being_made_is_kept(shelf: Path) -> None:
    make(KEY)
    make(OTHER)
    (shelf / "0-of-an-older-version").mkdir()
    (shelf / "making-right-now").mkdir()
    (shelf / "making-long-ago").mkdir()
    os.utime(shelf / "making-long-ago", (0, 0))
    exports.sweep({KEY})
    assert {path.name for path in shelf.iterdir()} == {exports.place(KEY).name, "making-right-now"}


def test_where_nothing_was_ever_made_there_is_nothing_to_sweep() -> None:
    exports.sweep({KEY})
