"""docs/protocol.md is what others write clients from: its examples must be true."""

import re
from pathlib import Path
from typing import Any

import pytest

from client.fake_daemon import FakeDaemon, Refusal, found, result
from imgq import protocol
from imgq.protocol import Reader, Request, Response

DOCUMENT = (Path(__file__).parents[2] / "docs" / "protocol.md").read_text(encoding="utf-8")


def blocks(language: str) -> list[str]:
    return re.findall(rf"```{language}\n(.*?)```", DOCUMENT, re.DOTALL)


def said(block: str, side: str) -> list[protocol.Message]:
    lines = [line[1:] for line in block.splitlines() if line.startswith(side)]
    return Reader().feed(bytes.fromhex("".join(lines)))


def test_the_session_in_hex_is_the_protocol() -> None:
    sent = [message for block in blocks("hex") for message in said(block, ">")]
    received = [message for block in blocks("hex") for message in said(block, "<")]
    assert sent == [
        Request(1, "hello", {}),
        Request(2, "why", {"path": b"/p/\xff"}),
        Request(3, "nope", {}),
    ]
    why = {"path": b"/p/\xff", "state": "missing", "reason": "", "detail": ""}
    assert received == [
        Response(1, None, {"name": "imgqd", "version": "0.1.0", "protocol": protocol.VERSION}),
        Response(2, None, why),
        Response(3, ("usage", "no method"), None),
    ]


@pytest.fixture
def whole_client() -> Any:
    (source,) = blocks("python")
    assert len(source.splitlines()) <= 25
    return compile(source, "protocol.md", "exec")


def run_client(code: Any) -> None:
    exec(code, {"__name__": "__main__"})


def test_the_whole_client_finds_pictures(
    daemon: FakeDaemon,
    whole_client: Any,
    capsysbinary: pytest.CaptureFixture[bytes],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    def search(_: Any, push: Any) -> Any:
        push(subscription=1, topic="status", status={})
        return found(result("/a.jpg"), result("/ü.jpg"))

    daemon.answers["search"] = search
    monkeypatch.setattr("sys.argv", ["client", "a", "cat"])
    run_client(whole_client)
    assert capsysbinary.readouterr().out == "/a.jpg\n/ü.jpg\n".encode()
    assert daemon.called("search") == [{"query": "a cat"}]


def test_the_whole_client_reports_an_error(
    daemon: FakeDaemon, whole_client: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    daemon.answers["search"] = Refusal("too_large", "a long query")
    monkeypatch.setattr("sys.argv", ["client", "x"])
    with pytest.raises(SystemExit, match="too_large: a long query"):
        run_client(whole_client)


def test_the_whole_client_reports_why_the_daemon_hangs_up(
    daemon: FakeDaemon, whole_client: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    daemon.answers["search"] = protocol.pack_error(0, "busy", "32 connections are open")
    monkeypatch.setattr("sys.argv", ["client", "x"])
    with pytest.raises(SystemExit, match="busy: 32 connections are open"):
        run_client(whole_client)


def test_every_code_and_limit_is_in_the_document() -> None:
    for code in protocol.CODES:
        assert f"| `{code}` |" in DOCUMENT
    limits = protocol.FROM_CLIENT
    assert (limits.frame, protocol.FROM_DAEMON.frame) == (1 << 20, 64 << 20)
    assert "| a message from a client | 1 MiB |" in DOCUMENT
    assert f"| {limits.array} items |" in DOCUMENT
    assert f"| {limits.map} pairs |" in DOCUMENT


def test_every_method_of_the_client_is_in_the_document() -> None:
    source = Path(protocol.__file__).parent
    methods = set()
    for name in ("calls.py", "asking.py"):
        text = (source / name).read_text(encoding="utf-8")
        methods |= set(re.findall(r'\bCall\(\s*"([a-z.]+)"', text))
    assert len(methods) >= 17
    headings = " ".join(re.findall(r"^### (.*)$", DOCUMENT, re.MULTILINE))
    assert {method for method in methods if f"`{method}`" not in headings} == set()
