"""The process that carries pictures to a shared store, and questions to it.

The only one that loads the engine's library (130 MB), so it is there while there is something
to do and no longer. It reads the catalog by a connection of its own and writes nothing there:
what a store acknowledged is noted by the core. Two lanes, so that a question never
waits behind a delivery; each has a connection of its own to the store.
"""

from __future__ import annotations

import contextlib
import os
import re
import sys
import time
from collections.abc import Callable, Iterator, Mapping
from dataclasses import replace
from datetime import datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

import numpy as np

from imgqd.catalog import Reader, Told
from imgqd.query import parse
from imgqd.query.truth import Within
from imgqd.rows import Row
from imgqd.serving import Fault, Handler, Line
from imgqd.stores import settling
from imgqd.stores.delivery import block, send
from imgqd.stores.interface import (
    Freshness,
    Member,
    StoreAway,
    StoreError,
    StoreOther,
    StoreRefused,
)
from imgqd.stores.lane import Lane, opened, sound
from imgqd.stores.verifying import Comparison, compared

if TYPE_CHECKING:
    from imgqd.stores.milvus import Milvus

_FORGOTTEN: Final = "the store knows nothing of this machine any more: it is told everything anew"
"""Somebody removed its rows, or the store lost everything."""

_UNREACHED: Final = re.compile(r"Fail connecting to server on .*?server unavailable")
"""How the engine's library says it, whatever the reason."""

_PLACES: Final = 8
"""Files of a row that go into an answer."""

LANES: Final = {"search": "asking"}
"""All other methods share the other lane."""


class Courier:
    """Answers the core; `report` tells it how far a long work is, `opened` opens a store."""

    def __init__(
        self,
        report: Callable[[str, int, int], None],
        opened: Callable[[dict[str, Any]], Milvus] = opened,
    ) -> None:
        self._report = report
        self._posting = Lane(opened)
        self._asking = Lane(opened)
        self._claimed: set[tuple[str, str, str]] = set()

    def handlers(self) -> Mapping[str, Handler]:
        """Return method -> handler."""
        posting = {
            "deliver": self.deliver,
            "settle": self.settle,
            "verify": self.verify,
            "members": self.members,
            "forget": self.forget,
            "switch": self.switch,
        }
        of = {name: _translated(self._posting, handler) for name, handler in posting.items()}
        return {**of, "search": _translated(self._asking, self.search)}

    def deliver(self, params: dict[str, Any]) -> dict[str, Any]:
        """Send one block; return the place behind it, None where there was nothing to send."""
        asked = params["store"]
        store, place = self._posting.store(asked), _place(params)
        with _reading(params) as reader:
            what = block(reader, place, asked["machine"], asked["model"]["dim"])
        if what is None:
            return {"place": None, "rows": 0}
        self._claim(store, asked, begins=place.filled == 0)
        send(store, what)
        return {"place": [what.after.seq, what.after.filled], "rows": len(what.rows)}

    def settle(self, params: dict[str, Any]) -> dict[str, Any]:
        """Note that all was told; return how the store is, and whether this model answers.

        When everything was told anew, what the store holds of this machine in vain is removed.
        """
        asked = params["store"]
        store = self._posting.store(asked)
        self._claim(store, asked)
        known = [one for one in store.members.all() if one.machine == asked["machine"]]
        here = [one for one in known if one.collection == store.collection]
        if not here:
            raise Fault("forgotten", _FORGOTTEN)  # this moment
        if not here[0].is_complete:
            self._compare(store, params, is_mended=True)
        waits_for = settling.settle(store, member_of(asked, store, is_complete=True))
        health = sound(store)
        return {
            "rows": health.rows,
            "unindexed": health.unindexed,
            "answers": store.answers,
            "waits_for": waits_for,
        }

    def verify(self, params: dict[str, Any]) -> dict[str, Any]:
        """Compare the keys on both sides, and mend them where that is asked."""
        store = self._posting.store(params["store"])
        self._claim(store, params["store"])
        found = self._compare(store, params, is_mended=params["mend"])
        named = [
            {"hash": one.key.hash.hex(), "missing": one.is_missing, "path": path}
            for one, path in found.named
        ]
        return {
            "checked": found.checked,
            "missing": found.missing,
            "vain": found.vain,
            "named": named,
        }

    def members(self, params: dict[str, Any]) -> list[dict[str, Any]]:
        """Return the machines of the store, with how many rows each has as this model sees them."""
        store = self._posting.store(params["store"])
        return [
            {
                "machine": one.machine,
                "model": one.model,
                "is_complete": one.is_complete,
                "seen": one.seen,
                "answers": one.collection == store.collection,
                "rows": store.count(one.machine) if one.collection == store.collection else None,
            }
            for one in store.members.all()
        ]

    def forget(self, params: dict[str, Any]) -> int:
        """Remove all rows of a machine, and return how many this model's collection had."""
        store = self._posting.store(params["store"])
        machine = params["machine"]
        rows = store.count(machine)
        known = [one for one in store.members.all() if one.machine == machine]
        if not rows and not known:
            raise Fault("not_found", f"the store knows no machine {machine}")
        store.forget(machine)
        for one in known:
            store.members.drop_rows(one)
        self._claimed = {one for one in self._claimed if one[2] != machine}
        return rows

    def switch(self, params: dict[str, Any]) -> dict[str, Any]:
        """Let this model's collection be the one that answers, whoever is not complete in it."""
        asked = params["store"]
        store = self._posting.store(asked)
        if not store.answers:
            store.take_over()
        return self.settle(params)

    def search(self, params: dict[str, Any]) -> dict[str, Any]:
        """Return the rows of other machines nearest to a vector, as maps with their score."""
        asked = params["store"]
        store = self._asking.store(asked)
        hits = store.search(
            np.frombuffer(params["vector"], np.float32),
            params["limit"],
            _within(params),
            Freshness(params["freshness"]),
            beyond=asked["machine"],
        )
        health = self._asking.health(store)
        return {
            "hits": [{"score": hit.score, **as_map(hit.row)} for hit in hits],
            "rows": health.rows,
            "unindexed": health.unindexed,
        }

    def _claim(self, store: Milvus, asked: dict[str, Any], *, begins: bool = False) -> None:
        """Enter this machine among those of the store; raises StoreRefused where it is another.

        `begins`: everything is told from the beginning.
        """
        key = (asked["url"], store.collection, asked["machine"])
        if key in self._claimed and not begins:
            return
        mine = member_of(asked, store, is_complete=False)
        known = [one for one in store.members.all() if one.machine == mine.machine]
        if not asked["claims"] and any(one.owner != mine.owner for one in known):
            raise StoreRefused(
                f"another imgq calls itself {mine.machine} there: set store.machine to another "
                "name, or, if it was this one, imgqctl store backfill --claim"
            )
        here = [one for one in known if one.collection == mine.collection]
        if not here and not begins:
            raise Fault("forgotten", _FORGOTTEN)
        if begins or here[0].owner != mine.owner:
            store.members.put(mine)
        for one in known:
            if one.owner != mine.owner and one.collection != mine.collection:
                store.members.put(replace(one, owner=mine.owner))
        self._claimed.add(key)

    def _compare(self, store: Milvus, params: dict[str, Any], *, is_mended: bool) -> Comparison:
        asked = params["store"]
        with _reading(params) as reader:
            return compared(
                reader,
                store,
                asked["machine"],
                params["number"],
                asked["model"]["dim"],
                lambda done, total: self._report("verify", done, total),
                is_mended=is_mended,
            )


