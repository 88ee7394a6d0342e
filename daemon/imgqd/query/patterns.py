"""Patterns with * and ? as SQLite's LIKE takes them, and a match for letters beyond ASCII.

LIKE is quick but knows capitals of ASCII only, and a letter with an accent may be
stored as two characters. So where a pattern has other letters, LIKE keeps what may
match, and `folded_match` decides.
"""

from __future__ import annotations

import re
import unicodedata
from functools import lru_cache


def is_pattern(text: str) -> bool:
    """Tell whether a text has wildcards."""
    return "*" in text or "?" in text


def matching(column: str, glob: str) -> tuple[str, tuple[str, ...]]:
    """Return (a condition that a column's whole text matches, its values); capitals do not count.

    `column` is an expression of ours, never what a person typed.
    """
    glob = unicodedata.normalize("NFC", glob)
    like = f"{column} LIKE ? ESCAPE '\\'"
    if glob.isascii():
        return like, (_like(glob),)
    # As bytes: SQLite cannot hand over a text that is not UTF-8, as names of files may be.
    folded = f"folded_match(?, CAST({column} AS BLOB))"
    return f"({like} AND {folded})", (_like(_loose(glob)), glob)


def matches(glob: str, text: str) -> bool:
    """Tell what the condition of `matching` says, without a database."""
    glob = unicodedata.normalize("NFC", glob)
    if glob.isascii():
        return _plain(glob).fullmatch(text) is not None
    is_near = _plain(_loose(glob)).fullmatch(text) is not None
    return is_near and _compiled(glob).fullmatch(folded(text)) is not None


def folded_match(glob: str, text: bytes | None) -> bool:
    """Tell whether a text matches a pattern, whatever its capitals and the spelling of accents.

    `text` is UTF-8; what of it is none matches wildcards only.
    """
    if text is None:
        return False
    return _compiled(glob).fullmatch(folded(text.decode(errors="surrogateescape"))) is not None


def folded(text: str) -> str:
    """Return a text in which neither capitals nor the spelling of accents differ."""
    # Not casefold: where a letter became two, LIKE would have dropped what matches.
    return unicodedata.normalize("NFC", text).lower()


def _like(glob: str) -> str:
    escaped = re.sub(r"([\\%_])", r"\\\1", glob)
    return re.sub(r"\*+", "%", escaped).replace("?", "_")


def _loose(glob: str) -> str:
    """Return a wider pattern: any letters stand for those that LIKE cannot compare."""
    return re.sub(r"[^\x00-\x7f]+", "*", glob)


@lru_cache(maxsize=64)
def _compiled(glob: str) -> re.Pattern[str]:
    return re.compile(_expression(folded(glob)), re.DOTALL)


@lru_cache(maxsize=64)
def _plain(glob: str) -> re.Pattern[str]:
    """Return what LIKE compares by: capitals of ASCII alone do not count."""
    return re.compile(_expression(glob), re.DOTALL | re.IGNORECASE | re.ASCII)


def _expression(glob: str) -> str:
    pieces = re.split(r"([*?])", re.sub(r"\*+", "*", glob))
    return "".join({"*": ".*", "?": "."}.get(piece, re.escape(piece)) for piece in pieces)
