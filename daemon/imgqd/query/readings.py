"""What a filter's value is read as, or why it cannot be read."""

from __future__ import annotations

from dataclasses import dataclass

from imgqd.query.records import Filter


class Unclear(ValueError):
    """The value cannot be followed; the message is one line with the remedy."""


@dataclass(frozen=True, slots=True)
class Reading:
    """A filter and what it means, in words; `trouble` is a part of the value that was left out."""

    node: Filter
    means: str
    trouble: str | None = None
