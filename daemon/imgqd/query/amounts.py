"""Numbers as filters take them: `>4000`, `<=5MB`, `2000..4000`, `12`, with their units."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Final, Literal

from imgqd.query.readings import Reading, Unclear
from imgqd.query.records import Between

_Field = Literal["width", "height", "pixels", "size", "rating"]

_AMOUNT: Final = re.compile(r"(\d{1,12}(?:\.(\d{0,6}))?)\s*([a-z]*)", re.ASCII | re.IGNORECASE)
_SIGN: Final = re.compile(r">=|<=|>|<|=|\u2265|\u2264|")
_ASCII: Final = {"\u2265": ">=", "\u2264": "<="}


@dataclass(frozen=True, slots=True)
class Quantity:
    """What a filter measures: its units (in lower case) and what each is worth.

    Of a `rough` quantity nobody types the exact value: without a sign, the number
    stands for all that are rounded to it. `example` is a value for a person to go by.
    """

    field: _Field
    noun: str
    units: Mapping[str, float]
    example: str
    rough: bool = False


WIDTH: Final = Quantity("width", "width", {"": 1, "px": 1, "k": 1000}, ">4000")
HEIGHT: Final = Quantity("height", "height", {"": 1, "px": 1, "k": 1000}, ">=1080")
MEGAPIXELS: Final = Quantity("pixels", "megapixels", {"": 1e6, "mp": 1e6}, ">12", rough=True)
SIZE: Final = Quantity(
    "size",
    "size",
    {"b": 1, "k": 1e3, "kb": 1e3, "m": 1e6, "mb": 1e6, "g": 1e9, "gb": 1e9, "tb": 1e12}
    | {"kib": 1 << 10, "mib": 1 << 20, "gib": 1 << 30},
    ">5MB",
    rough=True,
)
RATING: Final = Quantity("rating", "rating", {"": 1}, ">=4")


@dataclass(frozen=True, slots=True)
class _Amount:
    value: float
    step: float
    """What the last digit is worth."""
    words: str


def read(text: str, quantity: Quantity) -> Reading:
    """Read a number with or without a sign before it, or a range; Unclear says what is wrong."""
    if ".." in text:
        return _range(text, quantity)
    sign, amount = _signed(text.strip(), quantity)
    bounds = {
        ">": (amount.value, None, True, False),
        ">=": (amount.value, None, False, False),
        "<": (None, amount.value, False, True),
        "<=": (None, amount.value, False, False),
    }
    if sign in bounds:
        return Reading(
            Between(quantity.field, *bounds[sign]), f"{quantity.noun} {sign} {amount.words}"
        )
    if quantity.rough and sign != "=":
        half = amount.step / 2
        low, high = amount.value - half, amount.value + half
        node = Between(quantity.field, low, high, high_open=True)
        return Reading(node, f"{quantity.noun} about {amount.words}")
    exact = Between(quantity.field, amount.value, amount.value)
    return Reading(exact, f"{quantity.noun} {amount.words}")


def _signed(text: str, quantity: Quantity) -> tuple[str, _Amount]:
    found = _SIGN.match(text)
    sign = found[0] if found else ""
    return _ASCII.get(sign, sign), _amount(text[len(sign) :], quantity)


def _range(text: str, quantity: Quantity) -> Reading:
    first, _, last = (piece.strip() for piece in text.partition(".."))
    unit = last.lstrip("0123456789. ")
    if first and first[-1].isdigit() and unit.lower() in quantity.units:
        first += unit  # 2..5MB: it is said once
    if not first:
        if not last:
            raise Unclear(f"a number is missing beside the two dots: {quantity.example[1:]}..")
        return read(f"<={last}", quantity)
    low = _amount(first, quantity)
    trouble: str | None = None
    try:
        high = _amount(last, quantity) if last else None
        if high is not None and high.value >= low.value:
            means = f"{quantity.noun} {low.words} to {high.words}"
            return Reading(Between(quantity.field, low.value, high.value), means)
        if high is not None:
            trouble = f"{high.words} is less than {low.words}, and left out"
    except Unclear as error:
        trouble = str(error)  # half typed: what is there so far holds
    open_ended = Between(quantity.field, low.value, None)
    return Reading(open_ended, f"{quantity.noun} >= {low.words}", trouble)


def _amount(text: str, quantity: Quantity) -> _Amount:
    match = _AMOUNT.fullmatch(text.strip())
    if match is None:
        raise Unclear(f"{text!r} is no {quantity.noun}: write one such as {quantity.example}")
    number, decimals, unit = match.groups()
    worth = quantity.units.get(unit.lower())
    if worth is None:
        known = ", ".join(name for name in quantity.units if name)
        wrong = f"no unit {unit!r}" if unit else "the unit is missing"
        remedy = f"write one of {known}" if known else f"write a number such as {quantity.example}"
        raise Unclear(f"{wrong} in {text!r}: {remedy}")
    step = worth / 10 ** len(decimals or "")
    return _Amount(float(number) * worth, step, f"{number} {unit}".strip())
