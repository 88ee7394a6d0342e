"""Pictures that mean harm: each costs itself, says why, and nobody else notices.

The attempts are made by a decoder plug-in that only the tests have (tests/evil). What the
sandbox answers to each of them is in tests/daemon/test_sandbox.py; here the real daemon lives on.
"""

from __future__ import annotations

import io
import os
import re
import socket
import zlib
from pathlib import Path

import psutil
import pytest
from PIL import Image, PngImagePlugin

from daemon.cell import EVIL
from daemon.test_decoder_limits import png
from house import House, picture

pytestmark = pytest.mark.system

FATAL = {
    "segfault": "crash",
    "abort": "crash",
    "exit": "crash",
    "garbage": "crash",
    "memory": "memory",
    "sleep": "timeout",
    "spin": "timeout",
}


@pytest.fixture
def evil_house(plain_house: House) -> House:
    """Give a house whose decoders know the attempts, with little time and memory for each."""
    plain_house.put_before(EVIL)
    settings = plain_house.settings_file
    limits = '[limits]\ndecode_timeout = "2s"\ndecode_memory = "600MiB"\n'
    settings.write_text(f"{settings.read_text()}{limits}")
    return plain_house


def evil(house: House, words: str) -> Path:
    path = house.pictures / f"{re.sub('[^a-z]+', '-', words)}.jpg"
    path.write_bytes(f"EVIL {words}".encode())
    return path


def test_files_that_kill_hang_or_fill_their_decoder_fail_alone_and_are_not_tried_again(
    evil_house: House,
) -> None:
    house = evil_house
    for number in range(20):
        picture(house.pictures / f"good-{number}.png", number)
    paths = {evil(house, words): reason for words, reason in FATAL.items()}
    house.start()
    house.sync()
    rows = house.rows()
    for path, reason in paths.items():
        with house.client() as client:
            said = client.why(path)
        assert (said.state, said.reason) == ("failed", reason), said
    assert {state for path, (state, _) in rows.items() if b"good" in path} == {"indexed"}
    house.stop()
    house.start()
    house.sync()
    assert house.status().failed == {"crash": 4, "memory": 1, "timeout": 2}
    assert house.counters()["decoded"] == 0
    mended = next(iter(paths))
    picture(os.fsencode(mended), 99)
    house.sync()
    assert house.rows()[os.fsencode(mended)][0] == "indexed"


def test_a_decoder_that_was_taken_reaches_nothing(evil_house: House) -> None:
    house = evil_house
    house.start()
    secret = house.base / "secret.txt"
    secret.write_text("secret")
    with socket.socket(socket.AF_UNIX) as listening:
        listening.bind(os.fsencode(house.base / "run" / "door"))
        listening.listen()
        attempts = [
            f"read {secret}",
            f"write {house.pictures / 'new.png'}",
            f"unlink {secret}",
            f"list {house.pictures}",
            f"unix {house.socket}",
            f"unix {house.base / 'run' / 'door'}",
            "fork",
            "run /bin/true",
            "signal-parent",
        ]
        for words in attempts:
            path = evil(house, words)
            house.sync()
            with house.client() as client:
                said = client.why(path)
            assert (said.state, said.reason) == ("failed", "damaged")
            assert re.search(r": E(ACCES|PERM)$", said.detail), (words, said.detail)
        listening.settimeout(0)
        with pytest.raises(BlockingIOError):
            listening.accept()
    assert secret.read_text() == "secret"
    assert not (house.pictures / "new.png").exists()


def bombs(folder: Path) -> dict[Path, set[str]]:
    """Write pictures that are small on the disk and large in memory."""
    names = {
        "wall.png": (png(20_000, 20_000), {"too_many_pixels"}),
        "huge.png": (png(2**31 - 1, 2**31 - 1, b"x"), {"too_many_pixels"}),
        "profile.png": (_profile_bomb(), {"damaged"}),
        "text.png": (_text_bomb(), {"damaged"}),
    }
    for name, (content, _) in names.items():
        (folder / name).write_bytes(content)
    deep = folder / "deep.png"
    Image.new("RGBA", (9_000, 9_000)).save(deep, compress_level=1)
    return {**{folder / name: reasons for name, (_, reasons) in names.items()}, deep: {"memory"}}


def _profile_bomb() -> bytes:
    file = io.BytesIO()
    Image.new("RGB", (8, 8)).save(file, "PNG", icc_profile=b"\0" * (200 << 20))
    return file.getvalue()


def _text_bomb() -> bytes:
    file, info = io.BytesIO(), PngImagePlugin.PngInfo()
    info.add(b"zTXt", b"a\0\0" + zlib.compress(b"\0" * (200 << 20)))
    Image.new("RGB", (8, 8)).save(file, "PNG", pnginfo=info)
    return file.getvalue()


def test_bombs_fail_with_their_reason_and_the_cores_memory_stays_flat(
    plain_house: House,
) -> None:
    house = plain_house
    settings = house.settings_file
    settings.write_text(f'{settings.read_text()}[limits]\ndecode_memory = "300MiB"\n')
    for number in range(5):
        picture(house.pictures / f"{number}.png", number)
    house.start()
    house.sync()
    core = psutil.Process(house.pid)
    before = core.memory_info().rss
    expected = bombs(house.pictures)
    house.sync()
    grown = core.memory_info().rss - before
    with house.client() as client:
        for path, reasons in expected.items():
            said = client.why(path)
            assert said.reason in reasons or said.state == "searchable", (path, said)
            if path.name in {"wall.png", "huge.png", "deep.png"}:
                assert said.state == "failed"
    assert grown < 30 << 20


