"""EXIF, read by ExifRead: the only home of that library.

It believes every count and would read for hours; so it gets a file that runs dry. A broken tag
costs itself: whatever is raised is nobody's answer (`said.quiet`).
"""

from __future__ import annotations

import io
import logging
import math
import re
from contextlib import suppress
from datetime import datetime, timedelta
from typing import Any, Final

from exifread.core.exif_header import ExifHeader
from exifread.core.find_exif import determine_type, get_endian_str
from exifread.core.ifd_tag import IfdTag
from exifread.tags.exif import EXIF_TAGS, GPS_TAGS
from exifread.tags.fields import FieldType

from imgqd.decoder import xmp
from imgqd.decoder.xmp import Said, quiet

logging.getLogger("exifread").disabled = True

_READS: Final = 20_000
"""How often ExifRead may read for one picture; photographs take some hundreds, or thousands."""

_WITH_LENS: Final = re.compile("canon|nikon", re.IGNORECASE)
"""Whose maker notes name the lens in a way that ExifRead knows."""

_NO_LENS: Final = re.compile(r"[\W_0mf]*|unknown.*|n/a|none", re.IGNORECASE)

_ODD_ZONES: Final = {-9.5, -3.5, -2.5, 3.5, 4.5, 5.5, 5.75, 6.5, 8.75, 9.5, 10.5, 12.75, 13.75}
"""Hours east of UTC that clocks are set to, and that are no whole number."""


class _Dry(Exception):
    """ExifRead has read enough."""


class _Handle(io.BytesIO):
    """A file in memory that may be read so often: hostile counts would keep ExifRead for hours."""

    left = _READS

    def read(self, size: int | None = None, /) -> bytes:
        self.left -= 1
        if self.left < 0:
            raise _Dry
        most = 1 << 16
        return super().read(most if size is None or size < 0 else min(size, most))


class Header(ExifHeader):
    """ExifRead's reader, in which a broken tag costs itself, and not all that come after it."""

    def __init__(self, content: bytes, offset: int = 0, endian: str = "I") -> None:
        super().__init__(_Handle(content), endian, offset, fake_exif=0, strict=False)
        self.content = content
        self.bases: dict[str, int] = {}
        self.note = 0

    def dump(self, name: str, at: int, table: Any = EXIF_TAGS) -> None:
        """Read a directory of tags, as far as can be."""
        with suppress(Exception):
            self.dump_ifd(at, name, table)

    def _process_tag(self, *entry: Any) -> None:
        _, directory, _, at, _, tag, *_ = entry
        if tag == "MakerNote":  # byte by byte, and most of them for nothing
            self.note = self.s2n(at + 8, 4)
            return
        self.bases[f"{directory} {tag}"] = self.offset
        try:
            super()._process_tag(*entry)
        except _Dry:
            raise
        except Exception:  # noqa: BLE001, S110 - hostile bytes raise anything at all
            pass

    def read_note(self) -> None:
        """Read what the camera's maker wrote in a form of its own, as far as can be."""
        start = self.offset + self.note
        values = list(self.content[start : start + 16])
        self.tags["EXIF MakerNote"] = IfdTag("", 0, FieldType.UNDEFINED, values, self.note, 16)
        if values[:5] == list(b"Nikon"):
            self.endian = chr(values[10])  # its own, whatever a later program made of the rest
        with suppress(Exception):
            self.decode_maker_note()

    def raw(self, name: str) -> bytes:
        """Return a tag's bytes, of which ExifRead gives none where they are many."""
        tag = self.tags[name]
        start = self.bases[name] + tag.field_offset
        return self.content[start : start + min(tag.field_length, xmp.LONGEST)]

    def text(self, name: str) -> str | None:
        """Return the text in a tag of whichever directory has it."""
        for directory in ("EXIF", "Image", "GPS", "MakerNote"):
            with suppress(KeyError, TypeError, ValueError):
                values = self.tags[f"{directory} {name}"].values
                text = values if isinstance(values, str) else xmp.decoded(bytes(values))
                if text := text.split("\0")[0].strip():
                    return text
        return None

    def wide_text(self, name: str) -> str:
        """Return the text that Windows wrote into a tag."""
        return self.raw(f"Image {name}").decode("utf-16-le", "replace")


def header_of(content: bytes) -> Header:
    """Return what EXIF a file, or a block from its TIFF header on, has; raises anything."""
    if content[4:12] == b"ftypcrx ":
        return _canon(content)
    if content[4:8] == b"ftyp":
        # ExifRead counts the items of a HEIF file without end; whoever opens one gives its EXIF.
        raise ValueError("HEIF")
    offset, endian, _ = determine_type(_Handle(content))
    header = Header(content, offset, get_endian_str(endian)[0])
    header.dump("Image", header.s2n(4, 4))
    if pointer := header.tags.get("Image ExifOffset"):
        header.dump("EXIF", pointer.values[0])
    return header


