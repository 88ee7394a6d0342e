"""What is Milvus's own: models, aliases, and what goes wrong. Skipped where it is not installed."""

from __future__ import annotations

import logging
import socket
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from imgqd.stores.access import Access
from imgqd.stores.interface import Freshness, Member, StoreAway, StoreRefused
from imgqd.stores.settling import settle
from stores.grounds import MODEL, OTHER, shared
from stores.pictures import DIM, HERE, THERE, key, row, vector, vectors, within

SECRET = "root:hunter2"  # a made-up one


@pytest.fixture
def store(tmp_path: Path) -> Iterator[Any]:
    made = shared(tmp_path)
    yield made
    made.close()


def test_two_models_are_never_mixed(store: Any, tmp_path: Path) -> None:
    store.upsert([row("a")], vectors("a"))
    with pytest.raises(StoreRefused, match="use one model on all machines"):
        shared(tmp_path, OTHER)
    following = shared(tmp_path, OTHER, is_next=True)
    assert following.count() == 0
    assert store.answers
    assert not following.answers
    following.take_over()
    assert following.answers
    assert not store.answers
    following.close()
    with pytest.raises(StoreRefused, match="another model"):
        shared(tmp_path)


def test_what_was_acknowledged_is_there_for_who_comes_next(store: Any, tmp_path: Path) -> None:
    store.upsert([row("a"), row("b")], vectors("a", "b"))
    store.flush()
    again = shared(tmp_path)
    assert again.count() == 2
    [hit] = again.search(vector("b"), 1, None, Freshness.EVERYTHING)
    assert hit.row == row("b")
    again.close()


def test_vectors_of_another_length_are_refused(store: Any) -> None:
    with pytest.raises(StoreRefused, match="of 16 numbers"):
        store.upsert([row("a")], np.ones((1, DIM + 1), np.float32))
    assert store.count() == 0


def test_a_machine_that_is_gone_for_good_is_forgotten(store: Any) -> None:
    store.upsert([row("a"), row("a", machine=THERE)], vectors("a", "a"))
    store.forget(THERE)
    assert list(store.keys(HERE)) == [key("a")]
    assert list(store.keys(THERE)) == []


def test_where_the_engine_says_too_little_more_is_fetched(store: Any) -> None:
    names = [f"n{number}" for number in range(200)]
    rows = [row(name) for name in names]
    store.upsert([*rows, row("wanted", "/p/x*y.jpg")], vectors(*names, "wanted"))
    far = -vector("wanted")
    [hit] = store.search(far, 1, within("-name:n*"), Freshness.EVERYTHING)
    assert hit.row.key == key("wanted")


def test_a_server_that_is_not_there_is_away_and_no_secret_is_told(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    pytest.importorskip("pymilvus", reason="pymilvus is not installed: pip install imgq[milvus]")
    from imgqd.stores.milvus import Milvus

    token = tmp_path / "token"
    token.write_text(SECRET)
    token.chmod(0o600)
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        access = Access(f"http://127.0.0.1:{free.getsockname()[1]}", token_file=token)
        with caplog.at_level(logging.DEBUG), pytest.raises(StoreAway) as error:
            Milvus(access, MODEL, timeout=1.0)
    assert str(error.value).endswith(": no connection: Connection refused")
    assert "hunter2" not in str(error.value)
    assert "\n" not in str(error.value)
    assert "hunter2" not in caplog.text


def test_machines_are_known_until_they_leave(store: Any, tmp_path: Path) -> None:
    assert store.members.all() == []
    one = Member(HERE, store.collection, "1", "a/model", is_complete=False, seen=1.0)
    two = Member(THERE, store.collection, "2", "a/model", is_complete=True, seen=2.5)
    store.members.put(two)
    store.members.put(one)
    store.members.put(replace(one, is_complete=True))
    assert store.members.all() == [replace(one, is_complete=True), two]
    store.upsert([row("a"), row("a", machine=THERE)], vectors("a", "a"))
    store.members.drop_rows(two)
    assert [one.machine for one in store.members.all()] == [HERE]
    assert list(store.keys(THERE)) == []
    assert list(store.keys(HERE)) == [key("a")]
    again = shared(tmp_path)
    assert len(again.members.all()) == 1
    again.close()


def test_all_change_to_another_model_together(store: Any, tmp_path: Path) -> None:
    def mine(place: Any, machine: str) -> Member:
        return Member(machine, place.collection, machine, "m", is_complete=True, seen=1.0)

    assert settle(store, mine(store, HERE)) == []
    assert settle(store, mine(store, THERE)) == []
    following = shared(tmp_path, OTHER, is_next=True)
    following.upsert([row("a")], vectors("a"))
    assert settle(following, mine(following, HERE)) == [THERE]
    assert store.answers
    assert settle(following, mine(following, THERE)) == []
    assert following.answers
    assert settle(following, mine(following, HERE)) == []
    assert {one.collection for one in following.members.all()} == {following.collection}
    assert not following._has(store.collection)
    assert following.count() == 1
    following.close()
