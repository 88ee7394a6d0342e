"""Codes with vectors on the disk answer as the exact form does, whatever came, went or broke."""

from __future__ import annotations

import os
import threading
from collections.abc import Callable, Iterator
from pathlib import Path
from tempfile import TemporaryDirectory

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from daemon.shelf import DIM, MODEL, Shelf, vector_of
from imgqd import builder, forms
from imgqd.index import (
    Allowed,
    Exact,
    Half,
    Ids,
    Index,
    Owner,
    Stored,
    Task,
    build,
    snapshot,
)
from imgqd.index.codes import Codes
from imgqd.records import Change, Vector
from imgqd.serving import Fault

LARGE, WIDE = 6000, 256
"""Pictures and numbers of a library that has lists: few numbers are coded too coarsely."""


class Lists:
    """A shelf, and its index in the large form: carried over as the daemon does it."""

    def __init__(self, base: Path, listed: int = 20_000, *, lists: bool = True) -> None:
        self.lists = lists
        self.shelf = Shelf(base, "one", "two")
        self.listed = listed
        self.index = Index(DIM)
        self.reports: list[str] = []

    @property
    def folder(self) -> Path:
        return forms.folder(self.shelf.catalog, self.owner)

    @property
    def owner(self) -> Owner:
        return forms.owner(self.shelf.reader, MODEL.key, DIM)

    @property
    def form(self) -> Stored:
        form = self.index.form
        assert isinstance(form, Stored)
        return form

    def unsound(self) -> bool:
        return self.index.form.unsound

    def carry(self, change: Change) -> None:
        self.index.remove(change.vanished)
        for images, vectors in self.shelf.reader.vectors(self.shelf.model, DIM, [*change.appeared]):
            self.index.add(images, vectors)

    def put(self, name: str, content: bytes) -> int:
        """Bring a picture in; 0 where its root is away, so that nobody looks at it."""
        self.carry(self.shelf.look(self.shelf.write(name, content)))
        self.carry(self.shelf.work())
        return self.shelf.row(name).image or 0

    def drop(self, name: str) -> None:
        (self.shelf.base / name).unlink(missing_ok=True)
        self.carry(self.shelf.look(name))

    def turn(self, *, online: bool) -> None:
        """Let the second root go, or come back."""
        root = self.shelf.root("two")
        self.carry(self.shelf.online(root) if online else self.shelf.offline(root))

    def build(self, *, anew: bool = False) -> None:
        """Make a snapshot as the daemon's process does, and leave the index as it is."""
        builder.make(
            lambda what, *_: self.reports.append(what),
            {
                "catalog": os.fsencode(self.shelf.catalog),
                "folder": os.fsencode(self.folder),
                "owner": [self.owner.catalog, self.owner.model, DIM],
                "number": self.shelf.model,
                "usual": vector_of(b"a usual query").tobytes(),
                "anew": anew,
                "lists": self.lists,
            },
        )

    def restart(self) -> bool:
        """Begin with what is on the disk; return whether that was a snapshot."""
        reader = self.shelf.reader
        form = forms.restored(self.shelf.catalog, reader, MODEL)
        if form is None:
            self.index = Index(DIM, forms.exact(reader, self.shelf.model, DIM)[0])
            return False
        form._listed = self.listed
        forms.catch_up(form, reader, self.shelf.model, DIM, form.head.seq)
        self.index = Index(DIM, form)
        return True

    def truth(self) -> Exact:
        return forms.exact(self.shelf.reader, self.shelf.model, DIM)[0]

    def check(self, seed: int = 0, count: int = 50) -> None:
        """Hold it against an exact index of the catalog, with filters and without."""
        truth, form = self.truth(), self.index.form
        every = truth.ids()
        assert form.ids().tolist() == every.tolist()
        assert len(self.index) == len(every)
        if len(every):
            assert np.array_equal(form.vectors(every), truth.vectors(every))
        query = vector_of(b"%d" % seed)
        chance = np.random.default_rng(seed)
        some = every[chance.random(len(every)) < 0.3]
        for allowed in (None, Allowed(some), Allowed(np.append(every, 10**6))):
            assert form.count(some) == len(some)
            ids, scores = form.search(query, count, allowed)
            wanted, exact = truth.search(query, count, allowed)
            assert scores == pytest.approx(exact, abs=1e-6)
            assert sorted(ids) == sorted(wanted)

    def close(self) -> None:
        self.shelf.close()


@pytest.fixture(params=["inverted", "compact"])
def lists(tmp_path: Path, request: pytest.FixtureRequest) -> Iterator[Lists]:
    lists = Lists(tmp_path, lists=request.param == "inverted")
    yield lists
    lists.close()


