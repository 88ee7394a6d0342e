"""What pictures say of themselves: EXIF, XMP, IPTC, and all that may be wrong with them."""

from __future__ import annotations

import io
import pickle
import re
import struct
import subprocess
import sys
import time
import zlib
from pathlib import Path
from typing import Any

import pi_heif
import pytest
from hypothesis import given
from hypothesis import strategies as st
from PIL import Image

from daemon.darkroom import encoded
from imgqd.decoder import metadata

CORPUS = Path(__file__).parents[3] / "shared" / "corpus" / "dev"

pi_heif.register_heif_opener()

SILENT: dict[str, Any] = {
    "taken": None, "taken_offset": None, "taken_from": None, "camera": None, "lens": None,
    "latitude": None, "longitude": None, "rating": None, "keywords": [], "title": None,
    "description": None, "software": None, "is_screenshot": False,
}  # fmt: skip
BLANK = Image.new("RGB", (8, 8))
EXIF, GPS = 0x8769, 0x8825
HERE = {1: "N", 2: (52.0, 30.0, 0.0), 3: "W", 4: (13.0, 15.0, 36.0)}


def exif(tags: dict[int, Any], **directories: dict[int, Any]) -> Image.Exif:
    made = Image.Exif()
    made.update(tags)
    made.get_ifd(EXIF).update(directories.get("camera", {}))
    made.get_ifd(GPS).update(directories.get("gps", {}))
    return made


def photo(tags: dict[int, Any] | None = None, xmp: str = "", **directories: Any) -> bytes:
    return encoded(BLANK, "JPEG", exif=exif(tags or {}, **directories), xmp=xmp.encode() or None)


def tiff(*entries: tuple[int, int, int, bytes], order: str = "<") -> bytes:
    """Return a TIFF header and one directory of (tag, type, count, value) after it."""
    head, tail = struct.pack(f"{order}2sHI", b"II" if order == "<" else b"MM", 42, 8), b""
    start = 8 + 2 + 12 * len(entries) + 4
    table = struct.pack(f"{order}H", len(entries))
    for tag, kind, count, value in entries:
        inline = len(value) <= 4
        held = value.ljust(4, b"\0") if inline else struct.pack(f"{order}I", start + len(tail))
        table += struct.pack(f"{order}HHI", tag, kind, count) + held
        tail += b"" if inline else value
    return head + table + b"\0\0\0\0" + tail


def text(tag: int, value: bytes) -> tuple[int, int, int, bytes]:
    return tag, 2, len(value) + 1, value + b"\0"


def xmp(inside: str = "", **attributes: str) -> str:
    said = " ".join(f'{name.replace("_", ":")}="{value}"' for name, value in attributes.items())
    return (
        '<x:xmpmeta xmlns:x="adobe:ns:meta/"><rdf:RDF'
        ' xmlns:rdf="http://www.w3.org/1999/02/22-rdf-syntax-ns#"'
        ' xmlns:dc="http://purl.org/dc/elements/1.1/" xmlns:xmp="http://ns.adobe.com/xap/1.0/"'
        ' xmlns:exif="http://ns.adobe.com/exif/1.0/" xmlns:tiff="http://ns.adobe.com/tiff/1.0/"'
        ' xmlns:photoshop="http://ns.adobe.com/photoshop/1.0/"'
        ' xmlns:lr="http://ns.adobe.com/lightroom/1.0/"'
        ' xmlns:aux="http://ns.adobe.com/exif/1.0/aux/"'
        ' xmlns:ms="http://ns.microsoft.com/photo/1.0/"'
        ' xmlns:iptc="http://iptc.org/std/Iptc4xmpExt/2008-02-29/">'
        f'<rdf:Description rdf:about="" {said}/><rdf:Description>{inside}</rdf:Description>'
        "</rdf:RDF></x:xmpmeta>"
    )


def listed(name: str, *values: str, kind: str = "Bag") -> str:
    items = "".join(f"<rdf:li>{value}</rdf:li>" for value in values)
    return f"<{name}><rdf:{kind}>{items}</rdf:{kind}></{name}>"


