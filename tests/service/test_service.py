"""imgq-service as a person calls it, with a systemctl that notes what it is told."""

import os
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path

import pytest

from imgq_service import cli, unit

_SYSTEMCTL = """\
#!/bin/sh
echo "$*" >> "$FAKE_CALLS"
case " $FAKE_REFUSES " in
*" $2 "*) echo "first line" >&2; echo "$2 went wrong" >&2; exit 1;;
esac
case "$*" in
*ActiveState*) echo "$FAKE_STATE"; echo enabled;;
esac
"""


@dataclass
class Desktop:
    """A person's session: settings folder, and a systemctl that may answer or not."""

    home: Path
    patch: pytest.MonkeyPatch
    output: pytest.CaptureFixture[str]

    def run(self, *words: str) -> tuple[int, str, str]:
        """Call imgq-service and return its exit status, output and errors."""
        status = cli.main(words)
        captured = self.output.readouterr()
        return status, captured.out, captured.err

    def calls(self) -> list[str]:
        """Return what systemctl was told since the last time, without the question for life."""
        file = self.home / "calls"
        lines = file.read_text().splitlines() if file.exists() else []
        file.unlink(missing_ok=True)
        assert all(line.startswith("--user ") for line in lines)
        told = [line.removeprefix("--user ") for line in lines]
        return [line for line in told if line != "show --property=Version"]

    def refuse(self, *commands: str) -> None:
        """Make systemctl fail at these."""
        self.patch.setenv("FAKE_REFUSES", " ".join(commands))

    def written(self) -> list[Path]:
        """Return everything below the settings folder."""
        return sorted((self.home / "config").rglob("*"))


