"""Rows of made-up pictures for stores."""

from __future__ import annotations

import hashlib
from datetime import UTC, datetime
from typing import Any

import numpy as np

from daemon.lines import understand
from imgqd.query.truth import Within
from imgqd.records import Metadata, Vector
from imgqd.rows import File, Key, Row

DIM = 16
HERE, THERE = "laptop", "nas.home"


def row(name: str, *paths: str | bytes, machine: str = HERE, **facts: Any) -> Row:
    """Return a picture; what is no field of a row is metadata, `mtime` is a day."""
    size = facts.pop("size", 1000)
    day = datetime.fromisoformat(facts.pop("mtime", "2000-01-01")).replace(tzinfo=UTC)
    places = paths or (f"/pictures/{name}.jpg",)
    own = {key: facts.pop(key) for key in ("format", "width", "height", "added") if key in facts}
    values: dict[str, Any] = {"format": "jpeg", "width": 4000, "height": 3000, "added": 5.0} | own
    return Row(
        key(name, machine),
        tuple(
            File(
                path if isinstance(path, bytes) else path.encode(),
                size,
                int(day.timestamp()) * 10**9,
            )
            for path in places
        ),
        metadata=Metadata(**facts),
        is_duplicate=len(places) > 1,
        **values,
    )


def key(name: str, machine: str = HERE) -> Key:
    return Key(machine, hashlib.blake2b(name.encode(), digest_size=16).digest())


def vector(name: str) -> Vector:
    seed = int.from_bytes(hashlib.blake2b(name.encode(), digest_size=4).digest(), "big")
    return unit(np.random.default_rng(seed).normal(size=DIM))


def unit(values: Any) -> Vector:
    held = np.asarray(values, np.float32)
    return (held / np.linalg.norm(held)).astype(np.float32)


def vectors(*names: str) -> Vector:
    return np.array([vector(name) for name in names], np.float32).reshape(-1, DIM)


def within(line: str) -> Within:
    where = understand(line).where
    assert where is not None, line
    return Within(where, "/home/me", UTC)


_HUNG: tuple[tuple[str, tuple[str | bytes, ...], dict[str, Any]], ...] = (
    ("small", (), {"width": 800, "height": 600, "size": 90_000, "rating": 2}),
    ("tall", (), {"width": 3000, "height": 4000, "size": 5_000_000, "rating": 5}),
    ("wide", (), {"width": 6000, "height": 2000, "format": "png", "rating": -1}),
    (
        "canon",
        ("/home/me/Pictures/2023/Lisbon/IMG_1.jpg",),
        {
            "camera": "Canon EOS R5",
            "lens": "RF50mm F1.2",
            "taken": "2023-07-31T23:59:59",
            "latitude": 38.72,
            "longitude": -9.14,
            "keywords": ("Lisbon", "tram 28"),
        },
    ),
    (
        "pixel",
        ("/home/me/Pictures/2023/b.jpg",),
        {"camera": "Google Pixel 8", "taken": "2023-08-01T00:00:00", "title": "x"},
    ),
    (
        "sintra",
        ("/mnt/Lisbon trip/d.jpg",),
        {"latitude": 38.80, "longitude": -9.39, "added": 1_700_000_000.0},
    ),
    ("fiji", (), {"latitude": -17.0, "longitude": 179.99}),
    ("twice", ("/p/holiday/a.jpg", "/p/backup/b.png"), {"mtime": "2022-05-05"}),
    ("undated", (), {"mtime": "2023-07-01", "frames": 12, "format": "gif"}),
    ("screen", ("/p/Screenshots/1.png",), {"is_screenshot": True, "description": "y"}),
    ("percent", ("/p/100%_a.jpg",), {"keywords": ("a\\b", 'say "hi"', "\u00c9t\u00e9")}),
    ("other", ("/p/1000xa.jpg",), {"keywords": ("cat",), "rating": 0}),
    ("composed", ("/p/\u00dcber Caf\u00e9.jpg",), {"camera": "\u00dcberCam"}),
    ("decomposed", ("/p/U\u0308ber Cafe\u0301 2.jpg",), {}),
    ("quote", ("/p/O'Hara \"x\"\\n/it's.jpg",), {"camera": 'the "best" \\ one'}),
    ("raw", ("/p/a.NEF",), {"format": "raw"}),
    ("bytes", (b"/p/\xff\xfe/a.jpg",), {}),
)
GALLERY = {name: row(name, *paths, **facts) for name, paths, facts in _HUNG}

LINES = (
    "w:>3000", "h:4000", "mp:12", "mp:>12", "size:>5MB", "size:5MB", "size:<100KB",
    "-size:<100KB", "ratio:portrait", "ratio:panorama", "ratio:square", "rating:>=2",
    "rating:<=2", "rating:<2", "rating:0", "rating:none", "has:rating", "rating:rejected",
    "camera:canon", 'camera:"eos r5"', "camera:canon*5", "camera:*pixel?8", "-camera:canon",
    "camera:none", "lens:50mm", "-(camera:canon OR camera:pixel)", "name:100%_a", "name:\\",
    'name:"\'; DROP TABLE image; --"', "name:*", "name:\u00fcber", "name:*caf\u00e9*",
    "name:uber", "camera:\u00fcbercam", "tag:\u00e9t\u00e9", "tag:\u00e9*", "tag:lisbon",
    "tag:lis", "tag:lis*|cat", "-tag:lisbon", "tag:none", 'tag:"tram 28"', "tag:a\\b",
    "in:~/Pictures", "in:/home/me/Pictures/2023/", "in:lisbon", 'in:"Lisbon trip"',
    "in:2023/lisbon", "in:*trip", "in:/", "in:~|/mnt", "-in:2023", "in:holiday", "-in:backup",
    "in:*hara*", "name:*.png", "name:it's", "is:duplicate", "-is:duplicate",
    "taken:2023-07", "taken:2024", "-taken:2023-07", "taken:2023-08..", "taken:..2022",
    "taken:2000..2023-07", "taken:none", "added:2023-11-14", "near:38.72,-9.14",
    "near:Lisbon~30km", "near:-17,180~5km", "near:none", "-near:Lisbon", "is:screenshot",
    "is:animated", "type:raw", "type:nef", "type:png|gif", "has:title", "has:description",
    "(type:png OR is:animated) -type:gif", "type:jpeg -(in:~ OR rating:>0)",
    "-(-camera:canon)", "-(size:>1MB name:*.jpg)",
)  # fmt: skip
"""Filters that leave some of `GALLERY`, and some that leave none."""