def iptc(*fields: tuple[int, bytes], utf8: bool = True) -> bytes:
    """Return a JPEG with these fields of IPTC's second record."""
    parts = [(1, 90, b"\x1b%G")] * utf8 + [(2, number, value) for number, value in fields]
    block = b"".join(struct.pack(">BBBH", 28, *p[:2], len(p[2])) + p[2] for p in parts)
    block = b"Photoshop 3.0\0" + b"8BIM\x04\x04\0\0" + struct.pack(">I", len(block)) + block
    segment = b"\xff\xed" + struct.pack(">H", len(block) + 2) + block
    plain = photo()
    return plain[:2] + segment + plain[2:]


def chunk(name: bytes, value: bytes) -> bytes:
    return (
        struct.pack(">I", len(value)) + name + value + struct.pack(">I", zlib.crc32(name + value))
    )


def png(*chunks: tuple[bytes, bytes]) -> bytes:
    """Return a PNG with these chunks after its pixels."""
    plain = encoded(BLANK, "PNG")
    return plain[:-12] + b"".join(chunk(*one) for one in chunks) + plain[-12:]


def read(content: bytes, sidecar: str | bytes | None = None) -> dict[str, Any]:
    """Read a file that Pillow opens, and see to it that nobody decodes it."""
    picture = Image.open(io.BytesIO(content))
    picture.load = lambda: pytest.fail("decoded")  # type: ignore[method-assign]
    return metadata.read(
        content, picture, sidecar.encode() if isinstance(sidecar, str) else sidecar
    )


def said(content: bytes, sidecar: str | bytes | None = None) -> dict[str, Any]:
    """Return only what is said."""
    return {key: value for key, value in read(content, sidecar).items() if value != SILENT[key]}


CAMERA = {
    0x9003: "2004:06:29 15:29:33", 0x9011: "+02:00", 0xA434: "EF50mm f/1.8",
    0x9286: b"ASCII\0\0\0A walk by the sea\0\0",
}  # fmt: skip
WHOLE = {
    "taken": "2004-06-29T15:29:33", "taken_offset": 7200, "taken_from": "exif",
    "camera": "Canon EOS 5D", "lens": "EF50mm f/1.8", "latitude": 52.5, "longitude": -13.26,
    "rating": 4, "keywords": ["Meer", "größer"], "title": "Straße", "software": "Firmware 1.2",
    "description": "A walk by the sea",
}  # fmt: skip
TAGS = {
    0x010F: "Canon", 0x0110: "Canon EOS 5D", 0x0131: "Firmware 1.2", 0x4746: 4,
    0x010E: "OLYMPUS DIGITAL CAMERA         ", 0x9C9B: "Straße\0".encode("utf-16-le"),
    0x9C9E: "Meer;größer; meer ;\0".encode("utf-16-le"),
}  # fmt: skip


@pytest.mark.parametrize("form", ["JPEG", "PNG", "WEBP", "TIFF", "AVIF", "MPO"])
def test_exif_tells_all_it_knows_in_every_format(form: str) -> None:
    content = encoded(BLANK, form, exif=exif(TAGS, camera=CAMERA, gps=HERE).tobytes())
    assert said(content) == WHOLE


def test_a_picture_without_metadata_says_nothing() -> None:
    assert read(photo()) == read(encoded(BLANK, "GIF")) == SILENT
    assert metadata.read(b"", None, None) == metadata.read(b"\0", None, b"") == SILENT


@pytest.mark.parametrize(
    ("make", "model", "name"),
    [
        ("NIKON CORPORATION", "NIKON D300", "NIKON D300"),
        ("OLYMPUS IMAGING CORP.  ", "E-P3", "OLYMPUS E-P3"),
        ("SANYO Electric Co.,Ltd", "S1", "SANYO S1"),
        ("PENTAX Corporation ", "PENTAX K10D        ", "PENTAX K10D"),
        ("EASTMAN KODAK COMPANY", "KODAK DX4530", "KODAK DX4530"),
        ("Google", "Pixel 4a", "Google Pixel 4a"),
        ("", "Scanner", "Scanner"),
        ("Leica Camera AG", "", "Leica Camera AG"),
        (" ", "\0", None),
    ],
)
def test_a_camera_is_called_by_its_name_once(make: str, model: str, name: str | None) -> None:
    assert read(photo({0x010F: make, 0x0110: model}))["camera"] == name


