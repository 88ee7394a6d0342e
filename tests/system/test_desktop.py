"""The tray and the search window without a screen: real keys, a real panel, the real daemon."""

from __future__ import annotations

import importlib.util
import io
import os
import signal
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest
from PIL import Image

import drawings
from demo.sample import draw
from desktop import Desktop, desktop, need, need_qt
from house import BIN, PATIENCE, House, until

for package in ("PySide6", "pystray", "jeepney", "Xlib"):
    if importlib.util.find_spec(package) is None:
        pytest.skip(f"{package} is not installed here", allow_module_level=True)

from panel import FileManager, Item, Panel  # noqa: E402 - it needs what was just looked for

pytestmark = pytest.mark.system

CAPTIONS = ("beach sunset", "red car", "green tree", "blue boat", "yellow flower", "snow")
_GI = Path("/usr/lib/python3/dist-packages")


@pytest.fixture(scope="module")
def library(tmp_path_factory: pytest.TempPathFactory) -> Iterator[House]:
    with drawings.drawings(tmp_path_factory.mktemp("library"), CAPTIONS) as house:
        yield house


@pytest.fixture(scope="module")
def desk(library: House) -> Iterator[Desktop]:
    with desktop(library.environment) as one:
        yield one


@pytest.fixture(scope="module")
def windows() -> list[subprocess.Popen[bytes]]:
    """Give the place of the one open window."""
    return []


@pytest.fixture
def window(desk: Desktop, windows: list[subprocess.Popen[bytes]]) -> subprocess.Popen[bytes]:
    """Give an open search window, with the keyboard: the one of the test before, if it is there."""
    if not windows or windows[0].poll() is not None:
        windows[:] = [desk.start(BIN / "imgq-tray", "--search")]
        desk.tell("xdotool", "windowfocus", "--sync", desk.window("^imgq$"))
    return windows[0]


@pytest.fixture
def no_window(windows: list[subprocess.Popen[bytes]]) -> None:
    """Close the window of the tests before."""
    for process in windows:
        process.terminate()
        process.wait(PATIENCE)
    windows.clear()


def test_the_toolkit_gives_no_reference_away_that_it_does_not_have() -> None:
    # 6.12.0 does on Python 3.11, at every call that returns nothing, and the process aborts.
    need_qt()
    calls = (
        "from PySide6.QtWidgets import *; a = QApplication([]); f = QLineEdit();"
        "[(f.setText(str(n)), f.setVisible(False)) for n in range(9999)]"
    )
    offscreen = {**os.environ, "QT_QPA_PLATFORM": "offscreen"}
    done = subprocess.run([sys.executable, "-c", calls], env=offscreen, check=False)
    assert done.returncode == 0


def ask(desk: Desktop, line: str) -> None:
    """Type a line, and wait for its answer."""
    desk.press("ctrl+a")
    desk.write(line)
    desk.window(f"^{line} - imgq$")


def clipboard(desk: Desktop, target: str = "UTF8_STRING") -> bytes:
    need("xclip")
    reading = ["xclip", "-out", "-selection", "clipboard", "-target", target]
    done = subprocess.run(reading, env=desk.environment, capture_output=True, check=False)
    return done.stdout


def test_enter_opens_the_best_and_escape_closes(
    library: House, desk: Desktop, window: subprocess.Popen[bytes]
) -> None:
    opened = library.base / "opened"
    ask(desk, "red car")
    desk.press("Return")
    until(opened.exists, "the picture is opened")
    assert opened.read_text() == f"{library.pictures}/red car.png\n"
    desk.press("Escape")
    assert window.wait(PATIENCE) == 0


