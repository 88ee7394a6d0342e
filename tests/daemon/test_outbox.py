"""What the shared store is told, when, and what is said of it: over a store in a dictionary."""

from __future__ import annotations

import asyncio
import sys
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from daemon.post import Machine, at_work, key, run, until, vector
from daemon.shelf import MODEL, OTHER
from imgqd import storerow, telling
from imgqd.carrier import NotThere, Trouble
from imgqd.stores import lane, naming
from stores.memory import Engine, Shared


@pytest.fixture
def engine() -> Engine:
    return Engine()


@pytest.fixture
def patch(monkeypatch: pytest.MonkeyPatch) -> pytest.MonkeyPatch:
    return monkeypatch


def test_all_that_was_there_and_all_that_comes_is_told(
    engine: Engine, patch: Any, tmp_path: Path
) -> None:
    async def scene() -> None:
        one = Machine(tmp_path, engine, "laptop")
        for number in range(5):
            one.put(f"one/{number}.png", b"%d" % number)
        async with at_work(patch, one):
            row = await one.in_step()
            assert (row["rows"], row["behind"], row["answers"]) == (5, 0, True)
            one.check()
            one.put("two/new.png", b"new")
            await one.outbox.told_all()
            one.check()

    run(scene)


def test_nothing_is_told_and_no_process_is_started_without_a_store(
    engine: Engine, patch: Any, tmp_path: Path
) -> None:
    async def scene() -> None:
        one = Machine(tmp_path, engine, "laptop")
        one.settings = replace(one.settings, url="")
        async with at_work(patch, one):
            one.put("one/a.png", b"a")
            await asyncio.sleep(0)
            assert one.born == 0
            with pytest.raises(Trouble, match="no store is set"):
                await one.outbox.ask("search")
            one.settings = replace(one.settings, url="http://127.0.0.1:1")
            one.outbox.urge()
            await one.in_step()
            one.check()

    run(scene)


def test_once_in_step_nothing_is_asked_until_something_changes(
    engine: Engine, patch: Any, tmp_path: Path
) -> None:
    async def scene() -> None:
        one = Machine(tmp_path, engine, "laptop")
        one.put("one/a.png", b"a")
        async with at_work(patch, one):
            await one.in_step()
            before = one.methods()
            for _ in range(20):
                one.changed.ring()
                await asyncio.sleep(0)
            assert one.methods() == before

    run(scene)


def test_a_store_that_is_away_is_tried_again_after_growing_pauses_and_then_told_all(
    engine: Engine, patch: Any, tmp_path: Path
) -> None:
    async def scene() -> None:
        one = Machine(tmp_path, engine, "laptop")
        async with at_work(patch, one):
            await one.in_step()
            engine.away = True
            one.put("one/a.png", b"a")
            row = await one.until(lambda row: row["state"] == "away")
            assert row["detail"] == "memory: no connection"
            assert row["behind"] == 1
            first = row["next_try"] - row["since"]
            one.outbox.urge()
            row = await one.until(lambda row: row["next_try"] - row["since"] > first)
            engine.away = False
            with pytest.raises(TimeoutError):
                async with asyncio.timeout(0.05):
                    await one.in_step()
            one.outbox.urge()
            row = await one.in_step()
            assert (row["detail"], row["next_try"], row["behind"]) == ("", None, 0)
            one.check()

    run(scene)


def test_a_courier_that_is_killed_after_it_sent_loses_and_doubles_nothing(
    engine: Engine, patch: Any, tmp_path: Path
) -> None:
    async def scene() -> None:
        one = Machine(tmp_path, engine, "laptop")
        for number in range(3):
            one.put(f"one/{number}.png", b"%d" % number)
        one.killed = 1
        async with at_work(patch, one):
            row = await one.until(lambda row: row["state"] == "away")
            assert "SIGKILL" in row["detail"]
            (one.shelf.base / "one/1.png").unlink()
            one.shelf.look("one/1.png")
            one.killed = 1
            one.outbox.urge()
            await one.until(lambda _: one.killed == 0 and one.outbox.due is not None)
            one.outbox.urge()
            await one.in_step()
            one.check()
            assert one.born == 3

    run(scene)


def test_two_machines_of_one_name_are_told_apart_and_one_may_claim_it(
    engine: Engine, patch: Any, tmp_path: Path
) -> None:
    async def scene() -> None:
        one = Machine(tmp_path, engine, "laptop")
        one.put("one/a.png", b"a")
        (tmp_path / "again").mkdir()
        other = Machine(tmp_path / "again", engine, "laptop")
        other.put("one/b.png", b"b")
        async with at_work(patch, one):
            await one.in_step()
            async with at_work(patch, other):
                row = await other.until(lambda row: row["state"] == "refused")
                assert "another imgq calls itself laptop" in row["detail"]
                one.check()
                await other.outbox.begin_anew(claims=True)
                await other.in_step()
                other.check()

    run(scene)


