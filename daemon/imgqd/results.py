"""Hits as the maps that go over the wire."""

from __future__ import annotations

from typing import Any

from imgq.protocol import wire_path
from imgqd.query import Query
from imgqd.ranking import Hit, taken_at
from imgqd.records import Found


def result(hit: Hit) -> dict[str, Any]:
    """Return one result of `search`."""
    first, others = hit.shown, hit.files[1:]
    elsewhere = hit.elsewhere if hit.files else hit.elsewhere[1:]
    is_away = not hit.files
    return {
        "path": wire_path(first.path),
        "score": hit.score,
        "relevance": hit.relevance,
        "image_id": first.image or None,
        "width": first.width,
        "height": first.height,
        "format": first.format,
        "size": first.size,
        "mtime": first.mtime_ns / 1e9,
        "matched": hit.matched,
        "also": [wire_path(one.path) for one in others],
        "near": [{"path": wire_path(one.path), "image_id": one.image} for one in hit.near],
        "machine": hit.elsewhere[0].machine if is_away else None,
        "reachable": hit.elsewhere[0].is_here if is_away else True,
        "elsewhere": [
            {
                "machine": one.machine,
                "path": wire_path(one.found.path),
                "reachable": one.is_here,
            }
            for one in elsewhere
        ],
        **_metadata(first),
    }


def notes(query: Query) -> dict[str, Any]:
    """Return how a line was understood, and what of it could not be followed."""
    return {
        "understood": [_row(one) for one in query.understood],
        "problems": [_row(one) for one in query.problems],
    }


def _row(note: Any) -> dict[str, Any]:
    return {name: getattr(note, name) for name in note.__slots__}


def _metadata(found: Found) -> dict[str, Any]:
    said = found.metadata
    taken_from = "file" if said.taken is None else said.taken_from or "exif"
    return {
        "taken_at": taken_at(found),
        "taken_offset": said.taken_offset,
        "taken_from": taken_from,
        "camera": said.camera,
        "lens": said.lens,
        "latitude": said.latitude,
        "longitude": said.longitude,
        "rating": said.rating,
        "keywords": list(said.keywords),
        "title": said.title,
        "description": said.description,
        "software": said.software,
        "screenshot": said.is_screenshot,
        "frames": said.frames,
    }
