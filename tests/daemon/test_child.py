"""Real processes: asked, refused, killed and let go."""

from __future__ import annotations

import asyncio
import os
import signal
import tempfile
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import pytest

from imgqd import child
from imgqd.child import Child, Died, Refused

pytestmark = pytest.mark.system

PATIENCE = 60.0
TESTS = str(Path(__file__).parents[1])


@asynccontextmanager
async def running(
    on_event: Callable[[str, dict[str, Any]], None] | None = None, *arguments: str
) -> AsyncIterator[Child]:
    environment = {"PYTHONPATH": TESTS, "IMGQ_TEST": "a value"}
    one = await child.start(
        "helper", "daemon.scripted_child", arguments, environment=environment, on_event=on_event
    )
    try:
        async with asyncio.timeout(PATIENCE):
            yield one
    finally:
        await one.stop(at_once=True)


def is_gone(pid: int) -> bool:
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return True
    return False


def test_a_child_answers_each_call_with_its_own_result() -> None:
    async def scene() -> None:
        async with running() as one:
            assert one.alive
            calls = [one.call("echo", {"number": number}) for number in range(20)]
            assert await asyncio.gather(*calls) == [{"number": number} for number in range(20)]
            large = os.urandom(5_000_000)
            assert await one.call("echo", {"data": large}) == {"data": large}

    asyncio.run(scene())


def test_a_child_has_no_input_a_group_of_its_own_and_no_folder() -> None:
    async def scene() -> dict[str, Any]:
        async with running(None, "image") as one:
            answer: dict[str, Any] = await one.call("about", {})
            return answer

    found = asyncio.run(scene())
    assert found["arguments"] == ["image"]
    assert (found["folder"], found["group"]) == ("/", True)
    assert found["input"] in {"/dev/null", ""}
    assert found["variable"] == "a value"


def test_a_refusal_carries_code_and_text_and_the_child_goes_on() -> None:
    async def scene() -> None:
        async with running() as one:
            with pytest.raises(Refused) as caught:
                await one.call(
                    "refuse",
                    {"code": "memory", "text": "too much\udcff".encode(errors="replace").decode()},
                )
            assert (caught.value.code, caught.value.text) == ("memory", "too much?")
            with pytest.raises(Refused, match="no method nonsense"):
                await one.call("nonsense", {})
            assert await one.call("echo", {}) == {}

    asyncio.run(scene())


@pytest.mark.parametrize(
    ("how", "said"),
    [
        ({"signal": signal.SIGKILL}, "helper ended with SIGKILL"),
        ({"signal": signal.SIGSEGV}, "helper ended with SIGSEGV"),
        ({"status": 3}, "helper ended with exit status 3"),
    ],
    ids=["SIGKILL", "SIGSEGV", "exit"],
)
def test_a_death_ends_every_call_with_its_cause(how: dict[str, int], said: str) -> None:
    async def scene() -> None:
        async with running() as one:
            calls = [one.call("die", how), one.call("echo", {})]
            ends = await asyncio.gather(*calls, return_exceptions=True)
            assert [type(end) for end in ends] == [Died, Died]
            assert str(ends[0]) == said
            assert not one.alive
            with pytest.raises(Died, match="helper is gone"):
                await one.call("echo", {})

    asyncio.run(scene())


def test_a_child_killed_from_outside_is_noticed_without_a_call() -> None:
    async def scene() -> None:
        async with running() as one:
            os.kill(one.pid, signal.SIGKILL)
            await asyncio.wait([one._listener])
            assert not one.alive

    asyncio.run(scene())


@pytest.mark.parametrize("size", [1, 10_000_000])
def test_from_its_first_failed_call_on_a_child_is_not_alive(size: int) -> None:
    async def scene() -> None:
        for _ in range(10):
            async with running() as one:
                await one.call("echo", {})
                os.kill(one.pid, signal.SIGKILL)
                with pytest.raises(Died):
                    await one.call("echo", {"data": b"x" * size})
                assert not one.alive

    asyncio.run(scene())


def test_a_child_that_sends_nonsense_is_ended() -> None:
    async def scene() -> None:
        # Its mistake is on its socket, where messages should be.
        async with running() as one:
            one._stream.feed_data(b"\xc1")
            with pytest.raises(Died):
                await one.call("stop", {})

    asyncio.run(scene())


def test_stopping_a_child_lets_go_of_whoever_waits_for_it() -> None:
    async def scene() -> None:
        async with running() as one:
            call = asyncio.create_task(one.call("stop", {}))  # it will never answer
            await asyncio.sleep(0)
            await one.stop(at_once=True)
            with pytest.raises(Died):
                await call

    asyncio.run(scene())


