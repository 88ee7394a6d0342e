"""The icon: a loupe over a picture's hills, drawn anew for each mood. The tray's one use of Pillow.

Each form has a dark rim around a light stroke, so that it can be read on a light panel and on
a dark one, and no mood differs from another by its colour alone.
"""

from __future__ import annotations

from typing import Final

from PIL import Image, ImageDraw

from imgq_service.tray.scene import STEPS, Face

SIDE: Final = 64
"""Pixels of the picture that is given to the desktop; panels show it at 16 to 48."""

_OVER: Final = 4  # drawn so many times larger, for smooth edges
_INK: Final = (250, 250, 250, 255)
_RIM: Final = (32, 36, 44, 255)
_GREY: Final = (150, 154, 162, 255)
_BLUE: Final = (53, 132, 228, 255)
_AMBER: Final = (245, 158, 11, 255)
_CLEAR: Final = (0, 0, 0, 0)

Colour = tuple[int, int, int, int]


def icon(face: Face) -> Image.Image:
    """Return the icon: SIDE pixels square, RGBA, transparent around."""
    image = Image.new("RGBA", (SIDE * _OVER, SIDE * _OVER), _CLEAR)
    pen = ImageDraw.Draw(image)
    ink = _GREY if face.mood == "away" else _INK
    # The mark lies where the handle would.
    _loupe(pen, ink, handle=face.mood != "attention")
    if face.mood == "indexing":
        _ring(pen, face.step)
    elif face.mood == "paused":
        _bars(pen)
    elif face.mood == "attention":
        _mark(pen)
    elif face.mood == "away":
        _stroke(pen, (10, 54), (54, 10), 5, _GREY)
    else:
        _hills(pen, ink)
    return image.resize((SIDE, SIDE), Image.Resampling.LANCZOS)


def _loupe(pen: ImageDraw.ImageDraw, ink: Colour, *, handle: bool) -> None:
    if handle:
        _stroke(pen, (42, 42), (57, 57), 9, ink)
    for colour, width, grow in ((_RIM, 14, 3), (ink, 8, 0)):
        pen.ellipse(_box(6 - grow, 6 - grow, 48 + grow, 48 + grow), outline=colour,
                    width=width * _OVER)  # fmt: skip
    pen.ellipse(_box(14, 14, 40, 40), fill=_RIM)


def _hills(pen: ImageDraw.ImageDraw, ink: Colour) -> None:
    pen.polygon(_points((16, 34), (24, 22), (30, 30), (33, 26), (38, 34)), fill=ink)
    pen.ellipse(_box(30, 17, 35, 22), fill=_AMBER)


def _ring(pen: ImageDraw.ImageDraw, step: int) -> None:
    # Where the loupe's glass is: a clock's face that fills.
    pen.pieslice(_box(13, 13, 41, 41), -90, -90 + 360 * max(step, 1) / STEPS, fill=_BLUE)
    pen.arc(_box(6, 6, 48, 48), -90, -90 + 360 * max(step, 1) / STEPS, fill=_BLUE, width=8 * _OVER)


def _bars(pen: ImageDraw.ImageDraw) -> None:
    for left in (19, 29):
        pen.rectangle(_box(left, 18, left + 6, 36), fill=_INK)


def _mark(pen: ImageDraw.ImageDraw) -> None:
    pen.polygon(_points((42, 26), (63, 62), (21, 62)), fill=_RIM)
    pen.polygon(_points((42, 31), (59, 60), (25, 60)), fill=_AMBER)
    pen.rectangle(_box(40, 40, 44, 50), fill=_RIM)
    pen.rectangle(_box(40, 53, 44, 57), fill=_RIM)


def _stroke(
    pen: ImageDraw.ImageDraw,
    begin: tuple[int, int],
    end: tuple[int, int],
    width: int,
    ink: Colour,
) -> None:
    for colour, wide in ((_RIM, width + 6), (ink, width)):
        pen.line(_points(begin, end), fill=colour, width=wide * _OVER)
        for x, y in (begin, end):
            half = wide / 2
            pen.ellipse(_box(x - half, y - half, x + half, y + half), fill=colour)


def _box(left: float, top: float, right: float, bottom: float) -> tuple[float, ...]:
    return (left * _OVER, top * _OVER, right * _OVER, bottom * _OVER)


def _points(*points: tuple[float, float]) -> list[tuple[float, float]]:
    return [(x * _OVER, y * _OVER) for x, y in points]
