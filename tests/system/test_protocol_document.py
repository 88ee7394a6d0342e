"""docs/protocol.md is run: its examples are one session with the real daemon, in their order."""

from __future__ import annotations

import contextlib
import json
import re
import socket
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from house import PATIENCE, House, picture, running
from imgq import protocol
from imgq.protocol import Notification, Reader, Response

pytestmark = pytest.mark.system

DOCUMENT = (Path(__file__).parents[2] / "docs" / "protocol.md").read_text(encoding="utf-8")
EXAMPLES = "\n".join(re.findall(r"```example\n(.*?)```", DOCUMENT, re.DOTALL))


class Session:
    """A connection as the document describes one, and the events that came through it."""

    def __init__(self, path: Path) -> None:
        self._socket = socket.socket(socket.AF_UNIX)
        self._socket.settimeout(PATIENCE)
        self._socket.connect(str(path))
        self._reader = Reader(protocol.FROM_DAEMON)
        self._arrived: list[protocol.Message] = []
        self._msgid = 0

    def call(self, method: str, params: dict[str, Any]) -> Response:
        self._msgid += 1
        self._socket.sendall(protocol.pack_request(self._msgid, method, params))
        answer: Response = self._first(Response)
        return answer

    def event(self) -> dict[str, Any]:
        event: Notification = self._first(Notification)
        return event.params

    def _first(self, kind: type) -> Any:
        while not (found := [one for one in self._arrived if isinstance(one, kind)]):
            data = self._socket.recv(1 << 16)
            assert data, "the daemon hung up"
            self._arrived += self._reader.feed(data)
        self._arrived.remove(found[0])
        return found[0]

    def close(self) -> None:
        self._socket.close()


@pytest.fixture
def adas_house(tmp_path: Path) -> Iterator[House]:
    """The house of the document: a kite twice, something else, and an empty folder."""
    house = House(tmp_path / "house", torchless=True)
    for name, seed in (("kite.png", 1), ("copy/kite.png", 1), ("other.png", 2)):
        picture(house.pictures / name, seed)
    (house.base / "Scans").mkdir()
    with running(house):
        house.sync()
        yield house


def same_shape(said: Any, real: Any, place: str) -> None:
    """Check that what the document says has the fields and kinds of what came."""
    if said is None or real is None:
        return  # most fields may be nil
    if isinstance(said, dict):
        assert isinstance(real, dict), place
        if place.rsplit(".", 1)[-1] in {"failed", "memory"}:
            assert {type(one) for one in real.values()} <= {int}, place
            return
        assert said.keys() == real.keys(), place
        for key, value in said.items():
            same_shape(value, real[key], f"{place}.{key}")
    elif isinstance(said, list):
        assert isinstance(real, list), place
        for one in real if said else []:
            same_shape(said[0], one, place)
    else:
        kinds = (int, float) if isinstance(said, float) else type(said)
        assert isinstance(real, kinds), (place, said, real)


def steps(house: House) -> list[tuple[str, str]]:
    """Return what is sent (>), answered (<, !) and told (*), with the house's own paths."""
    text = EXAMPLES.replace("/home/ada/Pictures", str(house.pictures))
    text = text.replace("/home/ada", str(house.base))
    found = re.findall(r"^([>*<!]) (.*(?:\n  .*)*)", text, re.MULTILINE)
    assert len(found) == len(re.findall(r"^\S", text, re.MULTILINE))
    return [(mark, rest) for mark, rest in found]


def test_the_examples_are_a_session_with_the_daemon(adas_house: House) -> None:
    house = adas_house
    with contextlib.closing(Session(house.socket)) as session:
        asked, answer = "", Response(0, None, None)
        for mark, rest in steps(house):
            if mark == ">":
                asked = rest
                method, params = rest.split(" ", 1)
                answer = session.call(method, json.loads(params))
            elif mark == "<":
                assert answer.error is None, (asked, answer)
                same_shape(json.loads(rest), answer.result, asked)
            elif mark == "!":
                assert answer.error is not None, asked
                assert answer.error[0] == rest, (asked, answer)
            else:
                if "matches" in asked:
                    picture(house.pictures / "kite 3.png", 7)
                same_shape(json.loads(rest), session.event(), asked)
    assert house.process is not None
    assert house.process.wait(PATIENCE) == 0  # the last question was `shutdown`


def test_every_method_has_an_example() -> None:
    asked = set(re.findall(r"^> (\S+)", EXAMPLES, re.MULTILINE))
    headings = re.findall(r"^### (`.*)$", DOCUMENT, re.MULTILINE)
    methods = {name for heading in headings for name in re.findall(r"`([a-z.]+)`", heading)}
    # A download is nothing for a test.
    assert methods - asked == {"models.pull"}


def test_the_whole_client_finds_pictures(
    adas_house: House, monkeypatch: pytest.MonkeyPatch, capsysbinary: pytest.CaptureFixture[bytes]
) -> None:
    [source] = re.findall(r"```python\n(.*?)```", DOCUMENT, re.DOTALL)
    monkeypatch.setenv("IMGQ_SOCKET", str(adas_house.socket))
    monkeypatch.setattr("sys.argv", ["client", "name:kite.png", "in:copy"])
    exec(compile(source, "protocol.md", "exec"), {"__name__": "__main__"})
    said = capsysbinary.readouterr().out
    assert said == bytes(adas_house.pictures / "copy" / "kite.png") + b"\n"
