"""Pictures in a terminal: what is written for each kind, and that a result never suffers."""

import base64
import shutil
import struct
import zlib
from collections.abc import Callable
from functools import partial
from pathlib import Path

import pytest

from client.conftest import Terminal
from client.fake_daemon import FakeDaemon, Refusal, found, result
from imgq import preview
from imgq.blocks import blocks
from imgq.cli import main

OUTSIDE = ("TMUX", "KITTY_WINDOW_ID", "TERM_PROGRAM", "LC_TERMINAL", "IMGQ_PREVIEW")


def png(width: int, height: int, lines: list[bytes], kind: int = 2) -> bytes:
    def chunk(name: bytes, content: bytes) -> bytes:
        check = zlib.crc32(name + content)
        return struct.pack(">I", len(content)) + name + content + struct.pack(">I", check)

    header = struct.pack(">IIBBBBB", width, height, 8, kind, 0, 0, 0)
    data = chunk(b"IDAT", zlib.compress(b"".join(lines)))
    return b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", header) + data + chunk(b"IEND", b"")


RED_OVER_BLUE = png(2, 2, [b"\0" + b"\xff\0\0" * 2, b"\0" + b"\0\0\xff" * 2])


@pytest.fixture
def shown(
    daemon: FakeDaemon,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    terminal: Callable[..., Terminal],
) -> Callable[..., str]:
    small = tmp_path / "small.png"
    small.write_bytes(RED_OVER_BLUE)
    for name in OUTSIDE:
        monkeypatch.delenv(name, raising=False)
    daemon.answers["search"] = found(result("/a.jpg"))
    daemon.answers["thumbnail"] = {"path": str(small)}
    monkeypatch.setattr(shutil, "which", lambda _: None)

    def show(**environment: str) -> str:
        for name, value in environment.items():
            monkeypatch.setenv(name, value)
        screen = terminal()
        assert main(["--preview", "x"]) == 0
        return screen.text()

    return show


def test_kitty_gets_the_file_itself(shown: Callable[..., str]) -> None:
    said = shown(KITTY_WINDOW_ID="1")
    head, _, rest = said.partition("␛_Ga=T,f=100,q=2,c=16,r=8,m=0;")
    assert "a.jpg" in head
    assert base64.b64decode(rest.partition("␛")[0]) == RED_OVER_BLUE


def test_iterm_gets_the_file_itself(shown: Callable[..., str]) -> None:
    said = shown(TERM_PROGRAM="iTerm.app")
    assert f"␛]1337;File=inline=1;size={len(RED_OVER_BLUE)};width=16;height=8:" in said


def test_through_tmux_kitty_gets_a_picture_and_tmux_gets_cells(
    shown: Callable[..., str], monkeypatch: pytest.MonkeyPatch
) -> None:
    answers = {"display-message": "xterm-kitty kitty(0.26)", "show-options": "on"}
    monkeypatch.setattr(preview, "_tmux", lambda *command: answers[command[0]])
    said = shown(TMUX="/tmp/tmux,1,0")
    assert "␛Ptmux;␛␛_Ga=T,f=100,q=2,c=16,r=8,U=1,i=" in said
    assert said.count("\U0010eeee") == 16 * 8


def test_anywhere_else_there_are_half_blocks(shown: Callable[..., str]) -> None:
    said = shown()
    assert said.count("▀") == 16 * 8
    assert "38;2;255;0;0;48;2;255;0;0m▀" in said
    assert "38;2;0;0;255;48;2;0;0;255m▀" in said


def test_no_color_means_no_coloured_blocks(shown: Callable[..., str]) -> None:
    said = shown(NO_COLOR="1")
    assert "▀" not in said
    assert "a.jpg" in said


def test_a_picture_that_cannot_be_shown_costs_no_result(
    shown: Callable[..., str], daemon: FakeDaemon
) -> None:
    daemon.answers["thumbnail"] = Refusal("not_found", "it cannot be shown")
    assert "a.jpg" in shown()


def test_into_a_pipe_go_paths_and_no_pictures(
    daemon: FakeDaemon, capsysbinary: pytest.CaptureFixture[bytes]
) -> None:
    daemon.answers["search"] = found(result("/a.jpg"))
    assert main(["--preview", "x"]) == 0
    assert capsysbinary.readouterr().out == b"/a.jpg\n"


def _far(guess: int, one: int) -> int:
    return abs(guess - one)


@pytest.mark.parametrize("how", range(5))
def test_every_filter_of_png_is_undone(how: int) -> None:
    rows = [
        bytes((x * 7 + y * 31 + c * 90) % 256 for x in range(4) for c in range(3)) for y in (0, 1)
    ]
    lines, above = [], bytes(12)
    for row in rows:
        line = bytearray()
        for at, byte in enumerate(row):
            left, corner = (row[at - 3], above[at - 3]) if at >= 3 else (0, 0)
            guess = left + above[at] - corner
            paeth = min((left, above[at], corner), key=partial(_far, guess))
            line.append((byte - (0, left, above[at], (left + above[at]) // 2, paeth)[how]) % 256)
        lines.append(bytes([how]) + bytes(line))
        above = row
    plain = png(4, 2, [b"\0" + row for row in rows])
    assert blocks(png(4, 2, lines), 4, 1) == blocks(plain, 4, 1)


def test_what_is_no_thumbnail_is_a_value_error() -> None:
    for content in (b"", b"GIF89a", RED_OVER_BLUE[:40], png(2, 2, [b"\0"]), png(9999, 2, [])):
        with pytest.raises(ValueError, match=r"PNG|thumbnail|short|incomplete"):
            blocks(content, 2, 1)
