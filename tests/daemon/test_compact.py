"""Eight bits a number: whoever is among the nearest is among the candidates, whatever they are."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.typing import NDArray

from imgqd.index.compact import Compact
from imgqd.records import Vector

COUNT = 3000


def unit(rows: NDArray[np.float64]) -> Vector:
    # As the catalog has them.
    found = rows / np.maximum(np.linalg.norm(rows, axis=1, keepdims=True), 1e-9)
    halves: Vector = found.astype(np.float16).astype(np.float32)
    return halves


def library(seed: int, dim: int, spread: float, outlier: float, same: int) -> tuple[Vector, Vector]:
    """Return pictures and texts: clusters, a place that outweighs all others, some all but equal.

    Pictures and texts lie in two cones, far from each other.
    """
    chance = np.random.default_rng(seed)
    centres = chance.standard_normal((30, dim))
    rows = centres[chance.integers(0, 30, COUNT)] + spread * chance.standard_normal((COUNT, dim))
    rows[:, 0] += outlier
    # Nearer to each other than any step of the codes.
    rows[:same] = rows[0] + 1e-3 * chance.standard_normal((same, dim))
    asked = centres[:6] + chance.standard_normal((6, dim))
    asked[:, 1] -= outlier
    return unit(rows), unit(asked)


def coded(rows: Vector) -> Compact:
    codes = Compact.between(rows.min(axis=0), rows.max(axis=0), len(rows))
    codes.add(np.arange(1, len(rows) + 1), rows)
    return codes


@settings(max_examples=25, deadline=None)
@given(
    seed=st.integers(0, 1 << 30),
    dim=st.sampled_from([8, 20, 64, 100, 512]),
    spread=st.sampled_from([0.01, 0.3, 2.0]),
    outlier=st.sampled_from([0.0, 3.0, 60.0]),
    same=st.sampled_from([0, 50, 1500]),
    count=st.sampled_from([1, 10, 300, 2000, COUNT]),
    share=st.sampled_from([1.0, 0.8, 0.2, 0.01]),
)
def test_all_of_the_nearest_are_among_the_candidates(
    seed: int, dim: int, spread: float, outlier: float, same: int, count: int, share: float
) -> None:
    rows, asked = library(seed, dim, spread, outlier, same)
    codes = coded(rows)
    allowed = np.random.default_rng(seed).random(COUNT) < share
    bits = np.packbits(np.append([False], allowed), bitorder="little")
    for query in asked:
        products = np.where(allowed, rows.astype(np.float64) @ query.astype(np.float64), -9)
        nearest = np.argsort(-products)[: min(count, int(allowed.sum()))] + 1
        found = codes.near(query, count, None if share == 1 else bits, share)
        assert len(np.unique(found)) == len(found)
        assert allowed[found - 1].all()
        assert np.isin(nearest, found).all()


def test_few_more_than_are_wanted_are_candidates() -> None:
    rows, asked = library(1, 512, 0.7, 0.0, 0)
    codes = coded(rows)
    assert max(len(codes.near(query, 100)) for query in asked) < 200


def test_a_product_errs_by_what_was_reckoned() -> None:
    rows, asked = library(2, 512, 0.5, 5.0, 0)
    codes = coded(rows)
    for query in asked:
        whole, doubt = codes._asked(query)
        products, ids = codes._faiss.search(whole, COUNT)
        order = np.argsort(ids[0])
        exact = (rows - codes._middle) @ query
        unit = float(np.abs(query * codes._step).max()) / 127
        errors = products[0][order] - exact / unit
        # Of 3,000 errors the largest is 3 to 5 deviations, of which eight are allowed for.
        assert 2.5 < np.abs(errors).max() / (doubt / 8) < 6
        assert 0.8 < errors.std() / (doubt / 8) < 1.2


def test_what_was_saved_is_loaded(tmp_path: Path) -> None:
    rows, asked = library(3, 64, 0.5, 0.0, 0)
    codes = coded(rows)
    codes.save(tmp_path / "codes")
    loaded = Compact.load(tmp_path / "codes", codes.scale)
    assert len(loaded) == COUNT
    assert sorted(loaded.ids()) == list(range(1, COUNT + 1))
    assert loaded.near(asked[0], 9).tolist() == codes.near(asked[0], 9).tolist()


def test_codes_that_are_no_such_codes_are_refused(tmp_path: Path) -> None:
    codes = coded(library(3, 64, 0.5, 0.0, 0)[0])
    (tmp_path / "odd").write_bytes(b"not what was written")
    with pytest.raises(ValueError, match="odd"):
        Compact.load(tmp_path / "odd", codes.scale)


def test_nothing_and_a_query_of_zeros_have_candidates_of_their_own() -> None:
    rows = np.zeros((5, 8), np.float32)
    codes = coded(rows)
    assert sorted(codes.near(np.zeros(8, np.float32), 3)) == [1, 2, 3, 4, 5]
    empty = Compact.between(rows[0], rows[0], 0)
    assert empty.near(np.ones(8, np.float32), 3).tolist() == []
