"""The index moves between its forms beside the changes that go on, and says what it is about."""

from __future__ import annotations

import asyncio
import os
from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import Any

import pytest

from daemon.shelf import DIM, MODEL, OTHER, indexed_of, vector_of
from imgqd import child, forms
from imgqd.bell import Bell
from imgqd.catalog import Reader
from imgqd.library import Library
from imgqd.records import Observed, Stamp
from imgqd.upkeep import Upkeep

pytestmark = pytest.mark.system


class Scene:
    """A library whose index is in memory up to `small` pictures, and has lists beyond `most`."""

    def __init__(self, base: Path, most: int, small: int) -> None:
        self.base = base
        self.bell = Bell()
        self.most = most
        self.rests: str | None = None
        self.catalog = base / "catalog.sqlite3"
        self.library = Library(self.catalog, self.bell)
        self.upkeep = Upkeep(
            self.library,
            self.catalog,
            self.bell,
            lambda: self.most,
            lambda: self.rests,
            small=small,
            unmerged=5,
            retry=0.01,
        )
        self.library.prepare = self.upkeep.prepare
        self.works: set[str] = set()

    async def begin(self) -> asyncio.Task[None]:
        await self.library.use_model(MODEL)
        return asyncio.create_task(self.upkeep.run())

    async def put(self, *contents: int) -> None:
        folder = self.base / "one"
        if not folder.exists():
            folder.mkdir()
            await self.library.change(lambda w: w.set_roots([os.fsencode(folder)], 1.0))
            [root] = await self.library.write(lambda w: w.roots())
            await self.library.change(lambda w: w.set_root_state(root, (1, 1), 1.0))
        [root] = await self.library.write(lambda w: w.roots())
        seen = []
        for content in contents:
            path = folder / f"{content}.png"
            path.write_bytes(b"%d" % content)
            seen.append(Observed(os.fsencode(path), Stamp.of(path.lstat()), 1.0, live=True))
        await self.library.change(lambda w: w.apply(seen, {root.path: root.id}, 1.0))
        works = await self.library.write(lambda w: w.take(1000, ()))
        number = self.library.model_id
        done = [indexed_of(work) for work in works]
        await self.library.change(lambda w: w.commit(done, [], number, number, 1.0))

    async def drop(self, *contents: int) -> None:
        [root] = await self.library.write(lambda w: w.roots())
        gone = [
            Observed(os.path.join(root.path, b"%d.png" % content), None, 1.0, live=True)
            for content in contents
        ]
        await self.library.change(lambda w: w.apply(gone, {root.path: root.id}, 1.0))

    async def until(self, condition: Callable[[], bool]) -> None:
        async with asyncio.timeout(60):
            while True:
                ring = self.bell.next()
                if (row := self.upkeep.row()) is not None and row["work"] is not None:
                    self.works.add(row["work"]["what"])
                if condition():
                    return
                await ring.wait()

    async def has(self, kind: str) -> None:
        await self.until(lambda: self.kind == kind and self.work is None)

    @property
    def kind(self) -> str:
        assert self.library.index is not None
        return self.library.index.form.kind

    @property
    def sound(self) -> bool:
        assert self.library.index is not None
        return not self.library.index.form.unsound

    @property
    def work(self) -> Any:
        row = self.upkeep.row()
        return None if row is None else row["work"]

    def check(self) -> None:
        """Hold the index against the catalog."""
        index, number = self.library.index, self.library.model_id
        assert index is not None
        assert number is not None
        reader = Reader(self.catalog)
        truth, _ = forms.exact(reader, number, DIM)
        reader.close()
        assert index.form.ids().tolist() == truth.ids().tolist()
        for seed in range(3):
            query = vector_of(b"%d" % seed)
            found, _ = index.search(query, 20)
            assert found == truth.search(query, 20, None)[0].tolist()

    def folder_of(self, key: str) -> Path:
        reader = Reader(self.catalog)
        of = forms.owner(reader, key, DIM)
        reader.close()
        return forms.folder(self.catalog, of)

    @property
    def folder(self) -> Path:
        [folder] = (self.base / "index").iterdir()
        return folder


