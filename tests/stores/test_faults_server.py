"""What happens to a shared store in its life: on the real server, killed, frozen, full, refused.

Run by `make stores` alone. Delivery, catalog and store are the daemon's own.
"""

from __future__ import annotations

import contextlib
import shutil
import subprocess
import threading
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from daemon.shelf import DIM as SHELF_DIM
from daemon.shelf import MODEL as SHELF_MODEL
from imgqd.records import Model
from imgqd.stores.interface import Freshness, StoreAway, StoreRefused
from stores.grounds import MODEL, on_server
from stores.milvus_server import READY, Server, Start, patiently
from stores.pictures import THERE, key, row, unit, vector, vectors, within
from stores.post import Post

# After a kill the server itself may take minutes on a loaded machine.
pytestmark = [pytest.mark.server, pytest.mark.timeout(900)]

EVERYTHING = Freshness.EVERYTHING


def settled(ask: Callable[[], bool], seconds: float = READY) -> None:
    """Wait until something is so."""
    until = time.monotonic() + seconds
    while not patiently(ask):
        assert time.monotonic() < until
        time.sleep(0.5)


def store_of(server: Server, **more: Any) -> Any:
    return on_server(server.uri, SHELF_MODEL, **({"timeout": 10.0} | more))


def test_killed_in_the_middle_of_writes_it_comes_back_with_all_and_nothing_twice(
    start: Start, tmp_path: Path
) -> None:
    server = start()
    store = store_of(server)
    post = Post(tmp_path / "here", store)
    post.hang(400)
    post.begin()
    blocks = 0

    def note(told: Any) -> None:
        nonlocal blocks
        blocks += 1
        if blocks == 8:
            # While one of the next blocks is on its way.
            threading.Timer(0.02, server.kill).start()
        post.shelf.writer.note_told(told)

    with pytest.raises(StoreAway):
        post.deliver(4, note)
    assert 8 <= blocks < 100
    assert store.health().trouble is not None
    post.hang(50, start=400)  # watching goes on
    server.start()
    patiently(lambda: post.deliver(64))
    patiently(post.check)
    assert store.count() == 450
    store.close()


def test_what_was_acknowledged_before_a_kill_needs_no_second_delivery(start: Start) -> None:
    server = start()
    store = store_of(server)
    rows = [row(f"n{number}") for number in range(200)]
    store.upsert(rows, np.tile(unit(range(1, SHELF_DIM + 1)), (200, 1)))
    store.delete([rows[0].key])
    server.kill()
    server.start()
    assert patiently(store.count) == 199
    store.close()


@pytest.mark.parametrize("how", ["killed", "frozen"])
def test_while_it_cannot_be_reached_changes_wait_once_a_picture_and_then_go_over(
    start: Start, tmp_path: Path, how: str
) -> None:
    server = start()
    store = store_of(server, timeout=5.0)
    post = Post(tmp_path / "here", store)
    post.hang(60)
    post.begin()
    post.deliver(64)
    server.kill() if how == "killed" else server.freeze()
    for times in range(5 if how == "killed" else 2):
        for number in range(30):
            old, new = (
                f"one/{name}{number}.png" for name in ("moved " * times, "moved " * (times + 1))
            )
            (post.shelf.base / old).rename(post.shelf.base / new)
            post.shelf.look(old, new)
        post.hang(2, start=100 + 2 * times)
        began = time.monotonic()
        with pytest.raises(StoreAway):
            post.deliver(64)
        assert time.monotonic() - began < 30  # of 5 s, on a loaded machine
    assert post.shelf.reader.waiting(post.told) == 30 + 2 * (times + 1)
    assert sum(post.count(model) for model in (-1, 0, post.shelf.model)) <= 3 * 70
    server.start() if how == "killed" else server.thaw()

    def go_on() -> int:
        if not server.is_running:
            server.start()  # it ends by itself when it was frozen for longer than its leases
        return post.deliver(64)

    patiently(go_on)
    assert post.shelf.reader.waiting(post.told) == 0
    patiently(post.check)
    store.close()