@pytest.mark.parametrize(
    "broken",
    ["0000:00:00 00:00:00", "    :  :     :  :  ", "2004:13:01 00:00:00", "2004:02:30 10:00:00",
     "1700:01:01 00:00:00", "2200:01:01 00:00:00", "yesterday", "2004:06:29 25:00:00"],
)  # fmt: skip
def test_a_date_that_never_was_is_none_and_the_next_best_counts(broken: str) -> None:
    assert "taken" not in said(photo(camera={0x9003: broken}))
    both = photo({0x0132: "2001:01:01 01:01:01"}, camera={0x9003: broken, 0x9004: "2002:02:02"})
    assert read(both)["taken"] == "2002-02-02T00:00:00"


def test_times_are_believed_in_the_order_of_who_should_know() -> None:
    known = xmp(photoshop_DateCreated="2003-03-03T03:03:03.25-03:30", xmp_CreateDate="2000-01-01")
    changed, noted = {0x0132: "2009:09:09 09:09:09"}, {0x9004: "2002:02:02 02:02:02"}
    by_iptc = iptc((55, b"20040404"), (60, b"040404+0100"))
    assert said(photo(changed)) == {"taken": "2009-09-09T09:09:09", "taken_from": "exif"}
    assert said(by_iptc) == {
        "taken": "2004-04-04T04:04:04", "taken_offset": 3600, "taken_from": "iptc"
    }  # fmt: skip
    only = {"taken": "2003-03-03T03:03:03", "taken_offset": -12600, "taken_from": "xmp"}
    assert said(photo(changed, known)) == said(by_iptc, known) == only
    assert read(photo(changed, known, camera=noted))["taken"] == "2002-02-02T02:02:02"
    assert said(photo(camera=noted), known) == only, "people edit in the sidecar"
    assert read(photo(camera=noted), xmp(xmp_CreateDate="2002-02-02"))["taken_from"] == "exif"


@pytest.mark.parametrize(
    ("day", "clock", "offset"),
    [("2004:06:29", (13, 29, 33), 7200), ("2004:06:29", (9, 44, 33), 20700),
     ("2004:06:29", (13, 28, 30), 7200), ("2004:06:29", (13, 25, 33), None),
     ("2004:06:29", (13, 14, 33), None), ("2004:06:28", (13, 29, 33), None),
     ("2004:06:30", (1, 29, 33), -36000), ("2004:99:99", (1, 1, 1), None)],
)  # fmt: skip
def test_satellites_tell_the_time_zone(day: str, clock: Any, offset: int | None) -> None:
    taken = {0x9003: "2004:06:29 15:29:33"}
    gps = {29: day, 7: tuple(map(float, clock))}
    assert read(photo(camera=taken, gps=gps))["taken_offset"] == offset
    assert read(photo(camera=taken | {0x9011: "+01:00"}, gps=gps))["taken_offset"] == 3600


@pytest.mark.parametrize(
    "broken",
    [{2: (0.0, 0.0, 0.0), 4: (0.0, 0.0, 0.0)}, {2: (91.0, 0.0, 0.0)}, {4: (181.0, 0.0, 0.0)},
     {1: ""}, {3: "?"}, {2: (52.0, 99.0, 0.0)}, {4: ()}],
)  # fmt: skip
def test_a_place_that_is_none_costs_only_itself(broken: dict[int, Any]) -> None:
    assert said(photo({0x0110: "Cam"}, gps=HERE | broken)) == {"camera": "Cam"}
    unmeasured = tiff(text(0x0110, b"Cam"), (GPS, 4, 1, struct.pack("<I", 0xFFFF)))
    assert metadata.read(unmeasured, None, None)["camera"] == "Cam"


def test_a_broken_value_costs_only_itself() -> None:
    # A double beyond the end of the file, of which ExifRead makes an IndexError.
    beyond = b"\0\0\xff\xff"
    content = tiff((0x011A, 12, 1, beyond), text(0x0110, b"Cam"), (0x4746, 3, 1, b"\x09\0"))
    assert metadata.read(content, None, None) == SILENT | {"camera": "Cam"}
    rated = xmp(xmp_Rating="many", exif_GPSLatitude="91,0N", exif_GPSLongitude="1,0E") + "\0\0"
    other = rated.replace("<rdf:Description>", "<rdf:Description>" + listed("dc:subject", "sea"))
    assert said(photo(TAGS | {0x9C9E: b""}), other)["keywords"] == ["sea"]
    assert said(photo(TAGS), other)["rating"] == 4
    assert said(photo(TAGS, "<x:xmpmeta"), "<")["rating"] == 4


