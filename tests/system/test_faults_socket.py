"""What may happen to the socket and its folder."""

from __future__ import annotations

import os
import shutil
import socket
import subprocess
import sys

import pytest

from house import BIN, House, picture
from imgq.reports import Status

pytestmark = pytest.mark.system

NOBODY = 65534

needs_root = pytest.mark.skipif(os.geteuid() != 0, reason="only root can be another user")

_KNOCK = """
import os, socket, sys
os.chdir(os.path.dirname(sys.argv[1]))
os.setgid({nobody}); os.setuid({nobody})
with socket.socket(socket.AF_UNIX) as client:
    client.settimeout(20)
    client.connect(os.path.basename(sys.argv[1]))
    try:
        client.sendall(bytes.fromhex("940001a568656c6c6f90"))
        print(len(client.recv(100)))
    except ConnectionError:
        print(0)
"""


@needs_root
def test_a_peer_of_another_user_gets_nothing_and_everyone_else_is_answered(
    plain_house: House,
) -> None:
    house = plain_house
    house.start()
    for path in (house.socket, house.socket.parent):
        path.chmod(0o777)  # as only its owner can
    knock = subprocess.run(
        [sys.executable, "-c", _KNOCK.format(nobody=NOBODY), house.socket],
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )
    assert knock.returncode == 0, knock.stderr
    assert knock.stdout == "0\n"
    assert "another user was refused" in house.log.read_text()
    with house.client() as client:
        assert client.hello().name == "imgqd"


@needs_root
def test_a_runtime_folder_of_another_user_is_refused_in_one_line(plain_house: House) -> None:
    plain_house.socket.parent.mkdir(mode=0o700)
    os.chown(plain_house.socket.parent, NOBODY, NOBODY)
    refused = plain_house.run("imgqd")
    assert refused.returncode == 4
    assert refused.stderr.count("\n") == 1
    assert "belongs to another user" in refused.stderr


@pytest.mark.parametrize("what", ["socket", "folder", "another's"])
def test_a_socket_that_vanishes_is_made_again_and_connections_live_on(
    plain_house: House, what: str
) -> None:
    house = plain_house
    house.start()
    house.sync()
    with house.client() as before:
        assert before.hello().protocol == 1
        statuses = before.statuses()
        next(statuses)
        if what == "folder":
            shutil.rmtree(house.socket.parent)
        else:
            house.socket.unlink()
        if what == "another's":
            with socket.socket(socket.AF_UNIX) as squatter:
                squatter.bind(str(house.socket))
        picture(house.pictures / "a.png", 1)
        # The old connection is told of the new picture, while nobody else can come in.
        for status in statuses:
            if status.files == 1:
                break
        house.until_logged("made again")
    with house.client() as after:
        assert after.hello().protocol == 1
    assert house.socket.stat().st_mode & 0o777 == 0o600
    assert house.socket.parent.stat().st_mode & 0o777 == 0o700
    house.assert_true()
    assert house.stop() == 0
    assert not house.socket.exists()


def test_a_second_daemon_leaves_the_first_ones_socket_alone(plain_house: House) -> None:
    plain_house.start()
    inode = plain_house.socket.stat().st_ino
    refused = subprocess.run(
        [BIN / "imgqd"],
        env=plain_house.environment,
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )
    assert refused.returncode == 4
    assert plain_house.socket.stat().st_ino == inode
    assert isinstance(plain_house.status(), Status)
