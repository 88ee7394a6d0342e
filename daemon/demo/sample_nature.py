"""Scenes of land and water among the sample pictures."""

from __future__ import annotations

import math

from demo.sample_artist import Artist, arc, blend, curve, rgb
from demo.sample_parts import (
    DAY,
    DUSK,
    LEAVES,
    fir,
    glitter,
    low_sun,
    palm,
    peaks,
    puff,
    ripples,
    rolling,
    sand,
    sky,
)


def beach(a: Artist) -> None:
    """Paint sand, surf and sea by day."""
    horizon, shore = a.h * a.dice.uniform(0.32, 0.42), a.h * a.dice.uniform(0.58, 0.7)
    sky(a, DAY, horizon)
    if a.dice.random() < 0.5:
        puff(a, a.w * a.dice.uniform(0.2, 0.8), horizon * 0.4, a.w * 0.06, (255, 255, 255))
    a.fade(horizon, a.h, [rgb("#1a7fa8"), rgb("#48c3cf"), rgb("#9be3dd")])
    ripples(a, horizon + a.h * 0.03, shore, rgb("#bfeaf0"), 10)
    sand(
        a,
        shore,
        (rgb(a.dice.choice(("#f2dcae", "#ecd3a0", "#f7e6c4"))), rgb("#d9bf8c")),
        (255, 255, 255),
    )
    if a.dice.random() < 0.5:
        palm(a, dark=False)
    if a.dice.random() < 0.4:
        x, y, r = a.w * a.dice.uniform(0.35, 0.65), a.h * 0.8, min(a.w, a.h) * 0.12
        a.stroke([(x, y + r), (x + r * 0.2, y - r)], a.w * 0.008, (250, 250, 250))
        a.fill(
            arc(x + r * 0.2, y - r * 0.5, r, r * 0.7, 180, 360),
            a.pick(a.dice.choice(("red", "yellow", "blue", "pink"))),
        )


def sunset(a: Artist) -> None:
    """Paint the sun going down behind hills."""
    horizon = a.h * a.dice.uniform(0.62, 0.75)
    sky(a, DUSK, horizon)
    for _ in range(3):
        x, y = a.w * a.dice.random(), horizon * a.dice.uniform(0.2, 0.7)
        a.oval(x, y, a.w * 0.2, a.h * 0.012, rgb(a.dice.choice(("#b5546b", "#e58f65", "#7d4a7b"))))
    low_sun(a, horizon)
    for i in range(2):
        a.fill(
            rolling(a, horizon + i * a.h * 0.1, a.h * 0.035),
            blend(rgb("#5a2f45"), rgb("#20131f"), i),
        )


def beach_sunset(a: Artist) -> None:
    """Paint the sun going down over the sea, seen from the sand."""
    horizon, shore = a.h * a.dice.uniform(0.42, 0.5), a.h * a.dice.uniform(0.7, 0.78)
    sky(a, DUSK, horizon)
    x = low_sun(a, horizon)
    a.fade(
        horizon, a.h, [rgb(a.dice.choice(("#d8664f", "#b5577a"))), rgb("#6d3f6b"), rgb("#a5566a")]
    )
    glitter(a, x, horizon, shore)
    sand(
        a,
        shore,
        (rgb(a.dice.choice(("#b98a63", "#a8744f", "#c79a6d"))), rgb("#8d5f43")),
        rgb("#ffd9b0"),
    )
    if a.dice.random() < 0.6:
        palm(a, dark=True)


def sea(a: Artist) -> None:
    """Paint open water by day."""
    horizon = a.h * a.dice.uniform(0.25, 0.42)
    sky(a, DAY, horizon)
    a.fade(
        horizon,
        a.h,
        [
            rgb(text)
            for text in a.dice.choice(
                (("#14638f", "#1f8fb8"), ("#0b4f7a", "#2d7fb8"), ("#1c7c8c", "#3aa6a6"))
            )
        ],
    )
    ripples(a, horizon + a.h * 0.04, a.h, rgb("#8fcbe0"), 26)


def forest(a: Artist) -> None:
    """Paint a wood in four rows."""
    horizon = a.h * a.dice.uniform(0.2, 0.4)
    sky(a, DAY, horizon)
    a.fill(rolling(a, horizon + a.h * 0.08, a.h * 0.02), rgb("#3f6b45"))
    leafy = a.dice.random() < 0.4
    for row in range(4):
        foot = horizon + a.h * (0.28 + 0.15 * row)
        count = 8 - row
        for i in range(count):
            x = a.w * (i + a.dice.uniform(0.1, 0.9)) / count
            colour = blend(
                rgb(a.dice.choice(("#1f5a36", "#2d6a3e", "#3b7d44"))),
                rgb("#9dbf9e"),
                0.3 - 0.1 * row,
            )
            tall = a.h * (0.3 + 0.05 * row)
            if leafy:
                a.rect(x - tall * 0.04, foot - tall * 0.5, x + tall * 0.04, foot, rgb("#5d4330"))
                a.oval(x, foot - tall * 0.62, tall * 0.24, tall * 0.34, colour)
            else:
                fir(a, x, foot, tall, colour)


def mountains(a: Artist) -> None:
    """Paint two ranges, one behind the other."""
    base = a.h * a.dice.uniform(0.68, 0.82)
    sky(a, DAY, base)
    rock = rgb(a.dice.choice(("#6d7b8d", "#7a7266", "#59687a")))
    peaks(a, base, a.h * 0.55, blend(rock, (220, 230, 245), 0.4), cap=True)
    peaks(a, base + a.h * 0.03, a.h * 0.4, rock, cap=a.dice.random() < 0.6)
    a.fill(rolling(a, base, a.h * 0.02), rgb(a.dice.choice(LEAVES)))


