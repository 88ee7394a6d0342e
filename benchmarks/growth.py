"""Curves over the number of pictures, both axes logarithmic, as an SVG of its own."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from typing import Final
from xml.sax.saxutils import escape

Points = Sequence[tuple[float, float]]

_WIDTH: Final = 300
_HEIGHT: Final = 200
_EDGE: Final = 44
_COLUMNS: Final = 2
_STYLE: Final = (
    "text{font:12px sans-serif;fill:#444}.line{fill:none;stroke:#2563a8;stroke-width:2}"
    ".dot{fill:#2563a8}.grid{stroke:#ddd}.name{font-weight:bold}"
)


def drawn(series: Mapping[str, Points]) -> str:
    """Return one small plot of each series, side by side; every value is above zero."""
    rows = -(-len(series) // _COLUMNS)
    width, height = _COLUMNS * _WIDTH, rows * _HEIGHT
    plots = [
        f'<g transform="translate({place % _COLUMNS * _WIDTH},{place // _COLUMNS * _HEIGHT})">'
        f"{_plot(name, points)}</g>"
        for place, (name, points) in enumerate(series.items())
    ]
    return (
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {width} {height}" '
        f'width="{width}" height="{height}"><style>{_STYLE}</style>'
        f'<rect width="{width}" height="{height}" fill="#fff"/>{"".join(plots)}</svg>\n'
    )


def _plot(name: str, points: Points) -> str:
    across = _decades([x for x, _ in points])
    up = _decades([y for _, y in points])

    def place(x: float, y: float) -> tuple[float, float]:
        wide, high = _WIDTH - 2 * _EDGE, _HEIGHT - 2 * _EDGE
        right = (math.log10(x) - across[0]) / (across[1] - across[0]) * wide
        above = (math.log10(y) - up[0]) / (up[1] - up[0]) * high
        return round(_EDGE + right, 1), round(_HEIGHT - _EDGE - above, 1)

    parts = [f'<text class="name" x="{_EDGE}" y="24">{escape(name)}</text>']
    for power in range(up[0], up[1] + 1):
        left, y = place(10 ** across[0], 10**power)
        parts.append(f'<line class="grid" x1="{left}" x2="{_WIDTH - _EDGE}" y1="{y}" y2="{y}"/>')
        parts.append(f'<text x="{left - 6}" y="{y + 4}" text-anchor="end">{10.0**power:g}</text>')
    for power in range(across[0], across[1] + 1):
        x, y = place(10**power, 10 ** up[0])
        parts.append(f'<text x="{x}" y="{y + 18}" text-anchor="middle">{_short(power)}</text>')
    dots = [place(x, y) for x, y in points]
    line = " ".join(f"{x},{y}" for x, y in dots)
    parts.append(f'<polyline class="line" points="{line}"/>')
    parts += [f'<circle class="dot" cx="{x}" cy="{y}" r="3.5"/>' for x, y in dots]
    return "".join(parts)


def _decades(values: Sequence[float]) -> tuple[int, int]:
    low = math.floor(math.log10(min(values)) + 1e-9)
    high = math.ceil(math.log10(max(values)) - 1e-9)
    return low, max(high, low + 1)


def _short(power: int) -> str:
    return {3: "1 k", 4: "10 k", 5: "100 k", 6: "1 M", 7: "10 M", 8: "100 M"}.get(
        power, f"{10.0**power:g}"
    )
