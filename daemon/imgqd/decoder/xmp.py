"""XMP and IPTC: what people and their programs wrote into a picture, or beside it, made harmless.

Also the form in which every source of metadata speaks, `Said`: texts without control
characters and of bounded length, dates that a calendar knows, places that are on Earth.
Nothing here opens a file or imports anything at work, whatever a text says of its encoding.
"""

from __future__ import annotations

import codecs
import math
import re
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Final, NamedTuple, TypeVar
from xml.etree.ElementTree import Element

from defusedxml import ElementTree
from PIL import (
    IptcImagePlugin,
    JpegImagePlugin,
    TiffImagePlugin,  # noqa: F401 - getiptcinfo would import it at work
)

T = TypeVar("T")

for _codec in ("utf-8", "utf-16", "utf-16-le", "utf-16-be", "cp1252"):
    codecs.lookup(_codec)  # the first use imports it

LONGEST: Final = 1 << 20
"""Bytes of the largest block of XMP or IPTC that is read."""

TITLE: Final = 1000
DESCRIPTION: Final = 4000
_KEYWORD: Final = 100
_KEYWORDS: Final = 200
NAME: Final = 200
"""Characters of a camera's, a lens's, a program's name."""

_UNFIT: Final = re.compile(
    "[\x00-\x1f\x7f-\x9f\u2028-\u202e\u2066-\u2069\ufeff\ufffe\uffff\ud800-\udfff]"
)
"""Controls (of writing direction, too) and what no encoding holds."""

_MOMENT: Final = re.compile(
    r"\s*(\d{4})[-:/.](\d\d?)[-:/.](\d\d?)"
    r"(?:[T ]\s*(\d\d?):(\d\d?)(?::(\d\d?)(?:\.\d*)?)?)?\s*(Z|[+-]\d\d?:?\d\d)?",
    re.ASCII,
)
_OFFSET: Final = re.compile(r"\s*([+-])(\d\d?):?([0-5]\d)", re.ASCII)
_ANGLE: Final = re.compile(r"(\d+(?:\.\d+)?)(?:,(\d+(?:\.\d+)?))?(?:,(\d+(?:\.\d+)?))?\s*([NSEW])")

_BOILERPLATE: Final = re.compile(
    r"(?-i:[A-Z ]*DIGITAL CAMERA)|(kodak )?digital (still )?camera|sony dsc"
    r"|samsung( csc| camera pictures)?|exif.jpeg.*|[-_. ]*"
    r"|created with (the )?gimp|file written by adobe photoshop.*|dcim\\.*|default|map"
    r"|user comments?|(image )?description|untitled|screenshot|oplus_\d+|filter: \d.*|[{\[]\W.*",
    re.IGNORECASE | re.DOTALL,
)
"""What cameras and programs write where a person would describe the picture."""

_COMPANY: Final = re.compile(
    r"[ ,]+(corp(oration)?|co|company|inc|ltd|imaging|optical|electric|electronics|computer"
    r"|techwin|technologies)\b.*",
    re.IGNORECASE,
)

_RDF: Final = "{http://www.w3.org/1999/02/22-rdf-syntax-ns#}"
_LISTS: Final = {f"{_RDF}{kind}" for kind in ("Alt", "Bag", "Seq")}
_LANGUAGE: Final = "{http://www.w3.org/XML/1998/namespace}lang"
_SPACES: Final = {
    "http://purl.org/dc/elements/1.1/": "dc",
    "http://ns.adobe.com/xap/1.0/": "xmp",
    "http://ns.adobe.com/photoshop/1.0/": "photoshop",
    "http://ns.adobe.com/tiff/1.0/": "tiff",
    "http://ns.adobe.com/exif/1.0/": "exif",
    "http://ns.adobe.com/exif/1.0/aux/": "aux",
    "http://cipa.jp/exif/1.0/": "exifEX",
    "http://ns.adobe.com/lightroom/1.0/": "lr",
    "http://ns.microsoft.com/photo/1.0/": "microsoft",
    "http://ns.microsoft.com/photo/1.0": "microsoft",
    "http://iptc.org/std/Iptc4xmpExt/2008-02-29/": "iptc",
}

_UTF8_DECLARED: Final = b"\x1b%G"


class Moment(NamedTuple):
    """A clock on a wall somewhere, "YYYY-MM-DDTHH:MM:SS", and its seconds east of UTC if known."""

    clock: str
    offset: int | None