def member_of(asked: dict[str, Any], store: Milvus, *, is_complete: bool) -> Member:
    """Return this machine as the store's other machines know it."""
    return Member(
        asked["machine"],
        store.collection,
        asked["owner"],
        asked["model"]["name"],
        is_complete,
        time.time(),
    )


def as_map(row: Row) -> dict[str, Any]:
    """Return a row as a map for the wire."""
    return {
        "machine": row.key.machine,
        "hash": row.key.hash,
        "files": [[one.path, one.size, one.mtime_ns] for one in row.files[:_PLACES]],
        "format": row.format,
        "width": row.width,
        "height": row.height,
        "metadata": row.metadata._asdict(),
    }


def _place(params: dict[str, Any]) -> Told:
    seq, filled = params["place"]
    return Told("", params["number"], seq, filled)


@contextlib.contextmanager
def _reading(params: dict[str, Any]) -> Iterator[Reader]:
    with contextlib.closing(Reader(Path(os.fsdecode(params["catalog"])))) as reader:
        yield reader


def _within(params: dict[str, Any]) -> Within | None:
    """Return the filters of the line, understood as the core understood it."""
    now = datetime.fromisoformat(params["now"])
    where = parse(params["line"], now, has_picture=params["has_picture"]).where
    return None if where is None else Within(where, params["home"])


def _translated(lane: Lane, handler: Handler) -> Handler:
    """Let the store's errors be ours, and the next question begin a new connection."""

    def answer(params: dict[str, Any]) -> Any:
        try:
            return handler(params)
        except StoreError as error:
            lane.leave()
            code = "other" if isinstance(error, StoreOther) else "refused"
            text = _UNREACHED.sub("no connection", str(error))
            raise Fault("away" if isinstance(error, StoreAway) else code, text) from None
        except (KeyError, TypeError, ValueError) as error:
            # A row that another version wrote, perhaps.
            raise Fault("refused", f"the store's answer cannot be read: {error!r}"[:300]) from None

    return answer


def main() -> None:
    """Serve the core on the inherited socket whose number is the first argument."""
    line = Line(int(sys.argv[1]))

    def report(what: str, done: int, total: int) -> None:
        line.notify("progress", {"what": what, "done": done, "total": total})

    line.serve_lanes(Courier(report).handlers(), LANES)
    # The engine's library has threads that would be waited for.
    os._exit(0)


if __name__ == "__main__":
    main()
