"""Which model answers, who takes over from it and when, and when words are judged as always."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import pytest

from daemon.shelf import DIM, MODEL, OTHER, vector_of
from daemon.stage import THIRD, Stage
from imgqd import exports
from imgqd.catalog import DiskTrouble
from imgqd.config import ModelSettings
from imgqd.embed import NoModel
from imgqd.everyday import PHRASES
from imgqd.stock import InUse, UnknownName


@pytest.fixture
def stage(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Callable[..., Any]:
    @asynccontextmanager
    async def staged(name: str = "demo", **states: str) -> AsyncIterator[Stage]:
        one = Stage(tmp_path, monkeypatch, name)
        one.states |= states
        one.encoders.clear()
        one.models = one._models(name)
        try:
            yield one
        finally:
            await one.models.stop()
            one.library.close()

    return staged


def test_words_are_judged_as_always_only_after_the_everyday_phrases_are_known(
    stage: Any,
) -> None:
    async def scene() -> None:
        async with stage() as one:
            [encoder] = one.encoders["demo"]
            encoder.gate.clear()
            one.models.start()
            await one.models.settled()
            waiting = asyncio.create_task(one.models.learnt())
            await encoder.began.wait()
            assert not waiting.done()
            encoder.gate.set()
            await waiting
            assert encoder.asked == [*PHRASES]
            assert len(one.library.index._phrases)

    asyncio.run(scene())


def test_a_model_is_asked_for_the_everyday_phrases_once_and_never_again(
    stage: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    async def scene() -> None:
        async with stage() as one:

            async def again(name: str) -> tuple[int, Any]:
                await one.models.stop()
                one.models = one._models(name)
                await one.ready()
                await one.until(lambda: not one.models._tasks)
                return len(one.encoders[name][-1].asked), one.library.index._phrases

            asked, first = await again("demo")
            assert asked == len(PHRASES)
            asked, second = await again("demo")
            assert asked == 0
            assert (first == second).all()
            # Of another model they are others; of other phrases, too.
            assert (await again("third"))[0] == len(PHRASES)
            assert (await again("demo"))[0] == 0
            monkeypatch.setattr("imgqd.phrases.PHRASES", (*PHRASES, "one more"))
            monkeypatch.setattr("imgqd.engine.PHRASES", (*PHRASES, "one more"))
            assert (await again("demo"))[0] == len(PHRASES) + 1
            assert (await again("demo"))[0] == 0

    asyncio.run(scene())


def test_from_the_second_start_on_the_first_answer_is_judged_as_always(stage: Any) -> None:
    async def scene() -> None:
        async with stage() as one:
            await one.ready()
            await one.until(lambda: not one.models._tasks)
            await one.models.stop()
            one.models = one._models("demo")
            learnt: list[int] = []
            one.models._ready = lambda: learnt.append(len(one.library.index._phrases))
            one.models.start()
            await one.models.settled()
            assert len(one.library.index._phrases)
            await one.until(lambda: len(learnt) == 1)
            assert learnt[0]

    asyncio.run(scene())


def test_exports_of_models_that_left_the_catalog_are_deleted(stage: Any, tmp_path: Path) -> None:
    async def scene() -> None:
        async with stage() as one:
            needed, other = exports.place(MODEL.key), exports.place("sha256:gone")
            for folder in (needed, other):
                folder.mkdir(parents=True)
            assert tmp_path in other.parents
            await one.ready()
            await one.until(lambda: not one.models._tasks)
            assert needed.exists()
            assert not other.exists()

    asyncio.run(scene())


@pytest.mark.parametrize(("state", "fails_at"), [("missing", None), ("failed", None), ("ready", 3)])
def test_nobody_waits_for_phrases_that_will_not_be_known(
    stage: Any, state: str, fails_at: int | None
) -> None:
    async def scene() -> None:
        async with stage(demo=state) as one:
            one.encoders["demo"][0].fails_at = fails_at
            one.models.start()
            await asyncio.wait_for(one.models.learnt(), 5)
            index = one.library.index
            assert index is None or not len(index._phrases)
            assert one.models.state.state == state

    asyncio.run(scene())


def test_the_model_before_answers_until_the_next_has_seen_every_picture(stage: Any) -> None:
    async def scene() -> None:
        async with stage() as one:
            await one.ready()
            await one.put(b"a", b"b", b"c")
            await one.models.use(ModelSettings("other"))
            await one.until(lambda: len(one.moves) == 1 and one.moves[0].total == 3)
            assert (one.models.name, one.vectors) == ("demo", 3)
            before = one.library.sight
            migrating = one.models.migrating
            assert {key: migrating[key] for key in ("from", "to", "done", "total")} == {
                "from": "demo", "to": "other", "done": 0, "total": 3,
            }  # fmt: skip
            # Meanwhile the next one's text encoder takes no memory.
            assert one.encoders["other"][0].life == ["start", "stop"]
            one.gate.set()
            await one.answers("other")
            assert one.models.migrating is None
            assert (one.library.model, one.vectors) == (OTHER, 3)
            assert one.library.sight is not before
            # With the first answer words are judged as always.
            assert len(one.library.index._phrases)
            assert (await one.models.encode("a dog", one.library.model_id)).shape == (DIM,)
            with pytest.raises(NoModel):
                await one.models.encode("a dog", before.number)
            await one.until(lambda: "stop" in one.encoders["demo"][0].life)

    asyncio.run(scene())


def test_phrases_that_the_model_before_was_asked_for_do_not_reach_the_next(stage: Any) -> None:
    async def scene() -> None:
        async with stage() as one:
            [encoder] = one.encoders["demo"]
            encoder.fails_at = 3  # so that they are not known, and asked again
            await one.ready()
            await one.put(b"a")
        async with stage() as one:
            [encoder] = one.encoders["demo"]
            encoder.gate.clear()
            one.models.start()
            await encoder.began.wait()
            one.gate.set()
            await one.models.use(ModelSettings("other"))
            await one.answers("other")
            learnt = one.library.index._phrases
            assert "stop" not in encoder.life
            encoder.gate.set()
            await one.models.learnt()
            assert one.library.index._phrases is learnt

    asyncio.run(scene())


def test_who_asks_the_model_before_is_answered_by_it_even_while_it_leaves(stage: Any) -> None:
    async def scene() -> None:
        async with stage() as one:
            await one.ready()
            await one.put(b"a")
            number, [encoder] = one.library.model_id, one.encoders["demo"]
            encoder.gate.clear()
            asking = asyncio.create_task(one.models.encode("a dog", number))
            one.gate.set()
            await one.models.use(ModelSettings("other"))
            await one.answers("other")
            assert "stop" not in encoder.life
            encoder.gate.set()
            assert (await asking).shape == (DIM,)
            await one.until(lambda: "stop" in encoder.life)

    asyncio.run(scene())


def test_a_picture_that_comes_in_the_last_moment_is_seen_by_the_next_model_first(
    stage: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    async def scene() -> None:
        async with stage() as one:
            await one.ready()
            await one.put(b"a")
            see, rounds = one.see, []

            async def late(before: int, number: int) -> None:
                await see(before, number)
                rounds.append(one.models.name)
                if len(rounds) == 1:
                    await one.put(b"late")

            monkeypatch.setattr(one, "see", late)
            one.gate.set()
            await one.models.use(ModelSettings("other"))
            await one.answers("other")
            assert (rounds, one.vectors) == (["demo", "demo"], 2)
            assert await one.library.read(lambda r: r.oldest_pending()) is None

    asyncio.run(scene())


def test_a_disk_that_is_full_at_the_switch_leaves_everything_as_it_was(
    stage: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("imgqd.writing._DISK_PAUSE", 0.01)

    async def scene() -> None:
        async with stage() as one:
            await one.ready()
            await one.put(b"a")
            remember = one.library._writer.remember
            failed: list[Any] = []

            def full(name: str, value: str) -> None:
                if name == "answers" and len(failed) < 3:
                    failed.append(one.library.model)
                    raise DiskTrouble("database or disk is full")
                remember(name, value)

            monkeypatch.setattr(one.library._writer, "remember", full)
            one.gate.set()
            await one.models.use(ModelSettings("other"))
            await one.answers("other")
            assert [model.name for model in failed] == ["demo"] * 3
            assert (one.library.model, one.vectors) == (OTHER, 1)

    asyncio.run(scene())


def test_pictures_that_cannot_be_seen_keep_nobody_waiting_and_are_queued(
    stage: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    async def scene() -> None:
        async with stage() as one:
            await one.ready()
            await one.put(b"a", b"b")

            async def but_one(before: int, number: int) -> None:
                lacking = await one.library.read(lambda r: r.lacking(before, number, 0, 9))
                one.moves[0].left_out.add(lacking[0].image)
                made = [(lacking[1].image, vector_of(b"b"))]
                await one.library.write(lambda w: w.put_vectors(number, made))

            monkeypatch.setattr(one, "see", but_one)
            one.gate.set()
            readied = one.readied
            await one.models.use(ModelSettings("other"))
            await one.answers("other")
            await one.until(lambda: one.readied > readied)
            assert one.vectors == 1
            [work] = await one.library.write(lambda w: w.take(9, ()))
            assert work.path.endswith(b"a.png")

    asyncio.run(scene())


def test_going_back_ends_the_move_and_what_was_seen_is_kept_for_the_next_try(stage: Any) -> None:
    async def scene() -> None:
        async with stage() as one:
            await one.ready()
            await one.put(b"a", b"b")
            await one.models.use(ModelSettings("other"))
            await one.until(lambda: one.moves != [])
            number = one.moves[0].number
            await one.library.write(lambda w: w.put_vectors(number, [(1, vector_of(b"1"))]))
            before, [encoder] = one.library.sight, one.encoders["demo"]
            await one.models.use(ModelSettings("demo"))
            assert (one.models.migrating, one.library.sight) == (None, before)
            assert encoder.life == ["start"], "it was never disturbed"
            await one.models.use(ModelSettings("other"))
            await one.until(lambda: len(one.moves) == 2 and one.moves[1].total == 2)
            assert one.moves[1].done == 1

    asyncio.run(scene())


def test_a_third_model_may_be_chosen_in_the_middle(stage: Any) -> None:
    async def scene() -> None:
        async with stage() as one:
            await one.ready()
            await one.put(b"a")
            await one.models.use(ModelSettings("other"))
            await one.until(lambda: len(one.moves) == 1)
            await one.models.use(ModelSettings("third"))
            one.gate.set()
            await one.answers("third")
            assert (one.library.model, one.vectors) == (THIRD, 1)
            assert one.encoders["other"][0].life[-1] == "stop"

    asyncio.run(scene())


def test_after_a_restart_the_model_before_answers_and_the_move_goes_on(
    stage: Any,
) -> None:
    async def scene() -> None:
        async with stage() as one:
            await one.ready()
            await one.put(b"a", b"b")
            await one.models.use(ModelSettings("other"))
            await one.until(lambda: one.moves != [])
        async with stage("other") as one:
            await one.ready()
            assert (one.models.name, one.vectors) == ("demo", 2)
            await one.until(lambda: len(one.moves) == 1)
            one.gate.set()
            await one.answers("other")
            assert one.vectors == 2
        async with stage("other") as one:
            await one.ready()
            assert (one.models.name, one.vectors, one.moves) == ("other", 2, [])

    asyncio.run(scene())


def test_where_the_model_before_cannot_answer_any_more_the_next_one_does_at_once(
    stage: Any,
) -> None:
    async def scene() -> None:
        async with stage() as one:
            await one.ready()
            await one.put(b"a")
        async with stage("other", demo="missing") as one:
            await one.ready()
            assert (one.models.name, one.vectors, one.models.migrating) == ("other", 0, None)
            assert len(await one.library.write(lambda w: w.take(9, ()))) == 1

    asyncio.run(scene())


def test_a_model_that_has_seen_nothing_gives_way_at_once(stage: Any) -> None:
    async def scene() -> None:
        async with stage() as one:
            await one.ready()
            await one.models.use(ModelSettings("other"))
            await one.models.settled()
            assert (one.models.name, one.moves) == ("other", [])

    asyncio.run(scene())


def test_the_same_weights_by_another_name_take_over_without_a_look_at_any_picture(
    stage: Any,
) -> None:
    async def scene() -> None:
        async with stage() as one:
            await one.ready()
            await one.put(b"a")
            await one.models.use(ModelSettings("alias"))
            await one.until(lambda: one.models.migrating is None)
            assert (one.library.model.name, one.vectors) == ("alias", 1)
            assert one.models.migrating is None

    asyncio.run(scene())


def test_a_move_to_weights_that_are_not_here_waits_for_them_and_says_so(stage: Any) -> None:
    async def scene() -> None:
        async with stage(other="missing") as one:
            await one.ready()
            await one.put(b"a")
            await one.models.use(ModelSettings("other"))
            await one.until(lambda: one.models.migrating["waits"] == "other is missing")
            assert (one.models.name, one.models.state.state) == ("demo", "ready")
            one.states["other"] = "ready"
            one.gate.set()
            await one.models.arrived("other")
            await one.answers("other")

    asyncio.run(scene())


def test_vectors_are_dropped_on_request_but_not_those_in_use(stage: Any) -> None:
    async def scene() -> None:
        async with stage() as one:
            await one.ready()
            await one.put(b"a", b"b")
            with pytest.raises(InUse, match="demo is in use"):
                await one.models.drop("demo")
            await one.models.use(ModelSettings("other"))
            await one.until(lambda: one.moves != [])
            with pytest.raises(InUse, match="other is in use"):
                await one.models.drop("other")
            one.gate.set()
            await one.answers("other")
            await one.until(lambda: one.models.migrating is None)
            with pytest.raises(UnknownName, match="those that have are demo"):
                await one.models.drop("third")
            dropped = await one.models.drop("demo")
            assert dropped == {"name": "demo", "vectors": 2, "shrunk": True}
            [left] = await one.library.read(lambda r: r.sets())
            assert (left.name, left.pictures, one.vectors) == ("other", 2, 2)
            # The order of arrivals knows still who was seen first.
            rows = await one.library.read(lambda r: r.arrivals(0, 0, r.arrived(), 2, 9))
            assert {row.first for row in rows if row.model == 2} == {2, 4}

    asyncio.run(scene())
