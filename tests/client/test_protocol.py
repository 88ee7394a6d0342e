import tracemalloc
from typing import Any

import msgpack
import pytest
from hypothesis import given
from hypothesis import strategies as st

from imgq import protocol
from imgq.protocol import (
    FROM_CLIENT,
    Limits,
    Notification,
    ProtocolError,
    Reader,
    Request,
    Response,
)

SCALARS = (
    st.none()
    | st.booleans()
    | st.integers(-(2**63), 2**64 - 1)
    | st.floats(allow_nan=False)
    | st.text(max_size=20)
    | st.binary(max_size=20)
)
VALUES = st.recursive(
    SCALARS,
    lambda inner: (
        st.lists(inner, max_size=4) | st.dictionaries(st.text(max_size=5), inner, max_size=4)
    ),
    max_leaves=8,
)
PARAMS = st.dictionaries(st.text(max_size=8), VALUES, max_size=4)
MSGIDS = st.integers(0, 2**32 - 1)
MESSAGES = (
    st.builds(Request, MSGIDS, st.text(), PARAMS)
    | st.builds(Response, MSGIDS, st.none(), VALUES)
    | st.builds(Response, MSGIDS, st.tuples(st.sampled_from(protocol.CODES), st.text()), st.none())
    | st.builds(Notification, st.text(), PARAMS)
)


def packed(message: protocol.Message) -> bytes:
    match message:
        case Request(msgid, method, params):
            return protocol.pack_request(msgid, method, params)
        case Response(msgid, None, result):
            return protocol.pack_result(msgid, result)
        case Response(msgid, (code, text), _):
            return protocol.pack_error(msgid, code, text)
        case Notification(method, params):
            return protocol.pack_notification(method, params)
    raise AssertionError(message)


@given(st.lists(MESSAGES, max_size=6), st.data())
def test_any_cutting_of_a_stream_gives_the_same_messages(
    messages: list[protocol.Message], data: st.DataObject
) -> None:
    stream = b"".join(map(packed, messages))
    cuts = sorted(data.draw(st.lists(st.integers(0, len(stream)), max_size=10)))
    reader = Reader()
    read = []
    for start, end in zip([0, *cuts], [*cuts, len(stream)], strict=True):
        read += reader.feed(stream[start:end])
    assert read == messages
    assert reader.unfinished == 0


@given(st.lists(MESSAGES, min_size=1, max_size=3))
def test_one_byte_at_a_time_is_enough(messages: list[protocol.Message]) -> None:
    stream = b"".join(map(packed, messages))
    reader = Reader()
    assert [m for byte in stream for m in reader.feed(bytes([byte]))] == messages


@given(st.lists(st.binary(max_size=64), max_size=8))
def test_random_bytes_raise_nothing_but_a_protocol_error(chunks: list[bytes]) -> None:
    reader = Reader()
    try:
        for chunk in chunks:
            reader.feed(chunk)
    except ProtocolError:
        pass


@given(MESSAGES, st.data())
def test_a_flipped_byte_raises_nothing_but_a_protocol_error(
    message: protocol.Message, data: st.DataObject
) -> None:
    stream = bytearray(packed(message))
    stream[data.draw(st.integers(0, len(stream) - 1))] = data.draw(st.integers(0, 255))
    reader = Reader()
    try:
        reader.feed(bytes(stream))
        reader.feed(b"\xc0" * 300)
    except ProtocolError:
        pass


@given(VALUES)
def test_a_value_that_is_no_message_is_refused(value: Any) -> None:
    if isinstance(value, list) and value[:1] in ([0], [1], [2]):
        return
    with pytest.raises(ProtocolError):
        Reader().feed(msgpack.packb(value))


HOSTILE = {
    "an array of 4 billion": b"\xdd\xff\xff\xff\xff",
    "a map of 4 billion": b"\xdf\xff\xff\xff\xff",
    "a text of 4 GiB": b"\xdb\xff\xff\xff\xff" + b"x" * (1 << 20),
    "a binary of 4 GiB": b"\xc6\xff\xff\xff\xff" + b"x" * (1 << 20),
    "an extension of 4 GiB": b"\xc9\xff\xff\xff\xff\x01",
    "arrays in arrays": b"\xdc\x00\x40" * 20_000,
    "maps in maps": b"\xde\x00\xff\xa1k" * 20_000,
    "arrays that are just too long": b"\xdc\x10\x00" * 500,
}