def test_what_is_no_file_or_leads_elsewhere_is_skipped(plain_house: House, tmp_path: Path) -> None:
    house = plain_house
    picture(house.pictures / "good.png", 1)
    outside = tmp_path / "outside"
    picture(outside / "secret.png", 2)
    os.mkfifo(house.pictures / "fifo.jpg")
    os.mkdir(house.pictures / "folder.jpg")
    (house.pictures / "dangling.jpg").symlink_to("nowhere")
    (house.pictures / "away").symlink_to(outside)
    (house.pictures / "file.png").symlink_to(outside / "secret.png")
    (house.pictures / "loop").symlink_to(house.pictures)
    with socket.socket(socket.AF_UNIX) as made:
        made.bind(os.fsencode(house.pictures / "s.jpg"))
        if os.geteuid() == 0:
            os.mknod(house.pictures / "null.jpg", 0o020666, os.makedev(1, 3))
        house.start()
        house.sync()
        assert house.rows().keys() == {os.fsencode(house.pictures / "good.png")}
        with house.client() as client:
            for name in ("fifo.jpg", "dangling.jpg", "s.jpg", "file.png"):
                assert client.why(house.pictures / name).state == "not_an_image"
        os.mkfifo(house.pictures / "later.jpg")
        house.sync()
        assert len(house.rows()) == 1


def test_programs_in_disguise_are_refused_and_start_nothing(
    plain_house: House, tmp_path: Path
) -> None:
    house = plain_house
    # Stands for Ghostscript, which Pillow's EPS reader would call.
    started = tmp_path / "started"
    tools = tmp_path / "bin"
    tools.mkdir()
    (tools / "gs").write_text(f"#!/bin/sh\ntouch {started}\n")
    (tools / "gs").chmod(0o755)
    house.environment["PATH"] = f"{tools}:{house.environment['PATH']}"
    disguised = {
        "eps.jpg": b"%!PS-Adobe-3.0 EPSF-3.0\n%%BoundingBox: 0 0 9 9\n%%EndComments\nshowpage\n",
        "svg.png": b"<svg xmlns='http://www.w3.org/2000/svg'><script>1</script></svg>",
        "fits.tif": b"SIMPLE  =                    T".ljust(2880),
        "pdf.gif": b"%PDF-1.7\n",
        "script.webp": b"#!/bin/sh\n",
    }
    for name, content in disguised.items():
        (house.pictures / name).write_bytes(content)
    house.start()
    house.sync()
    assert house.status().failed == {"not_an_image": len(disguised)}
    assert not started.exists()


NAMES = [
    b"line\nend.png", b"\xff\xfe.png", b"n" * 251 + b".png", "e\u0301.png".encode(),
    "\u00e9.png".encode(), b"A.PNG", b" .png", b"-n.png", b"a\tb.png", b"quote'\".png",
    b"\xf0\x9f\x8c\x85.png", b"%s%n.png",
]  # fmt: skip


def test_names_of_any_bytes_are_stored_and_returned_as_they_are(house: House) -> None:
    base = os.fsencode(house.pictures)
    paths = {os.path.join(base, name) for name in NAMES}
    for number, path in enumerate(sorted(paths)):
        picture(path, number)
    house.sync()
    assert house.found() == paths
    assert house.rows().keys() == paths
    for path in paths:
        said = house.run("imgqctl", "why", path)
        assert said.returncode == 0, said.stderr
    listed = house.run("imgq", "--all", "-n", "100", "-0", "png").stdout
    assert {os.fsencode(path) for path in listed.split("\0") if path} == paths


def test_empty_cut_sparse_and_closed_files_each_say_so_and_are_healed_when_mended(
    humble_house: House,
) -> None:
    house = humble_house
    whole = io.BytesIO()
    Image.effect_noise((300, 200), 90).convert("RGB").save(whole, "JPEG")
    content = whole.getvalue()
    paths = {name: house.pictures / f"{name}.jpg" for name in ("empty", "cut", "sparse", "closed")}
    paths["empty"].touch()
    paths["cut"].write_bytes(content[: len(content) // 2])
    with paths["sparse"].open("wb") as file:
        file.truncate(100 << 30)
    paths["closed"].write_bytes(content)
    paths["closed"].chmod(0)
    house.start()
    house.sync()
    reasons = {"empty": "empty", "cut": "truncated", "sparse": "too_large", "closed": "unreadable"}
    with house.client() as client:
        for name, reason in reasons.items():
            said = client.why(paths[name])
            assert (said.state, said.reason) == ("failed", reason), said
    told = house.run("imgqctl", "status").stdout
    for reason in reasons.values():
        assert f"1 {reason}" in told or f"{reason}: 1" in told, told
    paths["closed"].chmod(0o600)
    for number, name in enumerate(("empty", "cut", "sparse")):
        picture(os.fsencode(paths[name]), number)
    house.sync()
    assert house.status().failed == {}
    assert {state for state, _ in house.rows().values()} == {"indexed"}
