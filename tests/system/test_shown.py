"""Pictures as a person gets them: the sheet in a real browser, the list in a real terminal."""

from __future__ import annotations

import os
import re
import shutil
import stat
import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest

from chromium import page
from demo.sample import sample_folder
from house import BIN, PATIENCE, House, picture, running
from imgq.paths import file_uri

pytestmark = pytest.mark.system

NAMES = (b"<script>alert(1)<&'\".png", b"\xff kite 100%#1.png")


@pytest.fixture(scope="module")
def home(tmp_path_factory: pytest.TempPathFactory) -> Iterator[House]:
    house = House(tmp_path_factory.mktemp("sheet") / "house", torchless=True)
    list(sample_folder(house.pictures, 24, 5))
    for seed, name in enumerate(NAMES):
        picture(os.fsencode(house.pictures) + b"/" + name, seed)
    with running(house):
        house.sync()
        yield house


def sheet(home: House, path: Path, *query: str) -> str:
    done = home.run("imgq", "--sheet", "-o", str(path), *query)
    assert (done.returncode, done.stdout) == (0, ""), done.stderr
    return path.read_text(encoding="utf-8")


def test_a_sheet_shows_its_pictures_and_asks_nobody(home: House, tmp_path: Path) -> None:
    target = tmp_path / "sheet.html"
    sheet(home, target, "--all", "-n", "14", "a tree")
    with page(tmp_path / "profile", target.as_uri()) as shown:
        assert shown.value("document.images.length") == 14
        shown.until("[...document.images].every((one) => one.complete && one.naturalWidth > 0)")
        assert [one for one in shown.requests if not one.startswith("data:")] == [target.as_uri()]
        now = "[...document.querySelectorAll('a')].indexOf(document.activeElement)"
        assert shown.value(now) == 0
        for key, place in (("ArrowRight", 1), ("ArrowRight", 2), ("ArrowLeft", 1), ("End", 13)):
            shown.press(key)
            assert shown.value(now) == place
        shown.press("Home")
        shown.press("ArrowDown")
        below = shown.value(now)
        assert below > 0
        shown.press("ArrowUp")
        assert shown.value(now) == 0
        if (kept := os.environ.get("IMGQ_SCREENSHOTS")) is not None:
            shown.screenshot(Path(kept) / "sheet.png")
        first = shown.value("document.activeElement.href")
        shown.press("Enter")
        shown.until(f"location.href == {first!r} && document.readyState == 'complete'")
        assert shown.value("document.images[0].naturalWidth > 0")


def test_names_are_names_whatever_they_hold(home: House, tmp_path: Path) -> None:
    text = sheet(home, tmp_path / "sheet.html", "name:*.png")
    assert "<script>alert" not in text
    assert "&lt;script&gt;alert(1)&lt;&amp;" in text
    assert r"\xff kite 100%#1.png" in text
    for name in NAMES:
        uri = file_uri(os.fsencode(home.pictures) + b"/" + name)
        assert f'href="{uri.replace("&", "&amp;").replace(chr(39), "&#x27;")}"' in text


def test_a_sheet_trusts_its_own_style_and_script_only(home: House, tmp_path: Path) -> None:
    text = sheet(home, tmp_path / "sheet.html", "a tree")
    [policy] = re.findall(r'http-equiv="Content-Security-Policy" content="([^"]*)"', text)
    assert "default-src 'none'" in policy
    assert "unsafe" not in policy
    assert not re.findall(r'(?:src|href)="https?:', text)


def test_without_a_file_it_is_kept_for_oneself_and_opened(home: House, tmp_path: Path) -> None:
    opener = tmp_path / "xdg-open"
    opener.write_text(f'#!/bin/sh\nprintf %s "$1" > "{tmp_path}/opened"\n')
    opener.chmod(0o700)
    home.environment["PATH"] = f"{tmp_path}:{os.environ['PATH']}"
    done = home.run("imgq", "--sheet", "a tree")
    assert done.returncode == 0, done.stderr
    opened = Path((tmp_path / "opened").read_text())
    assert opened == home.base / "cache" / "imgq" / "sheet.html"
    assert stat.S_IMODE(opened.stat().st_mode) == 0o600


def test_where_it_cannot_be_written_it_says_so_in_one_line(home: House) -> None:
    done = home.run("imgq", "--sheet", "-o", "/nowhere/sheet.html", "a tree")
    assert done.returncode not in {0, 1} or done.stderr
    assert "/nowhere/sheet.html cannot be written: No such file" in done.stderr
    assert "Traceback" not in done.stderr


def in_tmux(home: House, place: Path, command: str, columns: int = 60) -> str:
    """Return what stands on the screen of a tmux of its own after a command."""
    if shutil.which("tmux") is None:
        pytest.skip("tmux is not installed")
    # One that ends may still hold its name.
    tmux = ["tmux", "-f", "/dev/null", "-L", f"imgq-{os.getpid()}-{place.name[-12:]}"]
    environment = {**home.environment, "PATH": f"{BIN}:{os.environ['PATH']}", "LC_ALL": "C.UTF-8"}
    environment.pop("TMUX", None)

    def say(*words: str) -> str:
        return subprocess.run(
            [*tmux, *words],
            env=environment,
            capture_output=True,
            text=True,
            timeout=PATIENCE,
            check=True,
        ).stdout

    script = place / "script"
    script.write_text(f"{command} 2>/dev/null; tmux wait-for -S done; exec sleep 1000\n")
    try:
        say("-u", "new-session", "-d", "-x", str(columns), "-y", "60", f"sh {script}")
        say("wait-for", "done")
        return say("capture-pane", "-e", "-p")
    finally:
        subprocess.run([*tmux, "kill-server"], env=environment, capture_output=True, check=False)


def test_tmux_shows_pictures_as_characters(home: House, tmp_path: Path) -> None:
    said = in_tmux(home, tmp_path, "COLORTERM=truecolor imgq --preview 'a tree'")
    assert "green-tree-008.jpg" in said
    if (kept := os.environ.get("IMGQ_SCREENSHOTS")) is not None:
        (Path(kept) / "tmux.txt").write_text(said)
    assert len(re.findall("[\u2580-\u259f]", said)) > 30


def test_tmux_keeps_the_cells_of_a_picture_of_kitty(home: House, tmp_path: Path) -> None:
    said = in_tmux(home, tmp_path, "IMGQ_PREVIEW=kitty imgq --preview 'a tree'")
    assert "green-tree-008.jpg" in said
    lines = [line for line in said.splitlines() if "\U0010eeee" in line]
    assert 4 <= len(lines) <= 8
    assert "_G" not in said  # what is for kitty went through, and stands nowhere


def test_a_narrow_terminal_breaks_no_line(home: House, tmp_path: Path) -> None:
    said = in_tmux(home, tmp_path, "NO_COLOR=1 imgq --all -n 5 'a tree'", columns=20)
    lines = [line for line in said.splitlines() if line.strip()]
    assert len(lines) <= 7  # five results, the divider, and the end of a name
    assert "\x1b[3" not in said


def test_head_may_have_enough(home: House) -> None:
    for options in ("", "--json", "-0", "--preview"):
        command = f"set -o pipefail; imgq --all -n 1000 {options} png | head -c 1"
        done = subprocess.run(
            ["bash", "-c", command],
            env={**home.environment, "PATH": f"{BIN}:{os.environ['PATH']}"},
            capture_output=True,
            check=False,
            timeout=PATIENCE,
        )
        assert done.returncode == 0
        assert b"Traceback" not in done.stderr