def play(
    base: Path, scene: Callable[[Scene], Awaitable[None]], most: int = 20, small: int = 20
) -> None:
    async def played() -> None:
        one = Scene(base, most, small)
        task = await one.begin()
        try:
            await asyncio.wait_for(scene(one), 100)
        finally:
            task.cancel()
            await asyncio.gather(task, return_exceptions=True)
            one.library.close()

    asyncio.run(played())


def test_an_index_that_grows_gets_lists_and_is_exact_again_when_it_shrank(tmp_path: Path) -> None:
    async def scene(one: Scene) -> None:
        await one.put(*range(20))
        assert one.kind == "exact"
        await one.put(20)
        await one.has("inverted")
        assert "coding" in one.works
        one.check()
        await one.drop(*range(12))
        await one.has("exact")
        one.check()
        assert not any((one.base / "index").iterdir())

    play(tmp_path, scene)


def test_an_index_between_small_and_large_is_compact_and_answers_exactly(tmp_path: Path) -> None:
    async def scene(one: Scene) -> None:
        await one.put(*range(11))
        await one.has("compact")
        assert "coding" in one.works
        one.check()
        await one.drop(3, 4)
        await one.put(100)
        one.check()
        assert one.upkeep.row() == {"form": "compact", "unmerged": 3, "work": None}
        await one.put(*range(11, 14))
        await one.until(lambda: one.upkeep.row() == _compact(0))
        one.check()
        await one.put(*range(14, 28))
        await one.has("inverted")
        one.check()
        await one.drop(*range(5, 16))
        await one.drop(*range(16, 22))
        await one.has("compact")
        one.check()
        await one.drop(*range(22, 28), 100, 1)
        await one.has("exact")
        one.check()
        assert not any((one.base / "index").iterdir())

    play(tmp_path, scene, most=25, small=10)


def test_a_compact_index_goes_on_after_a_restart_and_grows_with_its_bound(tmp_path: Path) -> None:
    async def scene(one: Scene) -> None:
        await one.put(*range(15))
        await one.has("compact")
        await one.put(50)

    play(tmp_path, scene, most=25, small=10)

    async def again(one: Scene) -> None:
        assert one.upkeep.row() == _compact(1)
        one.check()
        one.most = 12
        one.bell.ring()
        await one.has("inverted")
        one.check()

    play(tmp_path, again, most=25, small=10)


def _compact(unmerged: int) -> dict[str, Any]:
    return {"form": "compact", "unmerged": unmerged, "work": None}


