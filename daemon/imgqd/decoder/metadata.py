"""Metadata: when, where and with what a picture was taken, and what people wrote about it.

Pillow finds EXIF, XMP and IPTC in the formats that it opens; ExifRead reads EXIF, and finds it
in the other formats. Broken metadata never costs the picture: each source is guarded on its own,
each value in it again, and ExifRead, which believes any count, reads from a file that runs dry.
"""

from __future__ import annotations

import io
import re
from collections.abc import Iterable, Mapping
from contextlib import suppress
from dataclasses import dataclass, field
from typing import Any, Final

from PIL import (
    Image,
    MpoImagePlugin,  # noqa: F401 - a JPEG may turn out to be one
    PngImagePlugin,
)

from imgqd.decoder import xmp
from imgqd.decoder.exif import Header, from_exif, header_of
from imgqd.decoder.xmp import Said, quiet

Image.preinit()  # the first picture would

_CHUNKS: Final = 1 << 16
_TEXTS: Final = 100
"""Chunks of one PNG that are stepped over, and that are read."""

_SHOOTERS: Final = ("screenshot", "screenshooter", "greenshot", "flameshot")


def read(content: bytes, picture: Image.Image | None, sidecar: bytes | None) -> dict[str, Any]:
    """Return what a picture's bytes, and its XMP sidecar, say of it (fields of records.Metadata).

    The sidecar's word counts first: people edit there. After it XMP, IPTC and EXIF for what
    people write, and EXIF, XMP and IPTC for what a camera knows.

    A picture is a screenshot when its comment or its title is that word alone (iOS, macOS),
    when its IPTC source type says so, or when the program that made it has a name that says so.
    The sizes of screens and the lack of a camera prove nothing.
    """
    parts = quiet(_parts, content, picture) or _Parts()
    header = quiet(header_of, parts.exif) or Header(b"")
    exif = xmp.heard(from_exif, header)
    inner = xmp.heard(xmp.from_xmp, parts.xmp or quiet(header.raw, "Image ApplicationNotes"))
    iptc = xmp.heard(xmp.from_iptc, parts.iptc or quiet(header.raw, "Image IPTC/NAA"))
    texts = xmp.heard(_from_texts, parts.texts)
    aside = xmp.heard(xmp.from_xmp, sidecar)
    known, written = (exif, inner, aside), (aside, inner, iptc, exif, texts)
    latitude, longitude = _first((aside, exif, inner), "position") or (None, None)
    software = _first((exif, inner, texts, iptc), "software")
    every = xmp.unique(word for said in (inner, iptc, exif) for word in said.keywords)
    return {
        **_when(aside, exif, inner, iptc),
        "camera": _first(known, "camera"),
        "lens": _first(known, "lens"),
        "latitude": latitude,
        "longitude": longitude,
        "rating": _first((aside, inner, exif), "rating"),
        "keywords": list(aside.keywords or every),
        "title": _first(written, "title"),
        "description": _first(written, "description"),
        "software": software,
        "is_screenshot": any(said.screenshot for said in written)
        or any(name in (software or "").casefold() for name in _SHOOTERS),
    }


def _first(sources: Iterable[Said], name: str) -> Any:
    values = (getattr(said, name) for said in sources)
    return next((value for value in values if value is not None), None)


def _when(aside: Said, exif: Said, inner: Said, iptc: Said) -> dict[str, Any]:
    told = [(aside.taken, "xmp"), (exif.taken, "exif"), (inner.taken, "xmp"), (iptc.taken, "iptc")]
    moments = [(taken, by) for taken, by in (*told, (exif.changed, "exif")) if taken is not None]
    if not moments:
        return {"taken": None, "taken_offset": None, "taken_from": None}
    # A day without an hour, which looks like midnight, gives way to the same day with one.
    day = [one for one in moments if one[0].clock[:10] == moments[0][0].clock[:10]]
    (clock, _), source = next((one for one in day if one[0].clock[10:] != "T00:00:00"), day[0])
    offsets = [taken.offset for taken, _ in day if taken.clock == clock]
    offset = next((one for one in offsets if one is not None), None)
    return {"taken": clock, "taken_offset": offset, "taken_from": source}


