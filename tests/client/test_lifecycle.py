import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from client.fake_daemon import FakeDaemon, HangUp
from imgq import lifecycle, paths
from imgq.client import Client
from imgq.errors import ImgqError, NotRunning

TESTS = Path(__file__).parent.parent
DAEMON = """
import os, pathlib, sys
sys.path.insert(0, {tests!r})
from client import fake_daemon
with fake_daemon.running(pathlib.Path(os.environ["IMGQ_SOCKET"])) as daemon:
    print("here I am", os.getcwd(), flush=True)
    daemon.left.wait()
"""

Install = Callable[[str], Path]


@pytest.fixture
def install(
    socket_path: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> Callable[[str], Path]:
    """Return a function that installs an imgqd and tells where its log will be."""
    assert not socket_path.exists()
    monkeypatch.setenv("XDG_DATA_HOME", str(tmp_path / "data"))
    monkeypatch.setenv("HOME", str(tmp_path))

    def write(script: str) -> Path:
        program = tmp_path / "bin" / "imgqd"
        program.parent.mkdir()
        program.write_text(script)
        program.chmod(0o755)
        monkeypatch.setenv("PATH", str(program.parent))
        monkeypatch.setattr(sys, "executable", "/nowhere/python")
        return paths.state_folder() / "imgqd.log"

    return write


def test_start_and_stop_wait_for_the_daemon(install: Install) -> None:
    python = sys.executable
    log = install(f"#!{python}\n{DAEMON.format(tests=str(TESTS))}")
    # In a process of its own: the daemon is to outlive it.
    start = "import sys; sys.executable = ''; from imgq.ctl import main; sys.exit(main(['start']))"
    done = subprocess.run([python, "-c", start], capture_output=True, timeout=20, check=False)
    assert (done.returncode, done.stdout, done.stderr) == (0, b"imgqd is running\n", b"")
    with Client() as client:
        assert client.hello().name == "imgqd"
    lifecycle.stop()
    with pytest.raises(NotRunning):
        Client()
    assert log.read_text() == "here I am /\n"
    assert log.parent.stat().st_mode & 0o777 == 0o700


def test_a_daemon_that_goes_without_a_word_has_stopped(daemon: FakeDaemon) -> None:
    def leave(*_: Any) -> Any:
        daemon.stop_listening()
        raise HangUp

    daemon.answers["shutdown"] = leave
    lifecycle.stop()
    assert daemon.called("shutdown") == [{}]


def test_a_daemon_that_hangs_up_and_stays_has_not(daemon: FakeDaemon) -> None:
    daemon.answers["shutdown"] = HangUp()
    with pytest.raises(ImgqError, match="has not stopped yet"):
        lifecycle.stop(timeout_s=0)


def test_a_daemon_that_ends_at_once_says_its_last_words(install: Install) -> None:
    log = install("#!/bin/sh\necho first\necho 'config.toml: unknown key' >&2\nexit 2\n")
    with pytest.raises(ImgqError) as caught:
        lifecycle.start()
    assert str(caught.value) == (f"imgqd ended with status 2 (config.toml: unknown key): see {log}")


def test_a_daemon_that_is_not_installed_says_how_to_get_it(
    install: Install, monkeypatch: pytest.MonkeyPatch
) -> None:
    install("")
    monkeypatch.setenv("PATH", "/nowhere")
    with pytest.raises(ImgqError, match=r"pip install 'imgq\[daemon\]'"):
        lifecycle.start()


SERVICE = '#!/bin/sh\necho "$@" >> "{calls}"\nexit {status}\n'


@pytest.fixture
def systemctl(
    tmp_path: Path, socket_path: Path, monkeypatch: pytest.MonkeyPatch
) -> Callable[[str], Path]:
    """Return a function that installs a systemctl and tells where it writes its calls."""
    monkeypatch.delenv("IMGQ_SOCKET")
    monkeypatch.setattr("imgq.paths.socket_name", lambda: str(socket_path))
    monkeypatch.setenv("PATH", str(tmp_path))

    def write(status: str) -> Path:
        program = tmp_path / "systemctl"
        program.write_text(SERVICE.format(calls=tmp_path / "calls", status=status))
        program.chmod(0o755)
        return tmp_path / "calls"

    return write


def test_a_service_that_is_installed_is_what_starts(systemctl: Install) -> None:
    calls = systemctl("0")
    with pytest.raises(ImgqError, match=r"does not answer after 0 s: see `journalctl --user"):
        lifecycle.start(timeout_s=0)
    assert calls.read_text() == "--user cat imgqd.service\n--user start imgqd.service\n"


def test_a_service_that_does_not_start_says_where_to_look(systemctl: Install) -> None:
    systemctl('$([ "$2" = start ] && echo 1 || echo 0)')
    with pytest.raises(ImgqError, match=r"imgqd.service did not start: `journalctl"):
        lifecycle.start()


def test_this_shells_own_socket_is_none_of_the_services_business(
    systemctl: Install, monkeypatch: pytest.MonkeyPatch, socket_path: Path
) -> None:
    calls = systemctl("0")
    monkeypatch.setenv("IMGQ_SOCKET", str(socket_path))
    monkeypatch.setattr(sys, "executable", "/nowhere/python")
    with pytest.raises(ImgqError, match="not installed"):
        lifecycle.start()
    assert not calls.exists()
