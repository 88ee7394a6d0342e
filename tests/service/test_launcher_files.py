"""imgq-service launcher: what is written, and that nothing is left of it afterwards."""

from __future__ import annotations

import configparser
import importlib.util
import json
import plistlib
import re
import shlex
import sys
from pathlib import Path

import pytest

from imgq_service import cli
from imgq_service.launchers import pieces
from imgq_service.launchers.pieces import ALL

LINUX = [name for name, one in ALL.items() if "linux" in one.platforms]
MAC = [name for name, one in ALL.items() if "darwin" in one.platforms]


@pytest.fixture
def home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Give a home folder with a blank in its name, on Linux."""
    folder = tmp_path / "ho me"
    folder.mkdir()
    monkeypatch.setenv("HOME", str(folder))
    for variable in ("XDG_CONFIG_HOME", "XDG_DATA_HOME", "IMGQ_SOCKET"):
        monkeypatch.delenv(variable, raising=False)
    monkeypatch.setenv("DBUS_SESSION_BUS_ADDRESS", f"unix:path={tmp_path}/none")
    monkeypatch.setattr(sys, "platform", "linux")
    monkeypatch.setattr(importlib.util, "find_spec", lambda _: object())
    for base in (".config", ".local/share"):
        (folder / base).mkdir(parents=True)
    return folder


@pytest.fixture
def mac(home: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Give a home folder as a Mac has it, where Alfred was started once."""
    monkeypatch.setattr(sys, "platform", "darwin")
    support = home / "Library/Application Support"
    (support / "Alfred/Alfred.alfredpreferences/workflows").mkdir(parents=True)
    current = {"current": f"{support}/Alfred/Alfred.alfredpreferences"}
    (support / "Alfred/prefs.json").write_text(json.dumps(current))
    return support


def tree(folder: Path) -> set[Path]:
    return set(folder.rglob("*"))


@pytest.mark.parametrize("name", LINUX)
def test_what_was_installed_goes_without_a_trace(
    home: Path, name: str, capsys: pytest.CaptureFixture[str]
) -> None:
    before = tree(home)
    for _ in range(2):
        assert cli.main(["launcher", name]) == 0
    written = tree(home) - before
    assert cli.main(["launcher"]) == 0
    assert re.search(f"^{name} +installed", capsys.readouterr().out, re.MULTILINE)
    for file in written:
        if file.suffix == ".py":
            (file.parent / "__pycache__").mkdir()
            (file.parent / "__pycache__" / f"{file.stem}.cpython-312.pyc").touch()
    for _ in range(2):
        assert cli.main(["launcher", name, "--remove"]) == 0
    assert tree(home) == before


@pytest.mark.parametrize("remove", [[], ["--remove"]])
@pytest.mark.parametrize("name", LINUX)
def test_somebody_elses_file_stays_and_nothing_else_is_touched(
    home: Path, name: str, remove: list[str], capsys: pytest.CaptureFixture[str]
) -> None:
    *_, last = ALL[name].pieces()
    last.path.parent.mkdir(parents=True)
    last.path.write_text("mine")
    before = tree(home)
    assert cli.main(["launcher", name, *remove]) != 0
    assert tree(home) == before
    assert last.path.read_text() == "mine"
    said = capsys.readouterr().err
    assert said.count("\n") == 1
    assert "move it away" in said


