"""imgq-service as a person calls it, with a systemctl that notes what it is told."""

import os
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from client import fake_daemon
from imgq_service import unit
from service.session import Session

# Knows what was started and stopped; `show` prints of it what systemctl would.
_SYSTEMCTL = """\
#!/bin/sh
echo "$*" >> "$FAKE_CALLS"
case " $FAKE_REFUSES " in
*" $2 "*) echo "first line" >&2; echo "$2 went wrong" >&2; exit 1;;
esac
is() { [ -e "$FAKE_CALLS.$1" ] && echo "$2" || echo "$3"; }
case "$2" in
start|restart) : > "$FAKE_CALLS.runs"; : > "$FAKE_CALLS.listens";;
stop) rm -f "$FAKE_CALLS.runs" "$FAKE_CALLS.listens";;
enable) : > "$FAKE_CALLS.enabled";;
disable) rm -f "$FAKE_CALLS.runs" "$FAKE_CALLS.listens" "$FAKE_CALLS.enabled";;
esac
case "$*" in
*Id,*)
    echo Id=imgqd.service; echo LoadState=loaded; echo "MainPID=42"; echo "StatusText=$FAKE_WORDS"
    echo ActiveState=$(is runs active "$FAKE_STATE")
    echo UnitFileState=$(is enabled enabled disabled)
    echo "Result=$FAKE_RESULT"; echo; echo Id=imgqd.socket; echo Result=success
    echo ActiveState=$(is listens active inactive);;
*LoadState*) echo loaded;;
esac
"""

BOTH = ["imgqd.service", "imgqd.socket"]
RUNS = "imgqd.service runs, now and after every login\n"


class Desktop(Session):
    """A person's session: settings folder, and a systemctl that may answer or not."""

    def calls(self) -> list[str]:
        """Return what systemctl was told since the last time, without what it was asked."""
        lines = self.told()
        assert all(line.startswith("--user ") for line in lines)
        told = [line.removeprefix("--user ") for line in lines]
        return [line for line in told if not line.startswith("show ")]

    def refuse(self, *commands: str) -> None:
        """Make systemctl fail at these."""
        self.patch.setenv("FAKE_REFUSES", " ".join(commands))

    def settings(self, text: str) -> Path:
        """Write the settings file."""
        file = self.home / "config/imgq/config.toml"
        file.parent.mkdir(exist_ok=True)
        file.write_text(text)
        return file

    def written(self) -> list[Path]:
        """Return everything below the settings folder."""
        return sorted((self.home / "config").rglob("*"))

    def units(self) -> dict[str, str]:
        """Return name -> text of the units that are there."""
        return {path.name: path.read_text() for path in self.written() if path.suffix in SUFFIXES}


SUFFIXES = {".service", ".socket"}