def test_a_catalog_that_was_made_anew_leaves_nothing_behind_in_the_store(
    engine: Engine, patch: Any, tmp_path: Path
) -> None:
    async def scene() -> None:
        one = Machine(tmp_path, engine, "laptop")
        one.put("one/a.png", b"a")
        stale = Shared(engine, MODEL)
        async with at_work(patch, one):
            await one.in_step()
            [there] = stale.held
            stale.held[key("laptop", b"gone")] = stale.held[there]
            stale.held[key("nas", b"gone")] = stale.held[there]
            await one.outbox.begin_anew(claims=False)
            await one.until(lambda row: row["state"] == "filling" or row["rows"] == 3)
            await one.until(lambda row: row["state"] == "in_step" and row["rows"] == 2)
            one.check()
            assert key("nas", b"gone") in stale.held

    run(scene)


def test_the_alias_moves_when_the_last_machine_has_the_other_model(
    engine: Engine, patch: Any, tmp_path: Path
) -> None:
    async def scene() -> None:
        one, two = Machine(tmp_path, engine, "laptop"), Machine(tmp_path, engine, "nas")
        one.put("one/a.png", b"a")
        two.put("one/b.png", b"b")
        async with at_work(patch, one, two):
            await one.in_step()
            await two.in_step()
            move(one)
            row = await one.until(lambda row: row["waits_for"] == ["nas"])
            assert not row["answers"]
            # What changes meanwhile is told to who still asks the model before.
            (one.shelf.base / "one/a.png").rename(one.shelf.base / "one/c.png")
            one.shelf.look("one/a.png", "one/c.png")
            one.changed.ring()
            await one.outbox.told_all()
            await one.in_step()
            one.check(MODEL)
            one.check(OTHER)
            move(two)
            await two.until(lambda _: engine.alias == naming.collection("imgq", OTHER))
            assert len(engine.collections) == 2
            one.outbox.look_again()
            await one.until(lambda row: row["answers"] is True)
            assert list(engine.collections) == [engine.alias]
            one.check(OTHER)
            two.check(OTHER)

    run(scene)


def move(machine: Machine) -> None:
    """Let another model answer, which has seen everything."""
    number = machine.shelf.writer.model_id(OTHER)
    copied = "INSERT INTO vector (image, model, data) SELECT image, ?, data FROM vector"
    machine.shelf.writer._db.execute(copied, (number,))
    machine.books.use(OTHER)


def test_what_a_model_to_come_sees_is_passed_by(engine: Engine, patch: Any, tmp_path: Path) -> None:
    patch.setattr(telling, "_STRIDE", 3)

    async def scene() -> None:
        one = Machine(tmp_path, engine, "laptop")
        for number in range(5):
            one.put(f"one/{number}.png", b"%d" % number)
        async with at_work(patch, one):
            await one.in_step()
            number = one.shelf.writer.model_id(OTHER)
            copied = "INSERT INTO vector (image, model, data) SELECT image, ?, data FROM vector"
            one.shelf.writer._db.execute(copied, (number,))
            asked = len(one.asked)
            one.changed.ring()
            last = one.shelf.reader.touched()
            await until(lambda: one.shelf.reader.tellings()[0].seq == last)
            assert len(one.asked) == asked
            one.put("one/new.png", b"new")
            await one.outbox.told_all()
            one.check()

    run(scene)


def test_a_machine_with_another_model_is_refused_in_clear_words(
    engine: Engine, patch: Any, tmp_path: Path
) -> None:
    async def scene() -> None:
        one, two = Machine(tmp_path, engine, "laptop"), Machine(tmp_path, engine, "nas")
        two.books.use(OTHER)
        async with at_work(patch, one):
            await one.in_step()
            async with at_work(patch, two):
                row = await two.until(lambda row: row["state"] == "other_model")
                assert "as another model sees them" in row["detail"]

    run(scene)


def test_a_question_that_fails_is_known_to_the_deliveries_and_the_other_way_round(
    engine: Engine, patch: Any, tmp_path: Path
) -> None:
    async def scene() -> None:
        one = Machine(tmp_path, engine, "laptop")
        async with at_work(patch, one):
            await one.in_step()
            engine.away = True
            with pytest.raises(Trouble, match="no connection"):
                await one.outbox.ask("members")
            await one.until(lambda row: row["state"] == "away" and row["next_try"] is not None)
            engine.away = False
            await one.outbox.ask("members")
            await one.in_step()

    run(scene)


def test_a_machine_that_is_forgotten_is_gone_and_one_that_nobody_knows_is_said_so(
    engine: Engine, patch: Any, tmp_path: Path
) -> None:
    async def scene() -> None:
        one, two = Machine(tmp_path, engine, "laptop"), Machine(tmp_path, engine, "nas")
        two.put("one/b.png", b"b")
        async with at_work(patch, one, two):
            await one.in_step()
            await two.in_step()
            assert await one.outbox.ask("forget", machine="nas") == 1
            [only] = await one.outbox.ask("members")
            assert (only["machine"], only["rows"]) == ("laptop", 0)
            with pytest.raises(NotThere, match="knows no machine nas"):
                await one.outbox.ask("forget", machine="nas")

    run(scene)


