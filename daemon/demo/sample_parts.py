"""Skies, shores, trees and peaks from which the sample scenes are composed."""

from __future__ import annotations

import math

from demo.sample_artist import RGB, XY, Artist, blend, curve, rgb

DAY = (
    ("#5aa9e6", "#d6ecfa"),
    ("#3d8fd1", "#a9d6f5"),
    ("#7fc8f8", "#f4fbff"),
    ("#4a90c2", "#cfe6f2"),
)

DUSK = (
    ("#4b2e6b", "#d1495b", "#f79d5c", "#ffd27a"),
    ("#6a4c93", "#ff6f59", "#ffb347"),
    ("#27476e", "#c8553d", "#f9a03f", "#ffe08a"),
    ("#8e3b46", "#f26419", "#f6ae2d"),
)

DARK = (("#050816", "#1b2350"), ("#0b1026", "#2a2f5f"), ("#03050f", "#141b3c"))

LEAVES = ("#3c8d40", "#5c9e31", "#2f7a4d", "#74a942")


def sky(a: Artist, kind: tuple[tuple[str, ...], ...], horizon: float) -> None:
    """Wash the sky down to the horizon."""
    a.fade(0, horizon + 2, [rgb(text) for text in a.dice.choice(kind)])


def rolling(a: Artist, y: float, swell: float, bumps: int = 5) -> list[XY]:
    """Give a rolling line across the picture, closed at its foot."""
    knots = [
        (a.w * (i / bumps * 1.1 - 0.05), y + a.dice.uniform(-swell, swell))
        for i in range(bumps + 1)
    ]
    return [*curve(knots, closed=False), (a.w * 1.05, a.h + 4), (-a.w * 0.05, a.h + 4)]


def puff(a: Artist, x: float, y: float, r: float, colour: RGB) -> None:
    """Draw a small cloud."""
    for dx, dy, k in (
        (-1.1, 0.15, 0.6),
        (-0.4, -0.2, 0.8),
        (0.4, -0.15, 0.75),
        (1.1, 0.2, 0.5),
        (0.0, 0.25, 0.8),
    ):
        a.oval(x + dx * r, y + dy * r, r * k, r * k * 0.6, colour)


def low_sun(a: Artist, horizon: float) -> float:
    """Draw the setting sun at the horizon and say where it stands."""
    x, r = a.w * a.dice.uniform(0.25, 0.75), min(a.w, a.h) * a.dice.uniform(0.09, 0.14)
    y = horizon - r * a.dice.uniform(0.1, 0.9)
    a.oval(x, y, r * 1.35, r * 1.35, rgb("#ffc46b"))
    a.oval(x, y, r, r, rgb(a.dice.choice(("#fff1b8", "#ffe27a", "#ff7b3a"))))
    return x


def ripples(a: Artist, top: float, bottom: float, colour: RGB, count: int) -> None:
    """Draw short waves on water."""
    for _ in range(count):
        t = a.dice.random()
        x, y, r = a.dice.uniform(0, a.w), top + (bottom - top) * t, a.w * (0.02 + 0.06 * t)
        a.stroke(
            curve([(x - r, y), (x, y - r * 0.16), (x + r, y)], closed=False), a.h * 0.006, colour
        )


def glitter(a: Artist, x: float, top: float, bottom: float) -> None:
    """Draw the sun's path over the water."""
    rows = 14
    for i in range(rows):
        y = top + (bottom - top) * (i + 0.5) / rows
        r = a.w * a.dice.uniform(0.02, 0.05) * (1 + i / rows)
        a.stroke([(x - r, y), (x + r, y)], a.h * 0.012, rgb("#ffd98a"))


def sand(a: Artist, y: float, colours: tuple[RGB, RGB], foam: RGB) -> None:
    """Lay the sand in front of the water, with foam along it."""
    slope = a.dice.uniform(-0.12, 0.12) * a.h
    shore = curve(
        [
            (-4, y + slope),
            (a.w * 0.3, y + a.h * 0.02),
            (a.w * 0.65, y - a.h * 0.01),
            (a.w + 4, y - slope),
        ],
        closed=False,
    )
    a.fill([*[(x, z - a.h * 0.025) for x, z in shore], (a.w + 4, a.h + 4), (-4, a.h + 4)], foam)
    a.fill([*shore, (a.w + 4, a.h + 4), (-4, a.h + 4)], colours[0])
    for _ in range(40):
        x, z = a.dice.uniform(0, a.w), a.dice.uniform(y + abs(slope) + a.h * 0.03, a.h)
        a.oval(x, z, a.w * 0.008, a.w * 0.004, colours[1])