def test_events_arrive_before_the_answer_that_they_lead_to() -> None:
    async def scene() -> None:
        events: list[tuple[str, dict[str, Any]]] = []
        async with running(lambda method, params: events.append((method, params))) as one:
            assert await one.call("tell", {"times": 3}) == 3
        assert events == [("progress", {"number": number}) for number in range(3)]

    asyncio.run(scene())


def test_a_descriptor_that_is_lent_is_read_by_the_child_and_stays_ours() -> None:
    async def scene() -> None:
        async with running() as one:
            with tempfile.TemporaryFile() as file:
                file.write(b"content")
                file.flush()
                for _ in range(50):
                    file.seek(0)
                    assert await one.call("read", {}, (file.fileno(),)) == b"content"
                assert file.tell() == 7  # it is open still, and the very same

    asyncio.run(scene())


def test_a_child_that_is_let_go_ends_by_itself() -> None:
    async def scene() -> int:
        async with running() as one:
            await one.call("echo", {})
            await one.stop()
            assert one._process.returncode == 0
            return one.pid

    assert is_gone(asyncio.run(scene()))


def test_a_child_that_will_not_go_is_killed(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(child, "_FAREWELL", 0.05)

    async def scene() -> None:
        async with running() as one:
            await one.call("stubborn", {})
            await one.stop()
            assert one._process.returncode == -signal.SIGKILL

    asyncio.run(scene())


def test_a_child_ends_when_the_core_does() -> None:
    async def scene() -> None:
        async with running() as one:
            await one.call("echo", {})
            one._writer.close()  # what the system does when the core is killed
            assert await one._process.wait() == 0

    asyncio.run(scene())


def test_a_child_that_cannot_be_started_leaves_nothing_open(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr("imgqd.child.sys.executable", "/nowhere/python")

    async def scene() -> None:
        before = len(os.listdir("/dev/fd"))
        with pytest.raises(FileNotFoundError):
            await child.start("helper", "daemon.scripted_child")
        assert len(os.listdir("/dev/fd")) == before

    asyncio.run(scene())


def test_a_child_that_reads_ahead_prepares_the_next_request_while_it_works(tmp_path: Path) -> None:
    async def scene() -> list[Any]:
        signal_ = str(tmp_path / "signal")
        async with running(None, "ahead") as one:
            # The first waits for what happens only when the second is taken in.
            calls = (
                one.call("prepared", {"name": "first", "until": signal_}),
                one.call("prepared", {"name": "second", "says": signal_}),
                one.call("echo", {"name": "third"}),
            )
            return list(await asyncio.gather(*calls))

    first, second, third = asyncio.run(scene())
    assert (first, second) == ("first while reading", "second while reading")
    assert third == {"name": "third"}


def test_a_child_that_reads_ahead_answers_ends_and_fails_as_any_other() -> None:
    async def scene() -> None:
        async with running(None, "ahead") as one:
            with pytest.raises(Refused, match="too much"):
                await one.call("refuse", {"code": "memory", "text": "too much"})
            large = os.urandom(5_000_000)
            assert await one.call("echo", {"data": large}) == {"data": large}
            one._writer.close()
            assert await one._process.wait() == 0
        async with running(None, "ahead") as one:
            one._writer.write(b"\xc1")
            assert await one._process.wait() == 1

    asyncio.run(scene())


def test_a_child_with_lanes_answers_in_one_while_another_waits(tmp_path: Path) -> None:
    async def scene() -> None:
        sign = tmp_path / "sign"
        large = os.urandom(1_000_000)
        events: list[dict[str, Any]] = []
        async with running(lambda _, event: events.append(event), "lanes") as one:
            slow = [asyncio.create_task(one.call("wait", {"until": str(sign)})) for _ in range(2)]
            assert await one.call("echo", {"data": large}) == {"data": large}
            assert await one.call("tell", {"times": 3}) == 3
            assert not any(task.done() for task in slow)
            with pytest.raises(Refused, match="too much"):
                await one.call("refuse", {"code": "away", "text": "too much"})
            sign.touch()
            assert await asyncio.gather(*slow) == ["slow", "slow"]
            one._writer.close()
            assert await one._process.wait() == 0
        assert len(events) == 3

    asyncio.run(scene())


def test_a_mistake_in_a_lane_ends_the_child_and_leaves_nobody_waiting(tmp_path: Path) -> None:
    async def scene() -> None:
        async with running(None, "lanes") as one:
            slow = asyncio.create_task(one.call("wait", {"until": str(tmp_path / "never")}))
            with pytest.raises(Died, match="exit status 1"):
                await one.call("slip", {})
            with pytest.raises(Died):
                await slow

    asyncio.run(scene())