def fill(lists: Lists, count: int, start: int = 0) -> None:
    """Write pictures with vectors that lie in clusters straight into the catalog."""
    chance = np.random.default_rng(start)
    centres = chance.standard_normal((20, DIM))
    rows = centres[chance.integers(0, 20, count)] + 0.7 * chance.standard_normal((count, DIM))
    rows = (rows / np.linalg.norm(rows, axis=1, keepdims=True)).astype(np.float16)
    db = lists.shelf.writer._db
    db.execute("BEGIN")
    for place, row in enumerate(rows):
        values = (int.to_bytes(start + place, 16, "big"),)
        [image] = db.execute(
            "INSERT INTO image (hash, format, width, height, live) VALUES (?, 'png', 4, 3, 1) "
            "RETURNING id",
            values,
        ).fetchone()
        db.execute("INSERT INTO vector VALUES (?, ?, ?)", (image, lists.shelf.model, row.tobytes()))
    db.execute("COMMIT")


steps = st.lists(
    st.one_of(
        st.tuples(st.just("put"), st.integers(0, 7), st.integers(0, 9)),
        st.tuples(st.just("drop"), st.integers(0, 7), st.just(0)),
        st.tuples(st.just("turn"), st.booleans(), st.just(0)),
        st.tuples(st.sampled_from(["build", "anew", "restart", "forget"]), st.just(0), st.just(0)),
    ),
    max_size=16,
)


@settings(max_examples=20, deadline=None)
@given(
    steps=steps,
    listed=st.sampled_from([0, 3, 20_000]),
    kind=st.sampled_from(["inverted", "compact"]),
)
def test_any_order_of_changes_builds_and_restarts_agrees_with_the_catalog(
    steps: list[tuple[str, int, int]], listed: int, kind: str
) -> None:
    with TemporaryDirectory() as base:
        lists = Lists(Path(base), listed, lists=kind == "inverted")
        for number in range(4):
            lists.put(f"{'one' if number % 2 else 'two'}/{number}.png", b"%d" % number)
        lists.build()
        lists.restart()
        for step, which, content in steps:
            name = f"{'one' if which % 2 else 'two'}/{which}.png"
            if step == "put":
                lists.put(name, b"%d" % content)
            elif step == "drop":
                lists.drop(name)
            elif step == "turn":
                lists.turn(online=bool(which))
            elif step == "restart":
                lists.restart()
            elif step == "forget":
                if isinstance(lists.index.form, Stored):
                    lists.shelf.writer.forget_touched(lists.form.head.seq, lists.shelf.model)
            elif len(lists.truth()):
                lists.build(anew=step == "anew")
            lists.check(which)
        lists.close()


def test_what_comes_and_goes_is_in_the_next_answer(lists: Lists) -> None:
    fill(lists, 200)
    lists.build()
    lists.restart()
    image = lists.put("one/new.png", b"new")
    assert lists.index.search(vector_of(b"new"), 1)[0] == [image]
    assert image in lists.index
    lists.drop("one/new.png")
    assert lists.index.search(vector_of(b"new"), 1)[0] != [image]
    assert image not in lists.index
    lists.check()


@pytest.mark.parametrize("lists", ["inverted"], indirect=True)
def test_a_merge_takes_in_what_changed_and_no_more(lists: Lists) -> None:
    fill(lists, 300)
    lists.build()
    lists.restart()
    image = lists.put("one/new.png", b"new")
    lists.carry(Change(vanished=(5,)))
    lists.shelf.writer._db.execute("UPDATE image SET live = 0 WHERE id = 5")
    assert lists.form.unmerged == 2
    lists.reports.clear()
    lists.build()
    assert set(lists.reports) == {"merging"}
    lists.restart()
    assert (lists.form.unmerged, lists.form.head.count) == (0, 300)
    assert image in lists.index
    assert 5 not in lists.index
    lists.check()


@pytest.mark.parametrize("lists", ["inverted"], indirect=True)
def test_lists_are_made_anew_once_the_library_has_doubled(lists: Lists) -> None:
    fill(lists, 200)
    lists.build()
    fill(lists, 300, start=200)
    lists.reports.clear()
    lists.build()
    assert "training" in lists.reports
    lists.restart()
    assert lists.form.head.trained == 500
    lists.check()