@pytest.fixture
def desktop(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> Desktop:
    commands = tmp_path / "bin"
    commands.mkdir()
    for name, text in (("systemctl", _SYSTEMCTL), ("python", ""), ("imgqd", "#!/bin/sh\n")):
        (commands / name).write_text(text)
        (commands / name).chmod(0o700)
    for name in ("HF_HOME", "HF_HUB_CACHE", "XDG_CACHE_HOME", "XDG_DATA_HOME", "IMGQ_SOCKET"):
        monkeypatch.delenv(name, raising=False)
    for name in ("runtime", "config"):
        (tmp_path / name).mkdir()
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("XDG_RUNTIME_DIR", "runtime")  # a socket's path is to be short
    monkeypatch.setenv("XDG_CONFIG_HOME", str(tmp_path / "config"))
    monkeypatch.setenv("PATH", f"{commands}:/usr/bin:/bin")
    for name, value in {"CALLS": str(tmp_path / "calls"), "STATE": "inactive"}.items():
        monkeypatch.setenv(f"FAKE_{name}", value)
    monkeypatch.setenv("FAKE_WORDS", "Indexing: 1 of 2 files")
    monkeypatch.setenv("FAKE_RESULT", "success")
    monkeypatch.setattr(sys, "executable", str(commands / "python"))
    monkeypatch.setattr(sys, "platform", "linux")
    return Desktop(tmp_path, monkeypatch, capsys)


@pytest.fixture
def stray(desktop: Desktop) -> Iterator[fake_daemon.FakeDaemon]:
    """Give a daemon that was started by hand."""
    (desktop.home / "runtime/imgq").mkdir()
    with fake_daemon.running(Path("runtime/imgq/imgqd.sock")) as running:
        yield running


def test_install_writes_the_units_and_starts_them_now_and_at_every_login(
    desktop: Desktop,
) -> None:
    assert desktop.run("install") == (0, RUNS, "")
    assert unit.folder() == desktop.home / "config/systemd/user"
    assert desktop.calls() == [
        "daemon-reload",
        "enable imgqd.service imgqd.socket",
        "stop imgqd.socket imgqd.service",
        "reset-failed imgqd.service imgqd.socket",
        "start imgqd.service",
    ]
    texts = unit.texts(desktop.home / "bin/imgqd", os.environ, "50%")
    assert desktop.units() == {path.name: text for path, text in texts.items()}


def test_a_second_install_writes_nothing_and_restarts_nothing(desktop: Desktop) -> None:
    desktop.run("install")
    desktop.calls()
    before = [(one.st_ino, one.st_ctime_ns) for one in map(Path.stat, desktop.written())]
    assert desktop.run("install") == (0, RUNS, "")
    assert before == [(one.st_ino, one.st_ctime_ns) for one in map(Path.stat, desktop.written())]
    assert desktop.calls() == ["daemon-reload", "enable imgqd.service imgqd.socket"]


def test_an_install_starts_again_what_was_stopped(desktop: Desktop) -> None:
    desktop.run("install")
    (desktop.home / "calls.runs").unlink()
    desktop.calls()
    desktop.run("install")
    assert desktop.calls()[-1] == "start imgqd.service"


def test_an_install_of_something_else_replaces_the_units(desktop: Desktop) -> None:
    desktop.run("install")
    desktop.patch.setenv("HF_HOME", "/elsewhere")
    desktop.calls()
    desktop.run("install")
    assert 'Environment="HF_HOME=/elsewhere"' in desktop.units()["imgqd.service"]
    assert desktop.calls()[2:] == [
        "stop imgqd.socket imgqd.service",
        "reset-failed imgqd.service imgqd.socket",
        "start imgqd.service",
    ]


def test_a_unit_without_a_socket_of_an_earlier_version_is_brought_up_to_date(
    desktop: Desktop,
) -> None:
    unit.folder().mkdir(parents=True)
    (unit.folder() / "imgqd.service").write_text(f"{unit.MARK}\n[Service]\nExecStart=/old\n")
    assert desktop.run("install")[0] == 0
    assert sorted(desktop.units()) == BOTH
    assert "/old" not in desktop.units()["imgqd.service"]


def test_the_settings_say_how_much_memory_the_service_may_have(desktop: Desktop) -> None:
    file = desktop.settings('[service]\nmemory_high = "2GiB"\n')
    desktop.run("install")
    assert f"MemoryHigh={2 << 30}\n" in desktop.units()["imgqd.service"]
    file.write_text('[service]\nmemory_high = "none"\n')
    status, output, _ = desktop.run("status")
    assert status == 0
    assert "other settings: `imgq-service install` brings it up to date" in output
    desktop.run("install")
    assert "MemoryHigh=infinity\n" in desktop.units()["imgqd.service"]
    assert "up to date" not in desktop.run("status")[1]


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("[service]\nmemory_high = 7", "service.memory_high: 7 is not"),
        ("service = 7", "service.memory_high: 7 is not"),
        ("[service", "cannot be read"),
    ],
)
def test_a_mistake_in_the_settings_is_told_before_anything_is_written(
    desktop: Desktop, text: str, said: str
) -> None:
    file = desktop.settings(text)
    status, output, errors = desktop.run("install")
    assert (status, output, errors.count("\n")) == (1, "", 1)
    assert errors.startswith(f"imgq-service: {file}: ")
    assert said in errors
    assert desktop.units() == {}


