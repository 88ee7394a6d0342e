"""The picture formats: endings, decoders, and what a missing one is called. All of it is here.

A file is looked at because of its ending; what it is, its first bytes decide. Each
format is read by Pillow where Pillow can, and by a package of its own elsewhere;
those packages may be missing, and then their files say so (`no_decoder`).
docs/formats.md shows these tables to people.
"""

from __future__ import annotations

import importlib
import importlib.metadata
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Final


@dataclass(frozen=True, slots=True)
class Format:
    """One format: its name in answers, the endings it goes by, Pillow's names for its readers.

    `package` is what else must be installed; `note` is what people ask.
    """

    name: str
    suffixes: str
    readers: tuple[str, ...] = ()
    package: str | None = None
    note: str = ""


FORMATS: Final = (
    Format(
        "jpeg",
        "jpg jpeg jpe jfif mpo",
        ("JPEG",),
        note="progressive, CMYK; of an MPO the first picture; 12 bits a colour by imagecodecs",
    ),
    Format("png", "png apng", ("PNG",), note="palette, alpha, 16 bits, animated"),
    Format("webp", "webp", ("WEBP",), note="also animated"),
    Format("gif", "gif", ("GIF",), note="also animated"),
    Format(
        "tiff",
        "tif tiff",
        ("TIFF",),
        note="the first page; CMYK, tiles, 16 bits, floats; what Pillow cannot by tifffile",
    ),
    Format("bmp", "bmp dib", ("BMP", "DIB")),
    Format("heif", "heic heif hif", ("HEIF",), "pi-heif", "what telephones make"),
    Format("avif", "avif avifs", ("AVIF",), note="also animated"),
    Format("jpeg2000", "jp2 j2k j2c jpx jpf jpc", ("JPEG2000",)),
    Format("jxl", "jxl", (), "imagecodecs", "JPEG XL"),
    Format("ico", "ico", ("ICO",), note="the largest picture in it"),
    Format("ppm", "ppm pgm pbm pnm pfm", ("PPM",)),
    Format("psd", "psd psb", ("PSD",), note="the flat preview that Photoshop saves with it"),
    Format(
        "raw",
        "3fr arw cr2 cr3 crw dcr dng erf fff iiq kdc mef mos mrw nef nrw orf pef raf raw rw2 rwl "
        "sr2 srf srw x3f",
        (),
        "rawpy",
        "camera RAW: the preview that the camera made, where there is one",
    ),
)

SUFFIXES: Final = frozenset(suffix.encode() for one in FORMATS for suffix in one.suffixes.split())
"""Endings (lower case, without the dot) of the files that are looked at."""

READERS: Final = tuple(reader for one in FORMATS for reader in one.readers)
"""What of Pillow may run, by Pillow's names.

Not among them: EPS (starts Ghostscript), PDF, WMF and EMF (programs, not pictures), FITS,
video (MPEG), and formats that no person's picture folder holds: each is code that
somebody could attack.
"""

PACKAGES: Final[Mapping[str, str]] = {
    "pi-heif": "HEIC and HEIF",
    "rawpy": "camera RAW",
    "imagecodecs": "JPEG XL and JPEG of 12 bits",
    "tifffile": "TIFF of floats and of many channels",
}
"""What reads what Pillow does not: package -> formats, in words."""

_RAW_STARTS: Final = (
    b"FUJIFILMCCD-RAW",
    b"FOVb",
    b"\0MRM",
    b"IIU\0",
    b"IIRO",
    b"IIRS",
    b"MMOR",
    b"II\x1a\0\0\0HEAPCCDR",
)
_HEIF_BRANDS: Final = (b"heic", b"heix", b"heim", b"heis", b"hevc", b"hevx", b"mif1", b"msf1")
_JXL_STARTS: Final = (b"\xff\x0a", b"\0\0\0\x0cJXL \x0d\x0a\x87\x0a")


def kind(head: bytes) -> str | None:
    """Return the name of the format that the first 16 bytes of a file are of.

    Only for those that Pillow alone does not read; None for all others. What is a TIFF
    by its first bytes may be a RAW file all the same.
    """
    if head.startswith(_RAW_STARTS) or head[4:12] == b"ftypcrx ":
        return "raw"
    if head.startswith((b"II*\0", b"MM\0*")) and head[8:10] == b"CR":
        return "raw"
    if head[4:8] == b"ftyp" and head[8:12] in _HEIF_BRANDS:
        return "heif"
    if head.startswith(_JXL_STARTS):
        return "jxl"
    return None


def lacking(package: str) -> str:
    """Return the sentence that says which package a file needs."""
    return (
        f"{PACKAGES[package]} need the package {package}: "
        f"pip install {package}, then: imgqctl rescan"
    )


def installed() -> dict[str, str]:
    """Return the versions of the decoders that are installed at this moment; reads the disk."""
    importlib.invalidate_caches()
    found = {}
    for package in ("pillow", *PACKAGES):
        try:
            found[package] = importlib.metadata.version(package)
        except importlib.metadata.PackageNotFoundError:
            continue
    return found