def _cut(path: Path) -> None:
    os.truncate(path, path.stat().st_size // 2)


def _flip(path: Path) -> None:
    content = bytearray(path.read_bytes())
    content[len(content) // 2] ^= 1
    path.write_bytes(content)


@pytest.mark.parametrize(
    ("pattern", "harm"),
    [
        ("codes-*", _cut),
        ("codes-*", _flip),
        ("codes-*", Path.unlink),
        ("vectors-*", _cut),
        ("vectors-*", Path.unlink),
        ("head.json", _cut),
        ("head.json", _flip),
    ],
)
def test_a_snapshot_that_is_damaged_is_none(
    lists: Lists, pattern: str, harm: Callable[[Path], None]
) -> None:
    fill(lists, 200)
    lists.build()
    [path] = lists.folder.glob(pattern)
    harm(path)
    assert not lists.restart()
    lists.check()
    lists.build()
    assert lists.restart()
    lists.check()


def test_a_snapshot_of_another_catalog_or_model_is_none(lists: Lists) -> None:
    fill(lists, 100)
    lists.build()
    assert Stored.open(lists.folder, Owner(lists.owner.catalog, "another", DIM)) is None
    lists.shelf.writer.remember("catalog", "another")
    assert not lists.restart()


def test_a_snapshot_that_the_catalog_cannot_bring_up_to_date_is_none(lists: Lists) -> None:
    fill(lists, 100)
    lists.build()
    lists.put("one/new.png", b"new")
    lists.shelf.writer.forget_touched(lists.shelf.reader.touched(), lists.shelf.model)
    assert not lists.restart()
    lists.check()


def test_a_snapshot_that_is_newer_than_the_catalog_is_none(lists: Lists) -> None:
    fill(lists, 100)
    lists.build()
    # As after a catalog was put back from a copy.
    lists.shelf.writer._db.execute("UPDATE sqlite_sequence SET seq = 5 WHERE name = 'touched'")
    assert not lists.restart()


def test_a_vector_that_is_lost_on_the_disk_is_noticed_and_everything_made_anew(
    lists: Lists,
) -> None:
    fill(lists, 200)
    lists.build()
    lists.restart()
    [path] = lists.folder.glob("vectors-*")
    with path.open("rb+") as file:
        file.seek(7 * 2 * DIM)
        file.write(bytes(2 * DIM))
    assert not lists.unsound()
    found, _ = lists.index.search(vector_of(b"any"), 200)
    assert len(found) == 199
    assert lists.unsound()
    lists.build(anew=True)
    lists.restart()
    assert not lists.unsound()
    lists.check()


def test_a_build_that_is_cut_off_leaves_the_snapshot_before(
    lists: Lists, monkeypatch: pytest.MonkeyPatch
) -> None:
    fill(lists, 200)
    lists.build()
    before = sorted(path.name for path in lists.folder.iterdir())

    def full(*_: object) -> None:
        raise OSError(28, "No space left on device")

    for name, anew in (("flush", False), ("write", False), ("write", True)):
        with monkeypatch.context() as patch:
            patch.setattr(snapshot, name, full)
            with pytest.raises(Fault, match="No space left"):
                lists.build(anew=anew)
        assert sorted(path.name for path in lists.folder.iterdir()) == before
    assert lists.restart()
    lists.check()


def test_a_build_that_died_leaves_nothing_that_counts(lists: Lists) -> None:
    fill(lists, 200)
    lists.build()
    for name in ("codes-00.faiss", "vectors-00.f16", "head.json.new"):
        (lists.folder / name).write_bytes(b"half of it")
    assert lists.restart()
    lists.build()
    assert {path.name.partition("-")[0] for path in lists.folder.iterdir()} == {
        "head.json",
        "codes",
        "vectors",
    }
    assert len([*lists.folder.iterdir()]) == 3


def test_the_files_of_a_model_are_nobody_elses_to_read(lists: Lists) -> None:
    fill(lists, 100)
    lists.build()
    assert lists.folder.stat().st_mode & 0o77 == 0


def test_a_query_that_is_no_number_finds_nothing(lists: Lists) -> None:
    fill(lists, 100)
    lists.build()
    lists.restart()
    nothing: Vector = np.full(DIM, np.nan, np.float32)
    assert lists.index.search(nothing, 3) == ([], [])


def test_words_are_judged_alike_in_both_forms(lists: Lists) -> None:
    fill(lists, 3000)
    lists.build()
    exact = Index(DIM, lists.truth())
    lists.restart()
    phrases = np.stack([vector_of(b"phrase %d" % n) for n in range(20)])
    query = vector_of(b"a query")
    judges = []
    for index in (exact, lists.index):
        index.learn(phrases)
        _, scores = index.search(query, 256)
        judges.append([index.judge(query, scores).relevance(score) for score in (0.1, 0.5, 0.9)])
    assert judges[0] == pytest.approx(judges[1], abs=1e-6)


class Cloud:
    """Vectors in clusters, as `build` asks for them."""

    def __init__(self) -> None:
        chance = np.random.default_rng(4)
        centres = chance.standard_normal((40, WIDE))
        rows = centres[chance.integers(0, 40, LARGE)] + chance.standard_normal((LARGE, WIDE))
        self.rows: Half = (rows / np.linalg.norm(rows, axis=1, keepdims=True)).astype(np.float16)
        self.ids = np.arange(1, LARGE + 1)
        asked = centres[:10] + 2 * chance.standard_normal((10, WIDE))
        self.queries = (asked / np.linalg.norm(asked, axis=1, keepdims=True)).astype(np.float32)

    def seq(self) -> int:
        return 0

    def count(self) -> int:
        return LARGE

    def everything(self) -> Iterator[tuple[Ids, Half]]:
        for start in range(0, LARGE, 1000):
            yield self.ids[start : start + 1000], self.rows[start : start + 1000]

    def changed(self, since: int) -> Iterator[tuple[Ids, Ids, Half]]:
        raise NotImplementedError

    def exact(self) -> Exact:
        form = Exact(WIDE)
        form.add(self.ids, self.rows.astype(np.float32))
        return form


@pytest.fixture(scope="module")
def cloud() -> Cloud:
    return Cloud()


@pytest.fixture(scope="module", params=["inverted", "compact"])
def made(
    cloud: Cloud, tmp_path_factory: pytest.TempPathFactory, request: pytest.FixtureRequest
) -> Path:
    folder: Path = tmp_path_factory.mktemp("cloud")
    usual = cloud.queries.mean(axis=0)
    lists = request.param == "inverted"
    build(Task(folder, Owner("c", "m", WIDE), usual, lists=lists), cloud, lambda *_: None)
    return folder


def opened(folder: Path, listed: int = 20_000) -> Stored:
    form = Stored.open(folder, Owner("c", "m", WIDE), listed)
    assert form is not None
    return form


@pytest.mark.parametrize("share", [1.0, 0.9, 0.5, 0.1, 0.01, 0.0005])
@pytest.mark.parametrize("listed", [0, 100, 20_000])
def test_a_filter_gets_the_answers_of_the_exact_form_however_selective(
    cloud: Cloud, made: Path, share: float, listed: int
) -> None:
    form, exact = opened(made, listed), cloud.exact()
    assert not isinstance(form._codes, Codes) or form._codes.lists > 50
    some = cloud.ids[np.random.default_rng(1).random(LARGE) < share]
    for query in cloud.queries:
        for allowed in (Allowed(some), *([None] if share == 1 else [])):
            ids, scores = form.search(query, 30, allowed)
            wanted, best = exact.search(query, 30, allowed)
            assert ids.tolist() == wanted.tolist()
            assert scores == pytest.approx(best, abs=1e-6)


@pytest.mark.parametrize("gone", [10, 2000, 5900])
def test_a_query_whose_nearest_are_all_gone_finds_the_next_ones(
    cloud: Cloud, made: Path, gone: int
) -> None:
    form, exact = opened(made), cloud.exact()
    query = cloud.queries[0]
    nearest, _ = exact.search(query, gone, None)
    assert form.remove(nearest) == exact.remove(nearest) == gone
    found, _ = form.search(query, 10, None)
    wanted, _ = exact.search(query, 10, None)
    assert found[0] == wanted[0]
    if form.kind == "compact":
        assert found.tolist() == wanted.tolist()
    else:  # all that is left lies at nearly the same distance
        assert len(set(found.tolist()) & set(wanted.tolist())) >= 7


def test_an_index_changes_its_form_while_threads_ask_and_changes_go_on(
    cloud: Cloud, made: Path
) -> None:
    index = Index(WIDE, cloud.exact())
    query, done = cloud.queries[0], threading.Event()
    first, _ = index.search(query, 5)
    faults: list[BaseException] = []

    def ask() -> None:
        try:
            while not done.is_set():
                assert index.search(query, 5)[0] == first
                index.judge(query, [])
        except BaseException as error:  # noqa: BLE001 - told by the test's own thread
            faults.append(error)

    threads = [threading.Thread(target=ask) for _ in range(2)]
    for thread in threads:
        thread.start()
    far, _ = cloud.exact().search(-query, 20, None)
    for turn in range(10):
        index.exchange(opened(made) if turn % 2 else cloud.exact())
        index.remove(far.tolist())
        index.add(far.tolist(), cloud.rows[far - 1].astype(np.float32))
    done.set()
    for thread in threads:
        thread.join()
    assert faults == []
    assert len(index) == LARGE
