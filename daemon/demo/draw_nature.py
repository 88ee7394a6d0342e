"""Scenes of land and water as the training draws them."""

from __future__ import annotations

import numpy as np

from demo.draw_canvas import Colour, Points, ellipse_points, from_hsv, jitter, lighter, mix
from demo.draw_stage import Stage, ridge


def green(stage: Stage) -> Colour:
    """Give a green of grass or leaves at this time of day."""
    rng = stage.rng
    return stage.tint(
        from_hsv(rng.uniform(75, 140), rng.uniform(0.45, 0.85), rng.uniform(0.35, 0.8))
    )


def beach(stage: Stage) -> None:
    """Draw sky, sea and sand, here and there a palm or a parasol."""
    rng = stage.rng
    horizon = rng.uniform(0.25, 0.5)
    shore = rng.uniform(horizon + 0.12, 0.8)
    stage.sky(horizon)
    stage.water(horizon, 1)
    tilt = rng.uniform(-0.16, 0.16)
    line = [(x, y + tilt * (x - 0.5)) for x, y in ridge(rng, shore, 0.03, 8, smooth=True)]
    if rng.random() < 0.7:
        stage.below([(x, y - 0.025) for x, y in line], stage.tint((244, 247, 248)))
    sand = from_hsv(rng.uniform(34, 48), rng.uniform(0.22, 0.5), rng.uniform(0.82, 0.98))
    stage.below(
        line,
        stage.tint(sand)
        if stage.time != "sunset"
        else mix(sand, (150, 70, 40), rng.uniform(0.2, 0.6)),
    )
    if rng.random() < 0.35:
        side = rng.choice([rng.uniform(0.04, 0.2), rng.uniform(0.8, 0.96)])
        stage.tree(side, rng.uniform(0.85, 1), rng.uniform(0.35, 0.6), 2, green(stage))
    if rng.random() < 0.3:
        x, y = rng.uniform(0.2, 0.8), rng.uniform(0.8, 0.92)
        stage.pen.line([(x, y), (x, y - 0.16)], 0.012, (240, 240, 240))
        hue = from_hsv(rng.uniform(0, 360), 0.75, 0.9)
        stage.pen.polygon(ellipse_points(x, y - 0.15, 0.13, 0.1, 180, 360), stage.tint(hue))


def sea(stage: Stage) -> None:
    """Draw open water under the sky."""
    horizon = stage.rng.uniform(0.15, 0.55)
    stage.sky(horizon)
    stage.water(horizon, 1)


def forest(stage: Stage) -> None:
    """Draw a wood of conifers, leafy trees or both."""
    rng = stage.rng
    horizon = rng.uniform(0.15, 0.45)
    stage.sky(horizon)
    stage.below(ridge(rng, horizon + 0.15, 0.03, 8, smooth=True), lighter(green(stage), 0.7))
    kinds = [[0], [1], [0, 1]][int(rng.integers(3))]
    hue = rng.uniform(80, 150)
    for foot in np.sort(rng.uniform(horizon + 0.2, 1.12, int(rng.integers(16, 34)))):
        crown = from_hsv(
            hue + rng.uniform(-14, 14), rng.uniform(0.45, 0.9), rng.uniform(0.22, 0.62)
        )
        stage.tree(
            rng.uniform(0, 1),
            float(foot),
            rng.uniform(0.3, 0.55),
            int(rng.choice(kinds)),
            stage.tint(crown),
        )


