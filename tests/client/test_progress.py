import re
import time

import pytest

from client.fake_daemon import MIGRATING, STATUS
from imgq.progress import progress, size, speed
from imgq.reports import Status
from imgq.text import width


def status(**changes: object) -> Status:
    return Status.from_wire({**STATUS, **changes})


def line(shown: Status, columns: int = 100) -> str:
    return progress(shown, columns)


def test_the_daemons_own_rate_and_remaining_time_are_shown() -> None:
    later = status(files=1000, pending=250, rate=104.4, remaining=90)
    assert line(later) == (
        "indexing  ━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━──────────"
        "  75%  750 of 1,000  104/s  1 min 30 s left"
    )


def test_a_move_to_another_model_is_shown_once_nothing_else_is_to_do() -> None:
    moving = status(pending=0, model={"migrating": MIGRATING})
    assert line(moving).startswith("moving to best  ━━━━━━")
    assert line(moving).endswith("  25%  250 of 1,000  1 min 30 s left")
    waiting = status(pending=0, model={"migrating": {**MIGRATING, "waits": "paused"}})
    assert line(waiting) == "moving to best  waits: paused"
    assert "moving" not in line(status(pending=5, model={"migrating": MIGRATING}))


@pytest.mark.parametrize("known", [{"rate": 0, "remaining": None}, {"rate": 9, "remaining": None}])
def test_a_rate_that_nobody_knows_is_not_made_up(known: dict[str, object]) -> None:
    assert line(status(files=1000, pending=300, **known)).endswith("70%  700 of 1,000")


def test_a_narrow_terminal_has_the_numbers_and_no_bar() -> None:
    later = status(files=12_431, pending=12_031, rate=11, remaining=1080)
    assert line(later, 39) == "3%  400 of 12,431  11/s  18 min left"


@pytest.mark.parametrize(
    ("rate", "text"), [(1200.4, "1,200"), (10.4, "10"), (1.26, "1.3"), (0.04, "0.04")]
)
def test_a_speed_is_said_as_exactly_as_it_matters(rate: float, text: str) -> None:
    assert speed(rate) == text


def test_nothing_to_do_is_said_in_words() -> None:
    said = line(status(state="idle", pending=0, as_of=time.time()))
    assert re.fullmatch(r"idle  60,312 pictures, in sync as of \d\d:\d\d:\d\d", said)


def test_a_download_comes_first() -> None:
    download = {"file": "blobs/model.safetensors", "done": 300 << 20, "total": 400 << 20}
    later = status(model={**STATUS["model"], "download": download})
    assert line(later, 60) == ("model.safetensors  ━━━━━━━━━━━━────  75%  300 MiB of 400 MiB")


def test_a_download_of_unknown_length_has_no_bar() -> None:
    later = status(model={"download": {"file": "w", "done": 2048, "total": 0}})
    assert line(later) == "w  2.0 KiB"


@pytest.mark.parametrize("columns", range(4, 120, 7))
@pytest.mark.parametrize("pending", [0, 1, 799])
def test_a_line_never_breaks(columns: int, pending: int) -> None:
    later = status(files=1000, pending=pending, rate=3, remaining=100_000)
    assert width(line(later, columns)) <= columns


def test_more_pending_than_files_is_still_a_share() -> None:
    assert "0%" in line(status(files=3, pending=9, rate=0, remaining=None))


@pytest.mark.parametrize(
    ("count", "text"),
    [(0, "0 B"), (1023, "1023 B"), (1024, "1.0 KiB"), (10 << 20, "10 MiB"), (5 << 40, "5.0 TiB")],
)
def test_bytes_are_said_in_their_unit(count: int, text: str) -> None:
    assert size(count) == text