def test_a_daemon_that_would_not_start_says_why_before_anything_is_written(
    desktop: Desktop,
) -> None:
    script = '#!/bin/sh\n[ "$*" = --check ] && echo "imgqd: unknown key modle" >&2; exit 2\n'
    (desktop.home / "bin/imgqd").write_text(script)
    status, output, errors = desktop.run("install")
    assert (status, output) == (1, "")
    assert errors == "imgq-service: the daemon would not start: unknown key modle\n"
    assert desktop.written() == []


def test_a_daemon_that_was_started_by_hand_makes_way(
    desktop: Desktop, stray: fake_daemon.FakeDaemon
) -> None:
    status, output, _ = desktop.run("install")
    assert (status, output) == (0, f"the daemon that ran by itself was stopped\n{RUNS}")
    assert stray.called("shutdown") == [{}]


def test_a_daemon_of_this_shells_own_socket_is_left_alone(
    desktop: Desktop, stray: fake_daemon.FakeDaemon
) -> None:
    desktop.patch.setenv("IMGQ_SOCKET", "runtime/imgq/imgqd.sock")
    assert desktop.run("install")[0] == 0
    assert stray.called("shutdown") == []


def test_remove_leaves_no_trace(desktop: Desktop) -> None:
    desktop.run("install")
    (desktop.home / "runtime/imgq").mkdir()
    desktop.calls()
    assert desktop.run("remove") == (0, "imgqd.service is removed\n", "")
    assert desktop.written() == []
    assert list((desktop.home / "runtime").iterdir()) == []
    assert desktop.calls() == [
        "disable --now imgqd.service imgqd.socket",
        "daemon-reload",
        "reset-failed imgqd.service imgqd.socket",
    ]


def test_remove_takes_the_links_of_the_login_where_no_manager_does_it(desktop: Desktop) -> None:
    desktop.run("install")
    for target, name in (("default", "imgqd.service"), ("sockets", "imgqd.socket")):
        wants = unit.folder() / f"{target}.target.wants" / name
        wants.parent.mkdir()
        wants.symlink_to(unit.folder() / name)
    desktop.refuse("show")
    status, output, _ = desktop.run("remove")
    assert status == 0
    assert "a running daemon goes on" in output
    assert desktop.written() == []


def test_remove_leaves_what_is_not_ours_and_names_what_was_edited(desktop: Desktop) -> None:
    desktop.run("install")
    other = unit.folder() / "other.service"
    other.write_text("[Unit]\n")
    edited = unit.folder() / "imgqd.service.d"
    edited.mkdir()
    (edited / "override.conf").write_text("[Service]\nNice=1\n")
    status, output, _ = desktop.run("remove")
    assert (status, output) == (0, f"imgqd.service is removed\n{edited} is yours, and stays\n")
    assert [path for path in desktop.written() if path.is_file()] == [
        edited / "override.conf",
        other,
    ]


def test_removing_what_is_not_there_is_no_mistake(desktop: Desktop) -> None:
    assert desktop.run("remove") == (0, "imgqd.service was not installed\n", "")
    assert desktop.calls() == []


@pytest.mark.parametrize("name", BOTH)
@pytest.mark.parametrize("command", ["install", "remove", "status"])
def test_somebody_elses_unit_is_not_touched(desktop: Desktop, command: str, name: str) -> None:
    unit.folder().mkdir(parents=True)
    (unit.folder() / name).write_text("[Service]\nExecStart=/mine\n")
    status, output, errors = desktop.run(command)
    assert (status, output) == (1, "")
    assert "is not imgq-service's" in errors
    assert desktop.units() == {name: "[Service]\nExecStart=/mine\n"}
    assert desktop.calls() == []


@pytest.mark.parametrize("absent", [True, False])
def test_without_a_manager_the_units_are_written_and_the_rest_is_said(
    desktop: Desktop, *, absent: bool
) -> None:
    if absent:
        desktop.patch.setenv("PATH", str(desktop.home))
    desktop.refuse("show")
    status, output, errors = desktop.run("install")
    assert (status, errors) == (0, "")
    assert output.count("\n") == 1
    assert "run `systemctl --user enable --now imgqd.service`" in output
    assert sorted(desktop.units()) == BOTH
    assert desktop.calls() == []


