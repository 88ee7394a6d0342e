"""The daemon under a service manager: systemd's own tools and, where it can be, systemd itself."""

from __future__ import annotations

import contextlib
import os
import select
import shutil
import signal
import socket
import subprocess
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from house import BIN, PATIENCE, House, picture
from imgq.errors import ImgqError
from user_manager import Missing, UserManager, user_manager

ACTIVATE = shutil.which("systemd-socket-activate")

pytestmark = pytest.mark.system

needs_activate = pytest.mark.skipif(
    ACTIVATE is None, reason="systemd-socket-activate is not installed"
)


class Ear:
    """What the manager hears."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self.socket = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)
        self.socket.bind(str(path))
        self.socket.settimeout(PATIENCE)

    def until(self, condition: Callable[[str], bool]) -> list[str]:
        """Return what is said, up to the first word that fulfils a condition."""
        heard: list[str] = []
        while not (heard and condition(heard[-1])):
            heard.append(self.socket.recv(4096).decode())
        return heard

    def is_silent_for(self, seconds: float) -> bool:
        """Tell whether nothing is said in so many seconds."""
        return not select.select([self.socket], [], [], seconds)[0]

    def empty(self) -> None:
        """Forget what was said and not listened to."""
        while not self.is_silent_for(0):
            self.socket.recv(4096)


@pytest.fixture
def ear(plain_house: House) -> Iterator[Ear]:
    heard = Ear(plain_house.base / "run" / "notify")
    yield heard
    heard.socket.close()


@contextlib.contextmanager
def activated(house: House, *words: str, mode: int = 0o600) -> Iterator[None]:
    """Let systemd-socket-activate hold the socket; the first who connects starts the daemon."""
    house.socket.parent.mkdir(mode=0o700, exist_ok=True)
    given = [name for name in house.environment if name.startswith(("XDG_", "HF_", "PATH"))]
    names = [f"--setenv={word}" for word in (*given, *words)]
    command = [str(ACTIVATE), "--listen", str(house.socket), *names, str(BIN / "imgqd")]
    with house.log.open("ab") as log:
        house.process = subprocess.Popen(command, env=house.environment, stderr=log)
    house.until_logged("Listening on")
    house.socket.chmod(mode)
    try:
        yield
    finally:
        _end(house)


def _end(house: House) -> None:
    if house.process is not None and house.process.poll() is None:
        house.kill()


@needs_activate
def test_the_first_question_starts_the_daemon_and_waits_for_it_in_the_socket(
    plain_house: House, ear: Ear
) -> None:
    house = plain_house
    picture(house.pictures / "beach.png", 1)
    with activated(house, f"NOTIFY_SOCKET={ear.path}"):
        inode = house.socket.stat().st_ino
        assert ear.is_silent_for(0)  # nobody has asked
        with house.client() as client:
            # Before it is ready it answers nobody: the answer comes after READY or not at all.
            assert client.hello().name == "imgqd"
            assert ear.until(lambda _: True) == ["READY=1"]
        house.assert_true()
        names_only = "STATUS=1 picture searchable; searching names only: "
        heard = ear.until(lambda word: word.startswith(names_only))
        assert all(word.startswith("STATUS=") for word in heard)
        children = Path(f"/proc/{house.pid}/task/{house.pid}/children").read_text().split()
        for pid in (str(house.pid), *children):
            held = [os.readlink(one) for one in Path(f"/proc/{pid}/fd").iterdir()]
            assert pid == str(house.pid) or f"socket:[{_listener(house.socket)}]" not in held
        found = {one["name"]: one for one in _doctor(house)}
        assert found["service"]["detail"].startswith("a service manager runs the daemon")
        assert house.stop() == 0
        assert ear.until(lambda word: word == "STOPPING=1")
        assert house.socket.stat().st_ino == inode  # it is the manager's


def _doctor(house: House) -> list[dict[str, str]]:
    with house.client() as client:
        return [{"name": one.name, "detail": one.detail} for one in client.doctor()]


def _listener(path: Path) -> int:
    """Return the kernel's number of the socket that listens at a path."""
    for line in Path("/proc/net/unix").read_text().splitlines():
        fields = line.split()
        if fields[-1] == str(path) and fields[3] == "00010000":
            return int(fields[6])
    raise AssertionError(f"nobody listens at {path}")