@dataclass(frozen=True, slots=True)
class Said:
    """What one source says of a picture; None and () where it says nothing."""

    taken: Moment | None = None
    changed: Moment | None = None
    """EXIF's DateTime: when the file was written, often enough the time of the picture."""
    camera: str | None = None
    lens: str | None = None
    position: tuple[float, float] | None = None
    rating: int | None = None
    keywords: tuple[str, ...] = ()
    title: str | None = None
    description: str | None = None
    software: str | None = None
    screenshot: bool = False


def quiet(call: Callable[..., T], *values: Any) -> T | None:
    """Return what a call returns, or None where it raises: a broken value costs itself alone."""
    try:
        return call(*values)
    except Exception:  # noqa: BLE001 - hostile bytes raise anything at all
        return None


def heard(source: Callable[..., Said], *values: Any) -> Said:
    """Return what a source says, nothing where it raises: each is on its own."""
    return quiet(source, *values) or Said()


def decoded(raw: bytes) -> str:
    """Return the text of bytes that do not say what they are: UTF-8, or else Windows' Latin."""
    try:
        return raw.decode("utf-8")
    except UnicodeDecodeError:
        return raw.decode("cp1252", "replace")


def words(text: str | None, limit: int) -> str | None:
    """Return a text in one line, without controls, of `limit` characters; None for an empty one."""
    if text is None:
        return None
    return " ".join(_UNFIT.sub(" ", text[: 4 * limit]).split())[:limit].rstrip() or None


def described(*texts: str | None) -> str | None:
    """Return the first of these texts that a person may have written."""
    shown = (words(text, DESCRIPTION) for text in texts)
    return next((text for text in shown if text and not _BOILERPLATE.fullmatch(text)), None)


def is_screenshot(*texts: str | None) -> bool:
    """Return whether one of these is the word that iOS and macOS write into their screenshots."""
    return any((words(text, NAME) or "").casefold() == "screenshot" for text in texts)


def unique(texts: Iterable[str]) -> tuple[str, ...]:
    """Return keywords in their order, each once, whatever its case."""
    kept: dict[str, str] = {}
    for text in texts:
        if word := words(text, _KEYWORD):
            kept.setdefault(word.casefold(), word)
        if len(kept) == _KEYWORDS:
            break
    return tuple(kept.values())


def camera(make: str | None, model: str | None) -> str | None:
    """Return what a camera is called: "NIKON D300", the maker once and without his legal form."""
    make, model = words(make, NAME) or "", words(model, NAME) or ""
    maker = _COMPANY.sub("", make)
    is_named = model.casefold().startswith(maker.casefold())
    is_named = is_named or model.casefold().split(" ")[0] in make.casefold().split()
    return words(model if model and is_named else f"{maker} {model}", NAME)


def moment(text: str, offset: str | None = None) -> Moment | None:
    """Return the time in "2004:06:29 15:29:33" or "2004-06-29T15:29:33+02:00"; a day is midnight.

    Raises ValueError for one that no calendar has, such as 0000:00:00.
    """
    found = _MOMENT.match(text)
    if found is None:
        return None
    *numbers, zone = found.groups()
    when = datetime(*(int(number or 0) for number in numbers))  # type: ignore[arg-type] # noqa: DTZ001 - a camera's clock knows no zone
    if not 1826 <= when.year <= 2100:
        return None
    return Moment(when.isoformat(), quiet(_seconds, zone or offset))


def _seconds(text: str) -> int | None:
    if text.strip() == "Z":
        return 0
    found = _OFFSET.match(text)
    if found is None:
        return None
    east = int(found[2]) * 3600 + int(found[3]) * 60
    return None if east > 14 * 3600 else -east if found[1] == "-" else east


def stars(value: Any) -> int | None:
    """Return a rating: -1 for rejected, 0 for none, up to 5."""
    number = int(float(value))
    return number if -1 <= number <= 5 else None