def test_a_full_disk_takes_nothing_and_when_there_is_room_all_goes_over(
    start: Start, tmp_path: Path
) -> None:
    disk = tmp_path / "disk"
    disk.mkdir()
    subprocess.run(["mount", "-t", "tmpfs", "-o", "size=400m", "none", disk], check=True)
    server = start(folder=disk / "server")
    store = store_of(server)
    post = Post(tmp_path / "here", store)
    post.hang(50)
    post.begin()
    post.deliver(64)
    # It has room set aside for some: other pictures, a machine's that is thrown away, fill that.
    other = on_server(server.uri, Model("large", "large", 2048, 32, "shortest", "bicubic", 0))
    large = np.tile(unit(range(1, 2049)), (256, 1))
    filled_up(disk)
    with pytest.raises(StoreAway, match="no room"):
        pour(other, large)
    post.hang(50, start=50)
    with pytest.raises(StoreAway, match="no room"):
        post.deliver(64)
    assert post.shelf.reader.waiting(post.told) == 50
    (disk / "ballast").unlink()
    if not server.is_running:
        server.start()  # its own catalog may need room sooner than its log does: then it ends
    patiently(lambda: post.deliver(64))
    patiently(post.check)
    other.close()
    store.close()


def filled_up(disk: Path) -> None:
    """Leave no byte of a disk."""
    with (disk / "ballast").open("wb") as ballast, contextlib.suppress(OSError):
        while True:
            ballast.write(bytes(1 << 20))
    assert shutil.disk_usage(disk).free < 1 << 20


def pour(store: Any, large: Any) -> None:
    """Put in up to 400 MB."""
    for number in range(200):
        store.upsert([row(f"{number} {one}", machine=THERE) for one in range(256)], large)


def test_a_collection_of_another_length_is_refused(address: str) -> None:
    longer = Model(MODEL.name, MODEL.key, MODEL.dim + 1, 32, "shortest", "bicubic", 0)
    store = on_server(address)
    store.collection = on_server(address, longer).collection
    with pytest.raises(StoreRefused, match="vectors of another length"):
        store.upsert([row("a")], vectors("a"))
    store.close()


def test_whoever_wants_everything_sees_nothing_deleted_and_all_that_was_written(
    address: str,
) -> None:
    store = on_server(address)
    names = [f"n{number}" for number in range(40)]
    store.upsert([row(name) for name in names], vectors(*names))
    assert store.count() == 40
    shown, usual = 0, 0
    for name in names[:20]:
        store.delete([key(name)])
        usual += any(hit.row.key == key(name) for hit in store.search(vector(name), 3))
        sure = store.search(vector(name), 3, None, EVERYTHING)
        shown += any(hit.row.key == key(name) for hit in sure)
        store.upsert([row(f"new {name}")], vectors(f"new {name}"))
        [hit] = store.search(vector(f"new {name}"), 1, None, EVERYTHING)
        assert hit.row.key == key(f"new {name}")
    assert shown == 0
    # What Bounded may do, and why an ordinary answer is held against the catalog.
    assert usual > 0
    store.close()


def test_while_the_index_is_behind_health_says_so_and_then_a_filter_finds_all(
    start: Start,
) -> None:
    server = start()
    model = Model("m", "m", 256, 32, "shortest", "bicubic", 0)
    store = on_server(server.uri, model)
    chance = np.random.default_rng(1)
    count = 12_000
    held = chance.normal(size=(count, 256)).astype(np.float32)
    held /= np.linalg.norm(held, axis=1, keepdims=True)
    for first in range(0, count, 500):
        some = range(first, first + 500)
        rows = [row(f"n{one}", rating=5 if one % 60 == 0 else None) for one in some]
        store.upsert(rows, held[first : first + 500])
    assert store.health().unindexed > 0
    server.kill()
    server.start()
    settled(lambda: store.count() == count)
    assert store.health().unindexed > 0
    store.flush()
    settled(lambda: store.health().unindexed == 0)
    best = np.arange(0, count, 60)
    for query in held[:10] + 0.5 * held[10:20]:
        nearest = best[np.argsort(-(held[best] @ query))[:10]]
        asked = unit(query)
        settled(
            lambda asked=asked, nearest=nearest: (  # type: ignore[misc]
                [hit.row.key for hit in store.search(asked, 10, within("rating:5"), EVERYTHING)]
                == [key(f"n{one}") for one in nearest]
            ),
            30,
        )
    store.close()