def peaks(stage: Stage, base: float, capped: float) -> None:
    """Draw a range of mountains, some with snow on top."""
    rng = stage.rng
    rock = from_hsv(
        rng.choice([25, 210, 230, 260, 120]), rng.uniform(0.05, 0.35), rng.uniform(0.35, 0.65)
    )
    for layer in range(int(rng.integers(1, 3))):
        colour = stage.tint(lighter(rock, 1.15 - 0.25 * layer))
        for _ in range(int(rng.integers(2, 5))):
            x, half, tall = (
                rng.uniform(0, 1),
                rng.uniform(0.18, 0.42),
                rng.uniform(0.25, 0.55) * (1 - 0.3 * layer),
            )
            top = max(0.04, base - tall)
            stage.pen.polygon(
                [(x, top), (x + half, base + 0.05), (x - half * rng.uniform(0.7, 1), base + 0.05)],
                colour,
            )
            stage.pen.polygon(
                [(x, top), (x + half, base + 0.05), (x + half * 0.2, base + 0.05)],
                lighter(colour, 0.8),
            )
            if rng.random() < capped:
                cap = [
                    (x, top),
                    (x + half * 0.3, top + tall * 0.3),
                    (x + half * 0.1, top + tall * 0.23),
                ]
                stage.pen.polygon(
                    [
                        *cap,
                        (x - half * 0.08, top + tall * 0.3),
                        (x - half * 0.22, top + tall * 0.26),
                    ],
                    stage.tint((248, 250, 252)),
                )


def mountains(stage: Stage) -> None:
    """Draw peaks above a meadow or scree."""
    rng = stage.rng
    base = rng.uniform(0.6, 0.95)
    stage.sky(base)
    peaks(stage, base, rng.choice([0.0, 0.5, 1.0]))
    stage.below(
        ridge(rng, base, 0.03, 8, smooth=True),
        green(stage) if rng.random() < 0.7 else stage.tint((128, 110, 90)),
    )


def snow(stage: Stage) -> None:
    """Draw a white land, now and then while it snows."""
    rng = stage.rng
    horizon = rng.uniform(0.3, 0.65)
    stage.sky(horizon)
    if stage.time == "day" and rng.random() < 0.5:
        stage.pen.box(0, 0, 1, horizon + 0.1, jitter((205, 214, 224), rng))
    for layer in range(2):
        white = from_hsv(210, rng.uniform(0.0, 0.08), rng.uniform(0.92, 1) - 0.05 * (1 - layer))
        snow = white if stage.time == "day" else mix(white, (60, 60, 110), rng.uniform(0.25, 0.5))
        stage.below(
            ridge(rng, horizon + layer * rng.uniform(0.1, 0.25), 0.05, 8, smooth=True), snow
        )
    for _ in range(int(rng.integers(0, 6))):
        crown = stage.tint(from_hsv(150, 0.4, 0.4) if rng.random() < 0.5 else (225, 234, 240))
        stage.tree(
            rng.uniform(0, 1), rng.uniform(horizon + 0.05, 0.95), rng.uniform(0.2, 0.35), 0, crown
        )
    if rng.random() < 0.6:
        stage.stars(int(rng.integers(20, 70)), 1)


def desert(stage: Stage) -> None:
    """Draw dunes with a few cactuses or none."""
    rng = stage.rng
    horizon = rng.uniform(0.3, 0.6)
    stage.sky(horizon)
    hue = rng.uniform(24, 42)
    for layer in range(int(rng.integers(2, 5))):
        sand = from_hsv(hue + rng.uniform(-3, 3), rng.uniform(0.42, 0.7), rng.uniform(0.75, 0.97))
        level = horizon + layer * (0.95 - horizon) / 4
        stage.below(ridge(rng, level, rng.uniform(0.04, 0.12), 8, smooth=True), stage.tint(sand))
    for _ in range(int(rng.choice([0, 0, 1, 2, 3]))):
        x, foot, tall = (
            rng.uniform(0.1, 0.9),
            rng.uniform(horizon + 0.15, 0.95),
            rng.uniform(0.15, 0.32),
        )
        green = stage.tint((70, 120, 62))
        stage.pen.line([(x, foot), (x, foot - tall)], 0.05, green)
        for side in (-1, 1):
            stage.pen.line(
                [
                    (x, foot - tall * 0.4),
                    (x + side * 0.07, foot - tall * 0.4),
                    (x + side * 0.07, foot - tall * 0.75),
                ],
                0.03,
                green,
            )