WRITTEN = {
    "title": "Tür", "description": "Am Meer & so", "keywords": ["sea", "Kiel"], "rating": -1,
    "latitude": -52.5, "longitude": 13.2, "taken": "2001-02-03T04:05:06", "taken_from": "xmp",
    "lens": "24-70mm", "camera": "Leica M3", "taken_offset": 0, "software": "darktable 4",
}  # fmt: skip
ELEMENTS = (
    '<dc:title><rdf:Alt><rdf:li xml:lang="en">Door</rdf:li><rdf:li xml:lang="x-default"> Tür'
    "</rdf:li></rdf:Alt></dc:title><xmp:CreatorTool>darktable 4</xmp:CreatorTool>"
    + listed("dc:description", "Am Meer &amp;\n so", kind="Alt")
    + listed("dc:subject", "sea", "SEA ", " ", kind="Seq")
    + listed("lr:hierarchicalSubject", "places|Germany|Kiel", "sea")
)
BESIDE = {key: value for key, value in WRITTEN.items() if key != "software"}
PACKET = xmp(
    ELEMENTS, xmp_Rating="-1", exif_GPSLatitude="52,30,0S", exif_GPSLongitude="13,12.0E",
    exif_DateTimeOriginal="2001-02-03T04:05:06Z", aux_Lens="24-70mm", tiff_Make="Leica",
    tiff_Model="M3",
)  # fmt: skip


@pytest.mark.parametrize("encoding", ["utf-8", "utf-8-sig", "utf-16", "utf-16-le", "utf-16-be"])
def test_xmp_is_read_beside_the_picture_in_any_encoding(encoding: str) -> None:
    declared = '<?xml version="1.0" encoding="UTF-16"?><?xpacket begin="\ufeff"?>'
    for packet in (PACKET, declared + PACKET + "<?xpacket end='w'?>"):
        assert said(photo(), (packet + 9 * "\0").encode(encoding)) == BESIDE


def test_xmp_is_read_in_every_format() -> None:
    packet = PACKET.encode()
    assert said(photo(), packet.replace(b"Leica", b"Le\xffica"))["rating"] == -1
    for form in ("JPEG", "WEBP", "AVIF"):
        assert said(encoded(BLANK, form, xmp=packet)) == WRITTEN, form
    assert said(encoded(BLANK, "TIFF", tiffinfo={700: packet})) == WRITTEN
    assert said(png((b"iTXt", b"XML:com.adobe.xmp\0\0\0\0\0" + packet))) == WRITTEN
    block = b"JpgTiffExif->JP2" + tiff(text(0x0110, b"Cam"))
    assert said(encoded(BLANK, "JPEG2000") + packet + block) == WRITTEN | {"camera": "Cam"}


def test_the_sidecar_is_believed_before_the_picture() -> None:
    both = read(photo(TAGS, xmp(xmp_Rating="2"), camera=CAMERA, gps=HERE), PACKET)
    firm = {"camera": "Canon EOS 5D", "lens": "EF50mm f/1.8", "software": "Firmware 1.2"}
    assert both == SILENT | WRITTEN | firm
    assert said(photo(TAGS, PACKET, camera=CAMERA), xmp()) == WRITTEN | firm | {
        "taken": WHOLE["taken"], "taken_offset": 7200, "taken_from": "exif",
        "keywords": ["sea", "Kiel", "Meer", "größer"],
    }  # fmt: skip


def test_the_history_of_a_picture_is_not_the_picture() -> None:
    deep = "<lr:weightedFlatSubject><rdf:Bag><rdf:li><rdf:Description dc:title='Part'/></rdf:li>"
    deep += "</rdf:Bag></lr:weightedFlatSubject>"
    assert said(photo(xmp=xmp(deep))) == {}


def test_windows_writes_ratings_in_percent() -> None:
    for percent, stars in ((0, 0), (1, 1), (25, 2), (50, 3), (75, 4), (99, 5)):
        assert read(photo({0x4749: percent}))["rating"] == stars
        assert read(photo(), xmp(ms_Rating=str(percent)))["rating"] == stars
    assert {read(photo({0x4746: 3}), xmp(xmp_Rating=bad))["rating"] for bad in ("6", "nan")} == {3}


def test_a_bomb_of_entities_says_nothing() -> None:
    laughs = "".join(f'<!ENTITY l{n} "{f"&l{n - 1};" * 10}">' for n in range(1, 10))
    bomb = f'<?xml version="1.0"?><!DOCTYPE x [<!ENTITY l0 "lol">{laughs}]>'
    assert said(photo(), bomb + xmp("<dc:title>&l9;</dc:title>")) == {}
    assert said(photo(), "<!DOCTYPE x>" + PACKET) == {}
    assert said(photo(), PACKET + " " * (1 << 20)) == {}, "nor does a packet without end"


