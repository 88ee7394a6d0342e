"""A row as the columns of a collection: one text that holds all of it, and what filters ask.

The text (JSON) is what answers are made of; the other columns only let the engine leave out
what cannot be meant (`query.milvus` has the names). Both come from the same row, cut to
what the engine takes: of a picture with very many copies only the first files are known
beyond its machine.
"""

from __future__ import annotations

import json
import os
from collections.abc import Iterator, Mapping
from dataclasses import replace
from typing import Any, Final

from imgqd.query import milvus
from imgqd.query.records import Has, Is, Shape
from imgqd.query.truth import Within, holds, lowered
from imgqd.records import Metadata
from imgqd.rows import File, Key, Row

TEXT: Final = 65_535
"""Bytes of the longest text that Milvus takes (its own limit)."""

ELEMENTS: Final = 4096
"""Elements of the longest array that Milvus takes (its own limit)."""

WHOLE: Final = (
    "bucket", "width", "height", "pixels", "rating", "taken", "changed_first", "changed_last",
    "size_least", "size_most",
)  # fmt: skip
REAL: Final = ("added", "latitude", "longitude")
TEXTS: Final = {
    "machine": 64,
    "format": 64,
    "camera": 4096,
    "lens": 4096,
    "names": TEXT,
    "said": TEXT,
}
"""Columns of texts, and the most bytes of each."""

ARRAYS: Final = ("folders", "parts", "keywords", "traits")
"""Columns of up to `ELEMENTS` texts."""

BUCKETS: Final = 1 << 16
"""Parts that the keys of a machine are listed in, by the first two bytes of the hash."""

_FILES: Final = 64
"""Files of a row: with 64 folders above each their array is full."""

_LETTERS: Final = 1000
"""Letters of each text of a row that is too long."""

TRAITS: Final[tuple[Shape | Is | Has, ...]] = (
    Shape("portrait"),
    Shape("landscape"),
    Shape("square"),
    Shape("panorama"),
    Is("screenshot"),
    Is("animated"),
    Is("duplicate"),
    Has("gps"),
    Has("date"),
    Has("camera"),
    Has("lens"),
    Has("keyword"),
    Has("rating"),
    Has("title"),
    Has("description"),
)
"""Filters of which a row says itself whether it meets them."""


def columns(row: Row) -> dict[str, Any]:
    """Return the columns of a row, without its vector."""
    row, said = _fitting(row)
    facts = row.metadata
    sizes = [file.size for file in row.files]
    times = [file.mtime_ns for file in row.files]
    known = facts.latitude is not None and facts.longitude is not None
    return {
        "key": key_text(row.key),
        "machine": row.key.machine,
        "bucket": bucket(row.key.hash),
        "said": said,
        "format": row.format,
        "width": row.width,
        "height": row.height,
        "pixels": row.width * row.height,
        "rating": facts.rating or 0,
        "added": row.added,
        "taken": milvus.clock(facts.taken),
        "changed_first": min(times),
        "changed_last": max(times),
        "size_least": min(sizes),
        "size_most": max(sizes),
        "latitude": facts.latitude if known else milvus.NOWHERE,
        "longitude": facts.longitude if known else milvus.NOWHERE,
        "camera": milvus.cut(milvus.sought(facts.camera or ""), TEXTS["camera"]),
        "lens": milvus.cut(milvus.sought(facts.lens or ""), TEXTS["lens"]),
        "names": milvus.sought("\n".join(_text(os.path.basename(file.path)) for file in row.files)),
        "folders": _elements(folder.decode(errors="surrogateescape") for folder in _folders(row)),
        "parts": _elements(
            milvus.sought(part)
            for file in row.files
            for part in _text(os.path.dirname(file.path)).split("/")
        ),
        "keywords": _elements(map(lowered, facts.keywords)),
        "traits": [trait.name for trait in TRAITS if holds(Within(trait, "/"), row)],
    }