def test_a_store_that_lost_everything_is_told_everything_again(
    engine: Engine, patch: Any, tmp_path: Path
) -> None:
    async def scene() -> None:
        one = Machine(tmp_path, engine, "laptop")
        one.put("one/a.png", b"a")
        async with at_work(patch, one):
            await one.in_step()
            await one.outbox.carrier._end()  # it notices when it comes the next time
            engine.collections.clear()
            engine.roll.clear()
            engine.alias = None
            one.put("one/b.png", b"b")
            await one.until(lambda row: row["rows"] == 2)
            one.check()

    run(scene)


def test_everything_is_told_anew_while_something_is_being_told(
    engine: Engine, patch: Any, tmp_path: Path
) -> None:
    async def scene() -> None:
        one = Machine(tmp_path, engine, "laptop")
        one.put("one/a.png", b"a")
        async with at_work(patch, one):
            await one.in_step()
            one.gates["deliver"] = asyncio.Event()
            one.put("one/b.png", b"b")
            told = len(one.asked)
            await until(lambda: len(one.asked) > told)
            await one.outbox.begin_anew(claims=False)
            assert (await one.row())["state"] == "filling"
            one.gates["deliver"].set()
            await one.in_step()
            # The block on its way, all anew, and its end.
            blocks = [params["place"] for method, params in one.asked[told:] if method == "deliver"]
            assert [filled for _, filled in blocks] == [None, 0, 2]
            one.check()

    run(scene)


def test_other_settings_end_what_was_told_before(
    engine: Engine, patch: Any, tmp_path: Path
) -> None:
    async def scene() -> None:
        one = Machine(tmp_path, engine, "laptop")
        one.put("one/a.png", b"a")
        async with at_work(patch, one):
            await one.in_step()
            one.settings = replace(one.settings, machine="desk")
            one.outbox.urge()
            await one.until(lambda row: row["machine"] == "desk" and row["rows"] == 2)
            [place] = one.shelf.reader.tellings()
            assert place.store.endswith("desk")
            one.settings = replace(one.settings, url="")
            one.outbox.urge()
            await until(lambda: not one.shelf.reader.tellings())

    run(scene)


def test_the_process_ends_after_a_while_and_is_started_again(
    engine: Engine, patch: Any, tmp_path: Path
) -> None:
    async def scene() -> None:
        one = Machine(tmp_path, engine, "laptop")
        one.outbox.carrier._after = 0.0
        async with at_work(patch, one):
            await one.in_step()
            await until(lambda: not one.outbox.carrier.pids)
            one.put("one/a.png", b"a")
            await one.outbox.told_all()
            assert one.born > 1
            one.check()

    run(scene)


@pytest.mark.parametrize(
    ("text", "shown"),
    [
        ("http://nas:19530: no connection", "no connection"),
        ("https://nas:19530/family refuses the token", "refuses the token"),
        ("http://other:1: no", "http://other:1: no"),
        ("no room", "no room"),
    ],
)
def test_the_address_is_not_said_twice(text: str, shown: str) -> None:
    assert storerow._short(text, "nas:19530") == shown


def test_without_the_library_it_is_said_how_to_install_it(
    engine: Engine, patch: Any, tmp_path: Path
) -> None:
    async def scene() -> None:
        one = Machine(tmp_path, engine, "laptop")
        patch.setitem(sys.modules, "imgqd.stores.milvus", None)
        patch.setattr(one, "opened", lane.opened)
        async with at_work(patch, one):
            row = await one.until(lambda row: row["state"] == "refused")
            assert row["detail"] == "pymilvus is not installed: pip install 'imgq[milvus]'"

    run(scene)


def test_what_other_machines_have_is_found_and_never_this_ones(
    engine: Engine, patch: Any, tmp_path: Path
) -> None:
    async def scene() -> None:
        one, two = Machine(tmp_path, engine, "laptop"), Machine(tmp_path, engine, "nas")
        one.put("one/a.png", b"a")
        two.put("one/b.png", b"b")
        two.put("one/c.png", b"c")
        async with at_work(patch, one, two):
            await one.in_step()
            await two.in_step()
            told = await one.outbox.ask(
                "search",
                vector=vector(b"c"),
                limit=5,
                line="-name:b.png",
                now="2024-01-01T00:00:00",
                has_picture=False,
                home="/home/me",
                freshness="usual",
            )
            [hit] = told["hits"]
            assert (hit["machine"], hit["score"]) == ("nas", pytest.approx(1.0, abs=1e-3))
            assert hit["files"][0][0].endswith(b"c.png")

    run(scene)
