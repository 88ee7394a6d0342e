"""What is Milvus's own: models, aliases, and what goes wrong. Skipped where it is not installed."""

from __future__ import annotations

import logging
import socket
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from imgqd.stores.access import Access
from imgqd.stores.interface import Freshness, StoreAway, StoreRefused
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
    assert "hunter2" not in str(error.value)
    assert "\n" not in str(error.value)
    assert "hunter2" not in caplog.text
