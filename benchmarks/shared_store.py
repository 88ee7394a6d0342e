"""A real Milvus server as the store of several machines: memory, disk, searches, what they find.

`make bench-stores`, which runs `python benchmarks/shared_store.py [--largest 200000]` in a network
namespace of its own. One collection grows from size to size; rows, blocks and searches are the
daemon's own.
"""

from __future__ import annotations

import importlib.metadata
import sys
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

from measure import Result, Table, arguments, finish, ms, number, percentile, places

if TYPE_CHECKING:
    import numpy as np
    from nearest import Nearest
    from numpy.typing import NDArray

    from imgqd.rows import Row
    from imgqd.stores.interface import Freshness
    from imgqd.stores.milvus import Milvus
    from stores.milvus_server import Server

_SHARES: Final = (10, 2, 1)
"""One in so many of all pictures is there when it is measured."""

_LARGEST: Final = 200_000
_TAKEN: Final = 5_000
"""Pictures of the made-up world that are drawn at a time."""

_QUERIES: Final = 100
_SLOW: Final = 30
"""Queries where each waits for the server's clock."""

_DELAY: Final = 6.0
"""Seconds after which a bounded search sees what was written; Milvus's are 5."""

_DEPTHS: Final = (10, 100)
_ONE_IN: Final = 100


@dataclass(slots=True)
class Seen:
    """What was measured of one size; seconds and bytes."""

    count: int
    rate: float
    """Pictures a second that were taken in."""
    behind: dict[str, tuple[float, float]]
    """Recall at 10 and 100 right after they were, by kind of search."""
    indexed: float = 0.0
    memory: int = 0
    most: int = 0
    disk: int = 0
    back: float = 0.0
    """From the start after a kill -9 until it counts them all."""
    recall: dict[str, tuple[float, float]] = field(default_factory=dict)
    times: dict[str, list[float]] = field(default_factory=dict)


