"""Our tokens are open_clip's, whatever is typed."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from open_clip.tokenizer import SimpleTokenizer

from imgqd import exports
from imgqd.everyday import PHRASES
from imgqd.tokens import CLEANERS, Tokens

pytestmark = pytest.mark.model

VOCABULARY = Path(exports.__file__).parent / "data" / "demo" / "text"

ODD = (
    "", " ", "x", "A Red CAR", "déjà  vu", "l'été d'un garçon", "it's I'VE we'll 'S",
    "'\N{LATIN SMALL LETTER LONG S}",
    "&amp;lt;b&amp;gt; &eacute; &#128512;", "cafe\u0301 ﬁne ① ½ ǅ", "schön mojibake schÃ¶n",
    "emoji \N{SLICE OF PIZZA}\N{EMOJI MODIFIER FITZPATRICK TYPE-4}\N{ZERO WIDTH JOINER}!",
    "日本語の写真 и русский العربية हिन्दी", "İstanbul ẞ ß ﬀ", "a\tb\nc\u2003d\u200be\x00f\x85g",
    "<start_of_text> in the <end_of_text> middle", "<START_OF_TEXT> shouted", "a_b-c...!!!???",
    "1234567890 3.14 ١٢٣", "\U000e0041\ufffd\ufeff", "word " * 200, "supercalifragilistic" * 40,
)  # fmt: skip

TEXTS = st.lists(
    st.one_of(
        st.text(max_size=30),
        st.sampled_from([*ODD[:-2], *PHRASES]),
        st.sampled_from(
            [
                "&amp;",
                "&lt;",
                "&#x41;",
                "'s",
                "<end_of_text>",
                "\N{RIGHT SINGLE QUOTATION MARK}",
                "\N{DOG FACE}",
                "é",
            ]
        ),
    ),
    max_size=12,
).map(" ".join)


def theirs(clean: str, context: int) -> Callable[[str], list[int]]:
    tokenizer = SimpleTokenizer(clean=clean, context_length=context)

    def tokens(text: str) -> list[int]:
        whole = tokenizer([text])[0]
        return [int(one) for one in whole[: int(whole.argmax()) + 1]]

    return tokens


SIDES = {
    (clean, context): (Tokens(VOCABULARY, clean, context), theirs(clean, context))
    for clean in CLEANERS
    for context in (77, 24)
}


@pytest.mark.parametrize(("clean", "context"), SIDES)
def test_odd_texts_have_open_clips_tokens(clean: str, context: int) -> None:
    ours, reference = SIDES[clean, context]
    for text in (*ODD, *PHRASES):
        assert ours.of(text) == reference(text), text


@pytest.mark.parametrize("clean", CLEANERS)
@settings(max_examples=400, deadline=None)
@given(text=TEXTS)
def test_any_text_has_open_clips_tokens(clean: str, text: str) -> None:
    ours, reference = SIDES[clean, 77]
    assert ours.of(text) == reference(text)


def test_a_text_that_is_too_long_keeps_its_end() -> None:
    ours, _ = SIDES["lower", 77]
    tokens = ours.of("word " * 200)
    assert (len(tokens), tokens[0], tokens[-1]) == (77, 49406, 49407)
