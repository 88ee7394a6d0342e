"""The two embedders seen from the core; their processes are stand-ins."""

from __future__ import annotations

import asyncio
from dataclasses import replace

import numpy as np
import pytest

from daemon.fake_child import LOADED, Nursery, died, nursery, picture, refused, vector
from imgqd import embed
from imgqd.config import ModelSettings
from imgqd.embed import ModelState, NoModel, PictureEmbedder, TextEncoder
from imgqd.records import Model

__all__ = ["nursery"]

SETTINGS = ModelSettings(name="demo", batch=None, release_after=3600.0)


async def until_ended(pictures: PictureEmbedder) -> None:
    async with asyncio.timeout(20):
        while pictures.pid is not None:  # noqa: ASYNC110 - its timer tells nobody
            await asyncio.sleep(0)


def test_a_text_becomes_a_vector_and_the_model_is_known(nursery: Nursery) -> None:
    async def scene() -> TextEncoder:
        changes: list[str] = []
        texts = TextEncoder(SETTINGS, lambda: changes.append(texts.state.state))
        assert changes == []
        found = await texts.encode("cat")
        assert np.array_equal(found, np.frombuffer(vector(b"cat"), np.float32))
        assert texts.pid == nursery.born[0].pid
        assert changes == ["ready"]
        await texts.stop()
        assert not nursery.born[0].alive
        return texts

    texts = asyncio.run(scene())
    assert texts.model == Model("demo", "sha256:1", 4, 2, "shortest", "bicubic", 0)
    assert [one.role for one in nursery.born] == ["text"]
    assert nursery.asked("load")[0]["role"] == "text"


