"""The filters by their keys: how each value is read, and the keys of other programs.

This table is the one place that knows a key; docs/search.md explains each with examples.
"""

from __future__ import annotations

import difflib
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Final, Literal, TypeAlias
from urllib.parse import unquote

from imgqd.query import amounts, near, times
from imgqd.query.near import FindPlace, IsArea
from imgqd.query.readings import Reading, Unclear
from imgqd.query.records import (
    And,
    Between,
    Filter,
    Format,
    Has,
    Inside,
    Is,
    Named,
    Not,
    Or,
    Says,
    Shape,
)

FORMATS: Final = (
    "jpeg", "png", "heif", "avif", "webp", "gif", "tiff", "bmp", "jpeg2000", "jxl", "ico", "ppm",
    "psd", "raw",
)  # fmt: skip
_FORMAT_NAMES: Final = {name: name for name in FORMATS} | {
    "jpg": "jpeg", "jpe": "jpeg", "heic": "heif", "heics": "heif", "tif": "tiff",
    "jp2": "jpeg2000", "j2k": "jpeg2000", "jpegxl": "jxl", "pgm": "ppm", "pbm": "ppm",
}  # fmt: skip
_RAWS: Final = (
    "3fr", "arw", "cr2", "cr3", "crw", "dcr", "dng", "erf", "iiq", "kdc", "mef", "mos", "mrw",
    "nef", "nrw", "orf", "pef", "raf", "rw2", "rwl", "sr2", "srf", "srw", "x3f",
)  # fmt: skip
_FILMS: Final = ("video", "movie", "film", "mp4", "mov", "avi", "mkv", "webm")

_SHAPES: Final = {
    "portrait": Reading(Shape("portrait"), "portrait, higher than wide"),
    "landscape": Reading(Shape("landscape"), "landscape, wider than high"),
    "square": Reading(Shape("square"), "square, sides at most 5 % apart"),
    "panorama": Reading(Shape("panorama"), "panorama, at least twice as wide as high"),
}
_KNOWN: Final = {
    "gps": Has("gps"),
    "date": Has("date"),
    "camera": Has("camera"),
    "lens": Has("lens"),
    "tag": Has("keyword"),
    "rating": Has("rating"),
    "title": Has("title"),
    "description": Has("description"),
}
_KNOWN_AS: Final = {"place": "gps", "location": "gps", "keyword": "tag", "caption": "description"}


@dataclass(frozen=True, slots=True)
class Context:
    """What a value is read against: the time, and the towns."""

    now: datetime
    find_place: FindPlace
    is_area: IsArea


Reader: TypeAlias = Callable[[str, Context], Reading]


@dataclass(frozen=True, slots=True)
class Key:
    """A filter: the kind that `understood` names, an example, how its value is read.

    Of a `greedy` one the value goes on over the next words as long as they make sense,
    `taken:july 2023`; a `listed` one takes a comma for |; `none` is what a picture is
    without: `camera:none`.
    """

    kind: str
    example: str
    read: Reader
    greedy: bool = False
    listed: bool = False
    none: Filter | None = None


def pieces(key: Key, choices: tuple[str, ...]) -> list[str]:
    """Return the alternatives of a value, without the empty ones that are still to be typed."""
    if key.listed:
        choices = tuple(piece for choice in choices for piece in choice.split(","))
    return [choice for choice in (one.strip() for one in choices) if choice]


def value(key: Key, choices: tuple[str, ...], context: Context) -> Reading:
    """Read a value with its alternatives; Unclear where none of them can be read."""
    readings, troubles = [], []
    for choice in pieces(key, choices):
        try:
            if key.none is not None and choice.lower() == "none":
                readings.append(Reading(key.none, f"no {key.kind}"))
            else:
                readings.append(key.read(choice, context))
        except Unclear as error:
            troubles.append(str(error))
    if not readings:
        raise Unclear(troubles[0] if troubles else f"a value is missing: write {key.example}")
    troubles += [one.trouble for one in readings if one.trouble]
    trouble = troubles[0] if troubles else None
    if len(readings) == 1:
        return Reading(readings[0].node, readings[0].means, trouble)
    means = " or ".join(one.means for one in readings)
    return Reading(Or(tuple(one.node for one in readings)), means, trouble)


