"""Dates behind keys and among words: what is one, what it spans, and what is none."""

from __future__ import annotations

from datetime import datetime, timedelta

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from daemon.lines import NOW, meanings, problems, understand
from imgqd.query import parse
from imgqd.query.records import During, Not, Or

at = datetime.fromisoformat


def span(line: str, now: datetime = NOW) -> tuple[str, str]:
    """Return the first and last day that a line filters by, open ends as empty text."""
    where = parse(line, now).where
    assert isinstance(where, During), line
    since = where.since.date().isoformat() if where.since else ""
    last = where.until - timedelta(microseconds=1) if where.until else None
    return since, last.date().isoformat() if last else ""


@pytest.mark.parametrize(
    ("value", "since", "last"),
    [
        ("2023", "2023-01-01", "2023-12-31"),
        ("2023-07", "2023-07-01", "2023-07-31"),
        ("2023-7-4", "2023-07-04", "2023-07-04"),
        ("2023/07/14", "2023-07-14", "2023-07-14"),
        ("2024-02", "2024-02-01", "2024-02-29"),
        ("2023-07..2023-09", "2023-07-01", "2023-09-30"),
        ("2020..", "2020-01-01", ""),
        ("..2019", "", "2019-12-31"),
        ("2019-2021", "2019-01-01", "2021-12-31"),
        (">2020", "2021-01-01", ""),
        (">=2020", "2020-01-01", ""),
        ("<2020", "", "2019-12-31"),
        ("<=2020-03", "", "2020-03-31"),
        ("1990s", "1990-01-01", "1999-12-31"),
        ("14.07.2023", "2023-07-14", "2023-07-14"),
        ("07.08.2023", "2023-08-07", "2023-08-07"),
        ("14/07/2023", "2023-07-14", "2023-07-14"),
        ("20230714", "2023-07-14", "2023-07-14"),
        ("today", "2024-03-13", "2024-03-13"),
        ("yesterday", "2024-03-12", "2024-03-12"),
        ('"the day before yesterday"', "2024-03-11", "2024-03-11"),
        ("monday", "2024-03-11", "2024-03-11"),
        ("wednesday", "2024-03-13", "2024-03-13"),
        ('"last wednesday"', "2024-03-06", "2024-03-06"),
        ('"this week"', "2024-03-11", "2024-03-17"),
        ('"last week"', "2024-03-04", "2024-03-10"),
        ('"past week"', "2024-03-06", "2024-03-13"),
        ('"last weekend"', "2024-03-09", "2024-03-10"),
        ('"last month"', "2024-02-01", "2024-02-29"),
        ('"last year"', "2023-01-01", "2023-12-31"),
        ('"this year"', "2024-01-01", "2024-12-31"),
        ('"last 7 days"', "2024-03-06", "2024-03-13"),
        ('"last 2 months"', "2024-01-13", "2024-03-13"),
        ('"3 weeks ago"', "2024-02-19", "2024-02-25"),
        ('"a month ago"', "2024-02-01", "2024-02-29"),
        ('"two years ago"', "2022-01-01", "2022-12-31"),
        ("july", "2023-07-01", "2023-07-31"),
        ("march", "2024-03-01", "2024-03-31"),
        ('"last march"', "2023-03-01", "2023-03-31"),
        ('"this july"', "2024-07-01", "2024-07-31"),
        ('"july 2023"', "2023-07-01", "2023-07-31"),
        ("Sept 2023", "2023-09-01", "2023-09-30"),
        ('"14 july"', "2023-07-14", "2023-07-14"),
        ('"14th of July, 2023"', "2023-07-14", "2023-07-14"),
        ('"july 14 2023"', "2023-07-14", "2023-07-14"),
        ('"29 february"', "2024-02-29", "2024-02-29"),
        ("summer", "2023-06-01", "2023-08-31"),
        ('"last summer"', "2023-06-01", "2023-08-31"),
        ('"last winter"', "2023-12-01", "2024-02-29"),
        ('"winter 2022"', "2022-12-01", "2023-02-28"),
        ('"fall 2019"', "2019-09-01", "2019-11-30"),
        ('"christmas 2019"', "2019-12-01", "2019-12-31"),
        ('"easter 2021"', "2021-03-28", "2021-04-05"),
        ("halloween", "2023-10-24", "2023-11-02"),
        ("july 2023..september 2023", "2023-07-01", "2023-09-30"),
        ('"july 2023".."september 2023"', "2023-07-01", "2023-09-30"),
    ],
)
def test_dates_behind_a_key(value: str, since: str, last: str) -> None:
    assert span(f"taken:{value}") == (since, last)
    assert problems(f"taken:{value}") == []
    assert understand(f"taken:{value}").text == ""


