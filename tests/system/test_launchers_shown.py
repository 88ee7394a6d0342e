"""rofi, wofi and fuzzel themselves, without a screen: real keys, and what is then on it."""

from __future__ import annotations

import contextlib
import io
import os
import shlex
import subprocess
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from PIL import Image

import drawings
from demo.sample import draw
from desktop import desktop, need
from house import PATIENCE, House, until

pytestmark = pytest.mark.system

_SWAY = "output * resolution 1024x768\noutput * bg #305060 solid_color\nxwayland disable\n"


@pytest.fixture(scope="module")
def library(tmp_path_factory: pytest.TempPathFactory) -> Iterator[House]:
    with drawings.drawings(
        tmp_path_factory.mktemp("library"), ("beach sunset", "red car")
    ) as house:
        yield house


def seen(picture: Callable[[], Image.Image]) -> bool:
    """Tell whether the beach's sky is on a screen, as only its thumbnail has it."""
    drawn = draw("beach sunset", 7).convert("RGB")
    sky = drawn.getpixel((drawn.width // 2, drawn.height // 3))
    assert isinstance(sky, tuple)
    shown = picture()
    colours = shown.getcolors(shown.width * shown.height) or []
    return any(
        count > 20 and all(abs(a - b) < 12 for a, b in zip(colour, sky, strict=True))
        for count, colour in colours
        if isinstance(colour, tuple)
    )


def test_rofi_shows_pictures_for_a_typed_line_and_enter_opens_one(
    library: House, opened: Path
) -> None:
    need("rofi")
    done = library.run("imgq-service", "launcher", "rofi")
    command = shlex.split(done.stdout.splitlines()[-1])
    with desktop(library.environment) as desk:
        rofi = desk.start(*command)
        before = desk.shot().tobytes()
        until(lambda: desk.shot().tobytes() != before, "rofi is there")
        desk.write("no such thing at all")
        desk.press("Return")
        assert rofi.poll() is None  # nothing is found, and it stays for another line
        desk.press("ctrl+u")
        desk.write("beach")
        # A line that fits the row of the note is a filter for it: this one is a search in any case.
        desk.press("ctrl+Return")
        until(lambda: seen(desk.shot), "the thumbnail is drawn")
        desk.press("Return")
        assert rofi.wait(PATIENCE) == 0
    assert opened.read_text() == f"{library.pictures}/beach sunset.png\n"


class Sway:
    """A compositor without a screen, and what types into it."""

    def __init__(self, house: House, folder: Path) -> None:
        folder.mkdir(mode=0o700)
        (folder / "config").write_text(_SWAY)
        self.environment = {
            **house.environment,
            "XDG_RUNTIME_DIR": str(folder),
            "IMGQ_SOCKET": str(house.socket),
            "WLR_BACKENDS": "headless",
            "WLR_LIBINPUT_NO_DEVICES": "1",
            "WLR_RENDERER": "pixman",
        }
        self._started: list[subprocess.Popen[bytes]] = []
        # It does not run for root; in a namespace of its own, root is called otherwise.
        other = ["unshare", "--user", "--map-user=1000", "--map-group=1000"]
        self.start(*(other if os.geteuid() == 0 else []), "sway", "-c", str(folder / "config"))

    def wait(self) -> None:
        """Wait until programs can connect."""
        folder = Path(self.environment["XDG_RUNTIME_DIR"])
        sway = self._started[0]
        until(lambda: any(folder.glob("wayland-?")) or sway.poll() is not None, "sway listens")
        if sway.poll() is not None:
            pytest.skip("sway does not run here: no user namespaces for root, perhaps")
        (name,) = (path.name for path in folder.glob("wayland-?"))
        self.environment["WAYLAND_DISPLAY"] = name

    def start(self, *command: str | Path) -> subprocess.Popen[bytes]:
        process = subprocess.Popen(
            command,
            env=self.environment,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
        )
        self._started.append(process)
        return process

    def shot(self) -> Image.Image:
        done = subprocess.run(["grim", "-"], env=self.environment, capture_output=True, check=False)
        if done.returncode != 0:  # before the first frame
            return Image.new("RGB", (1, 1))
        return Image.open(io.BytesIO(done.stdout)).convert("RGB")

    def close(self) -> None:
        for process in reversed(self._started):
            process.kill()
            process.wait()


@pytest.fixture
def sway(library: House, tmp_path: Path) -> Iterator[Sway]:
    need("sway", "grim", "wtype", "unshare")
    with contextlib.closing(Sway(library, tmp_path / "run")) as one:
        one.wait()
        yield one


@pytest.mark.parametrize("name", ["wofi", "fuzzel"])
def test_a_menu_of_wayland_takes_words_shows_rows_and_opens_one(
    library: House, opened: Path, sway: Sway, name: str
) -> None:
    need(name)
    assert library.run("imgq-service", "launcher", name).returncode == 0
    until(lambda: drawn(sway.shot()) == 0, "the background is there, and nothing else")
    menu = sway.start(library.base / f".local/bin/imgq-{name}")
    until(lambda: drawn(sway.shot()) > 0, "the field is there")
    field = drawn(sway.shot())
    # A keyboard that stays: fuzzel ends when the last one is unplugged.
    sway.start("wtype", "-s", "300", "beach", "-s", "300", "-k", "Return", "-s", "99999")
    until(lambda: drawn(sway.shot()) > field, "the rows are there")
    if name == "wofi":  # fuzzel 1.8 has no pictures
        until(lambda: seen(sway.shot), "the thumbnail is drawn")
    sway.start("wtype", "-k", "Return")
    assert menu.wait(PATIENCE) == 0
    assert opened.read_text() == f"{library.pictures}/beach sunset.png\n"


def drawn(shot: Image.Image) -> int:
    """Return how many pixels are not the background's, more than can be where there is none."""
    colours = shot.getcolors(shot.width * shot.height) or []
    return shot.width * shot.height - {c: n for n, c in colours}.get((0x30, 0x50, 0x60), 0)