@pytest.mark.usefixtures("window")
def test_the_path_and_the_picture_are_copied_by_keys(library: House, desk: Desktop) -> None:
    ask(desk, "blue boat")
    desk.press("Down", "Right", "Left", "ctrl+c")
    path = f"{library.pictures}/blue boat.png".encode()
    until(lambda: clipboard(desk) == path, "the path is copied")
    desk.press("ctrl+shift+c")
    until(lambda: clipboard(desk, "image/png").startswith(b"\x89PNG"), "it is copied")
    copied = Image.open(io.BytesIO(clipboard(desk, "image/png"))).convert("RGB")
    with Image.open(path) as there:
        assert copied.size == there.size
        assert copied.getpixel((9, 9)) == there.convert("RGB").getpixel((9, 9))


@pytest.mark.usefixtures("window")
def test_a_picture_is_shown_in_the_file_manager(library: House, desk: Desktop) -> None:
    with FileManager(desk.environment["DBUS_SESSION_BUS_ADDRESS"]) as files:
        ask(desk, "green tree")
        desk.press("ctrl+o")
        shown = f"file://{library.pictures}/green%20tree.png"
        assert files.next() == ("ShowItems", ([shown], ""))


@pytest.mark.usefixtures("window")
def test_thumbnails_are_on_the_screen_and_the_choice_is_seen(desk: Desktop) -> None:
    ask(desk, "beach sunset")
    sky = draw("beach sunset", 7).convert("RGB")
    orange = sky.getpixel((sky.width // 2, sky.height // 3))
    assert isinstance(orange, tuple)

    def near(colour: object) -> bool:
        assert isinstance(colour, tuple)
        return all(abs(a - b) < 12 for a, b in zip(colour, orange, strict=True))

    def seen() -> bool:
        shown = desk.shot()
        colours = shown.getcolors(shown.width * shown.height) or []
        return sum(count for count, colour in colours if near(colour)) > 100

    until(seen, "the thumbnail is drawn")


@pytest.mark.usefixtures("window")
def test_a_second_call_brings_the_same_window_forward_with_its_line(desk: Desktop) -> None:
    second = desk.start(BIN / "imgq-tray", "--search", "yellow", "flower")
    assert second.wait(PATIENCE) == 0
    desk.window("^yellow flower - imgq$")
    assert len(desk.windows("imgq$")) == 1


def gtk(folder: Path, desk: Desktop) -> str:
    """Return a folder with the system's gi and nothing else of its packages; skip without."""
    folder.mkdir(exist_ok=True)
    for name in ("gi", "cairo"):
        if not (folder / name).exists():
            (folder / name).symlink_to(_GI / name)
    probe = "import gi; gi.require_version('AyatanaAppIndicator3', '0.1')"
    done = subprocess.run(
        [sys.executable, "-c", probe],
        env={**desk.environment, "PYTHONPATH": str(folder)}, capture_output=True, check=False,
    )  # fmt: skip
    if done.returncode != 0:
        pytest.skip("no python3-gi with gir1.2-ayatanaappindicator3-0.1 for this Python")
    return str(folder)


@pytest.fixture(params=["pystray", "Qt"])
def with_menu(
    request: pytest.FixtureRequest, library: House, desk: Desktop
) -> Iterator[tuple[subprocess.Popen[bytes], Item]]:
    """Give a running tray, by either way to show an icon, and the icon as the panel sees it."""
    environment = {}
    if request.param == "pystray":
        environment["PYTHONPATH"] = gtk(library.base / "gi", desk)
    with Panel(desk.environment["DBUS_SESSION_BUS_ADDRESS"]) as panel:
        tray = desk.start(BIN / "imgq-tray", **environment)
        item = panel.item()
        yield tray, item
        item.close()
        tray.terminate()
        tray.wait(PATIENCE)


def test_the_menu_steers_the_daemon_and_shows_what_it_does(
    library: House, with_menu: tuple[subprocess.Popen[bytes], Item]
) -> None:
    tray, item = with_menu
    until(lambda: "6 pictures in 1 folder" in item.labels(), "the counts")
    item.click("For an hour")
    library.wait(lambda status: status.state == "paused")
    until(lambda: "Resume" in item.labels(), "it can be resumed")
    item.click("Resume")
    library.wait(lambda status: not status.paused)
    until(lambda: "Resume" not in item.labels(), "it is resumed")
    item.click("Start at login")
    entry = library.base / "config/autostart/imgq-tray.desktop"
    until(entry.exists, "it starts at login")
    until(lambda: item.ticked() == {"Start at login"}, "which is ticked")
    item.click("Start at login")
    until(lambda: not entry.exists(), "it starts at login no longer")
    item.click("Quit")
    assert tray.wait(PATIENCE) == 0


@pytest.mark.usefixtures("no_window")
@pytest.mark.parametrize("with_menu", ["Qt"], indirect=True)
def test_tray_and_window_live_through_a_restart_and_tell_of_new_pictures(
    library: House, desk: Desktop, with_menu: tuple[subprocess.Popen[bytes], Item]
) -> None:
    _, item = with_menu
    until(lambda: "6 pictures in 1 folder" in item.labels(), "the counts")
    search = desk.start(BIN / "imgq-tray", "--search")
    desk.tell("xdotool", "windowfocus", "--sync", desk.window("^imgq$"))
    ask(desk, "snow")
    library.kill()
    until(lambda: "Start the daemon" in item.labels(), "it is away")
    library.start()
    until(lambda: "6 pictures in 1 folder" in item.labels(), "it is back")
    ask(desk, "purple star")
    desk.press("ctrl+d", "Escape")
    assert search.wait(PATIENCE) == 0
    until(lambda: "purple star" in item.labels(), "the search stands")
    kept = library.base / "data/imgq/standing.json"
    until(lambda: '"1-' in kept.read_text(), "and the daemon knows of it")
    draw("purple star", 3).save(library.pictures / "purple star.png")
    until(lambda: "purple star.png  (purple star)" in item.labels(), "it is told")
    item.click("Tell me no longer")
    until(lambda: "Standing searches" not in item.labels(), "it stands no longer")
    os.unlink(library.pictures / "purple star.png")
    library.sync()


@pytest.mark.usefixtures("no_window")
def test_in_a_real_panel_a_click_at_the_icon_opens_the_search(
    library: House, desk: Desktop
) -> None:
    need("tint2")
    (library.base / "tint2rc").write_text(
        "panel_items = S\npanel_size = 100% 30\nsystray_icon_size = 22\n"
        "panel_position = bottom center horizontal\nwm_menu = 0\n"
    )
    panel = desk.start("tint2", "-c", library.base / "tint2rc", G_MESSAGES_DEBUG="")
    tray = desk.start(BIN / "imgq-tray", "--wait")
    low = (0, 768 - 30, 1024, 768)

    def icon() -> tuple[int, int, int, int] | None:
        # The panel is black; the icon is the only thing in it that is light.
        return desk.shot().crop(low).convert("L").point(lambda light: 255 * (light > 180)).getbbox()

    until(lambda: icon() is not None, "the icon is in the panel")
    place = icon()
    assert place is not None
    x, y = place[0] + 5, low[1] + place[1] + 5
    desk.tell("xdotool", "mousemove", str(x), str(y), "click", "1")
    desk.window("^imgq$")
    desk.press("Escape")
    tray.send_signal(signal.SIGTERM)
    assert tray.wait(PATIENCE) == 0
    panel.terminate()
    panel.wait(PATIENCE)


def test_where_no_panel_shows_icons_it_says_so_and_ends_well(desk: Desktop) -> None:
    gnome = {**desk.environment, "XDG_CURRENT_DESKTOP": "GNOME"}
    done = subprocess.run(
        [BIN / "imgq-tray"], env=gnome, capture_output=True, text=True, check=False
    )
    assert done.returncode == 0
    assert done.stderr.count("\n") == 1
    assert "AppIndicator" in done.stderr
