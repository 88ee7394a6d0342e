"""GNOME's and KRunner's interfaces over a real bus, against the real daemon."""

from __future__ import annotations

import asyncio
import contextlib
import importlib.util
import os
import signal
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

for package in ("dbus_fast", "jeepney"):
    if importlib.util.find_spec(package) is None:
        pytest.skip(f"{package} is not installed here", allow_module_level=True)

from jeepney import DBusAddress, new_method_call  # noqa: E402 - needs what was just looked for
from jeepney.io.blocking import open_dbus_connection  # noqa: E402
from jeepney.wrappers import DBusErrorResponse, unwrap_msg  # noqa: E402

from desktop import need  # noqa: E402
from drawings import lines_of  # noqa: E402
from house import PATIENCE, House, until  # noqa: E402
from imgq_service.launchers.names import GNOME, KRUNNER, PATH  # noqa: E402
from imgq_service.launchers.rows import Finder, Page  # noqa: E402
from panel import FileManager  # noqa: E402

pytestmark = pytest.mark.system

STARTS = "imgq does not run: start it with `imgqctl start`"
_BUS = DBusAddress("/org/freedesktop/DBus", "org.freedesktop.DBus", "org.freedesktop.DBus")


class Bus:
    """A session bus, and somebody who calls on it."""

    def __init__(self, address: str) -> None:
        self.address = address
        self._calling = open_dbus_connection(address)

    def close(self) -> None:
        self._calling.close()

    def call(self, whom: DBusAddress, method: str, signature: str = "", *body: Any) -> Any:
        message = new_method_call(whom, method, signature, body)
        answer = unwrap_msg(self._calling.send_and_get_reply(message, timeout=PATIENCE))
        return answer[0] if answer else None

    def gnome(self, method: str, signature: str, *body: Any) -> Any:
        interface = "org.gnome.Shell.SearchProvider2"
        return self.call(DBusAddress(PATH, GNOME, interface), method, signature, *body)

    def krunner(self, method: str, signature: str = "", *body: Any) -> Any:
        whom = DBusAddress(PATH, KRUNNER, "org.kde.krunner1")
        return self.call(whom, method, signature, *body)

    def owner(self, name: str) -> str | None:
        with contextlib.suppress(DBusErrorResponse):
            return str(self.call(_BUS, "GetNameOwner", "s", name))
        return None

    def end(self, name: str) -> None:
        """End whoever has a name, and wait until it is gone."""
        owner = self.owner(name)
        if owner is not None:
            os.kill(self.call(_BUS, "GetConnectionUnixProcessID", "s", owner), 15)
            until(lambda: self.owner(name) is None, f"{name} is free")


@pytest.fixture(scope="module")
def bus(library: House) -> Iterator[Bus]:
    """Give a session bus, with what was installed for GNOME and KRunner."""
    need("dbus-daemon")
    for name in ("gnome", "krunner"):
        assert library.run("imgq-service", "launcher", name).returncode == 0
    daemon = subprocess.Popen(
        ["dbus-daemon", "--session", "--nofork", "--nopidfile", "--print-address=1"],
        env=library.environment,
        stdout=subprocess.PIPE,
        stderr=subprocess.DEVNULL,
    )
    assert daemon.stdout is not None
    one = Bus(daemon.stdout.readline().decode().strip())
    library.environment["DBUS_SESSION_BUS_ADDRESS"] = one.address
    yield one
    one.end(GNOME)
    one.close()
    daemon.terminate()
    daemon.wait(PATIENCE)
    daemon.stdout.close()


def test_gnome_finds_a_picture_shows_its_thumbnail_and_opens_it(
    library: House, bus: Bus, opened: Path
) -> None:
    uri = f"file://{library.pictures}/red%20car.png"
    best, note = bus.gnome("GetInitialResultSet", "as", ["red", "ca"])
    assert best == uri
    # What the shell shows beside the five best: this library has no weights.
    assert note.startswith("special:searching names only")
    assert bus.gnome("GetSubsearchResultSet", "asas", [uri], ["red", "car"])[0] == uri
    meta, _ = bus.gnome("GetResultMetas", "as", [uri, note])
    said = {key: value for key, (_, value) in meta.items()}
    assert (said["id"], said["name"]) == (uri, "red car.png")
    assert said["description"].startswith("~/pictures")
    assert Path(said["gicon"]).read_bytes().startswith(b"\x89PNG")
    bus.gnome("ActivateResult", "sasu", uri, ["red", "car"], 0)
    assert lines_of(opened) == [f"{library.pictures}/red car.png"]