def test_after_begins_with_the_date_and_before_ends_before_it() -> None:
    assert span("after:2020") == ("2020-01-01", "")
    assert span("before:2020-03") == ("", "2020-02-29")
    assert span("since:july 2023") == ("2023-07-01", "")
    assert "for a range write taken:2020..2021" in problems("after:2020..2021")[0][1]


def test_hours_and_minutes_are_spans_too() -> None:
    where = understand('added:"last hour"').where
    assert isinstance(where, During)
    assert where.field == "added"
    assert where.since == NOW - timedelta(hours=1)
    where = understand("taken:2023-07-14T15:30").where
    assert where == During("taken", at("2023-07-14 15:30"), at("2023-07-14 15:31"))
    (said,) = meanings('taken:"2023-07-14 00:00"')
    assert said[2] == "taken 2023-07-14 00:00 to 2023-07-14 00:01"
    where = understand('taken:"3 hours ago"').where
    assert where == During("taken", at("2024-03-13 12:00"), at("2024-03-13 13:00"))


def test_alternatives_and_opposites_of_dates() -> None:
    where = understand("taken:2019|2021").where
    assert isinstance(where, Or)
    assert isinstance(understand("-taken:2023").where, Not)
    assert isinstance(understand("-july 2023").where, Not)


@pytest.mark.parametrize(
    ("line", "text", "since", "last"),
    [
        ("beach july 2023", "beach", "2023-07-01", "2023-07-31"),
        ("july 2023 beach", "beach", "2023-07-01", "2023-07-31"),
        ("beach in july, 2023!", "beach", "2023-07-01", "2023-07-31"),
        ("christmas 2019", "christmas", "2019-12-01", "2019-12-31"),
        ("last christmas tree", "last christmas tree", "2023-12-01", "2023-12-31"),
        ("summer 2021", "", "2021-06-01", "2021-08-31"),
        ("2023-07-14", "", "2023-07-14", "2023-07-14"),
        ("dog 2023-07", "dog", "2023-07-01", "2023-07-31"),
        ("yesterday", "", "2024-03-12", "2024-03-12"),
        ("dogs from last summer", "dogs", "2023-06-01", "2023-08-31"),
        ("dogs 3 weeks ago", "dogs", "2024-02-19", "2024-02-25"),
        ("snow since march 2022", "snow", "2022-03-01", ""),
        ("snow before march 2022", "snow", "", "2022-02-28"),
        ("snow until march 2022", "snow", "", "2022-03-31"),
        ("party 14 july 2023", "party", "2023-07-14", "2023-07-14"),
        ("party 14.07.2023", "party", "2023-07-14", "2023-07-14"),
        ("paris 2019", "paris", "2019-01-01", "2019-12-31"),
        ("paris 2019 type:png", None, "", ""),
        ("2019", "", "2019-01-01", "2019-12-31"),
        ("beach in 2021 with dogs", "beach with dogs", "2021-01-01", "2021-12-31"),
        ("beach (july 2023)", "beach", "2023-07-01", "2023-07-31"),
        ("100 may 2020", "100", "2020-05-01", "2020-05-31"),
    ],
)
def test_dates_among_words_that_are_unmistakable(
    line: str, text: str | None, since: str, last: str
) -> None:
    if text is None:
        assert understand(line).text == "paris"
        assert [kind for kind, _, _ in meanings(line)] == ["words", "date", "type"]
        return
    assert span(line) == (since, last)
    assert understand(line).text == text