@needs_activate
def test_the_managers_socket_outlives_damage_of_the_catalog(plain_house: House, ear: Ear) -> None:
    house = plain_house
    for number in range(30):
        picture(house.pictures / f"{number}.png", number)
    with activated(house, f"NOTIFY_SOCKET={ear.path}"):
        inode = house.socket.stat().st_ino
        house.assert_true()
        with house.catalog.open("r+b") as file:
            size = file.seek(0, os.SEEK_END)
            file.seek(4096)
            file.write(b"\xa5" * (size - 4096))
        while "set aside" not in house.log.read_text():
            with contextlib.suppress(ImgqError), house.client(10) as client:
                client.search("png")
                client.rescan()
                client.sync(10)
        house.until_logged("listening on", 2)
        house.assert_true()
        assert house.socket.stat().st_ino == inode
        ear.until(lambda word: word == "READY=1")
        ear.until(lambda word: word == "READY=1")
        assert house.stop() == 0
        assert house.socket.stat().st_ino == inode


@needs_activate
def test_a_managers_socket_that_is_open_to_others_is_refused_in_one_line(
    plain_house: House,
) -> None:
    house = plain_house
    with activated(house, mode=0o666), socket.socket(socket.AF_UNIX) as client:
        client.connect(str(house.socket))
        assert house.process is not None
        assert house.process.wait(PATIENCE) == 4
    said = house.log.read_text().splitlines()[-1]
    assert said == (
        f"imgqd: {house.socket} is open to others: SocketMode=0600 in the socket's unit"
    )


@needs_activate
def test_a_daemon_started_by_hand_leaves_a_managers_socket_alone(plain_house: House) -> None:
    with activated(plain_house):
        inode = plain_house.socket.stat().st_ino
        refused = plain_house.run("imgqd")
        assert (refused.returncode, refused.stderr.count("\n")) == (4, 1)
        assert "imgqctl start" in refused.stderr
        assert plain_house.socket.stat().st_ino == inode


@needs_activate
def test_the_sign_of_life_comes_from_a_loop_that_answers_and_not_from_a_stuck_one(
    plain_house: House, ear: Ear
) -> None:
    house = plain_house
    with activated(house, f"NOTIFY_SOCKET={ear.path}", "WATCHDOG_USEC=400000"):
        house.sync()
        ear.until(lambda word: word == "WATCHDOG=1")
        ear.until(lambda word: word == "WATCHDOG=1")
        house.signal(signal.SIGSTOP)  # its loop turns no more
        ear.empty()
        assert ear.is_silent_for(0.8)
        house.signal(signal.SIGCONT)
        ear.until(lambda word: word == "WATCHDOG=1")
        # What a manager does then: the log has where it was.
        assert house.stop(signal.SIGABRT) == -signal.SIGABRT
        log = house.log.read_text()
        assert "Fatal Python error: Aborted" in log
        assert "run_forever" in log


class Session:
    """A person's session with a real systemd, and a house in it."""

    def __init__(self, house: House, manager: UserManager) -> None:
        self.house = house
        self.manager = manager

    def run(self, program: str, *words: str) -> tuple[int, list[str]]:
        """Run one of our commands; return exit status and the lines of output and errors."""
        done = self.manager.run(BIN / program, *words)
        return done.returncode, [*done.stdout.splitlines(), *done.stderr.splitlines()]

    def active(self) -> tuple[str, str]:
        """Return the states of service and socket."""
        shown = self.manager.shown
        return shown("imgqd.service", "ActiveState"), shown("imgqd.socket", "ActiveState")


@pytest.fixture(scope="module")
def session(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Session]:
    """Give one session to all; each test installs, and the last one removes."""
    base = tmp_path_factory.mktemp("session")
    house = House(base / "h")
    environment = {**house.environment, "HOME": str(base)}
    try:
        with user_manager(environment, base / "log") as manager:
            yield Session(house, manager)
    except Missing as missing:
        pytest.skip(f"no systemd of one's own here: {missing}")


@pytest.fixture
def installed(session: Session) -> Session:
    """Give the session with the service installed and running."""
    done = session.manager.run(BIN / "imgq-service", "install")
    assert (done.returncode, done.stderr) == (0, "")
    assert done.stdout == "imgqd.service runs, now and after every login\n"
    assert session.active() == ("active", "active")
    return session


def test_a_real_systemd_runs_it_with_torch_and_sandbox_behind_its_walls(
    installed: Session,
) -> None:
    house = installed.house
    for number in range(3):
        picture(house.pictures / f"{number}.png", number)
    house.assert_true()
    assert house.status().raw["model"]["vectors"] == 3
    with house.client() as client:
        found = {one.name: one for one in client.doctor()}
    assert found["sandbox"].state == "fine"
    assert installed.manager.shown("imgqd.service", "NoNewPrivileges") == "yes"
    assert installed.manager.shown("imgqd.service", "WatchdogUSec") == "2min"
    status, lines = installed.run("imgq-service", "status")
    assert (status, lines[1]) == (0, "enabled    yes, at every login")
    assert lines[2].startswith("running    pid ")
    words = installed.manager.shown("imgqd.service", "StatusText")
    assert words
    assert words in lines[2]


