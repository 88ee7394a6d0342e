"""Towns by their names, and distances on a globe that has poles and a date line."""

from __future__ import annotations

import math

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from imgqd.query import places
from imgqd.query.globe import RADIUS, box, distance_km


@pytest.mark.parametrize(
    ("name", "country", "latitude", "longitude"),
    [
        ("Lisbon", "Portugal", 38.7, -9.1),
        ("lissabon", "Portugal", 38.7, -9.1),
        ("  LISBOA ", "Portugal", 38.7, -9.1),
        ("Sao Paulo", "Brazil", -23.5, -46.6),
        ("São Paulo", "Brazil", -23.5, -46.6),
        ("München", "Germany", 48.1, 11.6),
        ("東京", "Japan", 35.7, 139.7),
        ("Zermatt", "Switzerland", 46.0, 7.7),
        ("New  York", "New York, United States", 40.7, -74.0),
        ("Paris", "France", 48.9, 2.3),
        ("Paris, US", "Texas, United States", 33.7, -95.6),
        ("Paris, Texas", "Texas, United States", 33.7, -95.6),
        ("Paris,tx", "Texas, United States", 33.7, -95.6),
        ("Cambridge", "United Kingdom", 52.2, 0.1),
        ("Cambridge, united states", "Massachusetts, United States", 42.4, -71.1),
    ],
)
def test_a_town_is_found_by_any_of_its_names(
    name: str, country: str, latitude: float, longitude: float
) -> None:
    place = places.find(name)
    assert place is not None
    assert place.country == country
    assert (place.latitude, place.longitude) == pytest.approx((latitude, longitude), abs=0.1)


def test_of_several_towns_the_most_populous_is_meant() -> None:
    place = places.find("Springfield")
    assert place is not None
    assert place.others >= 5
    assert place.population > 100_000


def test_a_first_name_counts_more_than_another_name_of_a_larger_town() -> None:
    manhattan, roma = places.find("Manhattan"), places.find("Roma")
    assert manhattan is not None
    assert manhattan.name == "Manhattan"  # New York is called so, too
    assert roma is not None
    assert roma.name == "Rome"  # though towns elsewhere are called Roma in the first place


@pytest.mark.parametrize("name", ["", " ", ",", "Xyzzy", "France", "Lisbon, France", "\n1\t", "|"])
def test_what_is_no_town_is_not_found(name: str) -> None:
    assert places.find(name) is None


def test_countries_and_states_are_known_as_too_large() -> None:
    assert places.is_area("france")
    assert places.is_area("Texas")
    assert not places.is_area("Lisbon")


@pytest.mark.parametrize(
    ("one", "other", "kilometres"),
    [
        ((48.8566, 2.3522), (51.5074, -0.1278), 343.6),
        ((0.0, 179.5), (0.0, -179.5), 111.2),
        ((90.0, 0.0), (90.0, 123.0), 0.0),
        ((0.0, 0.0), (0.0, 180.0), math.pi * RADIUS),
        ((1.0, 2.0), (1.0, 2.0), 0.0),
    ],
)
def test_distances(one: tuple[float, float], other: tuple[float, float], kilometres: float) -> None:
    assert distance_km(*one, *other) == pytest.approx(kilometres, abs=0.2)
    assert distance_km(*other, *one) == pytest.approx(kilometres, abs=0.2)


latitudes = st.floats(-90, 90)
longitudes = st.floats(-180, 180)


@settings(deadline=None)
@given(latitudes, longitudes, st.floats(0.001, 20_000), st.floats(0, 2 * math.pi), st.floats(0, 1))
def test_a_box_holds_every_point_within_the_distance(
    latitude: float, longitude: float, kilometres: float, bearing: float, share: float
) -> None:
    angle = kilometres * share / RADIUS
    start = math.radians(latitude)
    sine = math.sin(start) * math.cos(angle) + math.cos(start) * math.sin(angle) * math.cos(bearing)
    end = math.asin(max(-1.0, min(1.0, sine)))
    across = math.atan2(
        math.sin(bearing) * math.sin(angle) * math.cos(start),
        math.cos(angle) - math.sin(start) * math.sin(end),
    )
    north = math.degrees(end)
    east = (longitude + math.degrees(across) + 540) % 360 - 180
    found = box(latitude, longitude, kilometres)
    # The point itself is computed with a rounding of its own, of some tenths of a millimetre.
    hair = 1e-6
    if distance_km(latitude, longitude, north, east) > kilometres:
        return
    assert found.south - hair <= north <= found.north + hair
    assert abs(north) > 90 - 1e-5 or any(
        west - hair <= east <= last + hair for west, last in found.longitudes
    )


def test_a_box_is_no_larger_than_it_must_be() -> None:
    found = box(0, 0, 111.195)  # one degree
    assert (found.south, found.north) == pytest.approx((-1, 1), abs=1e-4)
    assert found.longitudes[0] == pytest.approx((-1, 1), abs=1e-4)


@settings(deadline=None)
@given(latitudes, longitudes, st.floats(0.001, 20_000))
def test_a_box_lies_on_the_globe(latitude: float, longitude: float, kilometres: float) -> None:
    found = box(latitude, longitude, kilometres)
    assert -90 <= found.south <= found.north <= 90
    for west, east in found.longitudes:
        assert -180 <= west <= east <= 180