def _canon(content: bytes) -> Header:
    # CR3 keeps each directory in a box of its own.
    header = Header(content)
    for box, name in ((b"CMT1", "Image"), (b"CMT2", "EXIF"), (b"CMT4", "GPS")):
        header.offset = content.index(box) + 4
        header.endian = chr(content[header.offset])
        header.dump(name, header.s2n(4, 4), GPS_TAGS if name == "GPS" else EXIF_TAGS)
    return header


def from_exif(header: Header) -> Said:
    """Return what EXIF says."""
    text = header.text
    moments = (
        quiet(xmp.moment, text(f"DateTime{kind}"), text(f"OffsetTime{kind}"))
        for kind in ("Original", "Digitized")
    )
    if (taken := next(filter(None, moments), None)) and taken.offset is None:
        taken = taken._replace(offset=quiet(_offset_by_gps, header, taken.clock))
    comment = quiet(_comment, header)
    rating = quiet(lambda: xmp.stars(header.tags["Image Rating"].values[0]))
    if rating is None:
        rating = quiet(lambda: xmp.stars_of_percent(header.tags["Image Tag 0x4749"].values[0]))
    title, keywords = (quiet(header.wide_text, name) for name in ("XPTitle", "XPKeywords"))
    return Said(
        taken=taken,
        changed=quiet(xmp.moment, text("DateTime"), text("OffsetTime")),
        camera=xmp.camera(text("Make"), text("Model")),
        lens=quiet(_lens, header),
        position=quiet(
            lambda: xmp.place(
                _angle(header, "GPSLatitude", "NS"), _angle(header, "GPSLongitude", "EW")
            )
        ),
        rating=rating,
        keywords=xmp.unique((keywords or "").split(";")),
        title=xmp.words(title, xmp.TITLE),
        description=xmp.described(text("ImageDescription"), comment),
        software=xmp.words(text("Software"), xmp.NAME),
        screenshot=xmp.is_screenshot(text("ImageDescription"), comment),
    )


def _comment(header: Header) -> str | None:
    raw = header.raw("EXIF UserComment")
    code, body = raw[:8].rstrip(b"\0 ").upper(), raw[8:]
    if code == b"UNICODE":
        # In whichever order of bytes: few writers know of a rule.
        high, low = body[::2].count(0), body[1::2].count(0)
        is_big = header.endian == "M" if high == low else high > low
        has_mark = body[:2] in {b"\xff\xfe", b"\xfe\xff"}
        order = "utf-16" if has_mark else "utf-16-be" if is_big else "utf-16-le"
        return body.decode(order, "replace")
    if code == b"ASCII":
        return xmp.decoded(body.split(b"\0")[0])
    # Without a code it may be anything: texts are UTF-8.
    return None if code == b"JIS" else (raw if code else body).strip(b"\0").decode("utf-8")


def _offset_by_gps(header: Header, clock: str) -> int | None:
    day = datetime.fromisoformat((header.text("GPSDate") or "")[:10].replace(":", "-"))
    hours, minutes, seconds = (float(part) for part in header.tags["GPS GPSTimeStamp"].values)
    utc = day + timedelta(hours=hours, minutes=minutes, seconds=seconds)
    # The position may be a little older than the picture; a much older one fits no time zone.
    ahead = (datetime.fromisoformat(clock) - utc).total_seconds()
    east = round(ahead / 900) / 4
    is_zone = (east.is_integer() and -12 <= east <= 14) or east in _ODD_ZONES
    return int(east * 3600) if is_zone and abs(ahead - east * 3600) <= 120 else None


def _angle(header: Header, name: str, ways: str) -> float:
    sign = 1 - 2 * ways.index((header.text(f"{name}Ref") or "").upper()[:1] or "?")
    parts = [float(part) for part in header.tags[f"GPS {name}"].values]
    if min(parts) < 0 or max(parts[1:], default=0) > 60:
        raise ValueError("no angle")
    return sign * math.fsum(part / 60**power for power, part in enumerate(parts[:3]))


def _lens(header: Header) -> str | None:
    name = xmp.words(header.text("LensModel"), xmp.NAME)
    if name and not _NO_LENS.fullmatch(name):
        return name
    span = header.tags.get("EXIF LensSpecification")
    if header.note and _WITH_LENS.search(header.text("Make") or ""):
        header.read_note()
        kind = header.tags.get("MakerNote LensType")
        for note in (header.text("LensModel"), str(kind)):
            if note and re.search(r"\d ?mm\b", note):
                return xmp.words(note, xmp.NAME)
        span = header.tags.get("MakerNote LensMinMaxFocalMaxAperture", span)
    return _span(*(float(value) for value in span.values)) if span else None


def _span(short: float, long: float, wide: float, tele: float) -> str | None:
    if not (0 < short <= long and 0 < wide <= tele):
        return None
    focal = f"{short:.3g}" if short == long else f"{short:.3g}-{long:.3g}"
    return f"{focal}mm f/{wide:.2g}" if wide == tele else f"{focal}mm f/{wide:.2g}-{tele:.2g}"
