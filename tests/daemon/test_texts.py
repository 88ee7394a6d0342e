"""The text encoder seen from the core: torch until a light one is made; processes are stand-ins."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Callable
from typing import Any

import numpy as np
import pytest

from daemon.fake_child import LOADED, Nursery, died, nursery, refused, vector
from imgqd import child
from imgqd import texts as module
from imgqd.config import ModelSettings
from imgqd.embed import ModelState, NoModel
from imgqd.records import Model
from imgqd.texts import Runtime, TextEncoder

__all__ = ["nursery"]

SETTINGS = ModelSettings(name="demo", batch=None, release_after=3600.0)

LIGHT, HEAVY, EXPORT = "imgqd.encoder", "imgqd.embedder", "imgqd.exporter"


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
    monkeypatch.setattr(module, "_TEXTS", 2)

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


async def until(condition: Callable[[], bool]) -> None:
    async with asyncio.timeout(20):
        while not condition():  # noqa: ASYNC110 - what is waited for rings no bell of the test's
            await asyncio.sleep(0)


def unexported(nursery: Nursery) -> Callable[[], dict[str, Any]]:
    """Return what the light encoder does before and after the exporter was asked."""

    def load() -> dict[str, Any]:
        if not nursery.asked("export"):
            raise child.Refused("unexported", "")
        return dict(LOADED, precision="int8")

    return load


def test_with_an_export_no_torch_is_started(nursery: Nursery) -> None:
    async def scene() -> None:
        texts = TextEncoder(SETTINGS, lambda: None)
        await texts.encode("cat")
        assert texts.runtime == Runtime("onnxruntime", "fp32")
        await texts.stop()

    asyncio.run(scene())
    assert [one.module for one in nursery.born] == [LIGHT]


def test_torch_answers_until_a_light_encoder_is_made_and_no_text_is_lost(nursery: Nursery) -> None:
    nursery.load_light = unexported(nursery)
    export, texts_of_torch = asyncio.Event(), asyncio.Event()
    nursery.gates[EXPORT, "export"] = export

    async def scene() -> None:
        seen: list[Runtime | None] = []
        texts = TextEncoder(SETTINGS, lambda: seen.append(texts.runtime))
        await texts.encode("cat")
        assert texts.runtime == Runtime("torch", "fp32", "its light encoder is being made")
        torch = nursery.born[1]
        assert (torch.module, texts.pid) == (HEAVY, torch.pid)
        nursery.gates[HEAVY, "texts"] = texts_of_torch
        asked = asyncio.create_task(texts.encode("under way"))
        await until(lambda: {"texts": ["under way"]} in nursery.asked("texts"))
        export.set()
        await until(lambda: texts.runtime == Runtime("onnxruntime", "int8"))
        # What torch was asked it still answers; what comes now is the light one's.
        assert torch.alive
        assert not asked.done()
        await texts.encode("after")
        texts_of_torch.set()
        assert np.array_equal(await asked, np.frombuffer(vector(b"under way"), np.float32))
        await until(lambda: not torch.alive)
        assert seen[-1] == Runtime("onnxruntime", "int8")
        assert nursery.born[-1].pid == texts.pid
        await texts.stop()

    asyncio.run(scene())
    assert [one.module for one in nursery.born] == [LIGHT, HEAVY, EXPORT, LIGHT]
    assert not any(one.alive for one in nursery.born)
    assert nursery.asked("texts").count({"texts": ["under way"]}) == 1


@pytest.mark.parametrize(
    ("export", "why"),
    [
        (lambda: {"final": "it looks at all of a text"}, "it looks at all of a text"),
        (refused("failed", "no space"), "its light encoder was not made: no space"),
        (died, "its light encoder was not made: it ended with SIGKILL"),
    ],
    ids=["never", "failed", "died"],
)
def test_what_does_not_export_stays_with_torch_and_the_log_says_so_once(
    nursery: Nursery,
    caplog: pytest.LogCaptureFixture,
    export: Callable[[], dict[str, Any]],
    why: str,
) -> None:
    nursery.load_light = refused("unexported", "")
    nursery.export = export

    async def scene() -> None:
        texts = TextEncoder(SETTINGS, lambda: None)
        await texts.start()
        await until(lambda: texts.runtime == Runtime("torch", "fp32", why))
        nursery.born[-2].alive = False
        await texts.encode("cat")  # a start of its own
        assert texts.runtime == Runtime("torch", "fp32", why)
        await texts.stop()

    with caplog.at_level(logging.WARNING):
        asyncio.run(scene())
    assert [one.module for one in nursery.born] == [LIGHT, HEAVY, EXPORT, LIGHT, HEAVY]
    assert caplog.text.count("torch encodes the texts of demo") == 1


@pytest.mark.parametrize(
    "load", [refused("heavy", "it cannot be loaded: no"), died], ids=["refused", "died"]
)
def test_a_light_encoder_that_does_not_start_leaves_the_texts_to_torch(
    nursery: Nursery, load: Callable[[], dict[str, Any]]
) -> None:
    nursery.load_light = load

    async def scene() -> None:
        texts = TextEncoder(SETTINGS, lambda: None)
        assert len(await texts.encode("cat")) == 4
        assert texts.runtime is not None
        assert texts.runtime.by == "torch"
        assert texts.runtime.why
        await texts.stop()

    asyncio.run(scene())
    assert [one.module for one in nursery.born] == [LIGHT, HEAVY]


def test_a_light_encoder_of_other_weights_does_not_take_over(nursery: Nursery) -> None:
    nursery.load_light = unexported(nursery)

    def load() -> dict[str, Any]:
        return dict(LOADED, key="sha256:before")

    nursery.load = load

    async def scene() -> None:
        texts = TextEncoder(SETTINGS, lambda: None)
        await texts.start()
        await until(lambda: len(nursery.born) == 4 and not nursery.born[-1].alive)
        assert texts.runtime is not None
        assert texts.runtime.by == "torch"
        assert texts.pid == nursery.born[1].pid
        await texts.stop()

    asyncio.run(scene())


def test_the_exporter_ends_with_the_encoder(nursery: Nursery) -> None:
    nursery.load_light = unexported(nursery)
    nursery.gates[EXPORT, "export"] = asyncio.Event()

    async def scene() -> None:
        texts = TextEncoder(SETTINGS, lambda: None)
        await texts.start()
        await until(lambda: bool(nursery.asked("export")))
        await texts.stop()
        assert [one.module for one in nursery.born] == [LIGHT, HEAVY, EXPORT]
        assert not any(one.alive for one in nursery.born)

    asyncio.run(scene())
