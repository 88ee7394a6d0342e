"""The units' texts, by themselves and in the eyes of systemd."""

import os
import shutil
import subprocess
import sys
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pytest

from imgq.errors import ImgqError
from imgq_service import unit, wanted

needs_systemd = pytest.mark.skipif(
    shutil.which("systemd-analyze") is None, reason="systemd-analyze is not installed"
)


def texts(
    program: str | Path = "/opt/bin/imgqd",
    environment: Mapping[str, str] | None = None,
    memory_high: str = "50%",
) -> dict[str, str]:
    """Return name -> text of both units."""
    found = unit.texts(Path(program), environment or {}, memory_high)
    return {path.name: text for path, text in found.items()}


def service(**of: Any) -> list[str]:
    return texts(**of)["imgqd.service"].splitlines()


def test_the_daemon_says_itself_when_it_is_ready_and_that_it_lives() -> None:
    wanted = {"Type=notify", "WatchdogSec=2min", "ExecReload=/bin/kill -HUP $MAINPID"}
    wanted |= {'ExecStart=:"/opt/bin/imgqd"', "WantedBy=default.target"}
    assert wanted <= set(service())


def test_whoever_asks_is_kept_in_a_socket_for_the_person_alone() -> None:
    lines = texts()["imgqd.socket"].splitlines()
    wanted = {"ListenStream=%t/imgq/imgqd.sock", "SocketMode=0600", "DirectoryMode=0700"}
    assert wanted | {"RemoveOnStop=yes", "WantedBy=sockets.target"} <= set(lines)
    # Both ways: neither is there without the other.
    assert {"Requires=imgqd.socket", "After=imgqd.socket", "Also=imgqd.socket"} <= set(service())


def test_the_person_comes_first_and_nobody_else_looks_in() -> None:
    wanted = {"Nice=5", "CPUWeight=20", "IOWeight=20", "IOSchedulingClass=idle"}
    wanted |= {"NoNewPrivileges=yes", "UMask=0077", "LimitCORE=0", "Restart=on-failure"}
    wanted.add("RestrictAddressFamilies=AF_UNIX AF_INET AF_INET6")
    assert wanted <= set(service())


@pytest.mark.parametrize("bound", ["50%", "2147483648", "infinity"])
def test_the_bound_of_memory_is_the_settings(bound: str) -> None:
    assert f"MemoryHigh={bound}" in service(memory_high=bound)


def test_nothing_forbids_what_torch_the_sandbox_and_a_users_manager_cannot_do() -> None:
    keys = {line.partition("=")[0] for line in service()}
    assert not keys & {
        *("MemoryDenyWriteExecute", "SystemCallFilter", "RestrictNamespaces"),
        *("ProtectSystem", "ProtectHome", "PrivateTmp", "PrivateUsers", "CapabilityBoundingSet"),
    }


def test_special_characters_stay_what_they_are() -> None:
    lines = service(program="/a b/100%/$HOME/imgqd", environment={"HF_HOME": '/50% "of" \\it'})
    assert 'ExecStart=:"/a b/100%%/$HOME/imgqd"' in lines
    assert 'Environment="HF_HOME=/50%% \\"of\\" \\\\it"' in lines


def test_only_the_places_of_things_are_taken_from_the_shell() -> None:
    environment = {"HF_HOME": "/models", "HF_TOKEN": "secret", "IMGQ_SOCKET": "/s", "PATH": "/p"}
    lines = service(environment=environment)
    assert [line for line in lines if "=/" in line and "Environment" in line] == [
        'Environment="HF_HOME=/models"'
    ]
    assert "secret" not in "".join(texts(environment=environment).values())


@pytest.mark.parametrize("folder", ["o'brien", 'the "best"', "back\\slash"])
def test_a_path_that_systemd_refuses_is_refused_in_time(folder: str) -> None:
    with pytest.raises(ImgqError, match="quotes"):
        texts(Path("/home", folder, "imgqd"))


def test_a_line_break_cannot_smuggle_a_setting_in() -> None:
    with pytest.raises(ImgqError, match="plainer folder"):
        texts("/opt\nExecStartPre=/evil/imgqd")


def test_the_program_is_the_one_beside_the_interpreter(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    for folder in ("venv", "path"):
        (tmp_path / folder).mkdir()
        (tmp_path / folder / "imgqd").touch(0o700)
    monkeypatch.setattr(sys, "executable", str(tmp_path / "venv/python"))
    monkeypatch.setenv("PATH", str(tmp_path / "path"))
    assert wanted.program() == tmp_path / "venv/imgqd"
    (tmp_path / "venv/imgqd").unlink()
    assert wanted.program() == tmp_path / "path/imgqd"


@needs_systemd
@pytest.mark.system
@pytest.mark.parametrize("bound", ["50%", "2147483648", "infinity"])
@pytest.mark.parametrize("folder", ["plain", "a b %h $HOME ${HOME} = @!", "ü"])
def test_systemd_has_nothing_to_say_about_them(tmp_path: Path, folder: str, bound: str) -> None:
    program = tmp_path / folder / "imgqd"
    program.parent.mkdir()
    program.write_text("#!/bin/sh\n")
    program.chmod(0o700)
    environment = {"HF_HOME": f'{program.parent} "c" \\d'}
    assert _verdict(tmp_path, texts(program, environment, bound)) == ""


@needs_systemd
@pytest.mark.system
@pytest.mark.parametrize(
    ("before", "after", "said"),
    [
        ("/bin/sh", "/bin/nobody here", "nobody here"),
        ("WatchdogSec", "WatchdogSek", "Unknown key"),
        ("MemoryHigh=50%", "MemoryHigh=much", "Invalid memory limit"),
        ("SocketMode", "SocketMood", "Unknown key"),
    ],
)
def test_systemd_would_say_what_is_wrong_with_them(
    tmp_path: Path, before: str, after: str, said: str
) -> None:
    units = {name: text.replace(before, after) for name, text in texts("/bin/sh").items()}
    assert said in _verdict(tmp_path, units)


def _verdict(folder: Path, units: Mapping[str, str]) -> str:
    """Return everything that systemd-analyze prints: its exit status is 0 for unknown keys."""
    for name, text in units.items():
        (folder / name).write_text(text)
    runtime = folder / "run"
    runtime.mkdir(mode=0o700)
    done = subprocess.run(
        ["systemd-analyze", "verify", "--user", *(str(folder / name) for name in units)],
        check=False,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        env={**os.environ, "XDG_RUNTIME_DIR": str(runtime)},
    )
    assert done.returncode == 0 or done.stdout
    return done.stdout