def test_changes_while_lists_are_made_are_in_every_answer(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    async def scene(one: Scene) -> None:
        built = asyncio.Event()
        go_on = asyncio.Event()
        exchange = one.library.exchange

        async def held(*arguments: Any) -> bool:
            built.set()
            await go_on.wait()
            return await exchange(*arguments)

        monkeypatch.setattr(one.library, "exchange", held)
        await one.put(*range(30))
        await built.wait()
        await one.put(100, 101)
        await one.drop(3, 4)
        one.check()
        go_on.set()
        await one.has("inverted")
        one.check()
        assert one.upkeep.row() == {"form": "inverted", "unmerged": 4, "work": None}

    play(tmp_path, scene)


def test_a_change_in_the_last_moment_before_the_exchange_is_not_lost(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    async def scene(one: Scene) -> None:
        exchange, read_long = one.library.exchange, one.library.read_long
        late = [False]

        async def late_exchange(*arguments: Any) -> bool:
            late[0] = True
            return await exchange(*arguments)

        async def then_changed(question: Any) -> Any:
            answer = await read_long(question)
            if late[0]:
                late[0] = False
                await one.put(200)
                await one.drop(7)
            return answer

        monkeypatch.setattr(one.library, "exchange", late_exchange)
        monkeypatch.setattr(one.library, "read_long", then_changed)
        await one.put(*range(30))
        await one.has("inverted")
        one.check()
        assert one.upkeep.row() == _inverted(2)

    play(tmp_path, scene)


def test_many_changes_are_merged_and_a_restart_goes_on_from_there(tmp_path: Path) -> None:
    async def scene(one: Scene) -> None:
        await one.put(*range(30))
        await one.has("inverted")
        await one.put(*range(30, 38))
        await one.until(lambda: "merging" in one.works)
        await one.until(lambda: one.upkeep.row() == _inverted(0))
        await one.drop(1, 2)
        one.check()

    play(tmp_path, scene)

    async def again(one: Scene) -> None:
        assert one.upkeep.row() == _inverted(2)
        one.check()

    play(tmp_path, again)


def _inverted(unmerged: int) -> dict[str, Any]:
    return {"form": "inverted", "unmerged": unmerged, "work": None}


def test_what_a_snapshot_has_is_forgotten_by_the_catalog(tmp_path: Path) -> None:
    async def scene(one: Scene) -> None:
        await one.put(*range(30))
        await one.has("inverted")
        number = one.library.model_id or 0
        assert await one.library.read(lambda r: r.touched_since(0, number)) == []

    play(tmp_path, scene)


def test_a_builder_that_dies_leaves_the_index_as_it_is_and_is_started_again(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    async def scene(one: Scene) -> None:
        start = child.start
        killed: list[int] = []

        async def started(*arguments: Any, **told: Any) -> child.Child:
            process = await start(*arguments, **told)
            if len(killed) < 2:
                killed.append(process.pid)
                os.kill(process.pid, 9)
            return process

        monkeypatch.setattr(child, "start", started)
        await one.put(*range(30))
        await one.until(lambda: one.upkeep.trouble is not None)
        assert "stays as it is" in (one.upkeep.trouble or "")
        assert one.kind == "exact"
        one.check()
        await one.has("inverted")
        await one.until(lambda: one.upkeep.trouble is None)
        assert len(killed) == 2
        one.check()

    play(tmp_path, scene)


def test_without_room_on_the_disk_the_index_stays_as_it_is_and_says_so(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    room = [0]
    monkeypatch.setattr(forms, "room", lambda _: room[0])

    async def scene(one: Scene) -> None:
        await one.put(*range(30))
        await one.until(lambda: one.upkeep.trouble is not None)
        assert "free some space" in (one.upkeep.trouble or "")
        one.check()
        room[0] = 1 << 40
        await one.has("inverted")
        await one.until(lambda: one.upkeep.trouble is None)

    play(tmp_path, scene)


def test_nothing_is_built_while_bulk_work_rests(tmp_path: Path) -> None:
    async def scene(one: Scene) -> None:
        one.rests = "on battery"
        await one.put(*range(30))
        assert (one.kind, one.work) == ("exact", None)
        one.rests = None
        one.bell.ring()
        await one.has("inverted")

    play(tmp_path, scene)


def test_a_row_that_is_lost_makes_everything_anew(tmp_path: Path) -> None:
    async def scene(one: Scene) -> None:
        await one.put(*range(30))
        await one.has("inverted")
        [path] = one.folder.glob("vectors-*")
        path.write_bytes(bytes(path.stat().st_size))
        assert one.library.index is not None
        one.library.index.search(vector_of(b"any"), 5)
        await one.put(50)
        await one.until(lambda: one.sound and not path.exists())
        one.check()

    play(tmp_path, scene)


def test_each_model_has_an_index_of_its_own_and_the_next_one_is_made_before_it_answers(
    tmp_path: Path,
) -> None:
    async def scene(one: Scene) -> None:
        await one.put(*range(30))
        await one.has("inverted")
        number = await one.library.number(OTHER)
        made = [(image, vector_of(b"other %d" % image)) for image in range(1, 31)]
        await one.library.write(lambda w: w.put_vectors(number, made))
        await one.library.prepare(number, OTHER, None, 1)
        assert len([*(one.base / "index").iterdir()]) == 2
        assert await one.library.switch(OTHER, None, [])
        assert one.kind == "inverted"
        one.check()
        first = one.folder_of(MODEL.key)
        await one.library.discard(MODEL.key, DIM)
        assert not first.exists()

    play(tmp_path, scene)


@pytest.mark.parametrize("most", [20, 100])
def test_an_index_that_is_doubted_is_made_anew_from_the_catalog(tmp_path: Path, most: int) -> None:
    async def scene(one: Scene) -> None:
        await one.put(*range(30))
        await one.has("inverted" if most == 20 else "exact")
        index = one.library.index
        assert index is not None
        index.remove([5, 6])  # behind the catalog's back
        assert len(index) == 28
        await one.library.distrust()
        await one.until(lambda: not index.doubted)
        assert len(index) == 30
        one.check()

    play(tmp_path, scene, most)
