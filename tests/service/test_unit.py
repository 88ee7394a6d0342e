"""The unit's text, by itself and in the eyes of systemd."""

import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from imgq.errors import ImgqError
from imgq_service import unit

needs_systemd = pytest.mark.skipif(
    shutil.which("systemd-analyze") is None, reason="systemd-analyze is not installed"
)


def _lines(text: str) -> list[str]:
    return text.splitlines()


def test_the_daemon_says_itself_when_it_is_ready() -> None:
    lines = _lines(unit.text(Path("/opt/bin/imgqd"), {}))
    assert "Type=notify" in lines
    assert 'ExecStart=:"/opt/bin/imgqd"' in lines
    assert "ExecReload=/bin/kill -HUP $MAINPID" in lines
    assert "WantedBy=default.target" in lines


def test_the_person_comes_first_and_nobody_else_looks_in() -> None:
    wanted = {"Nice=5", "CPUWeight=20", "IOSchedulingClass=idle", "NoNewPrivileges=yes"}
    wanted |= {"UMask=0077", "LimitCORE=0", "Restart=on-failure"}
    wanted.add("RestrictAddressFamilies=AF_UNIX AF_INET AF_INET6")
    assert wanted <= set(_lines(unit.text(Path("/opt/bin/imgqd"), {})))


def test_nothing_forbids_what_torch_needs() -> None:
    assert "MemoryDenyWriteExecute" not in unit.text(Path("/opt/bin/imgqd"), {})


def test_special_characters_stay_what_they_are() -> None:
    text = unit.text(Path("/a b/100%/$HOME/imgqd"), {"HF_HOME": '/50% "of" \\it'})
    assert 'ExecStart=:"/a b/100%%/$HOME/imgqd"' in _lines(text)
    assert 'Environment="HF_HOME=/50%% \\"of\\" \\\\it"' in _lines(text)


def test_only_the_places_of_things_are_taken_from_the_shell() -> None:
    environment = {"HF_HOME": "/models", "HF_TOKEN": "secret", "IMGQ_SOCKET": "/s", "PATH": "/p"}
    text = unit.text(Path("/opt/bin/imgqd"), environment)
    assert [line for line in _lines(text) if "=/" in line and "Environment" in line] == [
        'Environment="HF_HOME=/models"'
    ]
    assert "secret" not in text


@pytest.mark.parametrize("folder", ["o'brien", 'the "best"', "back\\slash"])
def test_a_path_that_systemd_refuses_is_refused_in_time(folder: str) -> None:
    with pytest.raises(ImgqError, match="quotes"):
        unit.text(Path("/home", folder, "imgqd"), {})


def test_a_line_break_cannot_smuggle_a_setting_in() -> None:
    with pytest.raises(ImgqError, match="plainer folder"):
        unit.text(Path("/opt\nExecStartPre=/evil/imgqd"), {})


def test_the_program_is_the_one_beside_the_interpreter(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    for folder in ("venv", "path"):
        (tmp_path / folder).mkdir()
        (tmp_path / folder / "imgqd").touch(0o700)
    monkeypatch.setattr(sys, "executable", str(tmp_path / "venv/python"))
    monkeypatch.setenv("PATH", str(tmp_path / "path"))
    assert unit.program() == tmp_path / "venv/imgqd"
    (tmp_path / "venv/imgqd").unlink()
    assert unit.program() == tmp_path / "path/imgqd"


@needs_systemd
@pytest.mark.system
@pytest.mark.parametrize("folder", ["plain", "a b %h $HOME ${HOME} = @!", "ü"])
def test_systemd_has_nothing_to_say_about_it(tmp_path: Path, folder: str) -> None:
    program = tmp_path / folder / "imgqd"
    program.parent.mkdir()
    program.write_text("#!/bin/sh\n")
    program.chmod(0o700)
    environment = {"HF_HOME": f'{program.parent} "c" \\d'}
    assert _verdict(tmp_path, unit.text(program, environment)) == ""


@needs_systemd
@pytest.mark.system
def test_systemd_would_say_it_if_the_path_were_not_escaped(tmp_path: Path) -> None:
    text = unit.text(Path("/bin/sh"), {}).replace("/bin/sh", "/bin/nobody here")
    assert "nobody here" in _verdict(tmp_path, text)


def _verdict(folder: Path, text: str) -> str:
    """Return everything that systemd-analyze prints: its exit status is 0 for unknown keys."""
    file = folder / unit.NAME
    file.write_text(text)
    runtime = folder / "run"
    runtime.mkdir(mode=0o700)
    done = subprocess.run(
        ["systemd-analyze", "verify", "--user", str(file)],
        check=False,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        env={**os.environ, "XDG_RUNTIME_DIR": str(runtime)},
    )
    assert done.returncode == 0 or done.stdout
    return done.stdout
