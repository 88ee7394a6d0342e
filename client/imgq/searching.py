"""The part of the client that searches, apart from the rest because it must start at once."""

from __future__ import annotations

import os

from imgq import asking, paths
from imgq.connection import Connection

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable
    from typing import Concatenate, ParamSpec, Self, TypeVar

    from imgq.asking import AnyPath, Call

    Answer = TypeVar("Answer")
    Asked = ParamSpec("Asked")


def asks(make: Callable[Asked, Call[Answer]]) -> Callable[Concatenate[Searcher, Asked], Answer]:
    """Return the method that makes a call, waits, and returns the answer."""

    def method(self: Searcher, /, *args: Asked.args, **kwargs: Asked.kwargs) -> Answer:
        return self.ask(make(*args, **kwargs))

    method.__name__, method.__doc__ = make.__name__, make.__doc__
    return method


class Searcher:
    """A connection to the daemon that can search; `imgq.Client` can everything else, too."""

    def __init__(self, path: AnyPath | None = None, *, timeout: float = 30.0) -> None:
        where = paths.socket_name() if path is None else path
        self._timeout = timeout
        self._connection = Connection(os.fsdecode(where), timeout)

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def close(self) -> None:
        """Hang up."""
        self._connection.close()

    def ask(self, call: Call[Answer]) -> Answer:
        """Make a call and return its answer."""
        timeout = self._timeout if call.patience is None else call.patience
        raw = self._connection.call(call.method, call.params, timeout)
        return call.understood(raw, self._connection.path)

    search = asks(asking.search)
