"""What is marked as a match, against libraries in which the truth is known.

`python benchmarks/matches.py [--seed 3] [--seeds 2] [--queries 90]`
"""

from __future__ import annotations

import random
from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING, Any, Final

from measure import Result, Table, arguments, finish

if TYPE_CHECKING:
    from demo.marks import Marks
    from demo.truth import Query, Truth

_COUNT: Final = 2000
"""Pictures in a library."""

_CROWD: Final = 4000
"""Pictures that libraries are cut out of."""

_MATCHES: Final = (1, 5, 50)

_KINDS: Final = ("scene", "shape", "thing")

Side = tuple[str, str, str, int]
"""Words or picture; before, after or ideal; the kind of subject; true matches in the library."""


def main() -> None:
    """Cut libraries, ask, and count."""
    told = arguments(__doc__ or "", seed=3, seeds=2, queries=90)
    found: dict[Side, list[Marks]] = {}
    for seed in range(told.seed, told.seed + told.seeds):
        _examine(seed, told.queries, found)
    text = (
        f"{told.queries} queries for each of {told.seeds} drawings (seeds from {told.seed}), a "
        "third each for scenes, shapes and things, asked in words and by a picture that the "
        f"library does not hold. For each a library of {_COUNT:,} drawings with exactly 0, 1, 5 "
        "or 50 true matches, by the demo model. Marked is what has a relevance of 0.5 or more. "
        "Precision is averaged over the queries that mark anything, recall over all. Before: a "
        "fixed number of deviations above the mean. Ideal: the best cut through the ranking that "
        "knowing the truth allows."
    )
    tables = (_agreement(found), _kinds(found), _nothing(found))
    finish(Result("What is marked as a match", text, tables), told)


def _examine(seed: int, queries: int, found: dict[Side, list[Marks]]) -> None:
    import torch

    from demo import marks
    from demo.exam import BUILT_IN, Examinee
    from demo.truth import Truth
    from imgqd.everyday import PHRASES

    torch.set_num_threads(2)
    examinee = Examinee(BUILT_IN)
    phrases = examinee.read(PHRASES).numpy()
    truth = Truth(examinee, _chosen(seed, queries), _CROWD, max(_MATCHES), seed)
    judges: dict[str, Any] = {"before": marks.before, "after": marks.judged}
    for place, query in enumerate(truth.asked):
        for asked, pictured, part in _parts(truth, query, seed * 1000 + place):
            index = marks.indexed(part, phrases)
            there = int(part.true.sum())
            for name, judging in judges.items():
                answer = marks.marks(index, part, judging, pictured)
                found.setdefault((asked, name, query.kind, there), []).append(answer)
            if there:
                ideal = marks.best_cut(index, part)
                found.setdefault((asked, "ideal", query.kind, there), []).append(ideal)


def _parts(truth: Truth, query: Query, seed: int) -> list[tuple[str, float, Any]]:
    found: list[tuple[str, float, Any]] = []
    for matches in (0, *_MATCHES):
        found.append(("words", 0.0, truth.library(query, _COUNT, matches, seed)))
        found.append(("picture", 1.0, truth.alike(query, _COUNT, matches, seed)))
    return found


def _chosen(seed: int, count: int) -> list[Query]:
    """Draw queries, as many of each kind as there are."""
    from demo.truth import queries

    dice = random.Random(seed)
    known = queries()
    chosen: list[Query] = []
    for kind in _KINDS:
        some = [one for one in known if one.kind == kind]
        chosen += dice.sample(some, min(count // len(_KINDS), len(some)))
    return chosen


def _agreement(found: dict[Side, list[Marks]]) -> Table:
    rows = []
    for asked in ("words", "picture"):
        for matches in _MATCHES:
            row = [
                _of(found, asked, name, _KINDS, matches) for name in ("before", "after", "ideal")
            ]
            rows.append((f"{asked}, {matches} true", *(cell for cells in row for cell in cells)))
        row = [_mean(found, asked, name) for name in ("before", "after", "ideal")]
        rows.append((f"{asked}, on average", *(cell for cells in row for cell in cells)))
    return Table(_columns("asked in, matches"), tuple(rows))


def _kinds(found: dict[Side, list[Marks]]) -> Table:
    rows = [
        (
            f"{asked}, {kind}s, {matches} true",
            *_of(found, asked, "before", [kind], matches),
            *_of(found, asked, "after", [kind], matches),
            *_of(found, asked, "ideal", [kind], matches),
        )
        for asked in ("words", "picture")
        for kind in _KINDS
        for matches in _MATCHES
    ]
    return Table(_columns("by subject"), tuple(rows))


def _columns(first: str) -> tuple[str, ...]:
    sides = ("before", "after", "ideal")
    return (first, *(f"{side}: {what}" for side in sides for what in ("precision", "recall")))


def _nothing(found: dict[Side, list[Marks]]) -> Table:
    rows = []
    for asked in ("words", "picture"):
        for kinds in (_KINDS, *((kind,) for kind in _KINDS)):
            name = f"{asked}, {'all' if len(kinds) > 1 else kinds[0] + 's'}"
            cells: list[str] = []
            for side in ("before", "after"):
                answers = _answers(found, asked, side, kinds, 0)
                marked = [one.marked for one in answers]
                cells += [
                    f"{sum(marked) / len(marked):.2f}",
                    f"{100 * sum(count > 0 for count in marked) / len(marked):.0f} %",
                ]
            rows.append((name, *cells))
    columns = ("no true match", "before: marked", "before: any", "after: marked", "after: any")
    return Table(columns, tuple(rows))


def _answers(
    found: dict[Side, list[Marks]], asked: str, side: str, kinds: Sequence[str], matches: int
) -> list[Marks]:
    return [one for kind in kinds for one in found[asked, side, kind, matches]]


def _of(
    found: dict[Side, list[Marks]], asked: str, side: str, kinds: Sequence[str], matches: int
) -> tuple[str, str]:
    from demo import marks

    answers = _answers(found, asked, side, kinds, matches)
    return f"{marks.precision(answers):.2f}", f"{marks.recall(answers):.2f}"


def _mean(found: dict[Side, list[Marks]], asked: str, side: str) -> tuple[str, str]:
    """Average over the numbers of matches, each of them weighing the same."""
    from demo import marks

    def mean(what: Callable[[Sequence[Marks]], float]) -> str:
        all_of = [what(_answers(found, asked, side, _KINDS, matches)) for matches in _MATCHES]
        return f"{sum(all_of) / len(all_of):.2f}"

    return mean(marks.precision), mean(marks.recall)


if __name__ == "__main__":
    main()
