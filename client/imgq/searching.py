"""The part of the client that searches, apart from the rest because it must start at once."""

from __future__ import annotations

import os
from collections.abc import Callable, Mapping
from typing import Any, Self, TypeVar

from imgq import paths
from imgq.answers import SearchAnswer
from imgq.connection import Connection
from imgq.errors import Unreachable, Usage
from imgq.protocol import wire_path

AnyPath = str | bytes | os.PathLike[str] | os.PathLike[bytes]
Answer = TypeVar("Answer")

SYNC_TIMEOUT_S = 30.0
"""How long the daemon waits for a sync when it is not told."""

_MARGIN_S = 5.0


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

    def search(
        self,
        query: str = "",
        *,
        limit: int = 20,
        offset: int = 0,
        like: AnyPath | None = None,
        weak: bool = False,
        fold: bool = False,
        sync: bool = False,
        timeout: float | None = None,
    ) -> SearchAnswer:
        """Find pictures by what they show, by the picture `like`, or by both.

        `query` is a line as docs/search.md has it. `weak` asks for the nearest
        there is, real match or not, `fold` for near-duplicates under the best. `sync` waits
        until every change made before the call is in, `timeout` seconds at most.
        """
        params: dict[str, Any] = {"limit": limit, "offset": offset, "sync": sync, "all": weak}
        if query:
            params["query"] = sendable(query)
        if like is not None:
            params["like"] = wire_path(paths.absolute(like))
        if fold:
            params["fold"] = True
        if timeout is not None:
            params["timeout_s"] = timeout
        patience = self._patience(timeout) if sync or timeout is not None else None
        return self._ask(
            "search", params, lambda raw: SearchAnswer.from_wire(raw, offset), patience
        )

    def _patience(self, timeout: float | None) -> float:
        # The daemon knows best what it was still waiting for: let its answer come first.
        return (SYNC_TIMEOUT_S if timeout is None else timeout) + _MARGIN_S

    def _ask(
        self,
        method: str,
        params: Mapping[str, Any],
        read: Callable[[Any], Answer],
        timeout: float | None = None,
    ) -> Answer:
        raw = self._connection.call(method, params, self._timeout if timeout is None else timeout)
        return self._understood(method, read, raw)

    def _understood(self, method: str, read: Callable[[Any], Answer], raw: Any) -> Answer:
        try:
            return read(raw)
        except (KeyError, TypeError, ValueError, AttributeError) as error:
            raise Unreachable(
                f"the daemon at {self._connection.path} answered {method} with something unknown "
                f"({error!r}): is it of another version? restart it with `imgqctl stop` and `start`"
            ) from error


def path_params(path: AnyPath) -> dict[str, Any]:
    """Return the params of a method that takes nothing but a path."""
    return {"path": wire_path(paths.absolute(path))}


def sendable(text: str) -> str:
    """Return the text, or raise Usage where it cannot go over the wire."""
    try:
        text.encode()
    except UnicodeEncodeError:
        raise Usage("the text is not valid UTF-8: type it again") from None
    return text
