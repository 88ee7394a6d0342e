"""Fault 29: 500 hostile connections, and an honest client that does not notice."""

from __future__ import annotations

import contextlib
import os
import signal
import subprocess
import sys

import pytest

from honest import in_turns, p95
from hostile import KINDS, Mob
from house import House, picture
from imgq import Client
from imgq.errors import Refused

pytestmark = pytest.mark.system

# Other programs share the cores: what no person notices is no fault.
ALLOWED_S = 0.01

MEMORY = 64 << 20


# Times are compared: so it runs with the long ones, one test at a time.
@pytest.mark.faults
def test_an_honest_client_is_answered_as_soon_as_ever_and_memory_is_bounded(
    own_house: House,
) -> None:
    house = own_house
    for number in range(300):
        picture(house.pictures / f"{number}.png", number)
    # So that whoever does not read is dropped, and back, in the time of one turn.
    with house.settings_file.open("a") as settings:
        settings.write('[server]\nstall = "1s"\n')
    house.start()
    house.sync()
    found = in_turns(house, 500, rounds=5, seconds=2.0)
    assert found.made > 5 * 500
    # `in_turns` fails where one is refused: everyone got in.
    assert len(found.newcomers) >= 5 * 4
    assert p95([found.newcomers]) < 2 * p95(found.quiet) + 3 * ALLOWED_S
    assert p95(found.crowded) < 2 * p95(found.quiet) + ALLOWED_S
    assert found.most - found.before < MEMORY
    assert house.log.read_text().count("a client") < 20


@pytest.mark.parametrize("kind", KINDS)
def test_whoever_holds_every_place_in_whatever_way_lets_an_honest_client_in(
    plain_house: House, kind: str
) -> None:
    plain_house.start()
    picture(plain_house.pictures / "a.png", 1)
    plain_house.sync()
    with (
        contextlib.closing(Mob(plain_house.socket, 120, [kind])) as mob,
        mob.attacking(),
    ):
        for _ in range(5):
            assert len(plain_house.found("a")) == 1
        clients = [plain_house.client() for _ in range(8)]
        assert {client.hello().name for client in clients} == {"imgqd"}
        for client in clients:
            client.close()
    assert plain_house.stop() == 0


def test_the_limits_are_settings_that_a_running_daemon_takes_over(plain_house: House) -> None:
    plain_house.start()
    plain_house.sync()
    with plain_house.settings_file.open("a") as settings:
        settings.write("[server]\nconnections = 2\nmax_results = 7\n")
    plain_house.signal(signal.SIGHUP)
    with plain_house.client() as client:
        while not client_is_refused(client, limit=8):
            client.status()
        assert client.search("x", limit=7).results == ()
        with plain_house.client() as second, plain_house.client() as third:
            assert second.hello().protocol == 1
            with pytest.raises(Refused, match="2 connections are open already"):
                third.hello()


def client_is_refused(client: Client, limit: int) -> bool:
    try:
        client.search("x", limit=limit)
    except Refused as refused:
        return str(refused) == "limit is a number from 1 to 7"
    return False


def test_programs_that_each_hold_one_place_let_an_honest_client_in(plain_house: House) -> None:
    plain_house.start()
    with subprocess.Popen(
        [sys.executable, "-S", "-c", _EACH_ONE, plain_house.socket],
        stdout=subprocess.PIPE,
        process_group=0,
    ) as programs:
        try:
            assert programs.stdout is not None
            assert programs.stdout.readline() == b"40\n"
            for _ in range(40):
                with plain_house.client() as client:
                    assert client.hello().name == "imgqd"
        finally:
            os.killpg(programs.pid, signal.SIGKILL)


_EACH_ONE = """
import os, signal, socket, sys
asked, tell = os.pipe()
for _ in range(40):
    if os.fork() == 0:
        with socket.socket(socket.AF_UNIX) as client:
            client.connect(sys.argv[1])
            client.sendall(bytes.fromhex("940001a568656c6c6f90"))
            os.write(tell, client.recv(1))
            signal.pause()
count = 0
while count < 40:
    count += len(os.read(asked, 40))
print(count, flush=True)
signal.pause()
"""
