from pathlib import Path

import pytest

from imgq import paths

LINUX_ONLY = pytest.mark.skipif(paths._MAC, reason="macOS has its own folders")


def test_the_environment_chooses_the_socket(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("IMGQ_SOCKET", "/x/y.sock")
    assert paths.socket_path() == Path("/x/y.sock")
    assert paths.socket_name() == "/x/y.sock"


@LINUX_ONLY
def test_the_runtime_folder_holds_the_socket(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("IMGQ_SOCKET", raising=False)
    monkeypatch.setenv("XDG_RUNTIME_DIR", "/run/user/7/")
    assert paths.socket_path() == Path("/run/user/7/imgq/imgqd.sock")


@LINUX_ONLY
def test_without_a_runtime_folder_the_state_folder_holds_it(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.delenv("IMGQ_SOCKET", raising=False)
    monkeypatch.delenv("XDG_RUNTIME_DIR", raising=False)
    monkeypatch.setenv("XDG_DATA_HOME", "/data")
    assert paths.socket_path() == paths.state_folder() / "run" / "imgqd.sock"
    assert paths.socket_path() == Path("/data/imgq/run/imgqd.sock")


@LINUX_ONLY
def test_a_relative_folder_in_the_environment_is_ignored(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HOME", "/home/ada")
    monkeypatch.setenv("XDG_CONFIG_HOME", "settings")
    monkeypatch.setenv("XDG_CACHE_HOME", "")
    assert paths.settings_path() == Path("/home/ada/.config/imgq/config.toml")
    assert paths.cache_folder() == Path("/home/ada/.cache/imgq")


def test_a_path_is_made_absolute_without_following_links(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "real").mkdir()
    (tmp_path / "link").symlink_to("real")
    monkeypatch.chdir(tmp_path)
    assert paths.absolute("real/../link/") == bytes(tmp_path / "link")
    assert paths.absolute(b"\xff") == bytes(tmp_path) + b"/\xff"


def test_a_uri_is_encoded_as_the_desktop_does_it() -> None:
    nasty = "/a (b)&'+,=:@~!$/ü#?%;[]\"".encode() + b"\xff"
    assert paths.file_uri(nasty, "box") == (
        "file://box/a%20(b)&'+,=:@~!$/%C3%BC%23%3F%25%3B%5B%5D%22%FF"
    )
