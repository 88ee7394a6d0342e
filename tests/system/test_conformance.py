"""The protocol as clients understand it that nobody here wrote.

pynvim's session, aio-msgpack-rpc, and the transport of the npm package neovim each ask
the real daemon the same questions. None of them knows imgq: they know MessagePack-RPC.
"""

from __future__ import annotations

import asyncio
import gc
import json
import os
import shutil
import subprocess
import warnings
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

import aio_msgpack_rpc
import pytest
from aio_msgpack_rpc.error import RPCResponseError
from pynvim.msgpack_rpc import socket_session

from house import PATIENCE, House, picture, running
from imgq import protocol

pytestmark = pytest.mark.system

Question = tuple[str, list[Any]]
Answer = tuple[Any, Any]
"""(error, result), as the protocol has them."""

NEOVIM = "neovim@5.5.0"
SCRIPT = Path(__file__).with_name("neovim_transport.cjs")
FOREIGN = b"/kite \xff.png"


class Told(Exception):
    """An error as pynvim is told to raise it."""


class Pynvim:
    """Sends a notification of its own first, with the method as binary; asks one by one."""

    def __init__(self, house: House) -> None:
        self._session = socket_session(str(house.socket))
        self._session.error_wrapper = lambda error: Told(*error)

    def ask(self, *questions: Question) -> list[Answer]:
        return [self._ask(method, params) for method, params in questions]

    def _ask(self, method: str, params: list[Any]) -> Answer:
        try:
            return None, self._session.request(method, *params)
        except Told as told:
            return list(told.args), None

    def event(self) -> Any:
        self.ask(("subscribe", [{"topics": ["status"]}]))
        message = self._session.next_message()
        assert message is not None
        assert (message.type, message.name) == ("notification", "event")
        return message.args

    def close(self) -> None:
        self._session.close()
        # It ends its loop before the loop has closed the socket: that is left to the collector.
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", ResourceWarning)
            del self._session
            gc.collect()


class AioMsgpackRpc:
    """Begins at msgid 0, and knows no notifications from the other side."""

    def __init__(self, house: House) -> None:
        self._path = str(house.socket)
        self._loop = asyncio.new_event_loop()
        self._client, self._writer = self._loop.run_until_complete(self._connect())

    async def _connect(self) -> tuple[Any, asyncio.StreamWriter]:
        reader, writer = await asyncio.open_unix_connection(self._path)
        return aio_msgpack_rpc.Client(reader, writer, response_timeout=PATIENCE), writer

    def ask(self, *questions: Question) -> list[Answer]:
        async def together() -> list[Answer]:
            return await asyncio.gather(*(self._ask(*question) for question in questions))

        return self._loop.run_until_complete(together())

    async def _ask(self, method: str, params: list[Any]) -> Answer:
        try:
            return None, await self._client.call(method, *params)
        except RPCResponseError as error:
            return error.args[0], None

    def event(self) -> Any:
        pytest.skip("aio-msgpack-rpc logs notifications and gives them to nobody")

    def close(self) -> None:
        self._client.close()
        self._loop.run_until_complete(self._writer.wait_closed())
        self._loop.close()


class Neovim:
    """One process of Node for each time something is asked."""

    def __init__(self, house: House, modules: Path) -> None:
        self._command: list[str | Path] = ["node", SCRIPT, modules, house.socket]

    def ask(self, *questions: Question) -> list[Answer]:
        return [(error, result) for error, result in self._run(questions)["answers"][0]]

    def event(self) -> Any:
        said = self._run([("subscribe", [{"topics": ["status"]}])])
        method, params = said["notifications"][0]
        assert method == "event"
        return params

    def _run(self, questions: Sequence[Question]) -> Any:
        rounds = json.dumps([questions], default=lambda data: {"type": "Buffer", "data": [*data]})
        done = subprocess.run(
            [*self._command, rounds], capture_output=True, text=True, timeout=PATIENCE, check=False
        )
        assert done.returncode == 0, done.stderr
        return json.loads(done.stdout, object_hook=_with_bytes)

    def close(self) -> None:
        pass


def _with_bytes(value: dict[str, Any]) -> Any:
    return bytes(value["data"]) if value.get("type") == "Buffer" else value


