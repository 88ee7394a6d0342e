"""The query line cut into tokens, each with its place.

Every line can be cut: there is no error here, only tokens that later stages make
sense of. docs/search.md has the grammar.
"""

from __future__ import annotations

import re
from collections.abc import Container
from dataclasses import dataclass
from enum import Enum, auto
from typing import Final

QUOTES: Final = {'"': '"', "\u201c": '\u201d\u201c"', "\u201e": '\u201c\u201d"', "\u00ab": "\u00bb"}
"""What opens a quotation, and what may close it: keyboards of phones write the curly ones."""

_GAP: Final = re.compile(r"\s*")
_WEIGHT: Final = re.compile(r"[+-](\d{1,6}(?:\.\d{0,6})?|\.\d{1,6}):", re.ASCII)
_SIGN: Final = re.compile(r"[+-](?=[^\s+\-):.,;!?])")
_NUMBER: Final = re.compile(r"\d+(?:\.\d*)?|\.\d+", re.ASCII)
_KEY: Final = re.compile(r"([A-Za-z]+):(?!//)")  # file://x is an address
# A word may hold parentheses, IMG(1).jpg; one that it does not open itself ends it.
_WORD: Final = re.compile(r"(?:[^\s()]|\([^\s()]*\)|\()+")


class Kind(Enum):
    """What a token is."""

    WORD = auto()
    PHRASE = auto()
    """Words in quotes."""
    FILTER = auto()
    """A known key, a colon and a value."""
    WEIGHT = auto()
    """A sign, a number and a colon."""
    OPEN = auto()
    CLOSE = auto()


@dataclass(frozen=True, slots=True)
class Token:
    """A piece of the line: `start` and `end` enclose its sign, quotes and key, too.

    `text` is the word, the phrase, or the filter's value without quotes; `choices`
    are the value's alternatives. `sign` is -1, 0 or 1. `closed` is False where a
    quotation runs to the end of the line because nothing closes it.
    """

    kind: Kind
    start: int
    end: int
    text: str
    sign: int = 0
    weight: float = 1.0
    key: str = ""
    choices: tuple[str, ...] = ()
    quoted: bool = False
    closed: bool = True


def scan(line: str, keys: Container[str]) -> list[Token]:
    """Return the tokens of a line; a word with a colon is a filter where its key is in `keys`."""
    tokens: list[Token] = []
    place = 0
    while (place := _after(_GAP, line, place)) < len(line):
        token = _token(line, place, keys)
        tokens.append(token)
        place = token.end
    return tokens


def _after(pattern: re.Pattern[str], line: str, place: int) -> int:
    match = pattern.match(line, place)
    return match.end() if match else place


def _token(line: str, start: int, keys: Container[str]) -> Token:
    if weight := _WEIGHT.match(line, start):
        sign = -1 if line[start] == "-" else 1
        return Token(Kind.WEIGHT, start, weight.end(), weight[0], sign, float(weight[1]))
    place = _after(_SIGN, line, start)
    sign = 0 if place == start else (-1 if line[start] == "-" else 1)
    if line[place] in "()":
        kind = Kind.OPEN if line[place] == "(" else Kind.CLOSE
        return Token(kind, start, place + 1, line[start : place + 1], sign)
    if line[place] in QUOTES:
        text, end, closed = _quotation(line, place)
        return Token(Kind.PHRASE, start, end, text, sign, quoted=True, closed=closed)
    key = _KEY.match(line, place)
    if key and key[1].lower() in keys:
        return _filter(line, start, key.end(), key[1].lower(), sign)
    return _word(line, start, place, sign)


def _word(line: str, start: int, place: int, sign: int) -> Token:
    end = _after(_WORD, line, place)
    if sign and _NUMBER.fullmatch(line, place, end):
        return Token(Kind.WORD, start, end, line[start:end])  # -10 is a number, not "no 10"
    return Token(Kind.WORD, start, end, line[place:end], sign)


def _quotation(line: str, start: int) -> tuple[str, int, bool]:
    """Return (the text in quotes, where it ends, whether it was closed)."""
    closing = QUOTES[line[start]]
    text: list[str] = []
    place = start + 1
    while place < len(line):
        if line[place] in closing:
            return "".join(text), place + 1, True
        if line[place] == "\\" and line[place + 1 : place + 2] in tuple(closing):
            place += 1
        text.append(line[place])
        place += 1
    return "".join(text), place, False


def _filter(line: str, start: int, place: int, key: str, sign: int) -> Token:
    """Read a value: quoted and bare pieces in a row, up to a space or a foreign parenthesis."""
    quoted, closed = line[place : place + 1] in tuple(QUOTES), True
    choices: list[list[str]] = [[]]
    depth = 0
    while place < len(line) and not line[place].isspace():
        letter, after = line[place], line[place + 1 : place + 2]
        if letter in QUOTES:
            piece, place, closed = _quotation(line, place)
            choices[-1].append(piece)
            continue
        if letter == "\\" and after and after in ' "()|':
            letter, place = after, place + 1
        elif letter == "|":
            choices.append([])
            place += 1
            continue
        elif letter == "(":
            depth += 1
        elif letter == ")":
            if depth == 0:
                break
            depth -= 1
        choices[-1].append(letter)
        place += 1
    texts = tuple("".join(choice) for choice in choices)
    text = "|".join(texts)
    return Token(Kind.FILTER, start, place, text, sign, 1.0, key, texts, quoted, closed)