def test_iptc_is_read_in_unicode_and_in_latin() -> None:
    fields = [(5, "Tür"), (25, "Kiel"), (25, "größer"), (25, "kiel"), (120, "Am\0 Meer\r\n")]
    told = {"title": "Tür", "keywords": ["Kiel", "größer"], "description": "Am Meer"}
    for code, utf8 in (("utf-8", True), ("utf-8", False), ("cp1252", False)):
        assert said(iptc(*((n, value.encode(code)) for n, value in fields), utf8=utf8)) == told
    assert said(iptc((5, b"a\xff"))) == {"title": "a\ufffd"}


def test_texts_are_bounded_and_without_controls() -> None:
    many = [f"{n:03}" + "x" * 200 for n in range(999)]
    long = listed("dc:title", "a" * 5000) + listed("dc:description", "b " * 9000)
    told = read(photo(), xmp(long + listed("dc:subject", *many)))
    lengths = [len(told[key]) for key in ("title", "description", "keywords")]
    assert lengths == [1000, 3999, 200]
    assert {len(word) for word in told["keywords"]} == {100}
    dirty = "\x1b[31m red\u202e\x7f\r\n \x85".encode()
    for raw, clean in ((dirty, "[31m red"), (b"\xdcber", "Über")):
        assert metadata.read(tiff(text(0x0131, raw)), None, None)["software"] == clean


@pytest.mark.parametrize(
    "words",
    ["OLYMPUS DIGITAL CAMERA         ", "SONY DSC", "Exif_JPEG_PICTURE", "           ", "default",
     "DCIM\\100MEDIA\\DJI_0001.JPG", '{"MAPCompass":{"TrueHeading":1}}', "Created with GIMP"],
)  # fmt: skip
def test_a_cameras_boilerplate_describes_nothing(words: str) -> None:
    own = {0x9286: b"UNICODE\0" + "My first digital camera".encode("utf-16-be")}
    assert "description" not in said(photo({0x010E: words}))
    assert read(photo({0x010E: words}, camera=own))["description"] == "My first digital camera"


@pytest.mark.parametrize(
    "raw", [b"JIS\0\0\0\0\0ab", b"\0" * 8 + b"\xff\x80", b"UNICODE\0", b"", b"A"]
)
def test_a_comment_that_is_no_text_is_none(raw: bytes) -> None:
    assert read(photo(camera={0x9286: raw}))["description"] in {None, "A"}


SHOT = b"ASCII\0\0\0Screenshot"


@pytest.mark.parametrize(
    "content",
    [photo(camera={0x9286: SHOT}), photo(xmp=xmp(listed("exif:UserComment", "Screenshot"))),
     png((b"eXIf", exif({}, camera={0x9286: SHOT}).tobytes()[6:])),
     png((b"tEXt", b"Software\0gnome-screenshot")), photo({0x0131: "Greenshot"}),
     png((b"tEXt", b"Comment\0Screenshot")), png((b"iTXt", b"Title\0\0\0\0\0Screenshot")),
     photo(xmp=xmp(iptc_DigitalSourceType="http://cv.iptc.org/newscodes/digitalsourcetype/screen"
                   "Capture"))],
)  # fmt: skip
def test_a_screenshot_says_so(content: bytes) -> None:
    assert read(content)["is_screenshot"] is True


def test_what_only_mentions_a_screenshot_is_none() -> None:
    for told in (photo({0x010E: "No screenshot of mine"}), png((b"tEXt", b"Software\0GIMP"))):
        assert read(told)["is_screenshot"] is False


def test_a_png_is_read_to_its_end_and_as_imagemagick_writes_it() -> None:
    block = exif(TAGS, camera=CAMERA, gps=HERE).tobytes()
    raw = b"Raw profile type exif\0\0" + zlib.compress(
        f"\nexif\n{len(block):8}\n{block.hex()}\n".encode()
    )
    garbage = (b"zTXt", b"a\0\0no zlib")
    for one in ((b"eXIf", block[6:]), (b"zTXt", raw)):
        assert said(png(garbage, one)) == WHOLE
    packed = (b"zTXt", b"Description\0\0" + zlib.compress(b"B"))
    assert said(png((b"tEXt", b"Title\0A"), packed)) == {"title": "A", "description": "B"}


