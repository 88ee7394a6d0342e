"""The service under launchd, with a launchctl that notes what it is told. Nothing here is macOS."""

import plistlib
import sys
from pathlib import Path
from typing import Any

import pytest

from imgq import lifecycle, paths
from imgq.managers import agent_path
from service.session import Session

# Knows what was booted; a job that was booted runs.
_LAUNCHCTL = """\
#!/bin/sh
case "$1" in
print) [ -e "$FAKE_CALLS.booted" ] || exit 113; cat "$FAKE_CALLS.booted"; exit;;
print-disabled) echo '  "org.imgq.imgqd" => '"$FAKE_DISABLED"; exit;;
esac
echo "$*" >> "$FAKE_CALLS"
case "$1" in
bootstrap) printf 'x = {\\n\\tstate = running\\n\\tpid = 42\\n}\\n' > "$FAKE_CALLS.booted";;
bootout) rm "$FAKE_CALLS.booted";;
esac
"""
RUNS = "org.imgq.imgqd runs, now and after every login\n"


class Mac(Session):
    """A person's session under launchd."""

    def calls(self) -> list[str]:
        """Return what launchctl was told since the last time."""
        return [line.replace("gui/501", "GUI") for line in self.told()]

    def agent(self) -> dict[str, Any]:
        """Return the agent that was written."""
        agent: dict[str, Any] = plistlib.loads(agent_path().read_bytes())
        return agent


@pytest.fixture
def mac(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> Mac:
    commands = tmp_path / "bin"
    commands.mkdir()
    for name, text in (("launchctl", _LAUNCHCTL), ("python", ""), ("imgqd", "#!/bin/sh\n")):
        (commands / name).write_text(text)
        (commands / name).chmod(0o700)
    for name in ("HF_HOME", "HF_HUB_CACHE", "IMGQ_SOCKET"):
        monkeypatch.delenv(name, raising=False)
    for name in ("XDG_CACHE_HOME", "XDG_CONFIG_HOME", "XDG_DATA_HOME", "XDG_RUNTIME_DIR"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("HOME", str(tmp_path))
    monkeypatch.setenv("PATH", f"{commands}:/usr/bin:/bin")
    monkeypatch.setenv("FAKE_CALLS", str(tmp_path / "calls"))
    monkeypatch.setenv("FAKE_DISABLED", "enabled")
    monkeypatch.setattr("os.getuid", lambda: 501)
    monkeypatch.setattr("imgq.lifecycle.stop_stray", lambda: False)
    monkeypatch.setattr(paths, "_MAC", True)
    monkeypatch.setattr(sys, "executable", str(commands / "python"))
    monkeypatch.setattr(sys, "platform", "darwin")
    return Mac(tmp_path, monkeypatch, capsys)


def test_install_writes_an_agent_with_the_socket_and_boots_it(mac: Mac) -> None:
    mac.patch.setenv("HF_HOME", "/models & more")
    assert mac.run("install") == (0, RUNS, "")
    agent = mac.agent()
    support = mac.home / "Library/Application Support/imgq"
    assert agent["Label"] == "org.imgq.imgqd"
    assert agent["ProgramArguments"] == [str(mac.home / "bin/imgqd")]
    assert agent["EnvironmentVariables"] == {"HF_HOME": "/models & more"}
    # launchd reads the mode as a decimal number.
    assert agent["Sockets"] == {
        "Listener": {"SockPathName": str(support / "run/imgqd.sock"), "SockPathMode": 384}
    }
    assert agent["KeepAlive"] == {"SuccessfulExit": False}
    assert agent["StandardErrorPath"] == str(support / "imgqd.log")
    assert (support / "run").stat().st_mode & 0o777 == 0o700
    assert mac.calls() == [
        "enable GUI/org.imgq.imgqd",
        f"bootstrap GUI {agent_path()}",
        "kickstart GUI/org.imgq.imgqd",
    ]


def test_a_second_install_changes_nothing_and_another_one_boots_anew(mac: Mac) -> None:
    mac.run("install")
    mac.calls()
    assert mac.run("install") == (0, RUNS, "")
    assert mac.calls() == ["enable GUI/org.imgq.imgqd"]
    mac.patch.setenv("HF_HOME", "/elsewhere")
    mac.run("install")
    assert mac.calls()[1:] == [
        "bootout GUI/org.imgq.imgqd",
        f"bootstrap GUI {agent_path()}",
        "kickstart GUI/org.imgq.imgqd",
    ]


def test_remove_leaves_no_trace(mac: Mac) -> None:
    (mac.home / "Library/LaunchAgents").mkdir(parents=True)
    mac.run("install")
    mac.calls()
    assert mac.run("remove") == (0, "org.imgq.imgqd is removed\n", "")
    assert mac.calls() == ["bootout GUI/org.imgq.imgqd"]
    assert [path for path in (mac.home / "Library").rglob("*") if path.is_file()] == []
    assert mac.run("remove") == (0, "org.imgq.imgqd was not installed\n", "")


@pytest.mark.parametrize("command", ["install", "remove", "status"])
@pytest.mark.parametrize("content", [b"not a list", plistlib.dumps({"Label": "org.imgq.imgqd"})])
def test_somebody_elses_agent_is_not_touched(mac: Mac, command: str, content: bytes) -> None:
    agent_path().parent.mkdir(parents=True)
    agent_path().write_bytes(content)
    status, output, errors = mac.run(command)
    assert (status, output) == (1, "")
    assert "is not imgq-service's" in errors
    assert agent_path().read_bytes() == content
    assert mac.calls() == []


def test_status_says_how_it_is(mac: Mac) -> None:
    assert mac.run("status") == (1, "not installed: `imgq-service install` does it\n", "")
    mac.run("install")
    status, output, _ = mac.run("status")
    assert status == 0
    assert output.splitlines()[1:] == ["enabled    yes, at every login", "running    pid 42"]
    mac.patch.setenv("FAKE_DISABLED", "disabled")
    (mac.home / "calls.booted").write_text("x = {\n\tstate = waiting\n\tlast exit code = 4\n}\n")
    status, output, _ = mac.run("status")
    assert status == 3
    assert output.splitlines()[1:] == [
        "enabled    no",
        "running    no, it ended with exit code 4: `imgqctl start` tries again",
    ]


def test_imgqctl_goes_through_launchd(mac: Mac) -> None:
    mac.run("install")
    mac.calls()
    for wait in ("_wait_until_it_answers", "_wait_until_gone"):
        mac.patch.setattr(lifecycle, wait, lambda *_: None)
    assert lifecycle.restart() == "launchd"
    assert lifecycle.stop() == "launchd"
    assert lifecycle.start() == "launchd"
    assert mac.calls() == [
        "kickstart -k GUI/org.imgq.imgqd",
        "bootout GUI/org.imgq.imgqd",
        f"bootstrap GUI {agent_path()}",
        "kickstart GUI/org.imgq.imgqd",
    ]