def test_a_search_starts_a_daemon_that_sleeps_and_a_status_does_not(installed: Session) -> None:
    installed.manager.run("systemctl", "--user", "stop", "imgqd.service")
    status, lines = installed.run("imgq-service", "status")
    assert (status, lines[2]) == (3, "running    no: the next search starts it")
    assert installed.active() == ("inactive", "active")
    assert installed.run("imgqctl", "sync")[0] == 0
    assert installed.active() == ("active", "active")


def test_stop_is_for_good_and_restart_exchanges_the_process(installed: Session) -> None:
    pid = installed.manager.shown("imgqd.service", "MainPID")
    assert installed.run("imgqctl", "restart") == (0, ["imgqd is running again (by systemd)"])
    assert installed.manager.shown("imgqd.service", "MainPID") != pid
    assert installed.run("imgqctl", "stop") == (0, ["imgqd has stopped (by systemd)"])
    assert installed.run("imgqctl", "stop") == (0, ["imgqd is not running"])
    assert not installed.house.socket.exists()
    assert installed.run("imgq", "beach")[0] == 3
    assert installed.active() == ("inactive", "inactive")
    assert installed.run("imgqctl", "start") == (0, ["imgqd is running (by systemd)"])
    assert installed.run("imgqctl", "start") == (0, ["imgqd is already running"])


def test_a_daemon_that_is_stuck_is_begun_again_in_the_same_socket(installed: Session) -> None:
    inode = installed.house.socket.stat().st_ino
    manager = installed.manager
    edited = installed.house.settings_file.parents[1] / "systemd/user/imgqd.service.d"
    edited.mkdir()
    (edited / "override.conf").write_text("[Service]\nWatchdogSec=1\nRestartSec=100ms\n")
    try:
        manager.run("systemctl", "--user", "daemon-reload")
        manager.run("systemctl", "--user", "restart", "imgqd.service")
        manager.run("systemctl", "--user", "kill", "--signal=STOP", "imgqd.service")
        with installed.house.client() as client:  # it waits in the socket
            assert client.hello().name == "imgqd"
        assert manager.shown("imgqd.service", "NRestarts") == "1"
        assert installed.house.socket.stat().st_ino == inode
    finally:
        shutil.rmtree(edited)
        manager.run("systemctl", "--user", "daemon-reload")
        # What runs keeps the limit that it was started with.
        manager.run("systemctl", "--user", "restart", "imgqd.service")


def test_wrong_settings_end_in_one_try_and_the_doctor_names_it(installed: Session) -> None:
    said = "unknown key nonsense: allowed are folders, exclude, model, "
    good = installed.house.settings_file.read_text()
    installed.house.settings_file.write_text("nonsense = 1\n" + good)
    try:
        assert installed.run("imgqctl", "restart")[0] == 1
        status, lines = installed.run("imgq-service", "status")
        assert status == 3
        assert lines[2].startswith("running    no, it ended with an error")
        status, [line] = installed.run("imgq-service", "install")
        assert status == 1
        place = installed.house.settings_file
        assert line.startswith(f"imgq-service: the daemon would not start: {place}: {said}")
    finally:
        installed.house.settings_file.write_text(good)
    assert installed.run("imgqctl", "start") == (0, ["imgqd is running (by systemd)"])


def test_a_daemon_that_was_started_by_hand_makes_way_for_the_service(session: Session) -> None:
    session.run("imgq-service", "remove")
    assert session.run("imgqctl", "start") == (0, ["imgqd is running"])
    status, lines = session.run("imgq-service", "install")
    assert (status, len(lines)) == (0, 2)
    assert lines[0] == "the daemon that ran by itself was stopped"
    assert session.active() == ("active", "active")


def test_removed_it_leaves_no_trace(installed: Session) -> None:
    house = installed.house
    assert installed.run("imgq-service", "remove") == (0, ["imgqd.service is removed"])
    assert [path.name for path in house.settings_file.parents[1].iterdir()] == ["imgq"]
    assert not house.socket.parent.exists()
    shown = installed.manager.run("systemctl", "--user", "list-units", "--all", "--plain", "imgq*")
    assert "0 loaded units" in shown.stdout
    assert installed.run("imgq-service", "status")[0] == 1