def snow(a: Artist) -> None:
    """Paint a winter's day."""
    horizon = a.h * a.dice.uniform(0.42, 0.55)
    a.fade(
        0,
        horizon + 2,
        [rgb(text) for text in a.dice.choice((("#a9bccb", "#e3ebf0"), ("#88b4d8", "#e6f1f8")))],
    )
    a.fill(rolling(a, horizon, a.h * 0.05), rgb("#e6eef5"))
    for _ in range(a.dice.randrange(2, 6)):
        x, foot, tall = (
            a.w * a.dice.random(),
            a.h * a.dice.uniform(0.6, 0.75),
            a.h * a.dice.uniform(0.18, 0.3),
        )
        fir(a, x, foot, tall, rgb("#3b5f56"))
        a.fill(
            [
                (x, foot - tall),
                (x + tall * 0.1, foot - tall * 0.8),
                (x - tall * 0.1, foot - tall * 0.8),
            ],
            (250, 252, 255),
        )
    a.fill(rolling(a, a.h * 0.72, a.h * 0.04), rgb("#f8fbfe"))
    for _ in range(a.dice.choice((0, 60, 90))):
        r = min(a.w, a.h) * a.dice.uniform(0.004, 0.011)
        a.oval(a.dice.uniform(0, a.w), a.dice.uniform(0, a.h), r, r, (255, 255, 255))


def desert(a: Artist) -> None:
    """Paint dunes in three tones."""
    horizon = a.h * a.dice.uniform(0.42, 0.52)
    a.fade(
        0,
        horizon + a.h * 0.1,
        [rgb(text) for text in a.dice.choice((("#4f9fd9", "#f3e3c3"), ("#79b8dd", "#fdf0d5")))],
    )
    if a.dice.random() < 0.5:
        a.oval(a.w * 0.75, a.h * 0.15, min(a.w, a.h) * 0.07, min(a.w, a.h) * 0.07, rgb("#fff4c2"))
    for i, tone in enumerate(("#e6b877", "#dba35c", "#cf9048")):
        a.fill(rolling(a, horizon + a.h * (0.02 + 0.17 * i), a.h * 0.06, 3), rgb(tone))
    for _ in range(a.dice.randrange(0, 3)):
        x, y, t = a.w * a.dice.uniform(0.15, 0.85), a.h * a.dice.uniform(0.75, 0.9), a.h * 0.22
        green = rgb("#4c7a45")
        a.stroke([(x, y), (x, y - t)], a.w * 0.03, green)
        a.stroke(
            curve(
                [(x, y - t * 0.4), (x + a.w * 0.05, y - t * 0.45), (x + a.w * 0.055, y - t * 0.8)],
                closed=False,
            ),
            a.w * 0.018,
            green,
        )


def lake(a: Artist) -> None:
    """Paint a lake in green land."""
    horizon = a.h * a.dice.uniform(0.38, 0.46)
    sky(a, DAY, horizon)
    if a.dice.random() < 0.6:
        peaks(a, horizon, a.h * 0.26, rgb("#7c8a9c"), cap=True)
    green = rgb(a.dice.choice(LEAVES))
    a.fill(rolling(a, horizon, a.h * 0.012), green)
    for _ in range(5):
        fir(a, a.w * a.dice.random(), horizon + a.h * 0.05, a.h * 0.14, rgb("#2c6142"))
    cx, cy, rx, ry = (
        a.w * 0.5,
        a.h * 0.7,
        a.w * a.dice.uniform(0.36, 0.45),
        a.h * a.dice.uniform(0.14, 0.18),
    )
    rim = curve(
        [
            (cx + rx * math.cos(t) * a.dice.uniform(0.93, 1.05), cy + ry * math.sin(t))
            for t in [i * 0.6283 for i in range(10)]
        ]
    )
    a.fill(rim, rgb(a.dice.choice(("#3f8fc0", "#4aa3c7", "#2f7fae"))))
    for _ in range(6):
        x, y, r = (
            cx + a.dice.uniform(-0.55, 0.5) * rx,
            cy + a.dice.uniform(-0.6, 0.6) * ry,
            a.w * 0.05,
        )
        a.stroke([(x - r, y), (x + r, y)], a.h * 0.006, rgb("#a6d4e8"))


def river(a: Artist) -> None:
    """Paint a river on its way towards us."""
    horizon = a.h * a.dice.uniform(0.25, 0.36)
    sky(a, DAY, horizon)
    green = rgb(a.dice.choice(LEAVES))
    a.fill(rolling(a, horizon, a.h * 0.02), green)
    side = a.dice.choice((-1, 1))
    spine = [
        (0.5, 0.0, 0.012),
        (0.5 + 0.13 * side, 0.2, 0.04),
        (0.5 - 0.12 * side, 0.5, 0.09),
        (0.5 + 0.08 * side, 0.8, 0.16),
        (0.5 + 0.02 * side, 1.08, 0.24),
    ]
    y = [horizon + (a.h - horizon) * s[1] for s in spine]
    left = curve([(a.w * (s[0] - s[2]), z) for s, z in zip(spine, y, strict=True)], closed=False)
    right = curve([(a.w * (s[0] + s[2]), z) for s, z in zip(spine, y, strict=True)], closed=False)
    a.fill([*left, *reversed(right)], rgb(a.dice.choice(("#3a86c8", "#4f9fd0", "#3fa0b5"))))
    for x in (0.08, 0.2, 0.82, 0.93):
        if a.dice.random() < 0.7:
            fir(a, a.w * x, a.h * a.dice.uniform(0.5, 0.85), a.h * 0.22, rgb("#2c6b3f"))
