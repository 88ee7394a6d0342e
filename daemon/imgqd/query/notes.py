"""What is said about the line: how its pieces were understood, and what could not be followed."""

from __future__ import annotations

from imgqd.query.records import ProblemAt, Understood


class Notes:
    """Collects what a launcher can show under the line."""

    def __init__(self, line: str) -> None:
        self.line = line
        self._understood: list[Understood] = []
        self._problems: list[ProblemAt] = []

    def means(self, kind: str, start: int, end: int, words: str) -> None:
        """Say what a slice of the line means."""
        self._understood.append(Understood(kind, self.line[start:end], start, end, words))

    def problem(self, start: int, end: int, reason: str) -> None:
        """Say what could not be followed, and what to do."""
        # What a person typed stands in it: a line end must not break the line of the reason.
        self._problems.append(ProblemAt(start, end, " ".join(reason.split())))

    def understood(self) -> tuple[Understood, ...]:
        """Return what was understood, in the line's order."""
        return tuple(sorted(self._understood, key=lambda one: (one.start, one.end)))

    def problems(self) -> tuple[ProblemAt, ...]:
        """Return the problems, in the line's order."""
        return tuple(sorted(self._problems, key=lambda one: (one.start, one.end)))