@pytest.fixture
def desktop(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> Desktop:
    commands = tmp_path / "bin"
    commands.mkdir()
    for name, text in (("systemctl", _SYSTEMCTL), ("python", ""), ("imgqd", "#!/bin/sh\n")):
        (commands / name).write_text(text)
        (commands / name).chmod(0o700)
    for name in ("HF_HOME", "HF_HUB_CACHE", "XDG_CACHE_HOME", "XDG_DATA_HOME"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("XDG_CONFIG_HOME", str(tmp_path / "config"))
    monkeypatch.setenv("PATH", str(commands))
    monkeypatch.setenv("FAKE_CALLS", str(tmp_path / "calls"))
    monkeypatch.setenv("FAKE_STATE", "active")
    monkeypatch.setattr(sys, "executable", str(commands / "python"))
    monkeypatch.setattr(sys, "platform", "linux")
    (tmp_path / "config").mkdir()
    return Desktop(tmp_path, monkeypatch, capsys)


def test_install_writes_the_unit_and_starts_it_now_and_at_every_login(desktop: Desktop) -> None:
    status, output, errors = desktop.run("install")
    assert (status, errors) == (0, "")
    assert output == "imgqd.service runs, now and after every login\n"
    assert unit.path() == desktop.home / "config/systemd/user/imgqd.service"
    assert unit.path().read_text() == unit.text(desktop.home / "bin/imgqd", os.environ)
    assert desktop.calls() == ["daemon-reload", "enable imgqd.service", "restart imgqd.service"]


def test_a_second_install_writes_nothing_and_restarts_nothing(desktop: Desktop) -> None:
    desktop.run("install")
    desktop.calls()
    before = unit.path().stat()
    assert desktop.run("install")[0] == 0
    assert unit.path().stat() == before
    assert desktop.calls() == ["daemon-reload", "enable imgqd.service", "start imgqd.service"]


def test_an_install_of_something_else_replaces_the_unit(desktop: Desktop) -> None:
    desktop.run("install")
    desktop.patch.setenv("HF_HOME", "/elsewhere")
    desktop.calls()
    desktop.run("install")
    assert 'Environment="HF_HOME=/elsewhere"' in unit.path().read_text()
    assert desktop.calls()[-1] == "restart imgqd.service"


def test_remove_leaves_no_trace(desktop: Desktop) -> None:
    desktop.run("install")
    desktop.calls()
    assert desktop.run("remove") == (0, "imgqd.service is removed\n", "")
    assert desktop.written() == []
    assert desktop.calls() == [
        "disable --now imgqd.service",
        "daemon-reload",
        "reset-failed imgqd.service",
    ]


def test_remove_takes_the_link_of_the_login_where_no_manager_does_it(desktop: Desktop) -> None:
    desktop.run("install")
    wants = unit.path().parent / "default.target.wants" / unit.NAME
    wants.parent.mkdir()
    wants.symlink_to(unit.path())
    desktop.refuse("show")
    status, output, _ = desktop.run("remove")
    assert status == 0
    assert "a running daemon goes on" in output
    assert desktop.written() == []


def test_remove_leaves_what_is_not_ours(desktop: Desktop) -> None:
    desktop.run("install")
    other = unit.path().with_name("other.service")
    other.write_text("[Unit]\n")
    desktop.run("remove")
    assert [path for path in desktop.written() if path.is_file()] == [other]


def test_removing_what_is_not_there_is_no_mistake(desktop: Desktop) -> None:
    assert desktop.run("remove") == (0, "imgqd.service was not installed\n", "")
    assert desktop.calls() == []


@pytest.mark.parametrize("command", ["install", "remove", "status"])
def test_somebody_elses_unit_is_not_touched(desktop: Desktop, command: str) -> None:
    unit.path().parent.mkdir(parents=True)
    unit.path().write_text("[Service]\nExecStart=/mine\n")
    status, output, errors = desktop.run(command)
    assert (status, output) == (1, "")
    assert "is not imgq-service's" in errors
    assert unit.path().read_text() == "[Service]\nExecStart=/mine\n"
    assert desktop.calls() == []


@pytest.mark.parametrize("absent", [True, False])
def test_without_a_manager_the_unit_is_written_and_the_rest_is_said(
    desktop: Desktop, *, absent: bool
) -> None:
    if absent:
        (desktop.home / "bin/systemctl").unlink()
    desktop.refuse("show")
    status, output, errors = desktop.run("install")
    assert (status, errors) == (0, "")
    assert output.count("\n") == 1
    assert "run `systemctl --user enable --now imgqd.service`" in output
    assert unit.path().is_file()
    assert desktop.calls() == []


def test_a_manager_that_refuses_is_quoted_in_one_line(desktop: Desktop) -> None:
    desktop.refuse("enable")
    assert desktop.run("install") == (
        1,
        "",
        "imgq-service: `systemctl --user enable imgqd.service` failed: enable went wrong\n",
    )


@pytest.mark.parametrize(("state", "status"), [("active", 0), ("failed", 1)])
def test_status_says_how_it_is(desktop: Desktop, state: str, status: int) -> None:
    desktop.patch.setenv("FAKE_STATE", state)
    desktop.run("install")
    assert desktop.run("status") == (status, f"{state}, enabled: {unit.path()}\n", "")


def test_status_without_a_service_or_a_manager_is_not_so(desktop: Desktop) -> None:
    status, output, _ = desktop.run("status")
    assert (status, output) == (1, "not installed: `imgq-service install` does it\n")
    desktop.refuse("show")
    desktop.run("install")
    status, output, _ = desktop.run("status")
    assert status == 1
    assert "no user manager answers" in output


def test_on_macos_it_says_what_to_do_instead(desktop: Desktop) -> None:
    desktop.patch.setattr(sys, "platform", "darwin")
    status, output, errors = desktop.run("install")
    assert (status, output) == (2, "")
    assert "imgqctl start" in errors
    assert desktop.written() == []


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
        *("imgq", "imgq_service", "msgpack", "__main__", "sitecustomize"),
        *(name for name in heads if name.startswith("_")),
    }
