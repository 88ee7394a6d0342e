"""What is asked of the daemon, before it is sent: shared by the clients that wait and that await.

Rules of this file: no socket, and nothing that a search does not need, because `imgq` is
started for every search. The other calls are in `calls`.
"""

from __future__ import annotations

import os

from imgq import paths
from imgq.answers import SearchAnswer
from imgq.errors import Unreachable, Usage
from imgq.protocol import wire_path

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable, Mapping
    from typing import Any, Generic, NamedTuple, TypeVar

    Answer = TypeVar("Answer")
else:
    from imgq.records import Generic, NamedTuple

    Answer = object

AnyPath = str | bytes | os.PathLike[str] | os.PathLike[bytes]

SYNC_TIMEOUT_S = 30.0
"""How long the daemon waits for a sync when it is not told."""

_MARGIN_S = 5.0
# What the daemon gives the store beyond its own sync.
_STORE_S = 10.0


class Call(NamedTuple, Generic[Answer]):
    """A method, its params, and what makes a record of the result.

    `patience` is how long to wait for the answer, where that is not the client's to say.
    """

    method: str
    params: Mapping[str, Any]
    read: Callable[[Any], Answer]
    patience: float | None = None

    def understood(self, raw: Any, path: str) -> Answer:
        """Return the record of a result from the daemon at a path; raises Unreachable."""
        try:
            return self.read(raw)
        except (KeyError, TypeError, ValueError, AttributeError) as error:
            raise Unreachable(
                f"the daemon at {path} answered {self.method} with something unknown "
                f"({error!r}): is it of another version? restart it with `imgqctl stop` and `start`"
            ) from error


def search(
    query: str = "",
    *,
    limit: int = 20,
    offset: int = 0,
    like: AnyPath | None = None,
    weak: bool = False,
    fold: bool = False,
    sync: bool = False,
    supersede: bool = False,
    everywhere: bool | None = False,
    timeout: float | None = None,
) -> Call[SearchAnswer]:
    """Find pictures by what they show, by the picture `like`, or by both.

    `query` is a line as docs/search.md has it. `weak` asks for the nearest there is, real match
    or not, `fold` for near-duplicates under the best. `sync` waits until every
    change made before the call is in, `timeout` seconds at most. `supersede` ends the
    search before this one that asked for it, too: for an answer at every key. `everywhere`
    asks the machines that share a store, too; None is what the settings say.
    """
    params: dict[str, Any] = {"limit": limit, "offset": offset, "sync": sync, "all": weak}
    if query:
        params["query"] = sendable(query)
    if like is not None:
        params["like"] = wire_path(paths.absolute(like))
    if fold:
        params["fold"] = True
    if supersede:
        params["supersede"] = True
    if everywhere is not False:
        params["everywhere"] = everywhere
    if timeout is not None:
        params["timeout_s"] = timeout
    waits = sync or timeout is not None
    return Call(
        "search",
        params,
        lambda raw: SearchAnswer.from_wire(raw, offset),
        patience(timeout) + (_STORE_S if everywhere else 0) if waits else None,
    )


def patience(timeout: float | None) -> float:
    """Return how long to wait for what the daemon itself waits for."""
    # It knows best what it was still waiting for: its answer is to come first.
    return (SYNC_TIMEOUT_S if timeout is None else timeout) + _MARGIN_S


def sendable(text: str) -> str:
    """Return the text, or raise Usage where it cannot go over the wire."""
    try:
        text.encode()
    except UnicodeEncodeError:
        raise Usage("the text is not valid UTF-8: type it again") from None
    return text