def stars_of_percent(value: Any) -> int | None:
    """Return the rating that Windows writes as 1, 25, 50, 75 or 99."""
    percent = int(float(value))
    if not 0 <= percent <= 100:
        return None
    return min(5, 1 + (percent + 12) // 25) if percent else 0


def place(latitude: float, longitude: float) -> tuple[float, float] | None:
    """Return a position; None for one that is not on Earth, and for 0, 0: a phone without a fix."""
    if not (math.isfinite(latitude) and abs(latitude) <= 90 and abs(longitude) <= 180):
        return None
    if latitude == longitude == 0:
        return None
    return round(latitude, 7), round(longitude, 7)


def from_xmp(packet: bytes) -> Said:
    """Return what an XMP packet says; raises anything for what is none."""
    found = _properties(_document(packet))

    def first(*names: str) -> str | None:
        return next((found[name][0] for name in names if name in found), None)

    times = ("photoshop:DateCreated", "exif:DateTimeOriginal", "xmp:CreateDate")
    moments = (quiet(moment, first(name)) for name in times)
    leaves = (path.split("|")[-1] for path in found.get("lr:hierarchicalSubject", ()))
    angles = (first("exif:GPSLatitude"), first("exif:GPSLongitude"))
    rating = quiet(stars, first("xmp:Rating"))
    if rating is None:
        rating = quiet(stars_of_percent, first("microsoft:Rating"))
    comment = first("exif:UserComment")
    kind = first("iptc:DigitalSourceType") or ""
    return Said(
        taken=next(filter(None, moments), None),
        camera=camera(first("tiff:Make"), first("tiff:Model")),
        lens=words(first("exifEX:LensModel", "aux:Lens"), NAME),
        position=quiet(lambda: place(*(_degrees(angle or "") for angle in angles))),
        rating=rating,
        keywords=unique((*found.get("dc:subject", ()), *leaves)),
        title=words(first("dc:title"), TITLE),
        description=described(first("dc:description"), first("tiff:ImageDescription"), comment),
        software=words(first("xmp:CreatorTool", "tiff:Software"), NAME),
        screenshot=is_screenshot(comment) or kind.endswith("/screenCapture"),
    )


def _document(packet: bytes) -> str:
    # Decoded here, since expat would import the codec that a packet asks for.
    if len(packet) > LONGEST:
        raise ValueError("too long")
    if packet[:2] in {codecs.BOM_UTF16_LE, codecs.BOM_UTF16_BE}:
        text = packet.decode("utf-16", "replace")
    elif b"\0" in packet[:2]:
        text = packet.decode("utf-16-be" if packet[0] == 0 else "utf-16-le", "replace")
    else:
        text = packet.decode("utf-8", "replace")
    return _UNFIT.sub(" ", text[text.find("<") : text.rfind(">") + 1])


def _properties(document: str) -> dict[str, list[str]]:
    # Only those of the picture: deeper descriptions are of its history and its ingredients.
    root = ElementTree.fromstring(document, forbid_dtd=True)
    found: dict[str, list[str]] = {}
    for description in next(root.iter(f"{_RDF}RDF")):
        pairs = [(name, [value]) for name, value in description.attrib.items()]
        pairs += [(element.tag, _values(element)) for element in description]
        for name, values in pairs:
            space, _, local = name.removeprefix("{").partition("}")
            if space in _SPACES and any(value.strip() for value in values):
                found.setdefault(f"{_SPACES[space]}:{local}", values)
    return found


def _values(element: Element) -> list[str]:
    items = next((child for child in element if child.tag in _LISTS), None)
    if items is None:
        return [element.text or ""]
    default_first = sorted(items, key=lambda item: item.get(_LANGUAGE) != "x-default")
    return [item.text for item in default_first if item.text and item.text.strip()]


def _degrees(text: str) -> float:
    found = _ANGLE.fullmatch(text.strip())
    if found is None:
        return float(text)
    angle = math.fsum(float(part or 0) / 60**power for power, part in enumerate(found.groups()[:3]))
    return -angle if found[4] in "SW" else angle


class _Carrier(JpegImagePlugin.JpegImageFile):
    # Pillow reads IPTC out of pictures only.
    def __init__(self, block: bytes) -> None:
        self.info = {"photoshop": {0x0404: block}}


def from_iptc(block: bytes) -> Said:
    """Return what a block of IPTC records says; raises anything for what is none."""
    fields = IptcImagePlugin.getiptcinfo(_Carrier(block[:LONGEST])) or {}
    utf8 = fields.get((1, 90)) == _UTF8_DECLARED

    def texts(dataset: int) -> list[str]:
        value = fields.get((2, dataset)) or []
        raws = [raw for raw in (value if isinstance(value, list) else [value]) if raw]
        return [raw.decode("utf-8", "replace") if utf8 else decoded(raw) for raw in raws]

    def first(dataset: int) -> str:
        return next(iter(texts(dataset)), "")

    day, hour = first(55), first(60)
    clock = f"T{hour[:2]}:{hour[2:4]}:{hour[4:6]}{hour[6:]}" if hour else ""
    return Said(
        taken=quiet(moment, f"{day[:4]}-{day[4:6]}-{day[6:8]}{clock}"),
        keywords=unique(texts(25)),
        title=words(first(5), TITLE),
        description=described(first(120)),
        software=words(first(65), NAME),
    )