@dataclass(frozen=True, slots=True)
class _Parts:
    """The bytes of one picture that may hold metadata."""

    exif: bytes = b""
    """From the TIFF header on; or a whole file, in which ExifRead finds it."""
    xmp: bytes | None = None
    iptc: bytes | None = None
    texts: Mapping[str, str] = field(default_factory=dict)


def _parts(content: bytes, picture: Image.Image | None) -> _Parts:
    if content.startswith(b"\x89PNG\r\n\x1a\n"):
        return _png_parts(content)
    if content.startswith(b"FUJIFILMCCD-RAW"):
        start, length = (int.from_bytes(content[at : at + 4], "big") for at in (84, 88))
        inner = content[start : start + length]
        return _parts(inner, Image.open(io.BytesIO(inner), formats=("JPEG",)))
    if picture is None or picture.format == "TIFF":
        is_tiff = content[:2] in {b"II", b"MM"}  # a tag tells where its XMP lies
        return _Parts(content, None if is_tiff else _packet(content))
    blocks = dict(picture.info.get("photoshop") or {})
    blocks |= {number: data for number, _, data in getattr(picture, "resources", ())}
    exif, packet = picture.info.get("exif"), picture.info.get("xmp")
    if picture.format == "JPEG2000":
        at = content.find(b"JpgTiffExif->JP2")
        exif, packet = content[at : at + xmp.LONGEST] if at > 0 else None, _packet(content)
    return _Parts(
        _tiff(exif or blocks.get(0x0422)), packet or blocks.get(0x0424), blocks.get(0x0404)
    )


def _png_parts(content: bytes) -> _Parts:
    # Pillow would decode the picture to come to what stands after the pixels.
    file = io.BytesIO(content)
    file.seek(8)
    stream = PngImagePlugin.PngStream(file)
    texts = 0
    with suppress(Exception):
        for _ in range(_CHUNKS):
            name, start, length = stream.read()
            if name in {b"eXIf", b"tEXt", b"zTXt", b"iTXt"} and (texts := texts + 1) <= _TEXTS:
                quiet(stream.call, name, start, length)
            file.seek(start + length + 4)
    found = stream.im_info
    exif, packet, iptc = (quiet(_profile, found, kind) for kind in ("exif", "xmp", "iptc"))
    iptc = (iptc or b"").partition(b"8BIM\x04\x04\0\0")[2][4:]
    return _Parts(
        _tiff(found.get("exif") or exif), found.get("xmp") or packet, iptc, stream.im_text
    )


def _profile(texts: Mapping[Any, Any], kind: str) -> bytes:
    # As ImageMagick writes it: a name, a length and hexadecimal digits, each on its own line.
    found = re.match(r"\s*\S+\s+\d+\s+([\da-fA-F\s]+)", texts[f"Raw profile type {kind}"])
    return bytes.fromhex(found[1]) if found else b""


def _tiff(block: bytes | None) -> bytes:
    # Each format puts something else in front of it.
    found = re.search(rb"II\*\0|MM\0\*", (block or b"")[:64])
    return block[found.start() :] if block and found else b""


def _packet(content: bytes) -> bytes | None:
    start = content.find(b"<x:xmpmeta")
    end = content.find(b"</x:xmpmeta>", start, start + xmp.LONGEST)
    return content[start : end + 12] if 0 <= start < end else None


def _from_texts(texts: Mapping[str, str]) -> Said:
    title, description = texts.get("Title"), texts.get("Description")
    return Said(
        title=xmp.words(title, xmp.TITLE),
        description=xmp.described(description),
        software=xmp.words(texts.get("Software"), xmp.NAME),
        screenshot=xmp.is_screenshot(title, description, texts.get("Comment")),
    )
