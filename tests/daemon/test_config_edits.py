"""Edits of the settings file: whole, kept in form, and never two half ones."""

from __future__ import annotations

import os
import threading
import tomllib
from dataclasses import replace
from pathlib import Path

import pytest
import tomlkit
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from imgqd import config
from imgqd.config import SettingsError

COMMENTED = """\
# My pictures.
folders = [
    "/a",  # the first
    "/b",  # the second
]
exclude = ["raw"]   # not these

[model]  # which one
name = "fast"    # quick
device = 'cpu'
"""


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "config" / "config.toml"


def written(path: Path, text: str) -> Path:
    path.parent.mkdir(exist_ok=True)
    path.write_bytes(text.encode())
    return path


def test_adding_a_folder_keeps_comments_and_form(path: Path) -> None:
    after = config.add_folder(written(path, COMMENTED), "/c")
    assert after.folders == ("/a", "/b", "/c")
    assert after == config.load(path)
    text = path.read_text()
    kept = [line for line in COMMENTED.splitlines() if "/b" not in line and line != "]"]
    assert [line for line in kept if line not in text.splitlines()] == []
    assert '"/c"' in text


def test_removing_a_folder_keeps_the_comments_of_the_others(path: Path) -> None:
    after = config.remove_folder(written(path, COMMENTED), "/b")
    assert after.folders == ("/a",)
    assert after == config.load(path)
    for comment in ("# My pictures.", "# the first", "# not these", "# which one", "# quick"):
        assert comment in path.read_text()


def test_the_model_is_set_without_touching_anything_else(path: Path) -> None:
    after = config.set_model(written(path, COMMENTED), "best")
    assert after == config.load(path)
    assert path.read_text() == COMMENTED.replace('"fast"', '"best"')


@pytest.mark.parametrize("text", ["", "# only this\n", '[watch]\nsettle = "1s"\n', COMMENTED])
def test_every_edit_reads_back_as_what_it_returned(path: Path, text: str) -> None:
    written(path, text)
    for edit, what in (
        (config.set_model, "demo"),
        (config.add_folder, "/new"),
        (config.add_folder, "/newer"),
        (config.remove_folder, "/new"),
        (config.remove_folder, "/not there"),
        (config.set_model, "best"),
    ):
        assert edit(path, what) == config.load(path)
    assert config.load(path).model.name == "best"
    assert "/newer" in config.load(path).folders


def test_the_first_folder_that_is_added_takes_the_place_of_the_default(path: Path) -> None:
    assert config.add_folder(path, "/mine").folders == ("/mine",)
    assert config.add_folder(path, "/other").folders == ("/mine", "/other")
    assert path.stat().st_mode & 0o777 == 0o600


def test_the_default_that_a_person_chose_stays_when_another_folder_is_added(
    path: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("HOME", str(tmp_path))
    pictures = str(tmp_path / "Pictures")
    assert config.add_folder(path, pictures).folders == (pictures,)
    assert config.add_folder(path, "/scans").folders == (pictures, "/scans")


def test_a_folder_that_is_watched_already_is_not_written_again(path: Path) -> None:
    before = written(path, COMMENTED).read_text()
    config.add_folder(path, "/x/../a/")
    assert path.read_text() == before


def test_the_last_folder_can_be_removed_and_the_default_does_not_return(path: Path) -> None:
    config.add_folder(path, "/mine")
    assert config.remove_folder(path, "/mine").folders == ()
    assert config.load(path).roots == ()


def test_line_ends_of_another_system_stay(path: Path) -> None:
    text = COMMENTED.replace("\n", "\r\n")
    config.set_model(written(path, text), "best")
    assert path.read_bytes().decode() == text.replace('"fast"', '"best"')


def test_a_settings_file_that_is_a_link_stays_one(path: Path, tmp_path: Path) -> None:
    real = tmp_path / "dotfiles.toml"
    real.write_text(COMMENTED)
    path.parent.mkdir()
    path.symlink_to(real)
    config.add_folder(path, "/c")
    assert path.is_symlink()
    assert config.load(real).folders == ("/a", "/b", "/c")


def test_a_mistake_in_the_file_is_not_written_over(path: Path) -> None:
    written(path, "folders = 1\n")
    with pytest.raises(SettingsError):
        config.add_folder(path, "/a")
    with pytest.raises(ValueError, match="fast"):
        config.set_model(written(path, COMMENTED), "nonsense")
    assert path.read_text() == COMMENTED


def test_a_write_that_fails_leaves_the_old_file_and_nothing_beside(
    path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    written(path, COMMENTED)

    def full(_: int) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(os, "fsync", full)
    with pytest.raises(SettingsError, match=r"cannot be written.*No space left"):
        config.add_folder(path, "/c")
    assert path.read_text() == COMMENTED
    assert list(path.parent.iterdir()) == [path]


def test_edits_at_the_same_time_are_all_kept_and_nobody_sees_half_a_file(path: Path) -> None:
    written(path, COMMENTED)
    gate = threading.Barrier(5)

    def add(number: int) -> None:
        gate.wait()
        config.add_folder(path, f"/{number}")

    threads = [threading.Thread(target=add, args=(number,)) for number in range(4)]
    for thread in threads:
        thread.start()
    gate.wait()
    while any(thread.is_alive() for thread in threads):
        assert config.load(path).folders[:2] == ("/a", "/b")
    for thread in threads:
        thread.join()
    assert set(config.load(path).folders) == {"/a", "/b", "/0", "/1", "/2", "/3"}


texts = st.text(st.characters(exclude_categories=["Cs"], exclude_characters="\0"), min_size=1)


@settings(
    max_examples=60, suppress_health_check=[HealthCheck.function_scoped_fixture], deadline=None
)
@given(
    folders=st.lists(texts.map(lambda text: f"/{text}"), unique=True, max_size=4),
    exclude=st.lists(texts, max_size=3),
    batch=st.none() | st.integers(1, 4096),
    megapixels=st.integers(1, 4000),
    battery=st.booleans(),
)
def test_what_is_written_is_what_is_read(
    tmp_path: Path,
    folders: list[str],
    exclude: list[str],
    batch: int | None,
    megapixels: int,
    battery: bool,  # noqa: FBT001
) -> None:
    path = tmp_path / "any.toml"
    document = {
        "folders": folders,
        "exclude": exclude,
        "model": {"batch": "auto" if batch is None else batch},
        "limits": {"max_megapixels": megapixels},
        "power": {"pause_on_battery": battery},
    }
    path.write_bytes(tomlkit.dumps(document).encode())
    found = config.load(path)
    assert (found.folders, found.exclude) == (tuple(folders), tuple(exclude))
    assert found.model.batch == batch
    assert found.limits.max_megapixels == megapixels
    assert found.power.pause_on_battery is battery
    after = config.add_folder(path, "/one more/ü")
    assert config.load(path) == after
    assert config.set_model(path, "best") == replace(after, model=replace(after.model, name="best"))
    assert tomllib.loads(path.read_bytes().decode())["exclude"] == exclude


def test_a_store_is_left_and_what_else_was_said_of_it_stays(path: Path) -> None:
    written(path, '[store] # shared\nurl = "https://nas:1"\nmachine = "desk"\n')
    settings = config.leave_store(path)
    assert (settings.store.url, settings.store.machine) == ("", "desk")
    assert config.load(path) == settings
    assert path.read_text() == '[store] # shared\nurl = ""\nmachine = "desk"\n'


def test_where_there_is_no_store_none_is_left(path: Path) -> None:
    assert config.leave_store(path) == config.Settings()
    assert not path.exists()
