"""Durations as people write them: ``90s``, ``10min``, ``2h30m``, ``300ms``."""

from __future__ import annotations

_SECONDS = {
    "ms": 0.001,
    "s": 1.0,
    "sec": 1.0,
    "m": 60.0,
    "min": 60.0,
    "h": 3600.0,
    "d": 86400.0,
}
_BARE = r"\d+(?:\.\d+)?"
_PART = rf"\s*({_BARE})\s*(ms|sec|s|min|m|h|d)"

ALLOWED = "a number with ms, s, min, h or d, such as 300ms, 90s, 10min or 2h30m"


def parse(text: str) -> float:
    """Return the seconds of a duration; a bare number is seconds, as for sleep(1).

    Raises ValueError with what is allowed.
    """
    import re  # noqa: PLC0415 - most that import this read no duration

    text = text.strip()
    if re.fullmatch(_BARE, text, re.ASCII):
        return float(text)
    seconds, place = 0.0, 0
    pattern = re.compile(_PART, re.ASCII)
    while part := pattern.match(text, place):
        seconds += float(part[1]) * _SECONDS[part[2]]
        place = part.end()
    if place == 0 or place != len(text):
        raise ValueError(f"{text!r} is no duration: {ALLOWED}")
    return seconds


def spoken(seconds: float) -> str:
    """Return a duration for people, in its two largest units."""
    whole = max(0, round(seconds))
    if whole < 60:
        return f"{whole} s"
    if whole < 3600:
        return _two(whole, 60, "min", "s")
    if whole < 86400:
        return _two(whole // 60, 60, "h", "min")
    return _two(whole // 3600, 24, "d", "h")


def _two(amount: int, size: int, large: str, small: str) -> str:
    first, second = divmod(amount, size)
    return f"{first} {large} {second} {small}" if second else f"{first} {large}"


def rough(seconds: float) -> str:
    """Return a duration that is no better than an estimate, as people say it."""
    minutes = seconds / 60
    if minutes < 1:
        return "less than a minute"
    if minutes < 1.5:
        return "about a minute"
    if minutes < 100:
        exact = round(minutes)
        return f"about {exact if exact < 20 else 5 * round(minutes / 5)} minutes"
    if minutes < 36 * 60:
        return f"about {round(minutes / 30) / 2:g} hours"
    return f"about {round(minutes / 720) / 2:g} days"
