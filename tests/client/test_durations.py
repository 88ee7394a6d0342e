import pytest
from hypothesis import given
from hypothesis import strategies as st

from imgq.durations import parse, rough, spoken


@pytest.mark.parametrize(
    ("text", "seconds"),
    [
        ("90s", 90),
        ("10min", 600),
        ("10m", 600),
        ("1h", 3600),
        ("2h30m", 9000),
        ("2h 30min 1s", 9001),
        ("300ms", 0.3),
        ("1.5h", 5400),
        ("1d", 86400),
        (" 20 s ", 20),
        ("30", 30),
        ("0.5", 0.5),
        ("0s", 0),
    ],
)
def test_a_duration_is_its_seconds(text: str, seconds: float) -> None:
    assert parse(text) == pytest.approx(seconds)


@pytest.mark.parametrize(
    "text", ["", "soon", "-1s", "1x", "s", "10 min ago", "1h,2m", "1e3", "inf", "nan", "٣s", "5 10"]
)
def test_anything_else_is_refused_with_what_is_allowed(text: str) -> None:
    with pytest.raises(ValueError, match=r"no duration: a number with ms, s, min, h or d"):
        parse(text)


@given(st.integers(0, 99), st.integers(0, 59), st.integers(0, 59))
def test_parts_add_up(hours: int, minutes: int, seconds: int) -> None:
    assert parse(f"{hours}h{minutes}min{seconds}s") == hours * 3600 + minutes * 60 + seconds


@pytest.mark.parametrize(
    ("seconds", "text"),
    [
        (0, "0 s"),
        (-3, "0 s"),
        (59.4, "59 s"),
        (59.6, "1 min"),
        (90, "1 min 30 s"),
        (3599, "59 min 59 s"),
        (3600, "1 h"),
        (9000, "2 h 30 min"),
        (86400, "1 d"),
        (100_000, "1 d 3 h"),
    ],
)
def test_a_duration_is_spoken_in_its_two_largest_units(seconds: float, text: str) -> None:
    assert spoken(seconds) == text


@given(st.integers(0, 3599))
def test_what_is_spoken_can_be_read_again(seconds: int) -> None:
    assert parse(spoken(seconds)) == seconds


@pytest.mark.parametrize(
    ("seconds", "said"),
    [
        (3, "less than a minute"),
        (59, "less than a minute"),
        (61, "about a minute"),
        (100, "about 2 minutes"),
        (700, "about 12 minutes"),
        (1482, "about 25 minutes"),
        (5900, "about 100 minutes"),
        (6100, "about 1.5 hours"),
        (7200, "about 2 hours"),
        (100_000, "about 28 hours"),
        (200_000, "about 2.5 days"),
    ],
)
def test_an_estimate_is_no_more_exact_than_it_is(seconds: float, said: str) -> None:
    assert rough(seconds) == said