@pytest.fixture(scope="module")
def gallery(tmp_path_factory: pytest.TempPathFactory) -> Iterator[House]:
    """A daemon without weights, and 300 pictures that are found by their names."""
    house = House(tmp_path_factory.mktemp("gallery"), model="ViT-B-32/openai")
    for number in range(299):
        picture(house.pictures / f"kite {number:03}.png", number)
    picture(os.fsencode(house.pictures) + FOREIGN, 299)
    with running(house):
        house.sync()
        yield house


@pytest.fixture(scope="module")
def modules(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Install the npm package, once and outside of the repository; skip where that cannot be."""
    if shutil.which("npm") is None or shutil.which("node") is None:
        pytest.skip("there is no node, or no npm")
    folder = tmp_path_factory.mktemp("node")
    quiet = ["--ignore-scripts", "--no-audit", "--no-fund", "--fetch-retries=0"]
    try:
        done = subprocess.run(
            ["npm", "install", *quiet, "--prefix", folder, NEOVIM],
            capture_output=True,
            text=True,
            timeout=PATIENCE,
            check=False,
        )
    except subprocess.TimeoutExpired:
        pytest.skip(f"npm did not install {NEOVIM} within {PATIENCE:g} s")
    if done.returncode != 0:
        pytest.skip(f"npm cannot install {NEOVIM}: {done.stderr.strip().splitlines()[:1]}")
    return folder / "node_modules"


@pytest.fixture(params=["pynvim", "aio-msgpack-rpc", "neovim"])
def client(request: pytest.FixtureRequest, gallery: House) -> Iterator[Any]:
    made: Pynvim | AioMsgpackRpc | Neovim
    if request.param == "pynvim":
        made = Pynvim(gallery)
    elif request.param == "aio-msgpack-rpc":
        made = AioMsgpackRpc(gallery)
    else:
        made = Neovim(gallery, request.getfixturevalue("modules"))
    yield made
    made.close()


def test_it_learns_who_is_there(client: Any) -> None:
    [(error, result)] = client.ask(("hello", []))
    assert error is None
    assert (result["name"], result["protocol"]) == ("imgqd", protocol.VERSION)


def test_it_searches_and_reads_an_answer_of_many_packets_whole(client: Any, gallery: House) -> None:
    [(error, result)] = client.ask(("search", [{"query": "kite", "limit": 1000, "all": True}]))
    assert error is None
    paths = {protocol.path_bytes(one["path"]) for one in result["results"]}
    assert paths == gallery.on_disk()
    assert {type(one["path"]) for one in result["results"]} == {str, bytes}
    assert {type(one["relevance"]) for one in result["results"]} == {float}
    assert result["total"] == 300


def test_a_path_that_is_no_text_goes_there_and_back(client: Any, gallery: House) -> None:
    path = os.fsencode(gallery.pictures) + FOREIGN
    [(error, result)] = client.ask(("why", [{"path": path}]))
    assert error is None
    assert result["path"] == path


def test_each_of_eight_questions_at_a_time_gets_its_own_answer(client: Any) -> None:
    answers = client.ask(*[("why", [{"path": f"/nowhere/{number}"}]) for number in range(8)])
    assert [error for error, _ in answers] == [None] * 8
    assert [result["path"] for _, result in answers] == [f"/nowhere/{n}" for n in range(8)]


def test_an_error_has_a_code_and_a_text_and_the_connection_goes_on(client: Any) -> None:
    answers = client.ask(
        ("nonsense", []),
        ("search", [{"query": 5}]),
        ("search", ["kite"]),
        ("why", [{"path": "/a", "colour": "red"}]),
        ("hello", [{}]),
    )
    assert [error for error, _ in answers] == [
        ["usage", "no method 'nonsense'"],
        ["usage", "query is a text"],
        ["usage", "params are one map"],
        ["usage", "unknown parameter 'colour'"],
        None,
    ]
    assert [result is None for _, result in answers] == [True] * 4 + [False]


def test_it_is_told_of_what_happens(client: Any) -> None:
    [event] = client.event()
    assert event["topic"] == "status"
    assert event["subscription"] >= 1
    assert event["status"]["files"] == 300
