"""Texts to the numbers of their tokens, exactly as open_clip's own tokenizer does it.

The only home of ftfy, regex and tokenizers. The cleaning and the way in which a text
falls into words are open_clip's, word for word; the vocabulary is its own file,
written down by the exporter. `tests/model/test_tokens.py` compares both sides.
"""

from __future__ import annotations

import string
from collections.abc import Callable
from pathlib import Path
from types import MappingProxyType
from typing import TYPE_CHECKING, Final

import regex
from tokenizers import models

from imgqd import exports

if TYPE_CHECKING:
    from collections.abc import Mapping

START: Final = "<start_of_text>"
END: Final = "<end_of_text>"

_WORDS: Final = regex.compile(
    rf"{START}|{END}|'s|'t|'re|'ve|'m|'ll|'d|[\p{{L}}]+|[\p{{N}}]|[^\s\p{{L}}\p{{N}}]+",
    regex.IGNORECASE,
)

_NO_PUNCTUATION: Final = str.maketrans("", "", string.punctuation)


class Tokens:
    """A vocabulary; `clean` is one of `CLEANERS`, `context` the most tokens that a text has."""

    def __init__(self, folder: Path, clean: str, context: int) -> None:
        vocabulary, merges = str(folder / exports.VOCABULARY), str(folder / exports.MERGES)
        self._pairs = models.BPE.from_file(
            vocabulary, merges, end_of_word_suffix="</w>", cache_capacity=0
        )
        self._clean = CLEANERS[clean]
        self._context = context
        self._letters = letters()
        self._special = {
            mark: number
            for mark in (START, END)
            if (number := self._pairs.token_to_id(mark)) is not None
        }

    def of(self, text: str) -> list[int]:
        """Return the numbers of a text's tokens, from the start's to the first end's.

        A text that is too long loses its last words, not its end.
        """
        end = self._special[END]
        numbers = [self._special[START]]
        for word in _WORDS.findall(self._clean(text)):
            numbers += self._word(word)
            if len(numbers) >= self._context:
                break
        numbers = [*numbers[: self._context - 1], end]
        return numbers[: numbers.index(end) + 1]

    def _word(self, word: str) -> list[int]:
        if word in self._special:
            return [self._special[word]]
        spelled = "".join(self._letters[byte] for byte in word.encode())
        return [token.id for token in self._pairs.tokenize(spelled)]


def letters() -> list[str]:
    """Return the letter that stands for each byte: its own if it can be seen, else a spare one."""
    seen = {*range(33, 127), *range(161, 173), *range(174, 256)}
    spare = iter(range(256, 512))
    return [chr(byte) if byte in seen else chr(next(spare)) for byte in range(256)]


def _basic(text: str) -> str:
    if text.isascii() and text.isprintable() and "&" not in text:
        return text.strip()  # there is nothing to mend
    # 4 MB that most people never need.
    import html  # noqa: PLC0415

    import ftfy  # noqa: PLC0415

    return html.unescape(html.unescape(ftfy.fix_text(text))).strip()


def _whitespace(text: str) -> str:
    return " ".join(_basic(text).split())


def _lower(text: str) -> str:
    return _whitespace(text).lower()


def _canonicalize(text: str) -> str:
    plain = _basic(text).replace("_", " ").translate(_NO_PUNCTUATION).lower()
    return " ".join(plain.split())


CLEANERS: Final[Mapping[str, Callable[[str], str]]] = MappingProxyType(
    {"lower": _lower, "whitespace": _whitespace, "canonicalize": _canonicalize}
)
"""open_clip's names of what may be done to a text first."""
