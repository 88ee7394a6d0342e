"""The reader and bytes of any kind, in pieces of any size."""

import tracemalloc

import msgpack
from hypothesis import example, given, settings
from hypothesis import strategies as st

from imgq.protocol import FROM_CLIENT, Limits, ProtocolError, Reader
from wire_shapes import HEADERS, check_stream, streams

SMALL = Limits(frame=48, array=4, map=3)


@settings(max_examples=150)
@given(streams())
def test_a_stream_reads_the_same_however_it_is_cut_and_only_protocol_errors_end_it(
    pieces: list[bytes],
) -> None:
    check_stream(pieces, FROM_CLIENT)


@example([msgpack.packb([0, 1, "m", [[1, 2, 3, 4, 5]]])])
@example([msgpack.packb([0, 1, "m", [{"a": 1, "b": 2, "c": 3, "d": 4}]])])
@example([msgpack.packb([2, 5, []])])
@example([msgpack.packb([2, "m", [b"x" * 20, b"y" * 20]])[:40], b"y" * 9])
@settings(max_examples=150)
@given(streams())
def test_the_same_holds_where_nearly_everything_is_over_a_limit(pieces: list[bytes]) -> None:
    size = SMALL.frame
    check_stream([one[at : at + size] for one in pieces for at in range(0, len(one), size)], SMALL)


@given(headers=st.lists(HEADERS, max_size=200), times=st.integers(1, 50))
def test_lies_of_a_client_about_lengths_cost_no_memory(headers: list[bytes], times: int) -> None:
    stream = b"".join(headers) * times
    reader = Reader(FROM_CLIENT)
    tracemalloc.start()
    try:
        for start in range(0, len(stream), 1 << 14):
            reader.feed(stream[start : start + (1 << 14)])
    except ProtocolError:
        pass
    finally:
        _, peak = tracemalloc.get_traced_memory()
        tracemalloc.stop()
    assert peak < len(stream) * 8 + (4 << 20)
