"""What the tray keeps on the disk: the file for the login, and the searches that stand."""

from __future__ import annotations

import configparser
import plistlib
import shlex
import sys
from pathlib import Path

import pytest

from imgq.errors import ImgqError
from imgq_service.door import Door, address, knock
from imgq_service.standing import MOST, Standing
from imgq_service.tray import cli, login


@pytest.fixture
def places(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    for name in ("XDG_CONFIG_HOME", "XDG_DATA_HOME", "XDG_RUNTIME_DIR"):
        monkeypatch.setenv(name, str(tmp_path / name))
    monkeypatch.setenv("HOME", str(tmp_path))
    for name in ("IMGQ_SOCKET", "DISPLAY", "WAYLAND_DISPLAY", "QT_QPA_PLATFORM"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setattr(sys, "platform", "linux")
    return tmp_path


def files(folder: Path) -> list[Path]:
    return sorted(folder.rglob("*"))


def test_start_at_login_comes_and_goes_without_a_trace(places: Path) -> None:
    (places / "XDG_CONFIG_HOME").mkdir()
    before = files(places)
    assert not login.is_on()
    assert cli.main(["--login", "on"]) == 0
    assert login.is_on()
    assert login.path() == places / "XDG_CONFIG_HOME/autostart/imgq-tray.desktop"
    assert cli.main(["--login", "off"]) == 0
    assert not login.is_on()
    assert files(places) == before


@pytest.mark.usefixtures("places")
def test_the_login_starts_this_very_interpreter_whatever_its_folder_is_called(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(sys, "executable", '/opt/a "b" $c 100%/python')
    login.turn_on()
    entry = configparser.RawConfigParser()
    entry.read(login.path())
    # Undone as the specification has it: the string, the quotes, the field codes.
    words = shlex.split(entry["Desktop Entry"]["Exec"].replace("\\\\", "\\"))
    assert words[0].replace("%%", "%").replace("\\$", "$") == sys.executable
    assert words[1:] == ["-m", "imgq_service.tray.cli", "--wait"]


def test_on_a_mac_the_login_is_a_launch_agent(
    places: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(sys, "platform", "darwin")
    login.turn_on()
    assert login.path() == places / "Library/LaunchAgents/org.imgq.tray.plist"
    agent = plistlib.loads(login.path().read_bytes())
    assert agent["ProgramArguments"][0] == sys.executable
    assert agent["RunAtLoad"] is True


def test_searches_stand_in_their_order_with_their_cursors(tmp_path: Path) -> None:
    standing = Standing(tmp_path / "new" / "standing.json")
    assert standing.read() == {}
    standing.add("a cat")
    standing.add("größe")
    standing.keep("a cat", "1-2")
    standing.keep("never added", "1-2")
    standing.add("a cat")
    assert standing.read() == {"a cat": "1-2", "größe": None}
    standing.drop("a cat")
    assert list(standing.read()) == ["größe"]


def test_one_search_too_many_is_refused_and_none_is_lost(tmp_path: Path) -> None:
    standing = Standing(tmp_path / "standing.json")
    for number in range(MOST):
        standing.add(str(number))
    with pytest.raises(ImgqError, match="stand already"):
        standing.add("one more")
    assert len(standing.read()) == MOST


@pytest.mark.parametrize("content", [b"", b"[1]", b"{", b"\xff", b'{"a": 7}'])
def test_a_damaged_file_of_searches_stops_nobody(tmp_path: Path, content: bytes) -> None:
    standing = Standing(tmp_path / "standing.json")
    standing.path.write_bytes(content)
    standing.add("a cat")
    assert "a cat" in standing.read()


@pytest.mark.usefixtures("places")
def test_nobody_is_at_home_until_a_door_is_there_nor_after_it_is_closed() -> None:
    assert not knock("tray", "hello")
    door = Door("tray")
    assert Path(address("tray")).stat().st_mode & 0o777 == 0o600
    assert Path(address("tray")).parent.stat().st_mode & 0o777 == 0o700
    door.close()
    assert not knock("tray", "hello")


@pytest.mark.usefixtures("places")
@pytest.mark.parametrize("words", [["--search"], []], ids=["window", "tray"])
def test_without_a_display_it_says_so_in_one_line(
    capsys: pytest.CaptureFixture[str], words: list[str]
) -> None:
    for package in ("PySide6", "Xlib", "jeepney"):
        pytest.importorskip(package)
    status = cli.main(words)
    said = capsys.readouterr().err
    assert said.startswith("imgq-tray: no display: ")
    assert said.count("\n") == 1
    # For a tray that is no failure: it is started at each login, on whatever desktop.
    assert status == (1 if words else 0)


@pytest.mark.usefixtures("places")
def test_a_system_without_the_libraries_of_qt_says_what_to_install(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    pytest.importorskip("PySide6")
    monkeypatch.setenv("DISPLAY", ":0")
    monkeypatch.setitem(sys.modules, "imgq_service.window.program", None)
    assert cli.main(["--search"]) == 1
    said = capsys.readouterr().err
    assert said.startswith("imgq-tray: Qt cannot be loaded: ")
    assert "sudo apt install libegl1 " in said
    assert said.count("\n") == 1
