"""Distances on the globe, and the boxes of degrees that hold everything within one."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Final

RADIUS: Final = 6371.0088
"""The Earth's mean radius in kilometres (IUGG)."""


@dataclass(frozen=True, slots=True)
class Box:
    """Latitudes from `south` to `north`; longitudes in two ranges where they cross 180 degrees."""

    south: float
    north: float
    longitudes: tuple[tuple[float, float], ...]


def distance_km(
    latitude: float, longitude: float, other_latitude: float, other_longitude: float
) -> float:
    """Return the kilometres between two points in degrees, along the surface (haversine)."""
    south, north = math.radians(latitude), math.radians(other_latitude)
    across = math.radians(other_longitude - longitude)
    half = (
        math.sin((north - south) / 2) ** 2
        + math.cos(south) * math.cos(north) * math.sin(across / 2) ** 2
    )
    return 2 * RADIUS * math.asin(min(1.0, math.sqrt(half)))


def box(latitude: float, longitude: float, kilometres: float) -> Box:
    """Return a box that holds all points within a distance; around a pole, of all longitudes."""
    angle = kilometres / RADIUS * (1 + 1e-9) + 1e-9  # a hair more: rounding must lose no point
    south, north = latitude - math.degrees(angle), latitude + math.degrees(angle)
    if south <= -90 or north >= 90:
        return Box(max(south, -90.0), min(north, 90.0), ((-180.0, 180.0),))
    # The circle's widest place lies a little nearer to the pole than its centre.
    width = math.degrees(math.asin(math.sin(angle) / math.cos(math.radians(latitude))))
    west, east = longitude - width, longitude + width
    if west < -180:
        return Box(south, north, ((west + 360, 180.0), (-180.0, east)))
    if east > 180:
        return Box(south, north, ((west, 180.0), (-180.0, east - 360)))
    return Box(south, north, ((west, east),))
