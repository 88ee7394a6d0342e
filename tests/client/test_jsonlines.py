import base64
import json

from hypothesis import given
from hypothesis import strategies as st

from client.fake_daemon import result
from imgq.answers import Match
from imgq.jsonlines import line, match_line


def test_a_match_is_one_line_with_all_that_is_known() -> None:
    match = Match.from_wire(result("/ü.jpg", width=3))
    written = match_line(match, 4, weak=True)
    assert written.count(b"\n") == 1
    assert "ü".encode() in written
    assert json.loads(written) == {
        "path": "/ü.jpg",
        "rank": 4,
        "relevance": 0.9,
        "score": 0.25,
        "weak": True,
        "image_id": 1,
        "matched": "content",
        "also": [],
        "width": 3,
    }


@given(st.binary(min_size=1))
def test_bytes_that_are_no_text_can_be_had_back(raw: bytes) -> None:
    read = json.loads(line({"path": raw}))
    assert read["path"] == raw.decode("utf-8", "replace")
    if read["path"].encode() == raw:
        assert "path_base64" not in read
    else:
        assert base64.b64decode(read["path_base64"]) == raw


def test_lists_of_paths_keep_their_bytes_too() -> None:
    read = json.loads(line({"also": ["/a", b"/\xff"], "roots": [{"path": b"\xfe"}]}))
    assert [base64.b64decode(one) for one in read["also_base64"]] == [b"/a", b"/\xff"]
    assert base64.b64decode(read["roots"][0]["path_base64"]) == b"\xfe"
