"""The index answers as plain arithmetic does, whatever was added, replaced and removed."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator

import faiss
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from daemon.shelf import unit
from imgqd.index import Allowed, Exact, Ids, Index, sample
from imgqd.index.exact import Scores
from imgqd.index.sample import Sample
from imgqd.records import Vector

DIM = 8
NEAR = 2e-3
"""What float16 may cost a cosine."""


@pytest.fixture(autouse=True, scope="module")
def _one_thread() -> Iterator[None]:
    # FAISS's own threads wait for each other where other programs have the cores.
    before = faiss.omp_get_max_threads()
    faiss.omp_set_num_threads(1)
    yield
    faiss.omp_set_num_threads(before)


def vectors(seed: int, count: int, dim: int = DIM) -> Vector:
    rows = np.random.default_rng(seed).normal(size=(count, dim)).astype(np.float32)
    found: Vector = (rows / np.linalg.norm(rows, axis=1, keepdims=True)).astype(np.float32)
    return found


def check(index: Index, truth: dict[int, Vector], query: Vector, count: int) -> None:
    found, scores = index.search(query, count)
    assert len(found) == len(set(found)) == min(count, len(truth))
    assert set(found) <= truth.keys()
    assert scores == sorted(scores, reverse=True)
    for image, score in zip(found, scores, strict=True):
        assert score == pytest.approx(float(truth[image] @ query), abs=NEAR)
    best = sorted((float(vector @ query) for vector in truth.values()), reverse=True)
    assert scores == pytest.approx(best[:count], abs=NEAR)


steps = st.lists(
    st.tuples(
        st.sampled_from(["add", "remove", "search"]),
        st.lists(st.integers(1, 9), unique=True, max_size=6),
        st.integers(0, 1000),
    ),
    max_size=12,
)


@settings(max_examples=40, deadline=None)
@given(steps=steps)
def test_any_order_of_changes_agrees_with_plain_arithmetic(
    steps: list[tuple[str, list[int], int]],
) -> None:
    index = Index(DIM)
    truth: dict[int, Vector] = {}
    for what, images, seed in steps:
        if what == "add":
            rows = vectors(seed, len(images))
            index.add(images, rows)
            truth |= dict(zip(images, rows, strict=True))
        elif what == "remove":
            index.remove(images)
            truth = {key: row for key, row in truth.items() if key not in images}
        else:
            # Two queries over and over: what is kept of an answer must not outlive a change.
            check(index, truth, vectors(seed % 2, 1)[0], 3 * (seed % 4) + 1)
        assert len(index) == len(truth)
        assert all((image in index) == (image in truth) for image in range(32))
    check(index, truth, vectors(7, 1)[0], 40)


class Counting(Exact):
    """Counts how often it is searched."""

    searched = 0

    def search(self, query: Vector, count: int, allowed: Allowed | None) -> tuple[Ids, Scores]:
        self.searched += 1
        return super().search(query, count, allowed)


def test_an_answer_is_kept_until_anything_changes() -> None:
    form = Counting(DIM)
    index = Index(DIM, form)
    index.add([1, 2], vectors(1, 2))
    query = vectors(2, 1)[0]
    first = index.search(query, 5)
    assert index.search(query, 5) == first
    assert form.searched == 1
    index.search(query, 4)
    index.search(query, 5, Allowed(np.array([1])))
    assert form.searched == 3, "another question"
    index.add([3], query[None])
    assert index.search(query, 5)[0][0] == 3
    index.remove([3])
    assert index.search(query, 5) == first
    other = Exact(DIM)
    other.add(np.array([7]), query[None])
    index.exchange(other)
    assert index.search(query, 5)[0] == [7]


def test_no_more_answers_are_kept_than_a_person_goes_back_to() -> None:
    form = Counting(DIM)
    index = Index(DIM, form)
    index.add([1, 2], vectors(1, 2))
    for query in vectors(3, 200):
        index.search(query, 5)
    index.search(vectors(3, 200)[0], 5)
    assert form.searched == 201


def test_an_empty_index_answers_nothing() -> None:
    index = Index(DIM)
    assert index.search(vectors(1, 1)[0], 5) == ([], [])
    assert index.judge(vectors(1, 1)[0], []).relevance(0.9) == 0.5
    index.remove([1, 2, 3])
    index.add([], np.empty((0, DIM), np.float32))
    assert len(index) == 0
    assert 7 not in index


def test_an_id_far_beyond_all_others_is_taken() -> None:
    index = Index(DIM)
    index.add([1_000_000], vectors(1, 1))
    assert 1_000_000 in index
    assert 999_999 not in index
    assert 2_000_000 not in index


def test_a_removed_id_is_never_answered() -> None:
    index = Index(DIM)
    rows = vectors(3, 100)
    index.add(range(1, 101), rows)
    index.remove(range(1, 100))
    for row in rows:
        assert index.search(row, 10)[0] == [100]


def test_many_removals_leave_the_rest_right_and_move_no_more_than_they_must() -> None:
    form = Exact(DIM)
    rows = vectors(4, 3000)
    form.add(np.arange(1, 3001), rows)
    assert form.remove(np.array([5, 5, 2999, 7, 9999])) == 3
    # The last ones are in the holes, everything else where it was.
    held = faiss.vector_to_array(form._faiss.id_map).tolist()
    assert held == [1, 2, 3, 4, 2998, 6, 3000, *range(8, 2998)]
    form.remove(np.arange(8, 1500))
    left = [1, 2, 3, 4, 6, *range(1500, 2999), 3000]
    assert form.ids().tolist() == left
    check(Index(DIM, form), {n: rows[n - 1] for n in left}, rows[2000], 20)
    assert form.remove(form.ids()) == len(left)
    assert len(form) == 0
    form.add(np.array([3]), rows[:1])
    assert Index(DIM, form).search(rows[0], 5)[0] == [3]


def test_an_id_that_comes_back_has_its_new_vector_only() -> None:
    index = Index(DIM)
    old, new = unit([1] + [0] * 7), unit([0, 1] + [0] * 6)
    index.add([5], old[None])
    index.remove([5])
    index.add([5], new[None])
    assert index.search(new, 10)[0] == [5]
    index.add([5], new[None])
    found, scores = index.search(new, 10)
    assert found == [5]
    assert scores[0] == pytest.approx(1.0, abs=NEAR)
    assert len(index) == 1


def test_a_judge_knows_a_large_library_by_a_fair_sample() -> None:
    # The first half points one way, the second the other: a sample of either would be far off.
    index = Index(DIM)
    query = unit([1] + [0] * 7)
    for start, sign in ((1, 1), (10_001, -1)):
        index.add(range(start, start + 10_000), np.repeat(sign * query[None], 10_000, axis=0))
    index.judge(query, [])
    assert len(index._sample.ids) == 2048
    assert abs(float((index._sample.vectors @ query).mean())) < 0.1


def test_a_sample_changes_no_more_than_the_library() -> None:
    index = Index(DIM)
    index.add(range(1, 10_001), vectors(1, 10_000))
    query = vectors(2, 1)[0]
    index.judge(query, [])
    before = {row.tobytes() for row in index._sample.vectors}
    index.add(range(10_001, 10_502), vectors(3, 501))
    index.judge(query, [])
    after = {row.tobytes() for row in index._sample.vectors}
    assert 0 < len(after - before) < 0.1 * 2048


def test_who_changes_the_library_takes_its_sample_anew_where_somebody_asks(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    counts: list[int] = []
    taken = sample.taken

    def note(ids: Ids, vectors: Callable[[Ids], Vector], before: Sample) -> Sample:
        counts.append(len(ids))
        return taken(ids, vectors, before)

    monkeypatch.setattr(sample, "taken", note)
    index, query = Index(DIM), vectors(9, 1)[0]

    def change(first: int, many: int, *, asking: bool) -> None:
        with index.changing():
            index.add(range(first, first + many), vectors(first, many))
            if asking:
                index.judge(query, [0.5])

    change(1, 1000, asking=False)
    assert counts == [], "nobody asks"
    index.judge(query, [0.5])
    assert counts == [1000]
    change(1001, 30, asking=True)
    assert counts == [1000, 1030], "not by the question, but after it"
    index.judge(query, [0.5])
    change(1031, 5, asking=False)
    assert counts == [1000, 1030], "too few to matter"
    change(1036, 30, asking=False)
    assert counts == [1000, 1030, 1065]
    change(1066, 500, asking=True)
    assert counts == [1000, 1030, 1065, 1565], "too many for the one before to stand for"


def test_a_judge_forgets_what_was_removed() -> None:
    index = Index(DIM)
    query = unit([1] + [0] * 7)
    index.add(range(1, 101), np.repeat(query[None], 100, axis=0))
    index.add([101, 102, 103], np.repeat(-query[None], 3, axis=0))
    index.judge(query, [])
    index.remove(range(1, 101))
    index.judge(query, [])
    assert (index._sample.vectors @ query).tolist() == pytest.approx([-1.0] * 3, abs=NEAR)


def test_phrases_that_a_model_takes_for_one_count_once() -> None:
    index = Index(DIM)
    phrases = vectors(4, 3)
    index.learn(np.concatenate([np.repeat(phrases[:1], 20, axis=0), phrases]))
    assert len(index._phrases) == 3


def test_a_query_that_is_no_number_finds_nothing() -> None:
    index = Index(DIM)
    index.add([1], vectors(1, 1))
    assert index.search(np.full(DIM, np.nan, np.float32), 3) == ([], [])


def test_threads_that_search_while_others_add_and_remove_crash_nothing() -> None:
    index = Index(64)
    rows = vectors(8, 2000, 64)
    index.add(range(1, 501), rows[:500])
    done = threading.Event()
    faults: list[BaseException] = []

    def search() -> None:
        try:
            while not done.is_set():
                found, _ = index.search(rows[0], 20)
                assert len(found) == len(set(found))
                index.judge(rows[1], [])
        except BaseException as error:  # noqa: BLE001 - told by the test's own thread
            faults.append(error)

    threads = [threading.Thread(target=search) for _ in range(3)]
    for thread in threads:
        thread.start()
    for start in range(500, 2000, 50):
        index.add(range(start + 1, start + 51), rows[start : start + 50])
        index.remove(range(start - 400, start - 375))
    done.set()
    for thread in threads:
        thread.join()
    assert faults == []
    assert len(index) == 2000 - 30 * 25


def test_a_sample_looks_up_only_what_the_one_before_does_not_have() -> None:
    rows = np.random.default_rng(1).standard_normal((20_000, 4)).astype(np.float32)
    looked_up: list[int] = []

    def vectors(ids: Ids) -> Vector:
        looked_up.append(len(ids))
        found: Vector = rows[ids]
        return found

    nothing = Sample(np.empty(0, np.int64), np.empty((0, 4), np.float32))
    first = sample.taken(np.arange(10_000), vectors, nothing)
    second = sample.taken(np.arange(100, 10_200), vectors, first)
    anew = sample.taken(np.arange(100, 10_200), vectors, nothing)
    assert looked_up[0] == looked_up[2] == sample.SIZE
    assert 0 < looked_up[1] < 100
    assert np.array_equal(second.ids, anew.ids)
    assert np.array_equal(second.vectors, anew.vectors)
