"""`typing.NamedTuple` for whatever must start at once: the same records, without `typing`.

A search would wait longer for `typing`, and the `re` and `enum` that it brings, than for all
the rest of the client. So what a search imports takes the two names here from `typing` where
types are checked, and from this file where it runs.
"""

from __future__ import annotations

from collections import namedtuple

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any


class _Recorded(type):
    """Makes a named tuple of a class whose fields are its annotations."""

    def __new__(cls, name: str, bases: tuple[type, ...], body: dict[str, Any]) -> type:
        if not bases:
            return super().__new__(cls, name, bases, body)
        fields = tuple(body["__annotations__"])
        defaults = [body.pop(field) for field in fields if field in body]
        made: type = namedtuple(name, fields, defaults=defaults)  # type: ignore[misc]  # noqa: PYI024
        for key, value in body.items():
            setattr(made, key, value)
        return made


class NamedTuple(metaclass=_Recorded):
    """What `typing.NamedTuple` is: the base that makes a record of a class."""


Generic: type = tuple
"""`Generic[Answer]` beside `NamedTuple` is nothing where it runs: a record is a tuple anyway."""