def palm(a: Artist, *, dark: bool) -> None:
    """Draw a palm at the side."""
    x, foot, top = a.w * a.dice.choice((0.14, 0.86)), a.h * 0.95, a.h * 0.42
    lean = a.w * (0.05 if x < a.w / 2 else -0.05)
    a.stroke(
        curve([(x, foot), (x + lean * 0.2, (foot + top) / 2), (x + lean, top)], closed=False),
        a.w * 0.022,
        rgb("#2a1f1d") if dark else rgb("#8a6642"),
    )
    leaf, r = (rgb("#221a22") if dark else rgb("#2e8b57")), a.w * 0.14
    for angle in (-160, -120, -60, -20, 20, 160):
        t = math.radians(angle)
        tip = (x + lean + r * math.cos(t), top + r * 0.6 * math.sin(t) + r * 0.25)
        a.fill(
            curve(
                [
                    (x + lean, top),
                    ((x + lean + tip[0]) / 2, (top + tip[1]) / 2 - r * 0.2),
                    tip,
                    ((x + lean + tip[0]) / 2, (top + tip[1]) / 2),
                ]
            ),
            leaf,
        )


def fir(a: Artist, x: float, foot: float, tall: float, colour: RGB) -> None:
    """Draw a fir or a leafy tree of a wood."""
    a.rect(x - tall * 0.04, foot - tall * 0.3, x + tall * 0.04, foot, rgb("#4d3524"))
    for i in range(4):
        y, r = foot - tall + tall * 0.2 * i, tall * (0.12 + 0.06 * i)
        a.fill(
            [(x, y), (x + r, y + tall * 0.27), (x - r, y + tall * 0.27)],
            blend(colour, (10, 30, 20), 0.1 * (i % 2)),
        )


def peaks(a: Artist, base: float, tall: float, rock: RGB, *, cap: bool) -> None:
    """Draw a jagged range of mountains with its snow."""
    peaks, x = [], -a.w * 0.1
    while x < a.w * 1.1:
        step = a.w * a.dice.uniform(0.16, 0.28)
        peaks += [
            (x, base - tall * a.dice.uniform(0.1, 0.35)),
            (x + step / 2, base - tall * a.dice.uniform(0.7, 1.0)),
        ]
        x += step
    a.fill([(-a.w * 0.1, base + 4), *peaks, (x, base + 4)], rock)
    for px, py in peaks[1::2]:
        a.fill(
            [(px, py), (px + a.w * 0.08, base), (px + a.w * 0.01, base)],
            blend(rock, (20, 22, 40), 0.22),
        )
        if cap:
            r = tall * 0.2
            a.fill(
                [
                    (px, py),
                    (px + r * 0.55, py + r),
                    (px + r * 0.15, py + r * 0.7),
                    (px - r * 0.15, py + r),
                    (px - r * 0.5, py + r * 0.85),
                ],
                (250, 252, 255),
            )


def sparkle(a: Artist, count: int, lowest: float) -> None:
    """Strew stars, some with four points."""
    for _ in range(count):
        x, y, r = (
            a.dice.uniform(0, a.w),
            a.dice.uniform(0, lowest),
            min(a.w, a.h) * a.dice.uniform(0.003, 0.009),
        )
        white = rgb(a.dice.choice(("#ffffff", "#fff6d6", "#dfe8ff")))
        if a.dice.random() < 0.2:
            a.fill([(x, y - 2.4 * r), (x + r * 0.6, y), (x, y + 2.4 * r), (x - r * 0.6, y)], white)
            a.fill([(x - 2.4 * r, y), (x, y - r * 0.6), (x + 2.4 * r, y), (x, y + r * 0.6)], white)
        else:
            a.oval(x, y, r, r, white)


def skyline(a: Artist, base: float, *, night: bool) -> None:
    """Draw two rows of towers with their windows."""
    walls = (
        ("#151a2e", "#1d2340", "#23213a")
        if night
        else ("#8a97a8", "#b08968", "#6c7a89", "#c2b8a3", "#9c6b5c")
    )
    for row in (0, 1):
        x = -a.w * 0.03
        while x < a.w:
            wide, tall = (
                a.w * a.dice.uniform(0.09, 0.17),
                a.h * a.dice.uniform(0.25, 0.62) * (1 - 0.3 * row),
            )
            wall = rgb(a.dice.choice(walls))
            wall = wall if row else blend(wall, rgb("#2b2f55") if night else rgb("#c9dcea"), 0.35)
            a.rect(x, base - tall, x + wide, base + 2, wall)
            rows, columns = max(2, int(tall / (a.h * 0.055))), max(2, int(wide / (a.w * 0.04)))
            for i in range(rows - 1):
                for j in range(columns):
                    if not night or a.dice.random() < 0.55:
                        u, v = x + wide * (j + 0.3) / columns, base - tall + a.h * 0.05 * (i + 0.4)
                        lit = (
                            rgb(a.dice.choice(("#ffd866", "#fff0a8", "#ffb84d")))
                            if night
                            else rgb("#dceaf5")
                        )
                        a.rect(u, v, u + wide * 0.42 / columns, v + a.h * 0.026, lit)
            x += wide + a.w * a.dice.choice((0, 0.01))
