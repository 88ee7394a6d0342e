"""From a cosine to a relevance, by the same query's cosines over the library."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Final

_SURE: Final = 2.5
"""Standard deviations above the library's mean where a match is as likely as not."""

_STEEP: Final = 2.0
"""How fast belief grows around that point, per standard deviation."""


@dataclass(frozen=True, slots=True)
class Judge:
    """Turns a query's cosine into a relevance, by the same query's cosines over the library.

    A cosine means nothing by itself: its scale depends on model and query. What
    lies far above the bulk of the library is a match.
    """

    mean: float
    deviation: float
    count: int

    def relevance(self, score: float) -> float:
        """Return 0 to 1; 0.5 is where a match is as likely as not."""
        if self.count < 3 or self.deviation < 1e-9:
            return 0.5
        # Among n values none lies more than sqrt(n - 1) deviations above the mean (Samuelson).
        sure = min(_SURE, 0.6 * math.sqrt(self.count - 1))
        surplus = (score - self.mean) / self.deviation - sure
        return 1 / (1 + math.exp(-_STEEP * max(-50.0, min(50.0, surplus))))
