"""A newcomer's first command on a real terminal: no daemon, no settings of folders, no weights."""

from __future__ import annotations

import os
import pty
import re
import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest

import imgqd
from daemon.hub import Hub
from desktop import need
from house import BIN, PATIENCE, House, picture

pytestmark = pytest.mark.system

DEMO = Path(imgqd.__file__).parent / "data" / "demo"
NAME = "hf-hub:somebody/small-clip"
COUNT = 400


@pytest.fixture(scope="module")
def hub() -> Iterator[Hub]:
    """Give a hub that has one small, real open_clip model: the demo model's files."""
    files = ("open_clip_config.json", "open_clip_model.safetensors")
    with Hub({f"somebody/small-clip/{name}": (DEMO / name).read_bytes() for name in files}) as one:
        yield one


@pytest.fixture(scope="module")
def newcomer(tmp_path_factory: pytest.TempPathFactory, hub: Hub) -> Iterator[House]:
    """Give places with pictures and nothing else but a model that is small enough for a test."""
    need("setsid")
    house = House(tmp_path_factory.mktemp("newcomer"))
    house.settings_file.write_text(f'[model]\nname = "{NAME}"\n')
    house.environment |= {
        "HOME": str(house.base), "HF_ENDPOINT": hub.url, "NO_PROXY": "127.0.0.1",
        "TERM": "xterm", "NO_COLOR": "1",
    }  # fmt: skip
    for number in range(COUNT):
        picture(house.pictures / f"{number}.png", number)
    yield house
    house.run("imgqctl", "stop")


class Screen:
    """A terminal with a program on it."""

    def __init__(self, house: House, *words: str | Path) -> None:
        self._master, slave = pty.openpty()
        # A session of its own: what is typed, Ctrl-C too, is this program's alone.
        self._process = subprocess.Popen(
            ["setsid", "--ctty", "--wait", *words], env=house.environment,
            stdin=slave, stdout=slave, stderr=slave,
        )  # fmt: skip
        os.close(slave)
        self.text = ""

    def until(self, pattern: str) -> None:
        """Read until something was written."""
        while not re.search(pattern, self.text):
            more = self._read()
            assert more, f"no {pattern!r} in {self.text}"

    def type(self, keys: str) -> None:
        """Press keys."""
        os.write(self._master, keys.encode())

    def end(self) -> int:
        """Read to the end of the program, and return its exit status."""
        while self._read():
            pass
        os.close(self._master)
        return self._process.wait(PATIENCE)

    def lines(self) -> list[str]:
        """Return the lines that stay."""
        drawn = self.text.replace("\r\n", "\n").removesuffix("\n").split("\n")
        return [line.rsplit("\r\x1b[K", 1)[-1] for line in drawn]

    def _read(self) -> str:
        try:
            read = os.read(self._master, 1 << 16).decode(errors="replace")
        except OSError:  # the program has gone
            return ""
        self.text += read
        return read


def test_one_command_leads_from_nothing_to_a_search(newcomer: House, hub: Hub) -> None:
    screen = Screen(newcomer, BIN / "imgqctl", "add", newcomer.pictures)
    screen.until(r"\[Y/n\] ")
    assert hub.asked == [], "nothing is downloaded before a person said so"
    screen.type("\n")
    screen.until(rf"[1-9]\d* of {COUNT}|all is in")
    # While it is at work on the rest, a search answers.
    found = newcomer.run("imgq", "--json", "--all", "red")
    assert found.returncode == 0, found.stderr
    assert screen.end() == 0, screen.text
    lines = screen.lines()
    assert lines[:3] == [
        "imgqd is running",
        "watching ~/pictures",
        f"{COUNT} pictures found",
    ]
    assert lines[3] == f"the model is {NAME}"
    assert f"{NAME} is on this disk" in lines
    assert re.fullmatch(rf"all is in after .*: {COUNT} pictures", lines[-1])
    assert newcomer.status().model["vectors"] == COUNT


def test_ctrl_c_ends_the_telling_and_not_the_daemon(plain_house: House) -> None:
    house = plain_house
    house.settings_file.write_text('[model]\nname = "ViT-B-32/openai"\n')
    house.environment |= {"HOME": str(house.base), "TERM": "xterm", "NO_COLOR": "1"}
    for number in range(3):
        picture(house.pictures / f"{number}.png", number)
    need("setsid")
    screen = Screen(house, BIN / "imgqctl", "add", house.pictures)
    try:
        screen.until(r"\[Y/n\] ")
        screen.type("\x03")
        assert screen.end() == 0, screen.text
        assert screen.lines()[-1] == "  imgqctl status --follow"
        house.sync()
        assert house.status().files == 3
    finally:
        assert house.run("imgqctl", "stop").returncode == 0