def test_what_pillow_does_not_open_is_read_by_its_bytes() -> None:
    block = exif(TAGS, camera=CAMERA, gps=HERE).tobytes()[6:]
    raw = tiff(text(0x0110, b"Cam"), (700, 1, len(PACKET.encode()), PACKET.encode()))
    assert metadata.read(block, None, None) == SILENT | WHOLE
    assert metadata.read(raw, None, None) == SILENT | WRITTEN | {"camera": "Cam"}
    jpeg = photo(TAGS, camera=CAMERA, gps=HERE)
    fuji = b"FUJIFILMCCD-RAW".ljust(84) + struct.pack(">II", 92, len(jpeg)) + jpeg
    assert metadata.read(fuji, None, None) == SILENT | WHOLE
    boxes = (
        b"CMT1" + tiff(text(0x010F, b"Canon"), text(0x0110, b"Canon EOS 5D"), order=">"),
        b"CMT2" + tiff(text(0x9003, b"2004:06:29 15:29:33")), b"CMT4" + tiff(text(1, b"N")),
    )  # fmt: skip
    canon = b"\0\0\0\x18ftypcrx " + b"".join(boxes) + PACKET.encode()
    told = {key: WHOLE[key] for key in ("camera", "taken", "taken_from")}
    assert metadata.read(canon, None, None) == SILENT | WRITTEN | told | {"taken_offset": None}
    start = bytes.fromhex("0000000c 4a584c20 0d0a870a 00000014 66747970 6a786c20 00000000 6a786c20")
    jxl = start + struct.pack(">I4sI", len(block) + 12, b"Exif", 0) + block
    assert metadata.read(jxl, None, None) == SILENT | WHOLE


@pytest.mark.parametrize("order", "<>")
def test_a_makers_note_names_the_lens(order: str) -> None:
    focal = struct.pack(">8I", 18, 1, 55, 1, 35, 10, 56, 10)
    note = b"Nikon\0\x02\x10\0\0" + tiff((0x84, 5, 4, focal), order=">")
    content = tiff(text(0x010F, b"NIKON"), (0x927C, 7, len(note), note), order=order)
    assert metadata.read(content, None, None)["lens"] == "18-55mm f/3.5-5.6"


def test_counts_without_end_come_to_an_end() -> None:
    loop, most = struct.pack("<I", 8), 0xFFFFFFFF
    items = struct.pack(">6xH", 4000) + b"\0\0\0\0\xff\xff" * 4000
    iloc = struct.pack(">I4s", len(items) + 8, b"iloc") + items
    meta = struct.pack(">I4s4x", len(iloc) + 12, b"meta") + iloc
    heif = struct.pack(">I8s4x", 16, b"ftypheic") + meta
    began = time.process_time()
    for content in (
        tiff(*[(GPS, 4, 1, loop)] * 5000), tiff(*[(0x010E, 2, most, loop)] * 5000) + bytes(1 << 20),
        tiff(text(0x010F, b"Canon"), (0x927C, 7, most, loop), (EXIF, 4, 1, loop)), heif,
        png(*[(b"zTXt", b"a\0\0" + zlib.compress(bytes(1 << 20)))] * 9000), bytes(1 << 24),
    ):  # fmt: skip
        metadata.read(content, None, None)
    metadata.read(photo(TAGS), None, ("<a>" * 100_000).encode())
    assert time.process_time() - began < 5
    assert said(photo(TAGS), "<a/>" * 250_000)["rating"] == 4


STEREO = encoded(BLANK, "MPO", save_all=True, append_images=[BLANK])
SAMPLES = [
    photo(TAGS, PACKET, camera=CAMERA, gps=HERE), png((b"eXIf", tiff(text(0x0110, b"Cam")))),
    encoded(BLANK, "WEBP", exif=exif(TAGS, camera=CAMERA, gps=HERE), xmp=PACKET.encode()),
    iptc((5, b"a"), (25, b"b"), (120, b"\xff")),
    encoded(BLANK, "TIFF", tiffinfo={700: PACKET.encode()}),
    b"FUJIFILMCCD-RAW".ljust(84) + struct.pack(">II", 92, 9999) + STEREO,
    tiff(text(0x0131, b"\xdcber")),
]  # fmt: skip


