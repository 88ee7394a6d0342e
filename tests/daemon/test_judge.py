"""Relevance: what stands out in this library, and nothing else, is a match."""

from __future__ import annotations

import itertools
from collections.abc import Sequence

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from imgqd import judge as module
from imgqd.judge import BEST, NOTHING, Backdrop, Judge, Scores, backdrop, blend, distinct

MATCH = 0.5
"""Where the scores of matches lie in a library made here; the rest is normal around 0."""


def library(seed: int, count: int, matches: int = 0, deviation: float = 0.1) -> Scores:
    random = np.random.default_rng(seed)
    scores = random.normal(0, deviation, count)
    scores[:matches] = random.normal(5 * deviation, 0.2 * deviation, matches)
    return scores.astype(np.float32)


def behind(count: int = 2000, deviation: float = 0.1) -> Backdrop:
    """Thirty background queries, of which every other one has some matches."""
    asked = [library(100 + n, count, count // 100 * (n % 2), deviation) for n in range(30)]
    found = backdrop(np.stack(asked))
    assert found is not None
    return found


def judged(scores: Scores, backdrop: Backdrop | None = None) -> Judge:
    best = np.sort(scores)[::-1][:BEST].tolist()
    sample = scores[np.random.default_rng(0).permutation(len(scores))[:2048]]
    return module.judge(sample, best, len(scores), backdrop or behind())


def marked(judge: Judge, scores: Sequence[float] | Scores) -> int:
    return sum(relevance >= 0.5 for relevance in judge.relevances(list(map(float, scores))))


values = st.lists(st.floats(-1, 1, width=32), min_size=1, max_size=40)


@settings(max_examples=200, deadline=None)
@given(values, values, st.integers(0, 10**6), st.floats(-1, 1), st.floats(-1, 1))
def test_relevance_lies_between_0_and_1_and_never_falls_as_the_score_rises(
    sample: list[float], asked: list[float], count: int, one: float, other: float
) -> None:
    scores = np.array(sample, np.float32)
    some = backdrop(np.array([asked], np.float32))
    judge = module.judge(scores, sorted(sample, reverse=True), count, some)
    low, high = sorted((one, other))
    assert 0 <= judge.relevance(low) <= judge.relevance(high) <= 1


def test_a_library_without_a_match_marks_hardly_any() -> None:
    libraries = [library(seed, 5000) for seed in range(20)]
    assert sum(marked(judged(scores), scores) for scores in libraries) <= 4


@pytest.mark.parametrize("matches", [1, 5, 50, 500])
def test_clear_matches_among_ten_thousand_are_found_and_no_others(matches: int) -> None:
    scores = library(1, 10_000, matches)
    judge = judged(scores)
    assert marked(judge, scores[:matches]) >= 0.9 * matches
    assert marked(judge, scores[matches:]) <= 1 + 0.02 * matches


def test_a_library_twice_as_large_judges_nearly_the_same() -> None:
    small, large = library(2, 4000, 20), library(3, 8000, 40)
    one, other = judged(small), judged(large)
    for score in np.linspace(0.2, 0.6, 9):
        assert one.relevance(score) == pytest.approx(other.relevance(score), abs=0.15)


def test_relevance_changes_by_little_as_a_library_grows_by_a_hundredth() -> None:
    scores = library(4, 10_000, 10)
    sizes = range(5000, 10_001, 50)
    libraries = [np.concatenate([scores[:10], scores[-size:]]) for size in sizes]
    relevance = [judged(part).relevance(0.45) for part in libraries]
    assert max(abs(a - b) for a, b in itertools.pairwise(relevance)) < 0.1


def test_what_chance_explains_is_no_match_however_large_the_library() -> None:
    # The same score: one of a thousand far out, or one of the many that a million reach.
    sample = library(5, 2048)
    score = behind().level + 0.02
    few = module.judge(sample, [score, 0.3], 2048, behind())
    many = module.judge(sample, [score] * BEST, 100_000_000, behind())
    assert few.relevance(score) > 0.5 > many.relevance(score)


def test_the_level_lies_between_matches_and_the_rest_where_background_queries_show_them() -> None:
    assert 0.34 < behind().level < 0.48


def test_without_a_match_to_see_the_level_is_about_where_one_of_two_thousand_lies() -> None:
    found = backdrop(np.stack([library(n, 2000) for n in range(30)]))
    assert found is not None
    assert found.level == pytest.approx(0.33, abs=0.05)


def test_one_match_far_above_the_others_does_not_make_rest_of_them() -> None:
    asked = [library(n, 2000) for n in range(30)]
    for scores in asked:
        scores[:11] = [0.8, *np.linspace(0.45, 0.47, 10)]
    found = backdrop(np.stack(asked))
    assert found is not None
    assert found.level < 0.45


def test_a_search_among_few_is_judged_by_how_many_they_are() -> None:
    sample = library(6, 2048)
    score = behind().level
    among = [module.judge(sample, [score], count, behind()).relevance(score) for count in (9, 9999)]
    assert among[0] > among[1]


def test_other_scales_are_judged_alike() -> None:
    narrow, wide = library(7, 3000, 5, 0.02), library(7, 3000, 5, 0.2)
    one = judged(narrow, behind(deviation=0.02))
    other = judged(wide, behind(deviation=0.2))
    for deviations in (1, 3, 3.5, 4, 4.5, 5):
        assert one.relevance(0.02 * deviations) == pytest.approx(
            other.relevance(0.2 * deviations), abs=0.02
        )


def test_a_query_whose_unrelated_pictures_score_high_needs_more() -> None:
    scores = library(8, 5000)
    lifted = (scores + 0.1).astype(np.float32)
    assert judged(lifted).level > judged(scores).level + 0.03


@pytest.mark.parametrize("count", [3, 5, 10, 100, 10_000])
@pytest.mark.parametrize("known", [True, False])
def test_one_that_stands_out_is_a_match_however_small_the_library(
    count: int,
    known: bool,  # noqa: FBT001
) -> None:
    scores = np.zeros(count, np.float32)
    scores[0] = 1.0
    judge = module.judge(scores, [1.0, 0.0], count, behind() if known else None)
    assert judge.relevance(1.0) > 0.5
    assert judge.relevance(0.0) < 0.5


@pytest.mark.parametrize("count", [3, 10, 30])
def test_a_tiny_library_without_a_match_marks_nothing_once_phrases_are_known(count: int) -> None:
    marks = [marked(judged(scores), scores) for scores in (library(s, count) for s in range(50))]
    assert sum(marks) <= 2


@pytest.mark.parametrize(
    "sample", [[], [0.3], [0.3, 0.4], [0.3] * 50], ids=["none", "one", "two", "all alike"]
)
def test_where_nothing_can_be_judged_all_may_match(sample: list[float]) -> None:
    judge = module.judge(np.array(sample, np.float32), sample, len(sample), behind())
    assert judge.relevance(0.3) == NOTHING.relevance(0.9) == 0.5


def test_background_queries_that_tell_nothing_are_none() -> None:
    assert backdrop(np.empty((0, 100), np.float32)) is None
    assert backdrop(np.empty((5, 0), np.float32)) is None
    assert backdrop(np.array([[0.5]], np.float32)) is None
    assert backdrop(np.full((1, 100), 0.2, np.float32)) is None


def one_by_one(asked: list[Scores], level: float) -> tuple[list[float], list[float], list[float]]:
    """Return tails' beginnings, their mean excesses and the clear breaks, as the page has them."""
    starts, means, breaks = [], [], []
    for scores in asked:
        unrelated = scores[scores < level].astype(np.float64)
        start = float(np.quantile(unrelated, 0.98)) if len(unrelated) else level
        beyond = unrelated[unrelated > start]
        starts.append(start)
        means.append(float(beyond.mean()) - start if len(beyond) else 0.0)
        best = np.sort(scores.astype(np.float64))[::-1]
        ranks = min(128, len(scores) // 10)
        spacings = [(best[k] - best[k + 1]) * (k + 1) for k in range(ranks)]
        if ranks >= 2 and max(spacings) > 8 * np.median(spacings) / np.log(2):
            place = int(np.argmax(spacings))
            breaks.append(float(best[place] + best[place + 1]) / 2)
    return starts, means, breaks


@settings(max_examples=60, deadline=None)
@given(
    st.integers(10, 300),
    st.lists(st.tuples(st.integers(0, 99), st.integers(0, 9)), min_size=1, max_size=6),
    st.sampled_from([2, 100, 10_000]),
    st.floats(-0.5, 1, width=32),
)
def test_all_queries_at_once_meet_what_each_of_them_meets(
    count: int, queries: list[tuple[int, int]], steps: int, level: float
) -> None:
    # In steps, so that scores are alike.
    drawn = [library(seed, count, many) for seed, many in queries]
    asked = [(np.round(one * steps) / steps).astype(np.float32) for one in drawn]
    ranked = np.sort(np.stack(asked), axis=1).astype(np.float64)
    starts, means = module._tails(ranked, level)
    known = one_by_one(asked, level)
    assert starts == pytest.approx(known[0])
    assert means == pytest.approx(known[1])
    assert module._breaks(ranked) == pytest.approx(known[2])
    middle, deviation = module._bulk(ranked)
    assert middle == pytest.approx([float(np.median(one)) for one in asked])
    assert middle + 0.84 * deviation == pytest.approx([np.quantile(one, 0.8) for one in asked])


def test_a_query_of_words_and_a_picture_is_judged_between_the_two() -> None:
    words, picture = Backdrop(0.2, 0.1, 0.01), Backdrop(0.8, 0.6, 0.05)
    assert blend(words, picture, 0.0) == words
    assert blend(words, picture, 1.0) == picture
    between = blend(words, picture, 0.5)
    assert between is not None
    assert between.level == pytest.approx(0.5)
    assert blend(words, None, 1.0) is None
    assert blend(None, picture, 0.0) is None


def test_queries_that_a_model_cannot_tell_apart_are_one() -> None:
    one, other = np.eye(3, dtype=np.float32)[:2]
    near = np.array([0.95, 0.05, 0.3], np.float32)
    assert distinct(np.array([one, near, other, one])).tolist() == [one.tolist(), other.tolist()]
