import re
import time

import pytest

from client.fake_daemon import MIGRATING, STATUS
from imgq.progress import Sample, progress, size
from imgq.reports import Status
from imgq.text import width


def sample(at: float, **changes: object) -> Sample:
    return Sample(at, Status.from_wire({**STATUS, **changes}))


def line(earlier: Sample, later: Sample, columns: int = 100) -> str:
    return progress(earlier, later, columns)


START = sample(0, files=1000, pending=800, rate=0, remaining=None)


def test_the_daemons_own_rate_and_remaining_time_are_shown() -> None:
    later = sample(9, files=1000, pending=250, rate=104.4, remaining=90)
    assert line(START, later) == (
        "indexing  ━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━──────────"
        "  75%  750 of 1,000  104/s  1 min 30 s left"
    )


def test_a_move_to_another_model_is_shown_once_nothing_else_is_to_do() -> None:
    moving = sample(9, pending=0, model={"migrating": MIGRATING})
    assert line(START, moving).startswith("moving to best  ━━━━━━")
    assert line(START, moving).endswith("  25%  250 of 1,000  1 min 30 s left")
    waiting = sample(9, pending=0, model={"migrating": {**MIGRATING, "waits": "paused"}})
    assert line(START, waiting) == "moving to best  waits: paused"
    assert "moving" not in line(START, sample(9, pending=5, model={"migrating": MIGRATING}))


def test_without_them_they_are_measured_between_two_looks() -> None:
    later = sample(100, files=1000, pending=300, rate=0, remaining=None)
    assert line(START, later).endswith("  70%  700 of 1,000  5.0/s  1 min left")


@pytest.mark.parametrize("pending", [800, 900])
def test_a_rate_that_nobody_knows_is_not_made_up(pending: int) -> None:
    later = sample(100, files=1000, pending=pending, rate=0, remaining=None)
    assert re.search(r"\d+%  \d+ of 1,000$", line(START, later))


def test_two_looks_at_the_same_moment_are_no_rate() -> None:
    later = sample(0, files=1000, pending=1, rate=0, remaining=None)
    assert line(START, later).endswith("99%  999 of 1,000")


def test_nothing_to_do_is_said_in_words() -> None:
    said = line(START, sample(1, state="idle", pending=0, as_of=time.time()))
    assert re.fullmatch(r"idle  60,312 pictures, in sync as of \d\d:\d\d:\d\d", said)


def test_a_download_comes_first() -> None:
    download = {"file": "blobs/model.safetensors", "done": 300 << 20, "total": 400 << 20}
    later = sample(1, model={**STATUS["model"], "download": download})
    assert line(START, later, 60) == (
        "model.safetensors  ━━━━━━━━━━━━────  75%  300 MiB of 400 MiB"
    )


def test_a_download_of_unknown_length_has_no_bar() -> None:
    later = sample(1, model={"download": {"file": "w", "done": 2048, "total": 0}})
    assert line(START, later) == "w  2.0 KiB"


@pytest.mark.parametrize("columns", range(4, 120, 7))
@pytest.mark.parametrize("pending", [0, 1, 799])
def test_a_line_never_breaks(columns: int, pending: int) -> None:
    later = sample(5, files=1000, pending=pending, rate=3, remaining=100_000)
    assert width(line(START, later, columns)) <= columns


def test_more_pending_than_files_is_still_a_share() -> None:
    assert "0%" in line(START, sample(1, files=3, pending=9, rate=0, remaining=None))


@pytest.mark.parametrize(
    ("count", "text"),
    [(0, "0 B"), (1023, "1023 B"), (1024, "1.0 KiB"), (10 << 20, "10 MiB"), (5 << 40, "5.0 TiB")],
)
def test_bytes_are_said_in_their_unit(count: int, text: str) -> None:
    assert size(count) == text
