"""What a check found, in words for a person. Pure; numbers are written as people read them."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Final

from imgqd.records import shown

_UNITS: Final = ("B", "KiB", "MiB", "GiB", "TiB")


@dataclass(frozen=True, slots=True)
class Finding:
    """`state` is fine, warning or bad; `remedy` says what to do, None where all is fine."""

    state: str
    detail: str
    remedy: str | None = None

    def row(self, name: str) -> dict[str, Any]:
        """Return it as the wire carries it, under the name of its check."""
        remedy = None if self.remedy is None else _line(self.remedy)
        return {"name": name, "state": self.state, "detail": _line(self.detail), "remedy": remedy}


def fine(detail: str) -> Finding:
    """Return that all is well."""
    return Finding("fine", detail)


def warning(detail: str, remedy: str) -> Finding:
    """Return what works, but not as well as it should."""
    return Finding("warning", detail, remedy)


def bad(detail: str, remedy: str) -> Finding:
    """Return what does not work."""
    return Finding("bad", detail, remedy)


def size(count: float) -> str:
    """Return a number of bytes for people."""
    power = 0
    while count >= 1024 and power < len(_UNITS) - 1:
        count /= 1024
        power += 1
    digits = 1 if power and count < 10 else 0
    return f"{count:.{digits}f} {_UNITS[power]}"


def counted(number: int, one: str, many: str = "") -> str:
    """Return a number with its noun."""
    return f"{number:,} {one if number == 1 else many or one + 's'}"


def _line(text: str) -> str:
    # A name may hold line breaks and bytes that are no text; the wire takes neither in a line.
    raw = text.encode("utf-8", "surrogateescape")
    return shown(raw).replace("\n", "\\n").replace("\r", "\\r")
