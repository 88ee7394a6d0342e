"""Several machines at one real server, at the same moment. Run by `make stores` alone."""

from __future__ import annotations

from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import pytest

from daemon.shelf import DIM as SHELF_DIM
from daemon.shelf import MODEL as SHELF_MODEL
from imgqd.stores.delivery import block, send
from imgqd.stores.interface import Freshness
from stores.grounds import MODEL, OTHER, on_server
from stores.pictures import HERE, THERE, row, vector, vectors
from stores.post import Post

pytestmark = [pytest.mark.server, pytest.mark.timeout(900)]

EVERYTHING = Freshness.EVERYTHING


def test_two_machines_that_come_first_at_the_same_moment_both_get_in(address: str) -> None:
    for number in range(3):
        prefix = f"imgq_at_once_{number}"
        with ThreadPoolExecutor(4) as pool:
            coming = [pool.submit(on_server, address, MODEL, prefix=prefix) for _ in range(4)]
            stores = [one.result() for one in coming]
        assert all(store.answers for store in stores)
        for store in stores:
            store.close()


def test_two_models_that_come_first_at_the_same_moment_are_not_mixed(address: str) -> None:
    with ThreadPoolExecutor(2) as pool:
        coming = [
            pool.submit(on_server, address, model, prefix="imgq_two_models")
            for model in (MODEL, OTHER)
        ]
        refused = [str(one.exception()) for one in coming if one.exception() is not None]
    assert len(refused) == 1
    assert "use one model on all machines" in refused[0]


def test_two_daemons_that_write_at_once_do_not_touch_each_other(
    address: str, tmp_path: Path
) -> None:
    prefix = "imgq_two_daemons"
    posts = [
        Post(tmp_path / name, on_server(address, SHELF_MODEL, prefix=prefix), name)
        for name in (HERE, THERE)
    ]
    for post in posts:
        post.hang(150)  # the same pictures on both
        post.begin()

    def carry(post: Post, blocks: list[Any]) -> None:
        for what in blocks:
            send(post.store, what)

    for changes in range(3):
        with ThreadPoolExecutor(2) as pool:
            list(pool.map(carry, posts, [list(all_blocks(post)) for post in posts]))
        for number, post in enumerate(posts):
            for name in range(0, 150, 7 + number):
                post.shelf.write(f"one/{name}.png", b"%d %d %d" % (name, changes, number))
                post.shelf.look(f"one/{name}.png")
            post.shelf.work()
    for post in posts:
        post.deliver(64)
        post.check()
    for post in posts:
        post.store.close()


def all_blocks(post: Post) -> Iterator[Any]:
    """Yield what is to be sent, and note it as sent."""
    while True:
        what = block(post.shelf.reader, post.told, post.machine, SHELF_DIM, 16)
        if what is None:
            return
        yield what
        post.shelf.writer.note_told(what.after)


def test_a_machine_that_is_gone_for_good_is_forgotten_and_no_other(address: str) -> None:
    store = on_server(address)
    # More than the server gives in one answer.
    for start in range(0, 17_000, 500):
        names = [f"n{number}" for number in range(start, start + 500)]
        store.upsert([row(name, machine=THERE) for name in names], vectors(*names))
    store.upsert([row(name) for name in names], vectors(*names))
    assert store.count(THERE) == 17_000
    store.forget(THERE)
    assert store.count(THERE) == 0
    assert store.count() == store.count(HERE) == 500
    found = store.search(vector("n7"), 100, None, EVERYTHING)
    assert {hit.row.key.machine for hit in found} == {HERE}
    store.close()
