"""The scenes of the sample pictures, composed in layers from back to front."""

from __future__ import annotations

from typing import TYPE_CHECKING

from demo.sample_artist import Artist, blend, rgb
from demo.sample_nature import (
    beach,
    beach_sunset,
    desert,
    forest,
    lake,
    mountains,
    river,
    sea,
    snow,
    sunset,
)
from demo.sample_parts import (
    DARK,
    DAY,
    LEAVES,
    puff,
    rolling,
    sky,
    skyline,
    sparkle,
)

if TYPE_CHECKING:
    from collections.abc import Callable


def _city(a: Artist) -> None:
    base = a.h * a.dice.uniform(0.86, 0.96)
    sky(a, DAY, base)
    skyline(a, base, night=False)
    a.rect(-4, base, a.w + 4, a.h + 4, rgb("#5d6066"))


def _city_at_night(a: Artist) -> None:
    base = a.h * a.dice.uniform(0.86, 0.97)
    sky(a, DARK, base)
    if a.dice.random() < 0.4:
        a.oval(a.w * 0.8, a.h * 0.12, min(a.w, a.h) * 0.05, min(a.w, a.h) * 0.05, rgb("#f4efd0"))
    skyline(a, base, night=True)
    a.rect(-4, base, a.w + 4, a.h + 4, rgb("#0c0e18"))


def _night_sky(a: Artist) -> None:
    sky(a, DARK, a.h)
    sparkle(a, a.dice.randrange(70, 140), a.h * 0.9)
    if a.dice.random() < 0.6:
        a.fill(rolling(a, a.h * a.dice.uniform(0.82, 0.92), a.h * 0.04), rgb("#05060c"))


def _moon(a: Artist) -> None:
    sky(a, DARK, a.h)
    sparkle(a, a.dice.randrange(0, 22), a.h)
    r = min(a.w, a.h) * a.dice.uniform(0.18, 0.28)
    x, y = a.w * a.dice.uniform(0.35, 0.65), a.h * a.dice.uniform(0.32, 0.5)
    pale = rgb(a.dice.choice(("#f5f0d8", "#e9e6dc", "#fff3c9")))
    a.oval(x, y, r, r, pale)
    for dx, dy, k in ((-0.35, -0.2, 0.2), (0.25, 0.3, 0.26), (0.3, -0.4, 0.13), (-0.2, 0.45, 0.12)):
        a.oval(x + dx * r, y + dy * r, r * k, r * k, blend(pale, rgb("#b9b39c"), 0.55))
    if a.dice.random() < 0.5:
        a.fill(rolling(a, a.h * 0.9, a.h * 0.03), rgb("#06070d"))


def _field(a: Artist) -> None:
    horizon = a.h * a.dice.uniform(0.38, 0.52)
    sky(a, DAY, horizon)
    green = rgb(a.dice.choice(LEAVES))
    a.fill(rolling(a, horizon, a.h * 0.02), green)
    if a.dice.random() < 0.5:
        for i in range(-6, 7):
            a.stroke(
                [(a.w * (0.5 + i * 0.05), horizon + a.h * 0.04), (a.w * (0.5 + i * 0.22), a.h)],
                a.w * 0.012,
                blend(green, (30, 50, 20), 0.22),
            )
    for _ in range(70):
        t = a.dice.random()
        x, y, r = (
            a.dice.uniform(0, a.w),
            horizon + a.h * 0.05 + (a.h - horizon) * t,
            a.h * 0.012 * (0.6 + t),
        )
        a.stroke(
            [(x, y), (x + r * 0.5, y - 2 * r)],
            r * 0.4,
            blend(green, (230, 240, 130), a.dice.uniform(0, 0.4)),
        )


def _rain(a: Artist) -> None:
    a.fade(0, a.h, [rgb("#5c6670"), rgb("#8b97a2"), rgb("#a3adb5")])
    for i in range(4):
        puff(
            a,
            a.w * (0.1 + 0.27 * i),
            a.h * a.dice.uniform(0.06, 0.16),
            a.w * 0.11,
            rgb(a.dice.choice(("#4a525b", "#59636d"))),
        )
    a.fill(rolling(a, a.h * 0.86, a.h * 0.015), rgb(a.dice.choice(("#5f6f62", "#58626b"))))
    slant = a.dice.uniform(-0.03, 0.03) * a.w
    for _ in range(90):
        x, y = a.dice.uniform(0, a.w), a.dice.uniform(a.h * 0.16, a.h)
        a.stroke([(x, y), (x + slant, y + a.h * 0.06)], max(1.0, a.w * 0.006), rgb("#d5e2ee"))


def _rainbow(a: Artist) -> None:
    base = a.h * a.dice.uniform(0.72, 0.82)
    sky(a, DAY, base)
    cx, r, band = (
        a.w * a.dice.uniform(0.42, 0.58),
        min(a.w * 0.46, a.h * 0.62),
        min(a.w, a.h) * 0.032,
    )
    for i, tone in enumerate(("#e4312b", "#f5862e", "#fbe04b", "#4cb050", "#3d7edb", "#7a3fb0")):
        rr = r - i * band
        a.brush.arc([cx - rr, base - rr, cx + rr, base + rr], 180, 360, rgb(tone), round(band) + 1)
    for side in (-1, 1):
        if a.dice.random() < 0.5:
            puff(a, cx + side * r * 0.9, base - a.h * 0.03, a.w * 0.07, (252, 253, 255))
    a.fill(rolling(a, base, a.h * 0.02), rgb(a.dice.choice(LEAVES)))


def _road(a: Artist) -> None:
    horizon = a.h * a.dice.uniform(0.36, 0.48)
    sky(a, DAY, horizon)
    a.fill(rolling(a, horizon, a.h * 0.015), rgb(a.dice.choice((*LEAVES, "#d9b779"))))
    end, half = a.w * a.dice.uniform(0.42, 0.58), a.w * a.dice.uniform(0.28, 0.4)
    a.fill(
        [
            (end - a.w * 0.015, horizon + a.h * 0.02),
            (end + a.w * 0.015, horizon + a.h * 0.02),
            (a.w * 0.5 + half, a.h + 4),
            (a.w * 0.5 - half, a.h + 4),
        ],
        rgb(a.dice.choice(("#4a4d52", "#5b5e63", "#3b3d42"))),
    )
    for i in range(6):
        t, u = ((i + 0.2) / 6) ** 1.6, ((i + 0.7) / 6) ** 1.6
        dash = [
            (
                end + (a.w * 0.5 - end) * s,
                horizon + (a.h - horizon) * (0.04 + 0.96 * s),
                a.w * (0.003 + 0.014 * s),
            )
            for s in (t, u)
        ]
        a.fill(
            [
                (dash[0][0] - dash[0][2], dash[0][1]),
                (dash[0][0] + dash[0][2], dash[0][1]),
                (dash[1][0] + dash[1][2], dash[1][1]),
                (dash[1][0] - dash[1][2], dash[1][1]),
            ],
            rgb("#f4f0e0"),
        )


VIEWS: dict[str, Callable[[Artist], None]] = {
    "beach sunset": beach_sunset,
    "city at night": _city_at_night,
    "night sky with stars": _night_sky,
    "beach": beach,
    "sunset": sunset,
    "sea": sea,
    "forest": forest,
    "mountains": mountains,
    "snow": snow,
    "desert": desert,
    "city": _city,
    "moon": _moon,
    "field": _field,
    "lake": lake,
    "river": river,
    "rainbow": _rainbow,
    "rain": _rain,
    "road": _road,
}