@pytest.mark.parametrize(
    "line",
    [
        "red 1990 ferrari poster",
        "red 2019 ferrari poster",
        "ferrari 1990",
        "blade runner 2049",
        "route 66",
        "may flowers",
        "march of penguins",
        "100 may",
        "april",
        "monday morning",
        "4th of july fireworks",
        "IMG_2041",
        "IMG_2019.jpg",
        "20230714_1234.jpg",
        "2023-07-14_1234.jpg",
        "2023-13",
        "1990s hair",
        "last march of the ents",
        "summer dress",
        "07/08/2023",
        "12:30",
        "a week in paris",
        "may 1066",
        "july 2031",
        '"july 2023"',
        "in the year",
    ],
)
def test_words_that_are_no_dates(line: str) -> None:
    query = understand(line)
    assert query.where is None
    assert query.text == line.strip('"')
    assert query.problems == ()


@pytest.mark.parametrize(
    ("line", "since", "last", "words"),
    [
        ("taken:2023-", "2023-01-01", "2023-12-31", None),
        ("taken:2023-0", "2023-01-01", "2023-12-31", "no month 0"),
        ("taken:2023-13", "2023-01-01", "2023-12-31", "no month 13"),
        ("taken:2023-07-", "2023-07-01", "2023-07-31", None),
        ("taken:2023-02-30", "2023-02-01", "2023-02-28", "no day 30"),
        ("taken:2023-07..", "2023-07-01", "", None),
        ("taken:2023-07..2", "2023-07-01", "", "'2' is no date"),
        ("taken:2023-07-14..2023-07-1", "2023-07-14", "", "2023-07-1 is before 2023-07-14"),
    ],
)
def test_a_date_that_is_being_typed_holds_as_far_as_it_goes(
    line: str, since: str, last: str, words: str | None
) -> None:
    assert span(line) == (since, last)
    reasons = [reason for _, reason in problems(line)]
    assert (words in reasons[0]) if words else not reasons


@pytest.mark.parametrize(
    ("value", "words"),
    [
        ("2", "no date"),
        ("20", "no date"),
        ("202", "no date"),
        ("12:30", "no date"),
        ("0000", "no year 0"),
        ("9999", "no year 9999"),
        ("07/08/2023", "may be 2023-08-07 or 2023-07-08"),
        ('"july 32 2023"', "no date"),
        ('"99 years hence"', "no date"),
        ('"9999 years ago"', "no date"),
        ("..", "a date before or after"),
        ("", "a value is missing"),
    ],
)
def test_what_is_no_date_is_left_out_and_says_so(value: str, words: str) -> None:
    assert understand(f"taken:{value}").where is None
    assert words in problems(f"taken:{value}")[0][1]


def test_a_value_goes_on_as_long_as_the_words_are_a_date() -> None:
    assert understand("taken:last summer beach").text == "beach"
    assert understand("taken:july 2023 flowers").text == "flowers"
    assert understand("taken:2020 may flowers").text == "may flowers"
    assert understand("after:2020 12 angry men").text == "12 angry men"
    assert understand('taken:"july" 2023').text == ""
    assert [piece for _, piece, _ in meanings('taken:"july" 2023')] == ['taken:"july"', "2023"]


@settings(deadline=None)
@given(st.datetimes(at("1990-01-01"), at("2100-01-01")))
def test_whatever_the_day_the_last_and_this_are_where_they_belong(now: datetime) -> None:
    for name in ("summer", "winter", "july", "february", "christmas", "monday", "sunday"):
        since, last = span(f'taken:"last {name}"', now)
        assert last < now.date().isoformat() or name in ("monday", "sunday")
        assert since < now.date().isoformat()
        begun, _ = span(f"taken:{name}", now)
        assert since <= begun <= now.date().isoformat()
    since, last = span('taken:"this week"', now)
    assert since <= now.date().isoformat() <= last
    assert span('taken:"last month"', now)[1] < span('taken:"this month"', now)[0]
