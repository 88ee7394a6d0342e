"""The daemon as a Python object: one method for each of the protocol's.

>>> with imgq.Client() as client:
...     for match in client.search("a red car in the snow").results:
...         print(os.fsdecode(match.path), match.relevance)
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from typing import Any, TypeVar

from imgq import calls
from imgq.answers import Matches
from imgq.asking import AnyPath, Call
from imgq.errors import HungUp, Refused
from imgq.model_reports import Pulled
from imgq.reports import Status
from imgq.searching import Searcher, asks
from imgq.store_reports import Verified

Answer = TypeVar("Answer")

# A gigabyte of weights may stall for a while on a bad line; any news sets it anew.
_PULL_SILENCE_S = 600.0


class Client(Searcher):
    """A connection to the daemon; for one thread at a time.

    Connecting happens at once. Every method raises Unreachable where there is
    no answer and Refused where the answer is no; after Unreachable the client
    is spent. `timeout` is in seconds and holds for each call that does not
    have one of its own.
    """

    hello = asks(calls.hello)
    status = asks(calls.status)
    sync = asks(calls.sync)
    why = asks(calls.why)
    doctor = asks(calls.doctor)
    roots = asks(calls.roots)
    add_root = asks(calls.add_root)
    remove_root = asks(calls.remove_root)
    pause = asks(calls.pause)
    resume = asks(calls.resume)
    rescan = asks(calls.rescan)
    models = asks(calls.models)
    use_model = asks(calls.use_model)
    drop_model = asks(calls.drop_model)
    unsubscribe = asks(calls.unsubscribe)
    thumbnail = asks(calls.thumbnail)
    store = asks(calls.store)
    backfill_store = asks(calls.backfill_store)
    detach_store = asks(calls.detach_store)
    forget_machine = asks(calls.forget_machine)
    switch_store = asks(calls.switch_store)

    def pull_model(self, name: str, news: Callable[[Status], None] | None = None) -> Pulled:
        """Fetch a model's weights; `news` is called with each status in the meantime."""
        return self._bring(calls.pull_model(name), news)

    def import_model(
        self,
        path: AnyPath,
        name: str | None = None,
        news: Callable[[Status], None] | None = None,
    ) -> Pulled:
        """Copy a model's weights from a folder or file; `news` is called as by `pull_model`."""
        return self._bring(calls.import_model(path, name), news)

    def verify_store(
        self, *, mend: bool = False, news: Callable[[Status], None] | None = None
    ) -> Verified:
        """Compare the store with the catalog; `news` is called with each status meanwhile."""
        return self._bring(calls.verify_store(mend=mend), news)

    def _bring(self, call: Call[Answer], news: Callable[[Status], None] | None) -> Answer:
        def on_event(event: Mapping[str, Any]) -> None:
            if news is not None:
                news(calls.STATUS_EVENT.understood(event, self._connection.path))

        subscription = self.ask(calls.subscribe(["status"]))
        try:
            raw = self._connection.call(call.method, call.params, _PULL_SILENCE_S, on_event)
        except Refused:
            self.unsubscribe(subscription)
            raise
        self.unsubscribe(subscription)
        return call.understood(raw, self._connection.path)

    def subscribe(self, *topics: str) -> Iterator[Mapping[str, Any]]:
        """Return the events of some topics (`status`; `follow` has the other) without an end.

        The subscription stands when this returns; closing the client ends it.
        """
        subscription = self.ask(calls.subscribe(topics))
        return iter(lambda: self._connection.event(subscription), None)

    def statuses(self) -> Iterator[Status]:
        """Yield the daemon's status as it is now, and then whenever it changes."""
        for event in self.subscribe("status"):
            yield calls.STATUS_EVENT.understood(event, self._connection.path)

    def follow(
        self, query: str = "", *, like: AnyPath | None = None, cursor: str | None = None
    ) -> Iterator[Matches]:
        """Return every new picture that matches, as it comes: what search takes for a match.

        It begins where `cursor` was, or now. The first event has no results, only
        the cursor of the beginning. `imgq.matches.follow` goes on over restarts of the daemon.
        """
        return self._matches(*self.ask(calls.follow(query, like=like, cursor=cursor)))

    def shutdown(self, timeout: float | None = None) -> None:
        """Stop the daemon and wait until it has hung up."""
        try:
            self.ask(calls.shutdown())
        except HungUp:
            return  # an answer, too: it went before it could say so
        self._connection.wait_closed(self._timeout if timeout is None else timeout)

    def _matches(self, subscription: int, first: Matches) -> Iterator[Matches]:
        yield first
        while True:
            event = self._connection.event(subscription)
            yield calls.MATCHES_EVENT.understood(event, self._connection.path)
