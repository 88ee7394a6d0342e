"""The scenes as the training draws them, by day, at sunset and at night."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from demo.draw_canvas import Colour, from_hsv, jitter, lighter, mix
from demo.draw_nature import (
    beach,
    desert,
    field,
    forest,
    green,
    lake,
    mountains,
    peaks,
    river,
    sea,
    snow,
)
from demo.draw_stage import Stage, ridge

if TYPE_CHECKING:
    from collections.abc import Callable


def _city(stage: Stage) -> None:
    rng = stage.rng
    base = rng.uniform(0.8, 1.02)
    stage.sky(base)
    hue, lit = rng.uniform(0, 360), stage.time == "night"
    for layer in range(int(rng.integers(1, 3))):
        x = -0.05
        while x < 1.02:
            wide, tall = (
                rng.uniform(0.08, 0.22),
                rng.uniform(0.2, 0.7) * (1 if layer == 0 else 0.65),
            )
            wall = from_hsv(
                hue + rng.uniform(-60, 60), rng.uniform(0.0, 0.4), rng.uniform(0.35, 0.85)
            )
            wall = stage.tint(wall)
            stage.pen.box(x, base - tall, x + wide, base + 0.05, wall)
            _windows(stage, (x, base - tall, x + wide, base), wall, lit=lit)
            x += wide + rng.choice([0, 0, 0.02])
    if base < 1:
        stage.pen.box(0, base, 1, 1.05, stage.tint((105, 106, 110)))


def _windows(
    stage: Stage, wall: tuple[float, float, float, float], colour: Colour, *, lit: bool
) -> None:
    """Draw rows of windows on a building, lit or not."""
    rng = stage.rng
    left, top, right, bottom = wall
    step = rng.uniform(0.04, 0.07)
    glass = (
        from_hsv(rng.uniform(38, 55), rng.uniform(0.3, 0.7), 1)
        if lit
        else mix(colour, rng.choice([(40, 50, 70), (235, 242, 250)]).tolist(), 0.55)
    )
    for x in np.arange(left + step * 0.4, right - step * 0.5, step):
        for y in np.arange(top + step * 0.5, bottom - step * 0.5, step * 1.3):
            if rng.random() < (0.6 if lit else 0.92):
                stage.pen.box(
                    float(x), float(y), float(x) + step * 0.5, float(y) + step * 0.65, glass
                )


def _night_sky(stage: Stage) -> None:
    stage.sky(1)
    stage.stars(int(stage.rng.integers(45, 160)), 1)
    if stage.rng.random() < 0.4:
        land = ridge(
            stage.rng, stage.rng.uniform(0.8, 0.95), 0.05, 9, smooth=bool(stage.rng.random() < 0.6)
        )
        stage.below(land, (6, 8, 14))


def _moon(stage: Stage) -> None:
    rng = stage.rng
    sky = from_hsv(rng.uniform(215, 265), rng.uniform(0.3, 0.9), rng.uniform(0.03, 0.28))
    stage.image.paste(sky, (0, 0, *stage.image.size))
    stage.stars(int(rng.integers(0, 30)), 1)
    x, y, radius = rng.uniform(0.25, 0.75), rng.uniform(0.22, 0.65), rng.uniform(0.12, 0.34)
    pale = from_hsv(rng.uniform(40, 60), rng.uniform(0, 0.3), rng.uniform(0.85, 1))
    if rng.random() < 0.4:
        stage.disc(x, y, radius * 1.25, mix(sky, pale, 0.18))
    stage.disc(x, y, radius, pale)
    if rng.random() < 0.3:
        stage.disc(x + radius * rng.choice([-0.5, 0.5]), y - radius * 0.1, radius * 0.95, sky)
    else:
        for _ in range(int(rng.integers(0, 7))):
            dx, dy = rng.uniform(-0.5, 0.5, 2) * radius
            stage.disc(x + dx, y + dy, radius * rng.uniform(0.06, 0.2), lighter(pale, 0.87))
    if rng.random() < 0.4:
        stage.below(ridge(rng, rng.uniform(0.82, 0.95), 0.04, 9, smooth=True), (6, 8, 14))


def _rain(stage: Stage) -> None:
    rng = stage.rng
    horizon = rng.uniform(0.6, 0.95)
    gray = from_hsv(215, rng.uniform(0.02, 0.22), rng.uniform(0.4, 0.72))
    stage.image.paste(gray, (0, 0, *stage.image.size))
    if rng.random() < 0.75:
        stage.clouds(0.2, lighter(gray, rng.choice([0.75, 1.25])))
        stage.clouds(0.15, lighter(gray, 0.8))
    if rng.random() < 0.7:
        stage.below(
            ridge(rng, horizon, 0.02, 8, smooth=True),
            mix(green(stage), gray, rng.uniform(0.3, 0.8)),
        )
    drop = mix(
        gray, (225, 236, 250) if rng.random() < 0.7 else (60, 90, 150), rng.uniform(0.45, 0.85)
    )
    slant, length = rng.uniform(-0.07, 0.07), rng.uniform(0.05, 0.14)
    for _ in range(int(rng.integers(35, 110))):
        x, y = rng.uniform(-0.05, 1.05), rng.uniform(0.1, 1)
        stage.pen.line([(x, y), (x + slant, y + length)], rng.uniform(0.006, 0.012), drop)


def _rainbow(stage: Stage) -> None:
    rng = stage.rng
    horizon = rng.uniform(0.6, 0.9)
    stage.sky(horizon)
    if rng.random() < 0.25:
        stage.pen.box(0, 0, 1, horizon, jitter((170, 184, 198), rng))
    x, y, reach = rng.uniform(0.25, 0.75), horizon + rng.uniform(-0.02, 0.2), rng.uniform(0.4, 0.7)
    band = rng.uniform(0.022, 0.045)
    hues = (0, 28, 54, 115, 205, 240, 280)
    keep = stage.image.copy()
    for ring, hue in enumerate(hues):
        stage.pen.ellipse(
            x,
            y,
            reach - ring * band,
            (reach - ring * band) * 0.95,
            from_hsv(hue, rng.uniform(0.6, 0.9), 0.98),
        )
    inner = reach - len(hues) * band
    stage.pen.ellipse(x, y, inner, inner * 0.95, keep)
    stage.below(ridge(rng, horizon, 0.03, 8, smooth=True), green(stage))


def _road(stage: Stage) -> None:
    rng = stage.rng
    horizon = rng.uniform(0.25, 0.5)
    stage.sky(horizon)
    if rng.random() < 0.25:
        peaks(stage, horizon + 0.03, 0.5)
    land = green(stage) if rng.random() < 0.65 else stage.tint(from_hsv(38, 0.45, 0.8))
    stage.below(ridge(rng, horizon, 0.015, 8, smooth=True), land)
    far, near, half = rng.uniform(0.35, 0.65), rng.uniform(0.4, 0.6), rng.uniform(0.22, 0.5)
    bend = rng.uniform(-0.12, 0.12)
    asphalt = stage.tint(from_hsv(220, rng.uniform(0, 0.1), rng.uniform(0.25, 0.5)))
    down = np.linspace(0, 1, 16)
    centre = far + (near - far) * down + bend * np.sin(down * 3.14)
    width = 0.015 + half * down
    y = horizon + 0.01 + down * (1.04 - horizon)
    right = list(zip((centre + width).tolist(), y.tolist(), strict=True))
    stage.pen.polygon(
        [*zip((centre - width).tolist(), y.tolist(), strict=True), *reversed(right)], asphalt
    )
    paint = (246, 246, 240) if rng.random() < 0.7 else (240, 200, 70)
    for i in range(2, 15, 2):
        stripe = 0.05 * width[i] + 0.003
        stage.pen.polygon(
            [
                (centre[i] - stripe, y[i]),
                (centre[i] + stripe, y[i]),
                (centre[i + 1] + stripe * 1.2, y[i + 1]),
                (centre[i + 1] - stripe * 1.2, y[i + 1]),
            ],
            paint,
        )


_MOSTLY_DAY = ("day", "day", "day", "sunset", "night")

# Each scene, the times of day at which it is drawn and what it may show besides: a picture
# is neither a right nor a wrong answer to a query for that. This is kept short: whoever asks
# for stars wants the night sky before a city at night with a few stars above it.
SCENES: dict[str, tuple[Callable[[Stage], None], tuple[str, ...], tuple[str, ...]]] = {
    "beach": (beach, ("day", "day", "sunset", "sunset", "night"), ("sea",)),
    "sea": (sea, ("day", "day", "sunset", "night"), ("lake",)),
    "forest": (forest, _MOSTLY_DAY, ("tree",)),
    "mountains": (mountains, _MOSTLY_DAY, ()),
    "snow": (snow, _MOSTLY_DAY, ("tree",)),
    "desert": (desert, _MOSTLY_DAY, ()),
    "city": (_city, ("day", "day", "sunset", "night", "night"), ()),
    "stars": (_night_sky, ("night",), ()),
    "moon": (_moon, ("night",), ("circle",)),
    "field": (field, _MOSTLY_DAY, ()),
    "lake": (lake, _MOSTLY_DAY, ("tree",)),
    "river": (river, ("day", "day", "day", "sunset"), ("tree",)),
    "rain": (_rain, ("day",), ("cloud",)),
    "rainbow": (_rainbow, ("day",), ()),
    "road": (_road, _MOSTLY_DAY, ()),
}

# What a time of day may show in its sky.
IN_THE_SKY: dict[str, tuple[str, ...]] = {
    "day": ("sun", "cloud"),
    "sunset": ("sun", "cloud", "circle"),
    "night": ("circle",),
}