def key_text(key: Key) -> str:
    """Return a key as one text that no filter's quotes could be in."""
    return f"{key.machine}:{key.hash.hex()}"


def read_key(text: str) -> Key:
    """Return the key in a text of `key_text`."""
    machine, _, digest = text.rpartition(":")
    return Key(machine, bytes.fromhex(digest))


def bucket(digest: bytes) -> int:
    """Return in which part of a machine's keys a hash is; parts ascend as the hashes do."""
    return int.from_bytes(digest[:2].ljust(2, b"\0"), "big")


def read(said: str) -> Row:
    """Return the row in a text of the column `said`."""
    held: Mapping[str, Any] = json.loads(said)
    facts = held["metadata"] | {"keywords": tuple(held["metadata"]["keywords"])}
    return Row(
        Key(held["machine"], bytes.fromhex(held["hash"])),
        tuple(File(_bytes(path), size, time) for path, size, time in held["files"]),
        held["format"],
        held["width"],
        held["height"],
        held["added"],
        Metadata(**facts),
        held["is_duplicate"],
    )


def _said(row: Row) -> str:
    held = {
        "machine": row.key.machine,
        "hash": row.key.hash.hex(),
        "files": [[_shown(file.path), file.size, file.mtime_ns] for file in row.files],
        "format": row.format,
        "width": row.width,
        "height": row.height,
        "added": row.added,
        "metadata": row.metadata._asdict(),
        "is_duplicate": row.is_duplicate,
    }
    text = json.dumps(held, ensure_ascii=False, separators=(",", ":"))
    # A surrogate from a damaged sidecar: JSON's own spelling of it is plain ASCII.
    return text if text.isascii() or _is_unicode(text) else json.dumps(held)


def _fitting(row: Row) -> tuple[Row, str]:
    """Return the row, without what the engine could not take, and its text."""
    for smaller in _smaller(row):
        said = _said(smaller)
        if len(said.encode()) <= TEXT:
            return smaller, said
    raise ValueError(f"{key_text(row.key)}: the path of its file does not fit")


def _smaller(row: Row) -> Iterator[Row]:
    row = replace(row, files=row.files[:_FILES])
    yield row
    row = replace(row, metadata=_abridged(row.metadata))
    yield row
    while len(row.files) > 1:
        row = replace(row, files=row.files[: len(row.files) // 2])
        yield row
    while row.metadata.keywords:
        half = row.metadata.keywords[: len(row.metadata.keywords) // 2]
        row = replace(row, metadata=row.metadata._replace(keywords=half))
        yield row
    yield replace(row, metadata=row.metadata._replace(title=None, description=None))


def _abridged(facts: Metadata) -> Metadata:
    """Return metadata without the rest of texts that no camera and no person wrote."""
    told = (facts.camera, facts.lens, facts.title, facts.description)
    camera, lens, title, description = (text and text[:_LETTERS] for text in told)
    return facts._replace(camera=camera, lens=lens, title=title, description=description)


def _folders(row: Row) -> Iterator[bytes]:
    for file in row.files:
        folder = os.path.dirname(file.path)
        while folder not in (b"", b"/"):
            yield folder
            folder = os.path.dirname(folder)


def _elements(texts: Iterator[str] | map[str]) -> list[str]:
    held = dict.fromkeys(milvus.element(text) for text in texts)
    held.pop("", None)
    return list(held)[:ELEMENTS]


def _shown(path: bytes) -> str | list[str]:
    """Return a path as JSON takes it: as a text, or in a list as hexadecimal numbers."""
    try:
        return path.decode()
    except UnicodeDecodeError:
        return [path.hex()]


def _bytes(shown: str | list[str]) -> bytes:
    return shown.encode() if isinstance(shown, str) else bytes.fromhex(shown[0])


def _text(path: bytes) -> str:
    return path.decode(errors="replace")


def _is_unicode(text: str) -> bool:
    try:
        text.encode()
    except UnicodeEncodeError:
        return False
    return True