def test_a_text_is_encoded_once_and_the_least_used_is_forgotten(
    nursery: Nursery, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(embed, "_TEXTS", 2)

    async def scene() -> None:
        texts = TextEncoder(SETTINGS, lambda: None)
        for text in ("a", "b", "a", "c", "a", "b"):
            await texts.encode(text)
        await texts.stop()

    asyncio.run(scene())
    assert [one["texts"] for one in nursery.asked("texts")] == [["a"], ["b"], ["c"], ["b"]]


def test_a_dead_text_encoder_is_started_again_and_the_text_encoded(nursery: Nursery) -> None:
    async def scene() -> None:
        texts = TextEncoder(SETTINGS, lambda: None)
        await texts.start()
        nursery.deaths = 1
        assert len(await texts.encode("cat")) == 4
        nursery.born[-1].alive = False  # killed while nobody looked
        assert len(await texts.encode("dog")) == 4
        await texts.stop()

    asyncio.run(scene())
    assert len(nursery.born) == 3


def test_a_text_that_kills_twice_is_given_up_and_others_still_work(nursery: Nursery) -> None:
    async def scene() -> None:
        texts = TextEncoder(SETTINGS, lambda: None)
        nursery.deaths = 2
        with pytest.raises(NoModel, match="died twice"):
            await texts.encode("cat")
        assert len(await texts.encode("dog")) == 4
        await texts.stop()

    asyncio.run(scene())


@pytest.mark.parametrize(
    ("code", "state"), [("missing", "missing"), ("failed", "failed"), ("internal", "failed")]
)
def test_without_weights_there_is_no_model_and_no_process_stays(
    nursery: Nursery, code: str, state: str
) -> None:
    nursery.load = refused(code, "imgqctl model pull demo")

    async def scene() -> ModelState:
        texts = TextEncoder(SETTINGS, lambda: None)
        await texts.start()
        with pytest.raises(NoModel, match="model pull"):
            await texts.encode("cat")
        assert texts.pid is None
        return texts.state

    assert asyncio.run(scene()) == ModelState(state, "imgqctl model pull demo")
    assert not any(one.alive for one in nursery.born)


def test_a_death_while_loading_is_told(nursery: Nursery) -> None:
    nursery.load = died

    async def scene() -> ModelState:
        texts = TextEncoder(SETTINGS, lambda: None)
        await texts.start()
        return texts.state

    state = asyncio.run(scene())
    assert state.state == "failed"
    assert "SIGKILL" in state.detail


def test_two_searches_at_once_start_one_encoder(nursery: Nursery) -> None:
    async def scene() -> None:
        texts = TextEncoder(SETTINGS, lambda: None)
        await asyncio.gather(texts.encode("a"), texts.encode("b"))
        await texts.stop()

    asyncio.run(scene())
    assert len(nursery.born) == 1


def test_a_batch_becomes_vectors_in_its_order(nursery: Nursery) -> None:
    async def scene() -> None:
        pictures = PictureEmbedder(SETTINGS, lambda: None)
        assert (pictures.pid, pictures.batch) == (None, embed._BATCH)
        batch = [picture(number) for number in range(5)]
        for content, found in zip(batch, await pictures.embed(batch), strict=True):
            assert found is not None
            assert found.tobytes() == vector(content)
        assert (pictures.device, pictures.precision, pictures.batch) == ("cpu", "fp32", 8)
        await pictures.stop()
        assert pictures.pid is None

    asyncio.run(scene())
    assert nursery.asked("load")[0]["role"] == "image"


def test_one_process_serves_many_batches(nursery: Nursery) -> None:
    async def scene() -> None:
        pictures = PictureEmbedder(SETTINGS, lambda: None)
        for number in range(3):
            await pictures.embed([picture(number)])
        await pictures.stop()

    asyncio.run(scene())
    assert len(nursery.born) == 1


def test_after_a_death_the_whole_batch_is_repeated_once(nursery: Nursery) -> None:
    nursery.deaths = 1

    async def scene() -> None:
        pictures = PictureEmbedder(SETTINGS, lambda: None)
        found = await pictures.embed([picture(1), picture(2)])
        assert all(one is not None for one in found)
        await pictures.stop()

    asyncio.run(scene())
    assert [len(one["pixels"]) for one in nursery.asked("images")] == [24, 24]


def test_the_picture_that_kills_the_embedder_fails_alone(nursery: Nursery) -> None:
    nursery.deadly = {picture(2)}

    async def scene() -> None:
        pictures = PictureEmbedder(SETTINGS, lambda: None)
        found = await pictures.embed([picture(number) for number in range(4)])
        assert [one is None for one in found] == [False, False, True, False]
        await pictures.stop()

    asyncio.run(scene())
    assert [len(one["pixels"]) // 12 for one in nursery.asked("images")] == [4, 4, 1, 1, 1, 1]


def test_an_embedder_that_dies_while_loading_fails_no_picture(nursery: Nursery) -> None:
    nursery.load = died

    async def scene() -> None:
        pictures = PictureEmbedder(SETTINGS, lambda: None)
        with pytest.raises(NoModel, match=r"cannot start.*SIGKILL"):
            await pictures.embed([picture(1)])
        nursery.load = lambda: dict(LOADED)
        assert (await pictures.embed([picture(1)]))[0] is not None
        await pictures.stop()

    asyncio.run(scene())


def test_an_embedder_whose_model_was_refused_is_not_asked_again_but_started_anew(
    nursery: Nursery,
) -> None:
    nursery.load = refused("failed", "no CUDA device")

    async def scene() -> None:
        pictures = PictureEmbedder(SETTINGS, lambda: None)
        with pytest.raises(NoModel, match="no CUDA device"):
            await pictures.embed([picture(1)])
        assert pictures.pid is None
        nursery.load = lambda: dict(LOADED)
        assert (await pictures.embed([picture(1)]))[0] is not None
        await pictures.stop()

    asyncio.run(scene())
    assert [one.alive for one in nursery.born] == [False, False]


def test_the_embedder_ends_after_a_while_without_work_and_comes_back(nursery: Nursery) -> None:
    async def scene() -> None:
        pictures = PictureEmbedder(replace(SETTINGS, release_after=0.01), lambda: None)
        await pictures.embed([picture(1)])
        assert pictures.pid is not None
        await until_ended(pictures)
        await pictures.embed([picture(2)])
        assert pictures.pid == nursery.born[1].pid
        await pictures.stop()

    asyncio.run(scene())
    assert sorted(nursery.stopped) == [False, True]  # let go the first time, not killed


def test_work_puts_the_release_off(nursery: Nursery) -> None:
    async def scene() -> None:
        pictures = PictureEmbedder(SETTINGS, lambda: None)
        await pictures.embed([picture(1)])
        first = pictures._release
        assert first is not None
        await pictures.embed([picture(2)])
        assert first.cancelled()
        last = pictures._release
        assert last is not None
        assert not last.cancelled()
        await pictures.stop()
        assert last.cancelled()

    asyncio.run(scene())
    assert len(nursery.born) == 1


def test_a_batch_size_in_the_settings_counts_before_the_model_is_loaded() -> None:
    assert PictureEmbedder(replace(SETTINGS, batch=3), lambda: None).batch == 3