def field(stage: Stage) -> None:
    """Draw a meadow or a cornfield, with furrows or grass."""
    rng = stage.rng
    horizon = rng.uniform(0.25, 0.6)
    stage.sky(horizon)
    wheat = rng.random() < 0.25
    base = stage.tint(from_hsv(48, 0.6, 0.88)) if wheat else green(stage)
    stage.below(ridge(rng, horizon, 0.02, 8, smooth=True), base)
    if rng.random() < 0.5:
        vanish = rng.uniform(0.2, 0.8)
        for x in np.linspace(-1.2, 2.2, int(rng.integers(8, 18))):
            stage.pen.line(
                [(vanish + (x - vanish) * 0.12, horizon + 0.02), (float(x), 1)],
                0.012,
                lighter(base, 0.82),
            )
    else:
        for _ in range(int(rng.integers(20, 70))):
            x, y = rng.uniform(0, 1), rng.uniform(horizon + 0.05, 1)
            stage.pen.line(
                [(x, y), (x + rng.uniform(-0.01, 0.01), y - 0.03)],
                0.008,
                lighter(base, rng.choice([0.75, 1.2])),
            )
    if not wheat and rng.random() < 0.3:
        hue = rng.uniform(-60, 60)
        for _ in range(int(rng.integers(12, 40))):
            stage.disc(
                rng.uniform(0, 1),
                rng.uniform(horizon + 0.06, 1),
                rng.uniform(0.006, 0.015),
                stage.tint(from_hsv(hue, 0.7, 1)),
            )


def lake(stage: Stage) -> None:
    """Draw water that land surrounds."""
    rng = stage.rng
    horizon = rng.uniform(0.35, 0.5)
    stage.sky(horizon)
    if rng.random() < 0.55:
        peaks(stage, horizon + 0.03, 0.5)
    land = green(stage)
    stage.below(ridge(rng, horizon, 0.02, 8, smooth=True), land)
    for _ in range(int(rng.integers(0, 7))):
        stage.tree(
            rng.uniform(0, 1),
            horizon + 0.05,
            rng.uniform(0.1, 0.2),
            int(rng.integers(2)),
            lighter(land, 0.75),
        )
    keep = stage.image.copy()
    stage.water(horizon + 0.02, 1)
    x, y = rng.uniform(0.4, 0.6), rng.uniform(horizon + 0.23, 0.8)
    half = rng.uniform(0.36, 0.52), min(rng.uniform(0.12, 0.22), y - horizon - 0.05, 0.96 - y)
    wobble = [(a + rng.uniform(-0.01, 0.01), b) for a, b in ellipse_points(x, y, *half)]
    stage.pen.polygon([(-0.1, -0.1), (1.1, -0.1), (1.1, 1.1), (-0.1, 1.1)], keep, [wobble])


def river(stage: Stage) -> None:
    """Draw water that winds through the land."""
    rng = stage.rng
    horizon = rng.uniform(0.15, 0.42)
    stage.sky(horizon)
    if rng.random() < 0.3:
        peaks(stage, horizon + 0.03, 0.5)
    land = green(stage)
    stage.below(ridge(rng, horizon, 0.02, 8, smooth=True), land)
    down = np.linspace(0, 1, 24)
    swing, phase = rng.uniform(0.1, 0.26), rng.uniform(0, 6.3)
    centre = rng.uniform(0.35, 0.65) + swing * np.sin(down * rng.uniform(4, 8) + phase) * (
        0.35 + 0.65 * down
    )
    half = 0.015 + rng.uniform(0.09, 0.2) * down**1.2
    y = horizon + 0.02 + down * (1.04 - horizon)
    banks: Points = [
        *zip((centre - half).tolist(), y.tolist(), strict=True),
        *reversed(list(zip((centre + half).tolist(), y.tolist(), strict=True))),
    ]
    keep = stage.image.copy()
    stage.water(horizon, 1)
    stage.pen.polygon([(-0.1, -0.1), (1.1, -0.1), (1.1, 1.1), (-0.1, 1.1)], keep, [banks])
    for _ in range(int(rng.integers(0, 8))):
        side = rng.choice([rng.uniform(0, 0.15), rng.uniform(0.85, 1)])
        stage.tree(
            side,
            rng.uniform(horizon + 0.1, 1),
            rng.uniform(0.12, 0.26),
            int(rng.integers(2)),
            lighter(land, 0.75),
        )
