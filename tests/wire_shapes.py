"""Bytes and requests of any shape, and what must hold of whatever reads and answers them."""

from __future__ import annotations

import os
import socket
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import msgpack
from hypothesis import strategies as st

from imgq import protocol
from imgq.protocol import Limits, Notification, ProtocolError, Reader, Request, Response

PATIENCE = 100.0

NUMBERS = st.integers(-(2**63), 2**64 - 1) | st.integers(-2, 1001) | st.floats()
SCALARS = st.none() | st.booleans() | NUMBERS | st.text(max_size=30) | st.binary(max_size=30)


def values_of(scalars: st.SearchStrategy[Any]) -> st.SearchStrategy[Any]:
    """Return lists and maps of scalars, and of lists and maps."""
    return st.recursive(
        scalars,
        lambda inner: (
            st.lists(inner, max_size=8)
            | st.dictionaries(st.text(max_size=8) | st.binary(max_size=8), inner, max_size=8)
        ),
        max_leaves=16,
    )


ANYTHING = values_of(SCALARS)
"""Any value that the daemon reads."""

MORE = values_of(
    st.integers(0, 9) | st.builds(msgpack.ExtType, st.integers(0, 127), st.binary(max_size=4))
)
"""Small values, some of a kind that it does not read."""

HEADERS = st.builds(
    lambda head, length: bytes([head]) + length,
    st.integers(0xC0, 0xDF),
    st.binary(max_size=8)
    | st.sampled_from([b"\xff" * 4, b"\x7f\xff\xff\xff", b"\0\x10\0\0", b"\0\0\0\0"]),
)
"""The first bytes of values, with lengths that are mostly lies."""

DEEP = st.builds(
    lambda header, times: header * times,
    st.sampled_from([b"\x91", b"\x81\xa1k", b"\x91\x81\xa1k", b"\x92\xc0"]),
    st.integers(1, 20) | st.just(1100),
)
"""Values in values in values."""

PLAIN = st.builds(
    lambda kind, msgid, method, params: msgpack.packb(
        [kind, method, params] if kind == 2 else [kind, msgid, method, params]
    ),
    st.sampled_from([0, 1, 2]),
    st.integers(0, 300),
    st.text(max_size=10) | st.binary(max_size=10),
    st.lists(ANYTHING | MORE, max_size=3),
)
"""Messages."""

NEARLY = st.builds(
    lambda *parts: msgpack.packb(parts[:1] + parts[2:] if parts[0] == 2 else parts),
    st.integers(-1, 3) | st.booleans(),
    st.integers(-2, 2) | st.booleans() | ANYTHING,
    st.text(max_size=5) | ANYTHING,
    st.lists(ANYTHING, max_size=3) | ANYTHING,
)
"""What looks like a message, and mostly is none."""

NONSENSE: Any = HEADERS | DEEP | st.binary(max_size=40) | ANYTHING.map(msgpack.packb)

PARTS = st.lists(PLAIN, max_size=3) | st.builds(
    lambda before, odd, after: [*before, odd, *after],
    st.lists(PLAIN, max_size=2),
    NEARLY | NONSENSE,
    st.lists(PLAIN, max_size=1),
)
"""Messages, and perhaps something else among them."""


@st.composite
def streams(draw: st.DrawFn) -> list[bytes]:
    """Return a stream of messages, nonsense and mutations of both, in pieces."""
    data = bytearray(b"".join(draw(PARTS)))
    for _ in range(draw(st.integers(0, 4))):
        place = draw(st.integers(0, len(data)))
        until = draw(st.integers(place, min(len(data), place + 20)))
        data[place:until] = draw(st.just(data[place:until] * 2) | st.binary(max_size=6))
    cuts = sorted(draw(st.lists(st.integers(0, len(data)), max_size=8)))
    return [bytes(data[a:b]) for a, b in zip([0, *cuts], [*cuts, len(data)], strict=True)]


def check_stream(pieces: Sequence[bytes], limits: Limits) -> None:
    """Check that a stream reads the same however it is cut, and raises nothing unexpected."""
    slowly, is_refused = _read(Reader(limits), _bytes_of(pieces), limits)
    quickly, is_refused_too = _read(Reader(limits), pieces, limits)
    assert is_refused == is_refused_too
    # What came in one piece with the mistake is lost with it.
    assert repr(quickly) == repr(slowly[: len(quickly)])
    assert is_refused or len(quickly) == len(slowly)


def _bytes_of(pieces: Sequence[bytes]) -> list[bytes]:
    return [bytes([byte]) for piece in pieces for byte in piece]


def _read(
    reader: Reader, pieces: Sequence[bytes], limits: Limits
) -> tuple[list[protocol.Message], bool]:
    """Return the messages of a stream, and whether it was refused; check what holds of them."""
    messages: list[protocol.Message] = []
    held = 0
    for piece in pieces:
        held += len(piece)
        try:
            got = reader.feed(piece)
        except ProtocolError:
            return messages, True
        # Of messages that end inside of a piece it is not known where.
        held = reader.unfinished if got and len(piece) > 1 else 0 if got else held
        assert reader.unfinished == held <= limits.frame
        for one in got:
            _check_message(one, limits)
        messages += got
    return messages, False


def _check_message(message: protocol.Message, limits: Limits) -> None:
    match message:
        case Request(msgid, str(), dict(params)):
            assert msgid >= 0
            assert not isinstance(msgid, bool)
            _check_value(params, limits)
        case Notification(str(), dict(params)):
            _check_value(params, limits)
        case Response(int(), error, result):
            assert error is None or [type(one) for one in error] == [str, str]
            _check_value(result, limits)
        case _:
            raise AssertionError(message)