@pytest.mark.parametrize("stream", HOSTILE.values(), ids=HOSTILE.keys())
def test_a_hostile_header_is_refused_and_costs_no_memory(stream: bytes) -> None:
    Reader().feed(b"")
    tracemalloc.start()
    try:
        with pytest.raises(ProtocolError):
            Reader().feed(stream)
        _, peak = tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()
    assert peak < 5 << 20


def test_headers_that_nest_as_deep_as_they_may_cost_little() -> None:
    reader = Reader()
    tracemalloc.start()
    try:
        reader.feed(b"\xdc\x00\x40" * 500)
        size, _ = tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()
    assert reader.unfinished == 1500
    assert size < 1 << 20


def test_a_message_that_never_ends_is_refused_when_it_is_too_long() -> None:
    reader = Reader(Limits(frame=1000))
    reader.feed(b"\x94\x00\x01\xa1m\x91\x81\xa1k\xc5\x03\xe8" + b"x" * 900)
    with pytest.raises(ProtocolError, match="longer than 1000"):
        reader.feed(b"x" * 90)


def test_a_complete_message_that_is_too_long_is_refused_too() -> None:
    reader = Reader(Limits(frame=1000))
    params = {"a": b"x" * 600, "b": b"x" * 600}
    with pytest.raises(ProtocolError, match="longer than 1000"):
        reader.feed(protocol.pack_request(1, "m", params))


def test_a_message_as_long_as_the_limit_is_taken() -> None:
    empty = len(protocol.pack_request(1, "m", {"k": b"\0" * 70_000})) - 70_000
    params = {"k": b"\0" * (FROM_CLIENT.frame - empty)}
    stream = protocol.pack_request(1, "m", params)
    assert len(stream) == FROM_CLIENT.frame
    assert Reader().feed(stream) == [Request(1, "m", params)]


@pytest.mark.parametrize(
    ("raw", "params"),
    [([], {}), ([None], {}), ([{"a": 1}], {"a": 1}), ([1, 2], {"": [1, 2]}), (["a"], {"": ["a"]})],
)
def test_params_are_a_map_or_marked_as_something_else(raw: list[Any], params: Any) -> None:
    assert Reader().feed(msgpack.packb([0, 1, "m", raw])) == [Request(1, "m", params)]


@pytest.mark.parametrize(
    "message",
    [
        [0, -1, "m", []],
        [0, True, "m", []],
        [0, 1, 5, []],
        [0, 1, "m", {}],
        [0, 1, "m"],
        [3, 1, "m", []],
        [],
        "m",
    ],
)
def test_what_is_nearly_a_message_is_refused(message: Any) -> None:
    with pytest.raises(ProtocolError):
        Reader().feed(msgpack.packb(message))


def test_a_method_may_come_as_binary() -> None:
    assert Reader().feed(msgpack.packb([2, b"event", []])) == [Notification("event", {})]


def test_an_error_in_another_shape_becomes_internal() -> None:
    assert Reader().feed(msgpack.packb([1, 4, "boom", None])) == [
        Response(4, ("internal", "boom"), None)
    ]


def test_an_error_gets_through_whatever_its_text() -> None:
    (answer,) = Reader().feed(protocol.pack_error(1, "not_found", "no /\udcff"))
    assert answer == Response(1, ("not_found", r"no /\udcff"), None)


@given(st.binary(min_size=1).filter(lambda path: b"\0" not in path))
def test_a_path_survives_the_wire_byte_for_byte(path: bytes) -> None:
    on_the_wire = protocol.wire_path(path)
    stream = protocol.pack_request(1, "why", {"path": on_the_wire})
    (request,) = Reader().feed(stream)
    assert isinstance(request, Request)
    assert protocol.path_bytes(request.params["path"]) == path


@pytest.mark.parametrize("value", ["", b"", "a\0b", b"\0", None, 5, ["a"]])
def test_what_is_no_path_is_refused(value: object) -> None:
    with pytest.raises(ValueError, match="path"):
        protocol.path_bytes(value)
