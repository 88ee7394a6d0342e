"""A real systemd for a person's own services, where there is none: in namespaces of its own.

It needs root for these, and nothing of the machine: a runtime folder, a cgroup and an own
view of /run and of the processes, all of which go with it.
"""

from __future__ import annotations

import contextlib
import os
import shutil
import signal
import subprocess
import time
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path

from house import PATIENCE

SYSTEMD = Path("/lib/systemd/systemd")
_TREES = ("/sys/fs/cgroup/unified", "/sys/fs/cgroup/systemd", "/sys/fs/cgroup")

_BEGIN = """
for group in {groups}; do echo $$ > $group/cgroup.procs; done
exec unshare --mount --pid --fork --mount-proc --kill-child sh -c '
mount -t tmpfs none /run && mkdir -p /run/systemd/system
{systemd} --user --unit=basic.target &
echo begun; wait'
"""


class Missing(Exception):
    """No manager can be started here; the text says why."""


class UserManager:
    """The manager; `inside` is what makes a command run where it sees its daemon."""

    def __init__(self, inside: Sequence[str], environment: Mapping[str, str]) -> None:
        self.inside = inside
        self.environment = environment

    def run(self, *command: str | Path) -> subprocess.CompletedProcess[str]:
        """Run a command under the manager's eyes and return what it came to."""
        return subprocess.run(
            [*self.inside, *command],
            env=self.environment,
            capture_output=True,
            text=True,
            timeout=PATIENCE,
            check=False,
        )

    def shown(self, unit: str, field: str) -> str:
        """Return what the manager knows of a unit."""
        done = self.run("systemctl", "--user", "show", "--value", f"--property={field}", unit)
        return done.stdout.strip()


@contextlib.contextmanager
def user_manager(environment: Mapping[str, str], log: Path) -> Iterator[UserManager]:
    """Start a manager with an environment that has XDG_RUNTIME_DIR; raises Missing."""
    if os.geteuid() != 0:
        raise Missing("only root can give it namespaces")
    if not SYSTEMD.exists() or shutil.which("nsenter") is None:
        raise Missing("systemd or nsenter is not installed")
    with contextlib.ExitStack() as stack:
        groups = [stack.enter_context(_group(tree)) for tree in _cgroups()]
        script = _BEGIN.format(groups=" ".join(groups), systemd=SYSTEMD)
        keeper = subprocess.Popen(
            ["sh", "-c", script],
            env=environment,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=stack.enter_context(log.open("ab")),
            text=True,
        )
        stack.callback(_end, keeper)
        assert keeper.stdout is not None
        if keeper.stdout.readline() != "begun\n":
            raise Missing("no namespaces of its own for systemd")
        manager = UserManager(("nsenter", "-t", _child(keeper.pid), "-m", "-p"), environment)
        deadline = time.monotonic() + PATIENCE
        # It has no other way to tell than to be asked.
        while manager.run("systemctl", "--user", "is-active", "basic.target").returncode != 0:
            if time.monotonic() > deadline or keeper.poll() is not None:
                raise Missing(f"systemd does not run in a namespace here: {log.read_text()[-300:]}")
            time.sleep(0.05)
        yield manager


def _child(pid: int) -> str:
    try:
        return Path(f"/proc/{pid}/task/{pid}/children").read_text().split()[0]
    except (OSError, IndexError) as error:
        raise Missing(f"the namespaces' first process is not to be seen: {error}") from error


def _end(keeper: subprocess.Popen[str]) -> None:
    # With it everything in its namespace.
    keeper.send_signal(signal.SIGKILL)
    keeper.wait()
    assert keeper.stdout is not None
    keeper.stdout.close()


def _cgroups() -> list[str]:
    found = [tree for tree in _TREES if os.path.exists(f"{tree}/cgroup.procs")]
    if not found or not all(os.access(tree, os.W_OK) for tree in found):
        raise Missing("no cgroup of its own for systemd")
    return found


@contextlib.contextmanager
def _group(tree: str) -> Iterator[str]:
    group = f"{tree}/imgq-test-{os.getpid()}"
    try:
        os.mkdir(group)
    except OSError as error:
        raise Missing(f"no cgroup of its own for systemd: {error.strerror}") from error
    try:
        yield group
    finally:
        deadline = time.monotonic() + PATIENCE
        while os.path.exists(group) and time.monotonic() < deadline:
            # Those that were killed with the manager may take a moment to go.
            for folder, _, _ in os.walk(group, topdown=False):
                with contextlib.suppress(OSError):
                    os.rmdir(folder)