def test_gnome_is_told_where_the_shell_looks_and_the_bus_what_to_start(
    home: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert cli.main(["launcher", "gnome"]) == 0
    ini = home / ".local/share/gnome-shell/search-providers/org.imgq.GnomeSearch.ini"
    *_, line = capsys.readouterr().out.splitlines()
    assert shlex.split(line)[:4] == ["sudo", "install", "-Dm644", str(ini)]
    assert line.endswith("/usr/local/share/gnome-shell/search-providers/org.imgq.GnomeSearch.ini")
    provider = read(ini)["Shell Search Provider"]
    service = read(home / f".local/share/dbus-1/services/{provider['BusName']}.service")
    assert service["D-BUS Service"]["Name"] == provider["BusName"]
    run = shlex.split(service["D-BUS Service"]["Exec"])
    assert run == [sys.executable, "-P", "-m", "imgq_service.launchers.desk"]
    entry = read(home / f".local/share/applications/{provider['DesktopId']}")["Desktop Entry"]
    assert entry["Type"] == "Application"
    assert Path(entry["Icon"]).is_file()


def test_whether_gnome_sees_it_is_said(
    home: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    there = home / "system.ini"
    monkeypatch.setattr(pieces, "_SYSTEM_INI", there)
    cli.main(["launcher", "gnome"])
    cli.main(["launcher"])
    assert "does not see it yet" in capsys.readouterr().out
    there.touch()
    cli.main(["launcher", "gnome"])
    cli.main(["launcher"])
    assert "sudo" not in capsys.readouterr().out
    cli.main(["launcher", "gnome", "--remove"])
    assert f"sudo rm {there}" in capsys.readouterr().out


def test_a_socket_that_the_shell_was_told_of_is_told_to_the_launchers(
    home: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("IMGQ_SOCKET", "/run/o'd/s")
    for name in ("krunner", "rofi"):
        assert cli.main(["launcher", name]) == 0
    service = read(home / ".local/share/dbus-1/services/org.imgq.KRunner.service")
    said = shlex.split(service["D-BUS Service"]["Exec"])
    assert said[:2] == ["/usr/bin/env", "IMGQ_SOCKET=/run/o'd/s"]
    script = (home / ".config/rofi/scripts/imgq").read_text().splitlines()[-1]
    assert shlex.split(script)[2] == "IMGQ_SOCKET=/run/o'd/s"


def test_without_the_buss_library_nothing_is_written_and_it_says_what_brings_it(
    home: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(importlib.util, "find_spec", lambda _: None)
    before = tree(home)
    assert cli.main(["launcher", "krunner"]) != 0
    assert "pip install 'imgq[launchers]'" in capsys.readouterr().err
    assert tree(home) == before


@pytest.mark.parametrize("words", [["nemo"], ["alfred"], ["--remove"]])
def test_what_is_not_there_is_wrong_usage_in_one_line(
    home: Path, words: list[str], capsys: pytest.CaptureFixture[str]
) -> None:
    before = tree(home)
    assert cli.main(["launcher", *words]) == 2
    assert capsys.readouterr().err.count("\n") == 1
    assert tree(home) == before


@pytest.mark.parametrize("name", MAC)
def test_on_a_mac_too_nothing_is_left(
    mac: Path, name: str, capsys: pytest.CaptureFixture[str]
) -> None:
    before = tree(mac)
    assert cli.main(["launcher", name]) == 0
    assert tree(mac) > before
    assert cli.main(["launcher"]) == 0
    assert capsys.readouterr().out.count("not installed") == len(MAC) - 1
    assert cli.main(["launcher", name, "--remove"]) == 0
    assert tree(mac) == before


def test_alfreds_workflow_asks_opens_and_shows(mac: Path) -> None:
    assert cli.main(["launcher", "alfred"]) == 0
    (file,) = mac.glob("Alfred/Alfred.alfredpreferences/workflows/*/info.plist")
    flow = plistlib.loads(file.read_bytes())
    kinds = {one["uid"]: one["type"].rpartition(".")[2] for one in flow["objects"]}
    ((begin, ways),) = flow["connections"].items()
    assert kinds[begin] == "scriptfilter"
    assert [kinds[way["destinationuid"]] for way in ways] == ["openfile", "revealfile"]
    script = shlex.split(flow["objects"][0]["config"]["script"])
    assert script[-2:] == ["imgq_service.launchers.alfred", "$1"]


def test_raycasts_script_has_its_header(mac: Path) -> None:
    assert cli.main(["launcher", "raycast"]) == 0
    lines = (mac / "imgq/raycast/imgq.sh").read_text().splitlines()
    said = dict(line[len("# @raycast.") :].split(" ", 1) for line in lines if "@raycast." in line)
    assert said.keys() >= {"schemaVersion", "title", "mode"}
    assert json.loads(said["argument1"])["type"] == "text"
    ways = [one["value"] for one in json.loads(said["argument2"])["data"]]
    assert ways == ["list", "open", "page"]


def test_alfred_that_was_never_started_is_said(
    mac: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (mac / "Alfred/prefs.json").unlink()
    assert cli.main(["launcher", "alfred"]) == 1
    assert "start it once" in capsys.readouterr().err
    assert cli.main(["launcher"]) == 0


def read(file: Path) -> configparser.ConfigParser:
    parser = configparser.ConfigParser(interpolation=None)
    parser.optionxform = str  # type: ignore[assignment,method-assign]
    assert parser.read(file) == [str(file)]
    return parser