def foreign(key: str) -> str:
    """Return what to say of a key that is none, or is one in other programs only."""
    if key in _ELSEWHERE:
        return f"no filter {key}: {_ELSEWHERE[key]}"
    close = difflib.get_close_matches(key, KEYS, 1, 0.7)
    known = f"did you mean {close[0]}:" if close else f"there are {', '.join(_KEYS)}"
    return f"no filter {key}, so these are words: {known}"


def _folder(text: str, _: Context) -> Reading:
    folder = unquote(text[7:]) if text.startswith("file://") else text
    return Reading(Inside(folder), f"in the folder {folder} or below it")


def _name(text: str, _: Context) -> Reading:
    if "/" in text:
        raise Unclear("name: is the file's name alone: give the folder with in:FOLDER")
    how = "matches" if "*" in text or "?" in text else "contains"
    return Reading(Named(text), f"the file's name {how} {text}")


def _type(text: str, _: Context) -> Reading:
    name = text.lower().lstrip(".*")
    if name in _RAWS:
        return Reading(And((Format("raw"), Named(f"*.{name}"))), f"camera raw, *.{name}")
    if name in _FILMS:
        raise Unclear("there are no films here: imgq knows pictures only")
    if name not in _FORMAT_NAMES:
        raise Unclear(f"no type {text!r}: write one of {', '.join(FORMATS)}, or heic, jpg, nef")
    return Reading(Format(_FORMAT_NAMES[name]), f"of the type {_FORMAT_NAMES[name]}")


def _says(field: Literal["camera", "lens", "keyword"], noun: str, example: str) -> Reader:
    def read(text: str, _: Context) -> Reading:
        if not text.strip("*? "):
            raise Unclear(f"{noun}: needs a name: write {example}")
        matches = "*" in text or "?" in text
        how = "is" if field == "keyword" else "matches" if matches else "contains"
        return Reading(Says(field, text), f"{noun} {how} {text}")

    return read


def _shape(text: str, _: Context) -> Reading:
    reading = _SHAPES.get(text.lower())
    if reading is None:
        raise Unclear(f"no ratio {text!r}: write one of {', '.join(_SHAPES)}")
    return reading


def _rating(text: str, _: Context) -> Reading:
    if text.lower() in ("rejected", "-1"):
        return Reading(Between("rating", -1, -1), "rejected")
    return amounts.read(text, amounts.RATING)


def _amount(quantity: amounts.Quantity) -> Reader:
    return lambda text, _: amounts.read(text, quantity)


_KINDS: Final[Mapping[str, Filter]] = {
    "screenshot": Is("screenshot"),
    "animated": Is("animated"),
    "duplicate": Is("duplicate"),
    "favorite": Between("rating", 5, 5),
    "raw": Format("raw"),
}


def _is(text: str, context: Context) -> Reading:
    name = text.lower().replace("favour", "favor")
    if name in _SHAPES:
        return _shape(name, context)
    if name not in _KINDS:
        known = ", ".join((*_KINDS, *_SHAPES))
        raise Unclear(f"no kind {text!r}: write one of {known}")
    means = "rating 5" if name.startswith("fav") else f"a {name}"
    return Reading(_KINDS[name], {"animated": "animated", "raw": "camera raw"}.get(name, means))


def _has(text: str, _: Context) -> Reading:
    name = text.lower()
    name = _KNOWN_AS.get(name, name)
    if name not in _KNOWN:
        raise Unclear(f"no has:{text}: write one of {', '.join(_KNOWN)}")
    return Reading(_KNOWN[name], f"{name} is known")


def _near(text: str, context: Context) -> Reading:
    return near.read(text, context.find_place, context.is_area)


