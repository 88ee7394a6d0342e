"""What is to be reached, and where the figure comes from: the table at the head of the page.

Goals are those of two cores without a GPU. A benchmark says its figures by name
(`Result.figures`); whatever was not run has none, and the table says so.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any, Final

from measure import Table, ms, number


def _seconds(value: float) -> str:
    return f"{number(value)} s" if value >= 1 else ms(value)


def _times(value: float) -> str:
    return f"{number(value)} times"


def _percent(value: float) -> str:
    return f"{100 * value:.0f} %"


def _share(value: float) -> str:
    return f"{100 * value:.1f} %"


def _megabytes(value: float) -> str:
    return f"{value / 1e6:,.0f} MB"


def _count(value: float) -> str:
    return f"{value:,.0f}"


@dataclass(frozen=True, slots=True)
class Goal:
    """One row: a figure of one benchmark, and the least or the most that it may be.

    `result` is a file's name in benchmarks/results without its ending; `note` is what
    a reader must know in any case, `why` the reason where it is missed.
    """

    what: str
    result: str
    figure: str
    written: Callable[[float], str]
    most: float | None = None
    least: float | None = None
    note: str = ""
    why: str = ""

    def is_met(self, value: float) -> bool:
        """Return whether a figure is good enough."""
        return (self.most is None or value <= self.most) and (
            self.least is None or value >= self.least
        )

    @property
    def limit(self) -> str:
        """The goal as a person reads it."""
        limits = [
            (sign, of) for sign, of in (("≤", self.most), ("≥", self.least)) if of is not None
        ]
        return ", ".join(f"{sign} {self.written(of)}" for sign, of in limits) or "stated"

    def distance(self, value: float) -> str:
        """Return how far a figure that is not good enough is from the goal."""
        limit = self.most if self.most is not None else self.least
        assert limit is not None
        if limit == 0:
            return f"by {self.written(value)}"
        return f"{number(value / limit)} times the goal"


def _of_size(
    count: int, search: float, recall: tuple[float, float], memory: float, start: float,
    build: float | None, listing: float, why: Mapping[str, str], result: str = "scale",
) -> Iterator[Goal]:  # fmt: skip
    """Yield the goals of a library of a size, which `scale.py` measures."""
    of = f"{count:,} pictures"

    def goal(
        what: str, figure: str, written: Callable[[float], str],
        most: float | None = None, least: float | None = None,
    ) -> Goal:  # fmt: skip
        name = what if figure == "search" else f"the same: {what}"
        reason = why.get(figure, "")
        return Goal(name, result, f"{figure} {count}", written, most, least, why=reason)

    yield goal(f"{of}, a search whose vector is known, median", "search", _seconds, most=search)
    yield goal("of the ten best are found", "recall at 10", _share, least=recall[0])
    yield goal("of the hundred best are found", "recall at 100", _share, least=recall[1])
    yield goal("memory above the base", "memory", _megabytes, most=memory)
    yield goal("from the start to the first answer", "start", _seconds, most=start)
    yield goal(
        "the slowest hundredth while 20,000 change, times quiet", "times quiet", _times, most=2.0
    )
    if build is not None:
        yield goal("the index made in the background", "build", _seconds, most=build)
    yield goal("the ids of a filter of 1 %", "listing", _seconds, most=listing)


GOALS: Final = (
    Goal(
        "indexing 12 MP photographs, same model, times rclip",
        "rivals", "times_rclip", _times, least=2.5,
        why="without a quick half precision the forward pass alone, which all share, takes half "
        "of rclip's CPU time: were decoding free, twice rclip would be the most",
    ),
    Goal(
        "share of the embedder's time that is the forward pass (where decoders keep up)",
        "embedding", "forward_share", _percent, least=0.9,
    ),
    Goal(
        "else: share of the time in which decoders are busy",
        "rivals", "decoders_busy", _percent, least=0.9,
        note="counts only where the row before is missed",
    ),
    Goal(
        "query, uncached text, 100,000 pictures: median",
        "queries", "new_p50_s", _seconds, most=0.015,
    ),
    Goal("the same, 99 %", "queries", "new_p99_s", _seconds, most=0.04),
    Goal(
        "query, cached text: median",
        "queries", "cached_p50_s", _seconds, most=0.005,
        note="while nothing comes or goes: its nearest pictures are kept, too",
    ),
    Goal(
        "the same after something came or went: its nearest are looked for anew",
        "queries", "anew_p50_s", _seconds,
    ),
    Goal(
        "99 % of uncached queries while a bulk import runs, times the quiet",
        "pressure", "busy_times_quiet", _times, most=2.0,
        why="the import has both cores, and the slowest hundredth waits for whoever is on them",
    ),
    Goal(
        "whole `imgq` process, more than `python -c pass`",
        "start", "more_s", _seconds, most=0.06,
    ),
    Goal(
        "`rclip -n` on the same library, times whole `imgq` process",
        "rivals", "process_times_rclip", _times, least=50.0,
        why="an empty Python alone takes two fifths of the whole `imgq` process, encoding a new "
        "text and looking through 100,000 pictures nearly all of the rest",
    ),
    Goal(
        "file saved → found, embedder warm: more than settling",
        "changes", "saved_warm_s", _seconds, most=0.3,
    ),
    Goal("the same, embedder cold", "changes", "saved_cold_s", _seconds, most=5.0),
    Goal(
        "first answer after start, 100,000 pictures",
        "queries", "first_answer_s", _seconds, most=2.5,
    ),
    Goal(
        "folder of 10,000 pictures renamed → found under the new name",
        "changes", "renamed_s", _seconds, most=3.0,
    ),
    Goal("decoded or embedded for it", "changes", "renamed_decoded", _count, most=0.0),
    Goal("full rescan, 100,000 unchanged files", "changes", "rescan_s", _seconds, most=1.5),
    Goal("idle: CPU time in 60 s, all processes", "idle", "cpu_s", _seconds, most=0.02),
    Goal(
        "idle: wake-ups of the busiest thread in 60 s (six looks at the folders)",
        "idle", "wakes", _count, most=14.0,
    ),
    Goal(
        "idle memory, all processes, 100,000 pictures, text ready",
        "queries", "idle_bytes", _megabytes, most=250e6,
        why="the 8-bit codes of 100,000 pictures are 51 MB, the encoder's 8-bit weights 44, its "
        "vocabulary 11",
    ),
    Goal(
        "memory while indexing 50 MP pictures, all processes",
        "pressure", "large_bytes", _megabytes,
    ),
    Goal(
        "the same: the second half's peak, times the first half's",
        "pressure", "large_growth", _times, most=1.1,
    ),
    *_of_size(
        100_000, 0.008, (1.0, 1.0), 110e6, 2.5, None, 0.005,
        {"times quiet": "changes and questions share two cores and one lock without a pause"},
    ),
    *_of_size(
        1_000_000, 0.003, (0.99, 0.98), 160e6, 4.0, 180.0, 0.03,
        {"search": "136 lists are looked through and 576 vectors compared, as recall asks for"},
    ),
    *_of_size(
        10_000_000, 0.006, (0.98, 0.96), 1.2e9, 10.0, 2400.0, 0.3,
        {"search": "768 vectors a question were read from a file of 10 GB that was not in the "
         "disk's cache, while SQLite looked through the catalog, as it does after a start; since "
         "then such rows are read 4.6 times as fast (`rows.py`), and the run was not repeated"},
        "scale_huge",
    ),
)  # fmt: skip


def table(results: Mapping[str, Mapping[str, Any]]) -> Table:
    """Return the table of all goals; `results` are the kept ones by name."""
    rows = tuple((goal.what, goal.limit, *_outcome(goal, results)) for goal in GOALS)
    return Table(("what", "goal", "figure", "outcome"), rows)


def _outcome(goal: Goal, results: Mapping[str, Mapping[str, Any]]) -> tuple[str, str]:
    value = results.get(goal.result, {}).get("figures", {}).get(goal.figure)
    if value is None:
        return "", f"not run (`{goal.result}.py`)"
    if goal.most is None and goal.least is None:
        outcome = "stated"
    elif goal.is_met(value):
        outcome = "met"
    else:
        outcome = f"**missed**, {goal.distance(value)}{goal.why and f': {goal.why}'}"
    return goal.written(value), f"{outcome}; {goal.note}" if goal.note else outcome
