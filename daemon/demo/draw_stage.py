"""Skies, water, hills and trees from which the training scenes are put together."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from PIL import Image, ImageDraw

from demo.draw_canvas import (
    Colour,
    Pen,
    Points,
    Rng,
    ellipse_points,
    from_hsv,
    gradient,
    jitter,
    mix,
)

NIGHT: Colour = (10, 14, 38)
DUSK: Colour = (70, 34, 44)


def ridge(rng: Rng, level: float, height: float, steps: int, *, smooth: bool = False) -> Points:
    """Give a random line from the left edge to the right one around a level."""
    xs = np.linspace(-0.02, 1.02, 40 if smooth else steps)
    if smooth:
        waves = sum(
            np.sin(xs * rng.uniform(2, 9) + rng.uniform(0, 7)) * rng.uniform(0.3, 1)
            for _ in range(3)
        )
        ys = level + height * np.asarray(waves) / 3
    else:
        ys = level + height * rng.uniform(-1, 1, steps)
    return list(zip(xs.tolist(), ys.tolist(), strict=True))


@dataclass
class Stage:
    """A scene being drawn; places are given from 0 to 1, left to right and top to bottom."""

    image: Image.Image
    time: str
    rng: Rng

    @property
    def pen(self) -> Pen:
        """Give a pen for the whole picture."""
        width, height = self.image.size
        return Pen(self.image, np.array([[width, 0.0, 0.0], [0.0, height, 0.0]]))

    def tint(self, colour: Colour) -> Colour:
        """Give a colour as it looks at this time of day."""
        varied = jitter(colour, self.rng)
        if self.time == "night":
            return mix(varied, NIGHT, self.rng.uniform(0.62, 0.8))
        if self.time == "sunset":
            return mix(varied, DUSK, self.rng.uniform(0.4, 0.75))
        return varied

    def below(self, line: Points, colour: Colour) -> None:
        """Fill everything below a line that runs from left to right."""
        self.pen.polygon([*line, (1.02, 1.05), (-0.02, 1.05)], colour)

    def disc(self, x: float, y: float, radius: float, colour: Colour) -> None:
        """Draw a disc that stays round whatever the picture's shape."""
        width, height = self.image.size
        side = min(width, height) * radius
        self.pen.polygon(ellipse_points(x, y, side / width, side / height), colour)

    def sky(self, horizon: float) -> None:
        """Fill the sky as it is at this time, with what stands in it."""
        rng = self.rng
        size = self.image.size
        if self.time == "day":
            low, high = rng.uniform(0.1, 0.45), rng.uniform(0.35, 0.85)
            hue = rng.uniform(195, 225)
            top, bottom = from_hsv(hue, high, rng.uniform(0.75, 1)), from_hsv(hue - 5, low, 1)
        elif self.time == "night":
            top = from_hsv(rng.uniform(215, 260), rng.uniform(0.4, 1), rng.uniform(0.02, 0.22))
            bottom = mix(top, from_hsv(rng.uniform(215, 270), 0.6, 0.4), rng.uniform(0, 0.7))
        else:
            top = from_hsv(
                rng.choice([215, 250, 280, 330, 10, 25]),
                rng.uniform(0.4, 0.8),
                rng.uniform(0.4, 0.95),
            )
            bottom = from_hsv(rng.uniform(8, 46), rng.uniform(0.6, 0.95), rng.uniform(0.9, 1))
        band = gradient((size[0], max(2, round(size[1] * horizon) + 2)), top, bottom)
        self.image.paste(bottom, (0, 0, *size))
        self.image.paste(band, (0, 0))
        {"day": self._day_sky, "night": self._night_sky, "sunset": self._sunset_sky}[self.time](
            horizon
        )

    def _day_sky(self, horizon: float) -> None:
        if self.rng.random() < 0.3:
            yellow = from_hsv(self.rng.uniform(46, 56), 0.5, 1)
            self.disc(
                self.rng.uniform(0.1, 0.9),
                self.rng.uniform(0.08, 0.09 + horizon * 0.4),
                self.rng.uniform(0.05, 0.1),
                yellow,
            )
        if self.rng.random() < 0.45:
            self.clouds(horizon * 0.6, (250, 251, 253))

    def _night_sky(self, horizon: float) -> None:
        if self.rng.random() < 0.5:
            self.stars(int(self.rng.integers(5, 40)), horizon)
        if self.rng.random() < 0.25:
            self.disc(
                self.rng.uniform(0.1, 0.9),
                self.rng.uniform(0.08, 0.09 + horizon * 0.4),
                self.rng.uniform(0.04, 0.08),
                (238, 234, 208),
            )

    def _sunset_sky(self, horizon: float) -> None:
        rng = self.rng
        for _ in range(int(rng.integers(0, 5))):
            y, x = rng.uniform(0.05, horizon * 0.8), rng.uniform(0, 1)
            streak = from_hsv(rng.uniform(-25, 35), rng.uniform(0.3, 0.8), rng.uniform(0.6, 1))
            self.pen.ellipse(x, y, rng.uniform(0.1, 0.35), rng.uniform(0.008, 0.025), streak)
        x, y, radius = (
            rng.uniform(0.15, 0.85),
            horizon - rng.uniform(-0.06, 0.16),
            rng.uniform(0.07, 0.18),
        )
        glow = from_hsv(rng.uniform(22, 48), rng.uniform(0.3, 0.8), 1)
        self.disc(x, y, radius * 1.3, mix(glow, from_hsv(25, 0.8, 1), 0.6))
        self.disc(
            x, y, radius, glow if rng.random() < 0.7 else from_hsv(rng.uniform(0, 18), 0.85, 1)
        )

    def clouds(self, lowest: float, colour: Colour) -> None:
        """Draw a few clouds."""
        for _ in range(int(self.rng.integers(1, 5))):
            x, y, size = (
                self.rng.uniform(0, 1),
                self.rng.uniform(0.04, max(0.06, lowest)),
                self.rng.uniform(0.05, 0.13),
            )
            for step in range(3):
                self.pen.ellipse(
                    x + (step - 1) * size * 0.8,
                    y - (step % 2) * size * 0.25,
                    size * 0.7,
                    size * 0.35,
                    colour,
                )

    def stars(self, count: int, lowest: float) -> None:
        """Draw stars as bright dots."""
        width, height = self.image.size
        brush = ImageDraw.Draw(self.image)
        for _ in range(count):
            x, y = self.rng.uniform(0, width), self.rng.uniform(0, height * lowest)
            radius = self.rng.uniform(0.5, 1.7)
            shine = int(self.rng.integers(180, 256))
            brush.ellipse(
                [x - radius, y - radius, x + radius, y + radius], (shine, shine, int(shine * 0.93))
            )

    def water(self, top: float, bottom: float) -> None:
        """Fill a band of water, with waves and, at sunset, the light on it."""
        rng = self.rng
        if self.time == "sunset":
            deep = from_hsv(
                rng.choice([215, 235, 275, 335, 15]), rng.uniform(0.35, 0.7), rng.uniform(0.3, 0.7)
            )
            near = mix(deep, from_hsv(25, 0.7, 1), rng.uniform(0.1, 0.5))
        else:
            hue = rng.uniform(180, 222)
            deep = self.tint(from_hsv(hue, rng.uniform(0.55, 0.95), rng.uniform(0.4, 0.85)))
            near = self.tint(from_hsv(hue - 10, rng.uniform(0.4, 0.8), rng.uniform(0.55, 0.95)))
        width, height = self.image.size
        first, last = round(top * height), round(bottom * height)
        self.image.paste(gradient((width, max(2, last - first)), deep, near), (0, first))
        for _ in range(int(rng.integers(0, 16))):
            x, y, reach = rng.uniform(0, 1), rng.uniform(top, bottom), rng.uniform(0.03, 0.14)
            crest = mix(
                near, (255, 255, 255), rng.uniform(0.1, 0.5) if self.time == "day" else 0.15
            )
            self.pen.line(
                [(x - reach, y), (x, y - rng.uniform(0, 0.012)), (x + reach, y)], 0.006, crest
            )
        if self.time == "sunset" and rng.random() < 0.75:
            x = rng.uniform(0.2, 0.8)
            for y in np.arange(top + 0.01, bottom, 0.035):
                half = rng.uniform(0.02, 0.09)
                self.pen.box(
                    x - half, y, x + half, y + 0.013, from_hsv(rng.uniform(25, 46), 0.6, 1)
                )

    def tree(self, x: float, foot: float, height: float, kind: int, crown: Colour) -> None:
        """Draw a simple tree: a conifer, a round one or a palm."""
        trunk = self.tint((92, 64, 42))
        half = height * self.rng.uniform(0.2, 0.32)
        pen = self.pen
        if kind == 2:
            lean = self.rng.uniform(-0.4, 0.4) * height
            pen.line(
                [(x, foot), (x + lean * 0.4, foot - height * 0.5), (x + lean, foot - height)],
                0.025,
                trunk,
            )
            for turn in range(-3, 4):
                tip = (
                    x + lean + turn * half * 0.55,
                    foot - height + abs(turn) * half * 0.3 - half * 0.25,
                )
                pen.polygon(
                    [(x + lean, foot - height - 0.012), tip, (x + lean, foot - height + 0.02)],
                    crown,
                )
            return
        pen.box(x - height * 0.05, foot - height * 0.4, x + height * 0.05, foot, trunk)
        if kind == 1:
            pen.ellipse(x, foot - height * 0.65, half, height * 0.37, crown)
            return
        for tier in range(3):
            top = foot - height + tier * height * 0.25
            wide = half * (0.5 + 0.25 * tier)
            pen.polygon(
                [(x, top), (x + wide, top + height * 0.38), (x - wide, top + height * 0.38)], crown
            )