def check(told: dict[str, Any]) -> None:
    assert told.keys() == SILENT.keys()
    for key, most in (("title", 1000), ("description", 4000), ("camera", 200), ("lens", 200)):
        assert told[key] is None or 0 < len(told[key]) <= most
    assert len(told["keywords"]) <= 200
    assert all(0 < len(word) <= 100 for word in told["keywords"])
    assert (told["latitude"] is None) == (told["longitude"] is None)
    assert abs(told["latitude"] or 0) <= 90
    assert told["taken"] is None or re.fullmatch(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d", told["taken"])
    assert abs(told["taken_offset"] or 0) <= 14 * 3600
    assert told["rating"] in {None, -1, 0, 1, 2, 3, 4, 5}
    pickle.dumps("".join(map(str, told.values())).encode())


@given(st.data(), st.sampled_from(SAMPLES), st.sampled_from([PACKET.encode(), b""]))
def test_bytes_of_any_kind_never_raise(data: st.DataObject, sample: bytes, packet: bytes) -> None:
    def mutated(whole: bytes) -> bytes:
        spots = st.tuples(st.integers(0, max(0, len(whole) - 1)), st.binary(max_size=4))
        for at, new in data.draw(st.lists(spots, max_size=8)):
            whole = whole[:at] + new + whole[at + len(new) :]
        return whole

    content = mutated(sample)
    try:
        picture = Image.open(io.BytesIO(content))
    except Exception:  # noqa: BLE001 - then it is nobody's
        picture = None
    check(metadata.read(content, picture, mutated(packet)))
    check(metadata.read(data.draw(st.binary()), picture, data.draw(st.binary())))


WATCHED = """
import io, pickle, sys
from PIL import Image
from imgqd.decoder import metadata
samples, sidecar = pickle.load(sys.stdin.buffer)
kinds = ("JPEG", "PNG")  # the others would have Pillow import all that it has
opened = [Image.open(io.BytesIO(x), formats=kinds) if x[0] > 127 else None for x in samples]
sys.addaudithook(lambda name, args: name in {"open", "import"} and print(name, args))
for content, picture in zip(samples, opened):
    metadata.read(content, picture, sidecar)
"""


@pytest.mark.system
def test_reading_opens_and_imports_nothing() -> None:
    odd = b'<?xml version="1.0" encoding="cp1250"?>' + PACKET.encode() + b"\xff"
    samples = pickle.dumps((SAMPLES, odd))
    watched = [sys.executable, "-c", WATCHED]
    run = subprocess.run(watched, input=samples, capture_output=True, check=True)
    assert (run.stdout, run.stderr) == (b"", b"")


needs_corpus = pytest.mark.skipif(
    not CORPUS.is_dir(), reason="the corpus of photographs is not beside this checkout"
)


@needs_corpus
def test_photographs_agree_with_what_is_known_of_them() -> None:
    rows = [row.split(" | ") for row in (CORPUS / "SOURCES.md").read_text("utf-8").splitlines()]
    known = {row[0][2:]: row[7:10] for row in rows if len(row) > 10 and "photos/" in row[0]}
    assert len(known) > 50
    for name, (date, place, camera) in known.items():
        told = read((CORPUS / name).read_bytes())
        if re.match(r"[1-9]", date):
            assert told["taken"] == date[:10].replace(":", "-") + "T" + date[11:19], name
        if place not in {"-", "NaN", "partial", "0.000,0.000"}:
            assert f"{told['latitude']:.3f},{told['longitude']:.3f}" == place, name
        elif place != "NaN":
            assert told["latitude"] is None, name
        word = camera.replace("\\0", " ").split()[-1]
        assert word == "-" or word in told["camera"], name


@needs_corpus
def test_heif_and_psd_are_read_where_their_readers_found_metadata() -> None:
    for name, taken in (
        ("formats/exifr/heic-maybebroken.HEIC", "2018-02-05T15:11:44"),
        ("formats/pillow/hopper.psd", "2014-09-18T14:29:04"),
    ):
        assert read((CORPUS / name).read_bytes())["taken"] == taken


@needs_corpus
def test_no_file_of_the_corpus_raises() -> None:
    for path in CORPUS.rglob("*.*"):
        content = path.read_bytes()
        try:
            picture = Image.open(io.BytesIO(content))
        except Exception:  # noqa: BLE001 - broken on purpose
            picture = None
        check(metadata.read(content, picture, None))