def _check_value(value: Any, limits: Limits) -> None:
    if isinstance(value, list):
        assert len(value) <= limits.array
        for one in value:
            _check_value(one, limits)
    elif isinstance(value, dict):
        assert len(value) <= limits.map
        for key, one in value.items():
            assert isinstance(key, str | bytes)
            _check_value(one, limits)
    else:
        assert value is None or type(value) in {bool, int, float, str, bytes}


METHODS = (
    *("hello", "search", "status", "sync", "why", "doctor", "roots.list", "roots.add"),
    *("roots.remove", "pause", "resume", "rescan", "subscribe", "unsubscribe", "shutdown"),
    *("store.status", "store.backfill", "store.verify", "store.detach", "store.forget"),
    *("store.switch",),
)
MODEL_METHODS = ("models.list", "models.use", "models.pull", "models.import", "models.drop")
"""Each of these starts a process."""

WORDS = st.lists(
    st.sampled_from(
        [
            *("a", "png", "red circle", '"', "(", ")", "OR", "-", "-red", "+2:red", "*", "\0"),
            *("like:/x.png", "like:#1", "type:png", "w:>10", "size:<1MB", "taken:2023", "after:"),
            *("near:48,2~1km", "near:Lisbon", "is:screenshot", "-is:x", "name:*.png", "in:/"),
            *("sort:date", "fold:yes", "rating:>=4", "tag:a", "mp:..", "ratio:square", "july 2023"),
        ]
    ),
    max_size=6,
)
"""Pieces of a line that make sense alone, and seldom together."""

PARAMS = {
    "search": (
        *("query", "like", "limit", "offset", "all", "fold", "sync", "timeout_s", "supersede"),
        "everywhere",
    ),
    "store.backfill": ("claim",),
    "store.verify": ("mend",),
    "store.detach": ("remove",),
    "store.forget": ("machine",),
    "sync": ("timeout_s",),
    "why": ("path",),
    "roots.add": ("path",),
    "roots.remove": ("path",),
    "rescan": ("path",),
    "pause": ("duration_s",),
    "subscribe": ("topics", "query", "like", "cursor"),
    "unsubscribe": ("subscription",),
    "models.use": ("name",),
    "models.pull": ("name",),
    "models.import": ("path", "as"),
    "models.drop": ("name",),
}


def requests(base: Path, methods: Sequence[str] = METHODS) -> st.SearchStrategy[list[Any]]:
    """Return strategies of requests that are valid MessagePack, and mostly not valid otherwise.

    They change nothing outside of `base`, and end nothing.
    """
    inside = [bytes(base), bytes(base / "pictures"), bytes(base / "pictures" / "a.png"), b"/\xff"]
    values = {
        "query": st.text(max_size=40) | WORDS.map(" ".join),
        "path": st.sampled_from([one.decode(errors="replace") for one in inside] + inside),
        "limit": st.integers(-1, 1001),
        "timeout_s": st.floats(0.001, 2.0),
        "duration_s": st.floats(0.001, 0.1),
        "topics": st.sampled_from([["status"], ["matches"], []]),
        "subscription": st.integers(0, 20),
        "cursor": st.text(max_size=20) | st.text("0123456789.:-abcdef", max_size=40),
        "name": st.text(max_size=20) | st.sampled_from(["local-dir:/nowhere", "A/b", "hf-hub:a/b"]),
    }
    values |= {
        "as": values["name"],
        "machine": values["name"],
        "like": values["path"],
        "offset": values["limit"],
    }
    flags = ("all", "fold", "sync", "supersede", "everywhere", "claim", "mend", "remove")
    values |= dict.fromkeys(flags, st.booleans())
    fitting = {name: good | ANYTHING for name, good in values.items()}

    def of(method: str) -> st.SearchStrategy[list[Any]]:
        own = {name: fitting[name] for name in PARAMS.get(method, ())}
        right = st.fixed_dictionaries({}, optional=own).map(lambda params: [params])
        wrong = st.lists(ANYTHING | st.dictionaries(st.text(max_size=8), ANYTHING), max_size=3)
        return st.tuples(st.just(method), st.one_of(right, right, right, wrong)).map(list)

    asked = (st.sampled_from(methods) | st.text(max_size=8)).flatmap(of)
    return asked.filter(lambda one: _is_harmless(one[0], one[1], base))


def _is_harmless(method: str, params: list[Any], base: Path) -> bool:
    if method == "shutdown":
        return params not in ([], [{}], [None])
    if method != "roots.add" or not params or not isinstance(params[0], dict):
        return True
    path = params[0].get("path")
    if isinstance(path, str):
        path = path.encode()
    if not isinstance(path, bytes) or b"\0" in path:
        return True
    return not os.path.isdir(path) or os.path.realpath(path).startswith(bytes(base))


def answers(path: Path, asked: Sequence[Sequence[Any]]) -> Mapping[int, Response]:
    """Ask all at once on a connection of its own; check that each gets one answer, a good one."""
    sent = b"".join(msgpack.packb([0, number, *one]) for number, one in enumerate(asked, 1))
    reader = Reader(protocol.FROM_DAEMON)
    got: list[Response] = []
    with socket.socket(socket.AF_UNIX) as client:
        client.settimeout(PATIENCE)
        client.connect(os.fspath(path))
        client.sendall(sent)
        # Who ends its own side still gets all its answers, and then the other end, too.
        client.shutdown(socket.SHUT_WR)
        while data := client.recv(1 << 16):
            got += [one for one in reader.feed(data) if isinstance(one, Response)]
    assert sorted(one.msgid for one in got) == list(range(1, len(asked) + 1)), got
    for one in got:
        if one.error is not None:
            code, text = one.error
            assert code in set(protocol.CODES) - {"internal"}, (asked[one.msgid - 1], one)
            assert text
            assert "\n" not in text
    return {one.msgid: one for one in got}
