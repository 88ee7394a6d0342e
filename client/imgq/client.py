"""The daemon as a Python object: one method for each of the protocol's.

>>> with imgq.Client() as client:
...     for match in client.search("a red car in the snow").results:
...         print(os.fsdecode(match.path), match.relevance)
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from typing import Any

from imgq.answers import Matches
from imgq.errors import HungUp, Refused
from imgq.reports import Check, Hello, Models, Pulled, Root, Status, Synced, Why
from imgq.searching import SYNC_TIMEOUT_S, AnyPath, Searcher, path_params, sendable

# A gigabyte of weights may stall for a while on a bad line; any news sets it anew.
_PULL_SILENCE_S = 600.0

# Every folder is walked, and a sync comes before it and perhaps after it.
_DOCTOR_S = 600.0


class Client(Searcher):
    """A connection to the daemon; for one thread at a time.

    Connecting happens at once. Every method raises Unreachable where there is
    no answer and Refused where the answer is no; after Unreachable the client
    is spent. `timeout` is in seconds and holds for each call that does not
    have one of its own.
    """

    def hello(self) -> Hello:
        """Ask who answers."""
        return self._ask("hello", {}, Hello.from_wire)

    def status(self) -> Status:
        """Ask how the daemon is."""
        return self._ask("status", {}, Status.from_wire)

    def sync(self, timeout: float = SYNC_TIMEOUT_S) -> Synced:
        """Wait until every change made before the call is searchable."""
        params = {"timeout_s": timeout}
        return self._ask("sync", params, Synced.from_wire, self._patience(timeout))

    def why(self, path: AnyPath) -> Why:
        """Ask why one file is searchable, or is not."""
        return self._ask("why", path_params(path), Why.from_wire)

    def doctor(self, timeout: float = _DOCTOR_S) -> tuple[Check, ...]:
        """Ask for a check of what nobody sees; of a large library that takes a while."""
        return self._ask("doctor", {}, _checks, timeout)

    def roots(self) -> tuple[Root, ...]:
        """Ask for the watched folders."""
        return self._ask("roots.list", {}, _roots)

    def add_root(self, path: AnyPath) -> tuple[Root, ...]:
        """Watch a folder and everything below it."""
        return self._ask("roots.add", path_params(path), _roots)

    def remove_root(self, path: AnyPath) -> tuple[Root, ...]:
        """Watch a folder no longer; its pictures are not touched."""
        return self._ask("roots.remove", path_params(path), _roots)

    def pause(self, duration: float | None = None) -> str:
        """Stop indexing, for `duration` seconds or until `resume`; return the daemon's state."""
        params = {} if duration is None else {"duration_s": duration}
        return self._ask("pause", params, _state)

    def resume(self) -> str:
        """Go on indexing; return the daemon's state."""
        return self._ask("resume", {}, _state)

    def rescan(self, path: AnyPath | None = None) -> str:
        """Compare a folder, or all of them, with the catalog; return the daemon's state."""
        return self._ask("rescan", {} if path is None else path_params(path), _state)

    def models(self) -> Models:
        """Ask which models there are."""
        return self._ask("models.list", {}, Models.from_wire)

    def use_model(self, name: str) -> Models:
        """Change to another model; the old one answers until the new one knows every picture."""
        return self._ask("models.use", {"name": sendable(name)}, Models.from_wire)

    def pull_model(self, name: str, news: Callable[[Status], None] | None = None) -> Pulled:
        """Fetch a model's weights; `news` is called with each status in the meantime."""

        def on_event(event: Mapping[str, Any]) -> None:
            if news is not None:
                news(self._understood("status", _status, event))

        subscription = self._subscribe(("status",))
        try:
            raw = self._connection.call(
                "models.pull", {"name": sendable(name)}, _PULL_SILENCE_S, on_event
            )
        except Refused:
            self.unsubscribe(subscription)
            raise
        self.unsubscribe(subscription)
        return self._understood("models.pull", Pulled.from_wire, raw)

    def subscribe(self, *topics: str) -> Iterator[Mapping[str, Any]]:
        """Return the events of some topics (`status`; `follow` has the other) without an end.

        The subscription stands when this returns; closing the client ends it.
        """
        subscription = self._subscribe(topics)
        return iter(lambda: self._connection.event(subscription), None)

    def statuses(self) -> Iterator[Status]:
        """Yield the daemon's status as it is now, and then whenever it changes."""
        for event in self.subscribe("status"):
            yield self._understood("status", _status, event)

    def follow(
        self, query: str = "", *, like: AnyPath | None = None, cursor: str | None = None
    ) -> Iterator[Matches]:
        """Return every new picture that matches, as it comes: what search takes for a match.

        It begins where `cursor` was, or now. The first event has no results, only
        the cursor of the beginning. `imgq.matches.follow` goes on over restarts of the daemon.
        """
        params: dict[str, Any] = {"topics": ["matches"]}
        if query:
            params["query"] = sendable(query)
        if like is not None:
            params["like"] = path_params(like)["path"]
        if cursor is not None:
            params["cursor"] = sendable(cursor)
        begun = self._ask(
            "subscribe", params, lambda raw: (int(raw["subscription"]), Matches.from_wire(raw))
        )
        return self._matches(*begun)

    def unsubscribe(self, subscription: int) -> None:
        """End a subscription by the number that its events carry."""
        self._connection.call("unsubscribe", {"subscription": subscription}, self._timeout)

    def shutdown(self, timeout: float | None = None) -> None:
        """Stop the daemon and wait until it has hung up."""
        try:
            self._connection.call("shutdown", {}, self._timeout)
        except HungUp:
            return  # an answer, too: it went before it could say so
        self._connection.wait_closed(self._timeout if timeout is None else timeout)

    def _matches(self, subscription: int, first: Matches) -> Iterator[Matches]:
        yield first
        while True:
            event = self._connection.event(subscription)
            yield self._understood("subscribe", Matches.from_wire, event)

    def _subscribe(self, topics: tuple[str, ...]) -> int:
        params: dict[str, Any] = {"topics": list(topics)}
        return self._ask("subscribe", params, lambda raw: int(raw["subscription"]))


def _roots(raw: Any) -> tuple[Root, ...]:
    return tuple(Root.from_wire(root) for root in raw["roots"])


def _checks(raw: Any) -> tuple[Check, ...]:
    return tuple(Check.from_wire(check) for check in raw["checks"])


def _status(event: Any) -> Status:
    return Status.from_wire(event["status"])


def _state(raw: Any) -> str:
    return str(raw["state"])
