"""Marks against the truth: drawn libraries, the demo model, the index as the daemon has it.

A small version of `benchmarks/matches.py`, with drawings that no constant was chosen on.
"""

from __future__ import annotations

import random
from collections.abc import Callable

import pytest

from demo.exam import BUILT_IN, Examinee
from demo.marks import Marks, indexed, judged, marks, precision, recall
from demo.truth import Part, Truth, queries
from imgqd.everyday import PHRASES

pytestmark = pytest.mark.model

COUNT = 600
MOST = 24
SEED = 77


class Exam:
    def __init__(self) -> None:
        examinee = Examinee(BUILT_IN)
        self.phrases = examinee.read(PHRASES).numpy()
        known = queries()
        dice = random.Random(SEED)
        asked = [
            one
            for kind in ("scene", "shape", "thing")
            for one in dice.sample([query for query in known if query.kind == kind], 8)
        ]
        self.truth = Truth(examinee, asked, 1100, MOST, SEED)

    def ask(self, matches: int, *, pictured: bool = False) -> list[Marks]:
        cut: Callable[..., Part] = self.truth.alike if pictured else self.truth.library
        answers = []
        for seed, query in enumerate(self.truth.asked):
            part = cut(query, COUNT, matches, seed)
            index = indexed(part, self.phrases)
            answers.append(marks(index, part, judged, float(pictured)))
        return answers


@pytest.fixture(scope="module")
def exam() -> Exam:
    return Exam()


@pytest.mark.parametrize("pictured", [False, True], ids=["words", "picture"])
def test_what_is_marked_is_what_is_meant(
    exam: Exam,
    pictured: bool,  # noqa: FBT001
) -> None:
    answers = [exam.ask(matches, pictured=pictured) for matches in (1, 5, MOST)]
    assert sum(map(precision, answers)) / 3 >= 0.8
    assert sum(map(recall, answers)) / 3 >= 0.8


@pytest.mark.parametrize("pictured", [False, True], ids=["words", "picture"])
def test_a_query_without_a_match_marks_almost_nothing(
    exam: Exam,
    pictured: bool,  # noqa: FBT001
) -> None:
    answers = exam.ask(0, pictured=pictured)
    assert sum(one.marked for one in answers) / len(answers) <= (0.8 if pictured else 0.3)