def test_a_name_that_is_not_utf8_is_found_and_opened(
    library: House, bus: Bus, opened: Path
) -> None:
    odd, _ = bus.gnome("GetInitialResultSet", "as", ["odd"])
    (meta,) = bus.gnome("GetResultMetas", "as", [odd])
    assert meta["name"] == ("s", "odd \\xff <b>&.png")
    bus.gnome("ActivateResult", "sasu", odd, [], 0)
    assert lines_of(opened) == [f"{library.pictures}/odd \udcff <b>&.png"]


def test_krunner_finds_opens_and_shows(library: House, bus: Bus, opened: Path) -> None:
    assert bus.krunner("Match", "s", "bl") == []  # two letters are like everything
    (uri, title, icon, _, _, more), (_, note, *_) = bus.krunner("Match", "s", "blue boat")
    assert note.startswith("searching names only")
    assert (title, more["urls"]) == ("blue boat.png", ("as", [uri]))
    assert Path(icon).read_bytes().startswith(b"\x89PNG")
    bus.krunner("Run", "ss", uri, "")
    assert lines_of(opened) == [f"{library.pictures}/blue boat.png"]
    ((action, *_),) = bus.krunner("Actions")
    with FileManager(bus.address) as files:
        bus.krunner("Run", "ss", uri, action)
        assert files.next() == ("ShowItems", ([uri], ""))


def test_both_are_served_by_one_process_that_ends_when_it_is_idle(library: House, bus: Bus) -> None:
    bus.end(GNOME)
    serve = "import asyncio; from imgq_service.launchers.desk import serve; asyncio.run(serve({}))"
    run = [sys.executable, "-c"]
    first = subprocess.Popen([*run, serve.format(1)], env=library.environment)
    until(lambda: bus.owner(KRUNNER) is not None, "KRunner is served")
    assert bus.owner(GNOME) == bus.owner(KRUNNER)
    second = subprocess.Popen([*run, serve.format(99)], env=library.environment)
    assert second.wait(PATIENCE) == 0
    assert bus.krunner("Match", "s", "red car")
    assert first.wait(PATIENCE) == 0
    assert bus.owner(GNOME) is None
    # The bus brings it back.
    assert bus.krunner("Match", "s", "red car")
    assert bus.owner(GNOME) == bus.owner(KRUNNER) is not None


def test_without_a_daemon_every_launcher_says_how_to_start_it(
    library: House, bus: Bus, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert bus.krunner("Match", "s", "red car")
    library.stop()
    try:
        (note,) = bus.gnome("GetInitialResultSet", "as", ["red", "car"])
        (meta,) = bus.gnome("GetResultMetas", "as", [note])
        assert meta["name"] == ("s", STARTS)
        bus.gnome("ActivateResult", "sasu", note, [], 0)
        ((_, title, *_),) = bus.krunner("Match", "s", "red car")
        assert title == STARTS
        monkeypatch.setitem(library.environment, "ROFI_RETV", "2")
        for module in ("rofi", "jsonrows", "alfred", "raycast"):
            done = ask(library, module, "red car")
            assert STARTS in done.stdout + done.stderr
            assert (done.stdout + done.stderr).count("Traceback") == 0
    finally:
        library.start()
    # A connection of before does not matter.
    assert bus.krunner("Match", "s", "red car")[0][1] == "red car.png"


def test_of_two_lines_the_newer_is_answered_and_the_older_says_nothing(
    library: House, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("IMGQ_SOCKET", str(library.socket))

    async def typed() -> tuple[Page, Page]:
        async with Finder() as finder:
            return await asyncio.gather(finder.find("red"), finder.find("red car"))

    older, newer = asyncio.run(typed())
    assert older == Page()
    assert [row.title for row in newer.rows] == ["red car.png"]


def test_a_daemon_that_does_not_answer_is_given_up_soon(
    library: House, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("IMGQ_SOCKET", str(library.socket))

    async def typed() -> Page:
        async with Finder(patience_s=0.2) as finder:
            return await finder.find("red car")

    library.signal(signal.SIGSTOP)
    try:
        page = asyncio.run(typed())
    finally:
        library.signal(signal.SIGCONT)
    assert not page.answered
    assert "did not answer" in page.note


def ask(library: House, module: str, *words: str) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, "-P", "-m", f"imgq_service.launchers.{module}", *words]
    return subprocess.run(
        command, env=library.environment, capture_output=True, text=True, check=False
    )