_DATE: Final = 'taken:2023-07, taken:"last summer"'
_CAMERA, _LENS, _TAG = "camera:canon", 'lens:"50mm"', "tag:family"
_KEYS: Final = {
    "in": Key("folder", "in:~/Pictures", _folder),
    "name": Key("name", "name:IMG_*", _name),
    "type": Key("type", "type:png", _type, listed=True),
    "taken": Key(
        "date",
        _DATE,
        lambda text, one: times.during(text, "taken", one.now),
        greedy=True,
        none=Not(Has("date")),
    ),
    "added": Key(
        "added",
        "added:today, added:2023-07..",
        lambda text, one: times.during(text, "added", one.now),
        greedy=True,
    ),
    "after": Key(
        "date", "after:2023-07", lambda text, one: times.bound(text, "after", one.now), greedy=True
    ),
    "before": Key(
        "date", "before:2023", lambda text, one: times.bound(text, "before", one.now), greedy=True
    ),
    "camera": Key(
        "camera",
        _CAMERA,
        _says("camera", "camera", _CAMERA),
        none=Not(Has("camera")),
    ),
    "lens": Key("lens", _LENS, _says("lens", "lens", _LENS), none=Not(Has("lens"))),
    "w": Key("width", "w:>4000", _amount(amounts.WIDTH)),
    "h": Key("height", "h:>=1080", _amount(amounts.HEIGHT)),
    "mp": Key("megapixels", "mp:>12", _amount(amounts.MEGAPIXELS)),
    "size": Key("size", "size:>5MB", _amount(amounts.SIZE)),
    "ratio": Key("ratio", "ratio:portrait", _shape, listed=True),
    "near": Key(
        "place", "near:Lisbon, near:48.85,2.35~10km", _near, greedy=True, none=Not(Has("gps"))
    ),
    "rating": Key("rating", "rating:>=4", _rating, none=Not(Has("rating"))),
    "tag": Key("tag", _TAG, _says("keyword", "tag", _TAG), none=Not(Has("keyword"))),
    "is": Key("is", "is:screenshot", _is, listed=True),
    "has": Key("has", "has:gps", _has, listed=True),
}
_ALIASES: Final = {
    "folder": "in", "path": "in", "filename": "name", "file": "name", "ext": "type",
    "extension": "type", "filetype": "type", "format": "type", "date": "taken", "year": "taken",
    "since": "after", "until": "before", "make": "camera", "model": "camera",
    "width": "w", "height": "h", "megapixels": "mp", "filesize": "size", "orientation": "ratio",
    "stars": "rating", "keyword": "tag", "keywords": "tag", "tags": "tag",
}  # fmt: skip

KEYS: Final[Mapping[str, Key]] = _KEYS | {alias: _KEYS[key] for alias, key in _ALIASES.items()}
"""Every key and its aliases; like, sort and fold are no filters, and stand in `clauses`."""

_FACES: Final = "imgq knows no faces or names of people: describe them, or use tag:NAME"
_ALBUMS: Final = "imgq knows no albums: a folder is in:FOLDER, a keyword is tag:WORD"
_AREAS: Final = "imgq knows where pictures were taken, by towns: write near:TOWN~50km"
_EXPOSURE: Final = "imgq keeps no exposure data: camera: and lens: are known"
_ELSEWHERE: Final[Mapping[str, str]] = (
    dict.fromkeys(("person", "people", "face", "faces", "who", "subject"), _FACES)
    | dict.fromkeys(("album", "albums", "collection", "library"), _ALBUMS)
    | dict.fromkeys(("city", "country", "state", "place", "location", "gps", "geo"), _AREAS)
    | dict.fromkeys(("iso", "aperture", "shutter", "exposure", "focal", "flash"), _EXPOSURE)
    | dict.fromkeys(("month", "day", "datetaken", "created"), f"write {_DATE}")
    | dict.fromkeys(("color", "colour"), "colours are words here: red car, not color:red")
    | dict.fromkeys(("text", "ocr"), "imgq reads no text in pictures; in file names: name:WORD")
    | dict.fromkeys(("favorite", "favourite", "starred"), "write is:favorite")
    | dict.fromkeys(("kind", "media"), "write type:png or is:screenshot; there are no films here")
    | dict.fromkeys(("modified", "mtime"), "write taken: or added: with a date")
)