def main() -> None:
    """Fill, wait, ask, kill; print the tables."""
    told = arguments("a real Milvus server as shared store", largest=_LARGEST)
    from stores.alone import is_alone
    from stores.milvus_server import Server, unpacked

    if not is_alone():
        sys.exit("the server would listen on all interfaces: run `make bench-stores`")
    sizes = [told.largest // share for share in _SHARES]
    with places() as base:
        server = Server(unpacked(Path(sys.prefix) / "milvus-server"), base / "server")
        server.start()
        bare = server.memory
        try:
            seen = list(_grown(server, sizes))
        finally:
            server.stop()
    versions = ", ".join(f"{name} {importlib.metadata.version(name)}" for name in _PACKAGES)
    text = (
        f"{versions}: the standalone server with its own settings, on loopback, on the same two "
        "cores as who asks. Made-up vectors of 512 numbers (`benchmarks/synthetic.py`), rows of "
        "one file with camera, lens and two keywords, in blocks of 256 as the daemon sends them. "
        f"{_QUERIES} texts as queries ({_SLOW} where they are Strong), 100 pictures each. The "
        "filter of 1 % is one that Milvus "
        "answers (a rating); the words of 1 % (a camera's name) this version cannot look for, so "
        "more and more is fetched and judged here. Recall is against every vector compared: "
        "*behind* right after the last picture was taken in, else once health says that the "
        f"index has caught up, which a flush hurries. The server without pictures: "
        f"{number(bare / 1e6)} MB."
    )
    tables = (_sizes(seen), _searches(seen), _recalls(seen))
    finish(Result("Many machines", text, tables, _figures(seen, bare)), told)


_PACKAGES: Final = ("milvus", "pymilvus")
_KINDS: Final = ("plain", "filter of 1 %", "words of 1 %")


def _grown(server: Server, sizes: list[int]) -> Iterator[Seen]:
    from madeup import MODEL
    from nearest import Nearest
    from synthetic import World

    from imgqd.stores.access import Access
    from imgqd.stores.interface import Freshness
    from imgqd.stores.milvus import Milvus
    from stores.milvus_server import patiently

    world = World()
    store = Milvus(Access(server.uri), MODEL, timeout=60.0)
    asked = world.texts(_QUERIES, 7)
    truth = {kind: Nearest(asked, _DEPTHS[-1]) for kind in _KINDS}
    have = 0
    for size in sizes:
        start_of = time.monotonic()
        taken = 0.0
        for start in range(have, size, _TAKEN):
            block = world.block(start, min(_TAKEN, size - start))
            taken += _taken_in(store, start, block)
            for kind, one in truth.items():
                one.see(start, block, 1 if kind == "plain" else _ONE_IN)
        # Strong: what Bounded does not see yet is another matter.
        strong = Freshness.EVERYTHING
        seen = Seen(size, (size - have) / taken, _recall(store, asked[:_SLOW], truth, strong))
        began = time.monotonic()
        store.flush()
        while store.health().unindexed or store.health().trouble:
            time.sleep(0.5)
        seen.indexed = time.monotonic() - began
        time.sleep(_DELAY)
        seen.times = dict(_times(store, asked))
        seen.recall = _recall(store, asked, truth, Freshness.USUAL)
        seen.memory, seen.most, seen.disk = server.memory, server.most_memory, server.disk
        server.kill()
        began = time.monotonic()
        server.start()
        patiently(store.count)
        seen.back = time.monotonic() - began
        have = size
        print(f"{size:,}: {number(time.monotonic() - start_of)} s", file=sys.stderr)
        yield seen
    store.close()


def _row(one: int) -> Row:
    from imgqd.records import Metadata
    from imgqd.rows import File, Key, Row

    is_rare = one % _ONE_IN == 0
    facts = Metadata(
        taken=f"{2018 + one % 5}-{one % 12 + 1:02}-{one % 28 + 1:02}T12:00:00",
        camera="Rare Camera" if is_rare else "Canon EOS 5D",
        lens="EF50mm f/1.8",
        rating=5 if is_rare else None,
        keywords=("holiday", f"place {one % 300}"),
    )
    path = b"/home/somebody/Pictures/%d/%05d/IMG_%06d.jpg" % (2018 + one % 5, one // 200, one)
    files = (File(path, 5_000_000, 1_600_000_000 * 10**9 + one),)
    # Little-endian, so that the keys are spread as hashes are.
    return Row(Key("nas", one.to_bytes(16, "little")), files, "jpeg", 4000, 3000, 5.0, facts)


def _taken_in(store: Milvus, start: int, block: NDArray[np.float16]) -> float:
    """Return the seconds in which a block was taken in."""
    import numpy as np

    from imgqd.stores.delivery import BLOCK

    rows = [_row(start + place) for place in range(len(block))]
    vectors = block.astype(np.float32)
    began = time.monotonic()
    for first in range(0, len(rows), BLOCK):
        store.upsert(rows[first : first + BLOCK], vectors[first : first + BLOCK])
    return time.monotonic() - began


def _within(kind: str) -> Any:
    from imgqd.query.records import Between, Says
    from imgqd.query.truth import Within

    if kind == "plain":
        return None
    rated, words = Between("rating", 5, None), Says("camera", "rare")
    return Within(rated if kind == _KINDS[1] else words, "/home/somebody")


def _recall(
    store: Milvus,
    asked: NDArray[np.float32],
    truth: dict[str, Nearest],
    freshness: Freshness,
) -> dict[str, tuple[float, float]]:
    found = {}
    for kind in _KINDS[:2]:
        shares = []
        for query, best in zip(asked, truth[kind].numbers, strict=False):
            hits = store.search(query, _DEPTHS[-1], _within(kind), freshness)
            numbers = [int.from_bytes(hit.row.key.hash, "little") for hit in hits]
            some = [(numbers[:depth], best[:depth].tolist()) for depth in _DEPTHS]
            shares.append([len({*got} & {*true}) / len(true) for got, true in some])
        ten, hundred = zip(*shares, strict=True)
        found[kind] = (sum(ten) / len(asked), sum(hundred) / len(asked))
    return found


def _times(store: Milvus, asked: NDArray[np.float32]) -> Iterator[tuple[str, list[float]]]:
    from imgqd.stores.interface import Freshness

    def timed(ask: Callable[[], Any]) -> float:
        began = time.monotonic()
        ask()
        return time.monotonic() - began

    for freshness, kinds, queries in (
        (Freshness.USUAL, _KINDS, asked),
        (Freshness.EVERYTHING, _KINDS[:2], asked[:_SLOW]),
    ):
        for kind in kinds:
            within = _within(kind)
            yield (
                f"{kind} {freshness.value}",
                [
                    timed(lambda q=query: store.search(q, _DEPTHS[-1], within, freshness))  # type: ignore[misc]  # noqa: B023 - at once
                    for query in queries
                ],
            )


def _sizes(seen: list[Seen]) -> Table:
    return Table(
        ("pictures", "taken in a second", "index caught up", "memory", "most", "disk", "back"),
        tuple(
            (
                f"{one.count:,}",
                number(one.rate),
                f"{number(one.indexed)} s",
                f"{number(one.memory / 1e6)} MB",
                f"{number(one.most / 1e6)} MB",
                f"{number(one.disk / 1e6)} MB",
                f"{number(one.back)} s",
            )
            for one in seen
        ),
    )


def _searches(seen: list[Seen]) -> Table:
    kinds = list(seen[0].times)
    names = {"usual": "Bounded", "everything": "Strong"}
    heads = [f"{kind.rpartition(' ')[0]}, {names[kind.rpartition(' ')[2]]}" for kind in kinds]
    return Table(
        ("median / 99 %", *heads),
        tuple(
            (
                f"{one.count:,}",
                *(
                    f"{ms(percentile(one.times[kind], 50))} / {ms(percentile(one.times[kind], 99))}"
                    for kind in kinds
                ),
            )
            for one in seen
        ),
    )


def _recalls(seen: list[Seen]) -> Table:
    kinds = _KINDS[:2]
    return Table(
        ("recall@10 / @100", *(f"{kind}, behind" for kind in kinds), *kinds),
        tuple(
            (
                f"{one.count:,}",
                *(
                    f"{of[kind][0]:.3f} / {of[kind][1]:.3f}"
                    for of in (one.behind, one.recall)
                    for kind in kinds
                ),
            )
            for one in seen
        ),
    )


def _figures(seen: list[Seen], bare: int) -> dict[str, float]:
    last = seen[-1]
    return {
        "bytes of memory a picture": (last.memory - bare) / last.count,
        "bytes of disk a picture": last.disk / last.count,
    }


if __name__ == "__main__":
    main()