def test_a_manager_that_refuses_is_quoted_in_one_line(desktop: Desktop) -> None:
    desktop.refuse("enable")
    assert desktop.run("install") == (
        1,
        "",
        (
            "imgq-service: `systemctl --user enable imgqd.service imgqd.socket` failed: "
            "enable went wrong\n"
        ),
    )


def test_status_says_installed_enabled_and_running(desktop: Desktop) -> None:
    desktop.run("install")
    where = unit.folder() / "imgqd.service"
    assert desktop.run("status") == (
        0,
        (
            f"installed  {where}\n"
            "enabled    yes, at every login\n"
            "running    pid 42, Indexing: 1 of 2 files\n"
        ),
        "",
    )


@pytest.mark.parametrize(
    ("state", "result", "is_listening", "said"),
    [
        ("inactive", "success", True, "no: the next search starts it"),
        ("inactive", "success", False, "no: `imgqctl start` starts it"),
        (
            "failed",
            "watchdog",
            True,
            "no, it ended with no sign of life: `imgqctl start` tries again",
        ),
    ],
)
def test_status_says_what_a_service_that_does_not_run_waits_for(
    desktop: Desktop, state: str, result: str, said: str, *, is_listening: bool
) -> None:
    desktop.run("install")
    (desktop.home / "calls.runs").unlink()
    (desktop.home / "calls.enabled").unlink()
    if not is_listening:
        (desktop.home / "calls.listens").unlink()
    desktop.patch.setenv("FAKE_STATE", state)
    desktop.patch.setenv("FAKE_RESULT", result)
    status, output, _ = desktop.run("status")
    assert status == 3
    assert output.splitlines()[1:] == ["enabled    no", f"running    {said}"]


def test_status_without_a_service_or_a_manager_is_told_apart(desktop: Desktop) -> None:
    status, output, _ = desktop.run("status")
    assert (status, output) == (1, "not installed: `imgq-service install` does it\n")
    desktop.refuse("show")
    desktop.run("install")
    status, output, _ = desktop.run("status")
    assert status == 3
    assert "no service manager answers" in output


def test_status_tells_of_a_service_whose_daemon_was_uninstalled(desktop: Desktop) -> None:
    desktop.run("install")
    (desktop.home / "bin/imgqd").unlink()
    status, output, errors = desktop.run("status")
    assert (status, errors) == (0, "")
    assert "for another imgq" in output


def test_without_the_daemon_there_is_nothing_to_install(desktop: Desktop) -> None:
    (desktop.home / "bin/imgqd").unlink()
    status, _, errors = desktop.run("install")
    assert status == 1
    assert "pip install" in errors
    assert desktop.written() == []


@pytest.mark.parametrize("words", [[], ["nonsense"], ["install", "--now"]])
def test_wrong_usage_is_one_line(desktop: Desktop, words: list[str]) -> None:
    status, output, errors = desktop.run(*words)
    assert (status, output, errors.count("\n")) == (2, "", 1)


def test_a_folder_that_cannot_be_written_is_named(desktop: Desktop) -> None:
    (desktop.home / "config/systemd").write_text("a file where a folder should be")
    status, _, errors = desktop.run("install")
    assert (status, errors.count("\n")) == (1, 1)
    assert str(desktop.home / "config/systemd") in errors


@pytest.mark.system
def test_it_imports_nothing_but_the_client() -> None:
    program = "import sys, imgq_service.cli; print(*sys.modules)"
    loaded = subprocess.run(
        [sys.executable, "-c", program], check=True, capture_output=True, text=True
    )
    heads = {name.partition(".")[0] for name in loaded.stdout.split()}
    assert "imgqd" not in heads
    assert heads - set(sys.stdlib_module_names) <= {
        *("imgq", "imgq_service", "msgpack", "cython_runtime", "__main__", "sitecustomize"),
        *(name for name in heads if name.startswith("_")),
    }
