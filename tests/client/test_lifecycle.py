import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from client import fake_daemon
from client.fake_daemon import FakeDaemon, HangUp
from imgq import ctl, doctor, lifecycle, paths
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


SYSTEMCTL = """\
#!/bin/sh
shift
case "$*" in *Version*) [ {answers} ]; exit;; *Id,*) cat {folder}/state 2>/dev/null; exit;; esac
echo "$*" >> {folder}/calls
case "$*" in *LoadState*) echo loaded;; esac
case "$1" in {refused}) exit 1;; esac
"""

BLOCKS = """\
Id=imgqd.service
LoadState={load}
ActiveState={service}
MainPID=7
StatusText=Indexing: 1 of 2 files
UnitFileState=enabled
Result={result}

Id=imgqd.socket
LoadState={load}
ActiveState={socket}
Result=success
"""


class Systemctl:
    """A systemctl that notes what it is told, and knows what the test says."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self.write()

    def write(self, refused: str = "nothing", *, answers: bool = True) -> None:
        program = self._folder / "systemctl"
        said = "1 = 1" if answers else "1 = 2"
        program.write_text(SYSTEMCTL.format(answers=said, folder=self._folder, refused=refused))
        program.chmod(0o755)

    def knows(
        self, service: str, socket: str = "active", load: str = "loaded", result: str = "success"
    ) -> None:
        text = BLOCKS.format(load=load, service=service, socket=socket, result=result)
        (self._folder / "state").write_text(text)

    def calls(self) -> list[str]:
        calls = self._folder / "calls"
        return calls.read_text().splitlines() if calls.exists() else []


@pytest.fixture
def systemctl(tmp_path: Path, socket_path: Path, monkeypatch: pytest.MonkeyPatch) -> Systemctl:
    """Return a systemctl that stands in for systemd's."""
    monkeypatch.delenv("IMGQ_SOCKET")
    monkeypatch.setattr("imgq.paths.socket_name", lambda: str(socket_path))
    monkeypatch.setattr(sys, "platform", "linux")
    monkeypatch.setenv("PATH", f"{tmp_path}:/usr/bin:/bin")
    return Systemctl(tmp_path)


@pytest.fixture
def serving(systemctl: Systemctl, socket_path: Path) -> Iterator[FakeDaemon]:
    """Return a fake daemon where the service's would be."""
    del systemctl
    with fake_daemon.running(socket_path) as running:
        yield running


def test_a_service_that_is_installed_is_what_starts(systemctl: Systemctl) -> None:
    systemctl.knows("inactive", "inactive")
    with pytest.raises(ImgqError, match=r"does not answer after 0 s: see `journalctl --user"):
        lifecycle.start(timeout_s=0)
    assert systemctl.calls() == ["reset-failed imgqd.service imgqd.socket", "start imgqd.service"]


def test_a_service_that_does_not_start_says_where_to_look(systemctl: Systemctl) -> None:
    systemctl.knows("inactive", "inactive")
    systemctl.write("start")
    with pytest.raises(ImgqError, match=r"imgqd.service did not start: `journalctl"):
        lifecycle.start()


def test_whoever_started_it_is_named(
    systemctl: Systemctl, serving: FakeDaemon, capsysbinary: pytest.CaptureFixture[bytes]
) -> None:
    systemctl.knows("inactive")
    assert ctl.main(["start"]) == 0
    assert ctl.main(["restart"]) == 0
    assert capsysbinary.readouterr().out == (
        b"imgqd is running (by systemd)\nimgqd is running again (by systemd)\n"
    )
    assert [call for call in systemctl.calls() if "reset" not in call] == [
        "start imgqd.service",
        "restart imgqd.service",
    ]
    assert serving.called("shutdown") == []


def test_to_ask_whether_it_runs_does_not_start_it(
    systemctl: Systemctl, serving: FakeDaemon
) -> None:
    systemctl.knows("inactive", "active")
    assert not lifecycle.running()
    assert serving.called("hello") == []
    systemctl.knows("active", "active")
    assert lifecycle.running()


def test_a_service_is_stopped_with_its_socket_and_never_by_the_socket(
    systemctl: Systemctl, capsysbinary: pytest.CaptureFixture[bytes]
) -> None:
    systemctl.knows("active")
    assert ctl.main(["stop"]) == 0
    assert capsysbinary.readouterr().out == b"imgqd has stopped (by systemd)\n"
    assert systemctl.calls()[-1] == "stop imgqd.socket imgqd.service"


def test_a_service_that_only_listens_is_closed_so_that_no_question_starts_it(
    systemctl: Systemctl, capsysbinary: pytest.CaptureFixture[bytes]
) -> None:
    systemctl.knows("inactive", "active")
    assert ctl.main(["stop"]) == 0
    assert capsysbinary.readouterr().out == b"imgqd is not running\n"
    assert systemctl.calls()[-1] == "stop imgqd.socket imgqd.service"


@pytest.mark.parametrize("why", ["no manager answers", "not installed", "not at work"])
def test_a_daemon_that_stands_by_itself_is_asked_to_end(
    systemctl: Systemctl, serving: FakeDaemon, why: str
) -> None:
    systemctl.knows("inactive", "inactive", "loaded" if why == "not at work" else "not-found")
    systemctl.write(answers=why != "no manager answers")
    assert lifecycle.stop() is None
    assert serving.called("shutdown") == [{}]
    assert systemctl.calls() == []


def test_a_daemon_of_this_shells_own_socket_is_not_taken_for_a_stray(
    daemon: FakeDaemon,
) -> None:
    assert not lifecycle.stop_stray()
    assert daemon.called("shutdown") == []


def test_a_stray_is_stopped(serving: FakeDaemon) -> None:
    assert lifecycle.stop_stray()
    assert serving.called("shutdown") == [{}]
    assert not lifecycle.stop_stray()


def test_this_shells_own_socket_is_none_of_the_services_business(
    systemctl: Systemctl, monkeypatch: pytest.MonkeyPatch, socket_path: Path
) -> None:
    systemctl.knows("active")
    monkeypatch.setenv("IMGQ_SOCKET", str(socket_path))
    monkeypatch.setattr(sys, "executable", "/nowhere/python")
    monkeypatch.setattr("imgq.lifecycle.shutil.which", lambda _: None)
    with pytest.raises(ImgqError, match="not installed"):
        lifecycle.start()
    assert systemctl.calls() == []


@pytest.mark.parametrize(
    ("service", "socket", "result", "state", "said"),
    [
        ("active", "active", "success", "fine", "systemd runs pid 7"),
        ("inactive", "inactive", "success", "warning", "systemd has it, and does not run it"),
        ("failed", "active", "exit-code", "bad", "under systemd the daemon ended with an error"),
    ],
)
def test_the_doctor_says_what_the_manager_knows(
    systemctl: Systemctl, service: str, socket: str, result: str, state: str, said: str
) -> None:
    systemctl.knows(service, socket, result=result)
    check = next(one for one in doctor.examine()[0] if one.name == "service")
    assert (check.state, check.detail) == (state, said)
    assert (check.remedy is None) == (state == "fine")
