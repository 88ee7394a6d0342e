"""The value of `near:`: degrees or a town, and how far around it."""

from __future__ import annotations

import re
from collections.abc import Callable
from typing import Final, TypeAlias

from imgqd.query.places import Place
from imgqd.query.readings import Reading, Unclear
from imgqd.query.records import Around

FindPlace: TypeAlias = Callable[[str], Place | None]
IsArea: TypeAlias = Callable[[str], bool]

USUAL: Final = "10km"
"""How far around, where nothing is said."""

FARTHEST: Final = 20_038
"""Kilometres to the other side of the globe: beyond, everything is near."""

_NUMBER: Final = r"[+-]?\d{1,3}(?:\.\d{0,12})?"
_DEGREES: Final = re.compile(rf"({_NUMBER})\s*,\s*({_NUMBER})", re.ASCII)
_BEGUN: Final = re.compile(rf"{_NUMBER}\s*,?\s*[+-]?", re.ASCII)
_RADIUS: Final = re.compile(r"(\d{1,8}(?:\.\d{0,6})?)\s*(km|m|mi)?", re.ASCII | re.IGNORECASE)
_KILOMETRES: Final = {"km": 1.0, "m": 0.001, "mi": 1.609344}


def read(text: str, find_place: FindPlace, is_area: IsArea) -> Reading:
    """Read `48.85,2.35~10km` or `Lisbon~5km`; Unclear says what is missing.

    A radius that is not finished yet is left out and reported.
    """
    where, mark, far = text.partition("~")
    trouble = None
    try:
        kilometres, said = _radius(far if mark else USUAL)
    except Unclear as error:
        kilometres, said = _radius(USUAL)
        trouble = str(error)
    latitude, longitude, name = _spot(where.strip(), find_place, is_area)
    means = f"taken within {said} of {name}"
    return Reading(Around(latitude, longitude, kilometres), means, trouble)


def _spot(where: str, find_place: FindPlace, is_area: IsArea) -> tuple[float, float, str]:
    """Return (latitude, longitude, how to call it)."""
    if degrees := _DEGREES.fullmatch(where):
        latitude, longitude = float(degrees[1]), float(degrees[2])
        if abs(latitude) > 90 or abs(longitude) > 180:
            raise Unclear("degrees go from -90,-180 to 90,180: near:LATITUDE,LONGITUDE")
        return latitude, longitude, f"{latitude:g}, {longitude:g}"
    if _BEGUN.fullmatch(where):
        raise Unclear("near: needs two numbers without a space, near:48.85,2.35, or a town")
    place = find_place(where)
    if place is None:
        if is_area(where):
            raise Unclear(f"near: knows towns, and {where} is larger: name one, near:Lisbon~100km")
        raise Unclear(f"near: knows no town {where!r}: write degrees, near:48.85,2.35~10km")
    name = f"{place.name}, {place.country}"
    if place.others:
        name += f" (the most populous of {place.others + 1} so called)"
    return place.latitude, place.longitude, name


def _radius(text: str) -> tuple[float, str]:
    """Return (kilometres, the distance in words)."""
    if match := _RADIUS.fullmatch(text.strip()):
        unit = (match[2] or "km").lower()
        kilometres = float(match[1]) * _KILOMETRES[unit]
        if 0 < kilometres <= FARTHEST:
            return kilometres, f"{match[1]} {unit}"
    raise Unclear(f"{text!r} is no distance: write one such as ~5km, ~800m or ~3mi")
