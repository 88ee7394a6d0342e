"""The courier's process, seen from the core: when it lives, and what its failures are called."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from typing import Any

import pytest

from imgqd import child
from imgqd.carrier import Carrier, NotThere, Trouble


class Handed:
    """Stands in for `child.start`: what it starts answers with what is raised or returned."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch, answer: Callable[[], Any]) -> None:
        self.born = 0
        self.stopped = 0
        self.alive = True
        self.pid = 7
        self._answer = answer
        monkeypatch.setattr(child, "start", self._start)

    async def _start(self, *_: Any, **__: Any) -> Handed:
        self.born += 1
        self.alive = True
        return self

    async def call(self, *_: Any) -> Any:
        return self._answer()

    async def stop(self, **_: Any) -> None:
        self.stopped += 1
        self.alive = False


def run(scene: Callable[[Carrier], Awaitable[None]], release: float = 60.0) -> None:
    async def whole() -> None:
        carrier = Carrier(lambda: None, lambda _: None, release)
        try:
            await scene(carrier)
        finally:
            await carrier.stop()

    asyncio.run(whole())


def raising(error: Exception) -> Callable[[], Any]:
    def answer() -> Any:
        raise error

    return answer


@pytest.mark.parametrize(
    ("error", "state"),
    [
        (child.Refused("away", "no connection"), "away"),
        (child.Refused("other", "another model"), "other_model"),
        (child.Refused("forgotten", "it knows nothing"), "forgotten"),
        (child.Refused("refused", "a wrong token"), "refused"),
        (child.Refused("usage", "no method"), "refused"),
        (child.Died("courier ended with SIGKILL"), "away"),
        (OSError(11, "Resource temporarily unavailable"), "away"),
    ],
)
def test_whatever_goes_wrong_is_a_word_and_a_line(
    monkeypatch: pytest.MonkeyPatch, error: Exception, state: str
) -> None:
    Handed(monkeypatch, raising(error))

    async def scene(carrier: Carrier) -> None:
        with pytest.raises(Trouble) as caught:
            await carrier.ask("search", {})
        assert caught.value.state == state
        assert str(caught.value)

    run(scene)


def test_what_the_store_does_not_know_is_no_trouble(monkeypatch: pytest.MonkeyPatch) -> None:
    Handed(monkeypatch, raising(child.Refused("not_found", "no such machine")))

    async def scene(carrier: Carrier) -> None:
        with pytest.raises(NotThere, match="no such machine"):
            await carrier.ask("forget", {})

    run(scene)


def test_the_process_lives_while_it_is_asked_and_a_while_more(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    handed = Handed(monkeypatch, lambda: 5)

    async def scene(carrier: Carrier) -> None:
        assert await carrier.ask("x", {}) == 5
        assert await carrier.ask("x", {}) == 5
        assert (handed.born, carrier.pids) == (1, {"courier": 7})
        carrier._after = 0.0
        await carrier.ask("x", {})
        await asyncio.sleep(0.01)
        assert (handed.stopped, carrier.pids) == (1, {})
        await carrier.ask("x", {})
        assert handed.born == 2

    run(scene)


def test_one_that_died_is_started_anew(monkeypatch: pytest.MonkeyPatch) -> None:
    handed = Handed(monkeypatch, lambda: 5)

    async def scene(carrier: Carrier) -> None:
        await carrier.ask("x", {})
        handed.alive = False
        assert carrier.pids == {}
        await carrier.ask("x", {})
        assert handed.born == 2

    run(scene)


def test_nothing_is_started_once_the_daemon_ends(monkeypatch: pytest.MonkeyPatch) -> None:
    handed = Handed(monkeypatch, lambda: 5)

    async def scene(carrier: Carrier) -> None:
        await carrier.stop()
        with pytest.raises(Trouble, match="stopping"):
            await carrier.ask("x", {})
        assert handed.born == 0

    run(scene)
